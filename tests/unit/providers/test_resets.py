import math
from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelmesh.connectors._resets import pause, seconds

WALL = datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("7", 7.0),
        ("0", 0.0),
        (" 1.5 ", 1.5),
        ("33011.382867", 33011.382867),
        ("999999", 999999.0),
        ("6ms", 0.006),
        ("1s", 1.0),
        ("17.399999999s", 17.399999999),
        ("6m0s", 360.0),
        ("2m59.56s", 179.56),
        ("1h2m3s", 3723.0),
        ("143h4m52.73s", 515092.73),
        ("Tue, 24 Nov 2026 12:01:30 GMT", 90.0),
        ("Tue, 24 Nov 2026 11:00:00 GMT", 0.0),
        ("2026-11-24T12:00:05Z", 5.0),
        ("1795521610", 10.0),
        ("1795521602500", 2.5),
        ("-5", None),
        ("nan", None),
        ("inf", None),
        ("1e5", None),
        ("9" * 400, None),
        ("soon", None),
        ("5 apples", None),
        ("Tue, 99 Foo 2026", None),
        ("", None),
    ],
)
def test_every_spelling_is_understood(text: str, expected: float | None) -> None:
    found = seconds(text, WALL)
    assert found == (None if expected is None else pytest.approx(expected))


@pytest.mark.parametrize(
    ("headers", "message", "expected"),
    [
        ({"retry-after-ms": "1500", "retry-after": "9"}, "", 1.5),
        ({"retry-after-ms": "0", "retry-after": "1"}, "", 1.0),
        ({"retry-after": "3"}, "Please try again in 5.289s.", 3.0),
        ({}, "Rate limit reached. Please try again in 5.289s. Visit us.", 5.289),
        ({}, "Please try again in 7m12.5s", 432.5),
        ({}, "Please try again in 20ms.", 0.02),
        ({}, "Please retry after 26 seconds.", 26.0),
        ({}, "Try again in 6 minutes and 5 seconds", 365.0),
        ({}, "Please try again later", None),
        # Of two windows the one that is used up counts.
        (
            {
                "x-ratelimit-remaining-requests": "14397",
                "x-ratelimit-reset-requests": "18h",
                "x-ratelimit-remaining-tokens": "0",
                "x-ratelimit-reset-tokens": "7.66s",
            },
            "",
            7.66,
        ),
        ({"x-ratelimit-remaining-tokens": "50", "x-ratelimit-reset-tokens": "7s"}, "", None),
        ({"x-ratelimit-reset": "4"}, "", 4.0),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1795521660000"}, "", 60.0),
        ({"anthropic-ratelimit-tokens-reset": "2026-11-24T12:00:09Z"}, "", 9.0),
        ({}, "", None),
    ],
)
def test_the_most_exact_word_wins(
    headers: dict[str, str], message: str, expected: float | None
) -> None:
    found = pause(headers, message, wall=WALL)
    assert found == (None if expected is None else pytest.approx(expected))


def test_without_the_time_of_day_a_date_says_nothing() -> None:
    later = format_datetime(datetime(2026, 11, 24, 13, tzinfo=UTC), usegmt=True)
    assert pause({"retry-after": later}, "", wall=WALL) == 3600.0
    assert pause({"retry-after": later}, "", wall=None) is None
    assert pause({"retry-after": "5"}, "", wall=None) == 5.0


def test_windows_count_only_for_someone_who_is_limited() -> None:
    headers = {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "60"}
    assert pause(headers, "", wall=WALL, limited=True) == 60.0
    assert pause(headers, "", wall=WALL, limited=False) is None


SPELLINGS = (
    st.text(max_size=30)
    | st.from_regex(r"-?\d{1,400}(\.\d+)?(h|m|s|ms)?", fullmatch=True)
    | st.from_regex(r"(try again|retry) (in|after) \d{1,320}(h|m|s| seconds)", fullmatch=True)
    | st.datetimes().map(str)
    | st.datetimes(min_value=datetime(1900, 1, 1)).map(  # noqa: DTZ001 - some vendors forget it
        lambda moment: format_datetime(moment.replace(tzinfo=UTC))
    )
)
NAMES = st.sampled_from(
    ["retry-after", "retry-after-ms", "x-ratelimit-reset-tokens", "x-ratelimit-remaining-tokens"]
)


@given(st.dictionaries(NAMES, SPELLINGS), SPELLINGS, st.none() | st.floats(0, 4e9))
def test_whatever_a_vendor_writes_a_pause_is_sensible(
    headers: dict[str, str], message: str, wall: float | None
) -> None:
    found = pause(headers, message, wall=wall)
    assert found is None or (found >= 0 and math.isfinite(found))
