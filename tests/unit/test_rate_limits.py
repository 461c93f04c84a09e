"""The headers of a limit that refused, in OpenAI's spelling."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelmesh.connectors._resets import seconds
from modelmesh.errors import ProviderError, Remainder, RoutingError
from modelmesh.proxy.errors import error_headers
from modelmesh.proxy.rate_limits import RATE_LIMIT_HEADERS, duration, rate_limit_headers
from modelmesh.rules import ErrorKind


def left(
    unit: str, left: float, amount: float | None = 60, renewed_in: float | None = 1.0
) -> Remainder:
    return Remainder(
        name=unit,
        source="configured",
        unit=unit,
        amount=amount,
        taken=None,
        left=left,
        renewed_in=renewed_in,
    )


def test_requests_and_tokens_have_three_headers_each() -> None:
    told = rate_limit_headers([left("requests", 0), left("tokens", 149_984.0, 150_000, 360)])
    assert told == {
        "x-ratelimit-limit-requests": "60",
        "x-ratelimit-remaining-requests": "0",
        "x-ratelimit-reset-requests": "1s",
        "x-ratelimit-limit-tokens": "150000",
        "x-ratelimit-remaining-tokens": "149984",
        "x-ratelimit-reset-tokens": "6m0s",
    }
    assert told.keys() == set(RATE_LIMIT_HEADERS)


def test_of_each_unit_the_first_limit_is_told() -> None:
    told = rate_limit_headers([left("tokens", 5), left("requests", 1), left("tokens", 2)])
    assert told["x-ratelimit-remaining-tokens"] == "5"
    assert told["x-ratelimit-remaining-requests"] == "1"


@pytest.mark.parametrize("unit", ["dollars", "at once"])
def test_nothing_is_told_where_something_else_refused(unit: str) -> None:
    assert rate_limit_headers([left(unit, 0), left("requests", 5)]) == {}
    assert rate_limit_headers([left("requests", 0), left(unit, 5)]).keys() == {
        f"x-ratelimit-{what}-requests" for what in ("limit", "remaining", "reset")
    }


def test_what_is_not_known_is_left_out() -> None:
    told = rate_limit_headers([left("requests", 0, None, None)])
    assert told == {"x-ratelimit-remaining-requests": "0"}
    assert rate_limit_headers([]) == {}


def test_an_error_goes_out_with_them() -> None:
    cause = ProviderError(ErrorKind.RATE_LIMIT, "no")
    error = RoutingError("no", cause=cause, retry_after=58.2, limits=[left("requests", 0)])
    told = error_headers(error)
    assert told["retry-after"] == "59"
    assert told["x-ratelimit-remaining-requests"] == "0"
    assert not any("ratelimit" in name for name in error_headers(RoutingError("no", cause=cause)))


@pytest.mark.parametrize(
    ("time", "spelled"),
    [
        (0, "0s"),
        (0.012, "12ms"),
        (1, "1s"),
        (8.64, "8.64s"),
        (59.9999, "1m0s"),
        (360, "6m0s"),
        (86.4, "1m26.4s"),
        (86_400, "24h0m0s"),
        (3600.5, "1h0m0.5s"),
    ],
)
def test_a_time_is_spelled_as_openai_does(time: float, spelled: str) -> None:
    assert duration(time) == spelled


@given(st.floats(0, 40 * 86_400))
def test_a_time_is_never_told_too_short_and_is_read_as_the_spellings_of_vendors_are(
    time: float,
) -> None:
    read = seconds(duration(time), None)
    assert read is not None
    assert time - 1e-6 <= read <= time + 0.0011
