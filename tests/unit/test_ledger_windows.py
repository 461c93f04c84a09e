from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelmesh.ledger.counts import count_of
from modelmesh.ledger.limits import Limit
from modelmesh.ledger.windows import Anchored, Calendar, Rolling, Window

PACIFIC, BERLIN, INDIA = "America/Los_Angeles", "Europe/Berlin", "Asia/Kolkata"
ZONES = ("UTC", PACIFIC, BERLIN, INDIA, "Pacific/Apia", "America/Havana", "Asia/Beirut")
HOUR, DAY = 3600.0, 86_400.0


def at(iso: str) -> float:
    return datetime.fromisoformat(iso).timestamp()


@pytest.mark.parametrize(
    ("calendar", "moment", "begins", "ends"),
    [
        (Calendar("hour"), "2026-11-24T10:59:59Z", "2026-11-24T10:00Z", "2026-11-24T11:00Z"),
        (Calendar("hour"), "2026-11-24T11:00:00Z", "2026-11-24T11:00Z", "2026-11-24T12:00Z"),
        (
            Calendar("hour", INDIA),
            "2026-11-24T10:29:59Z",
            "2026-11-24T09:30Z",
            "2026-11-24T10:30Z",
        ),
        (
            Calendar("hour", "UTC", 10),
            "2026-11-24T10:09Z",
            "2026-11-24T09:10Z",
            "2026-11-24T10:10Z",
        ),
        (Calendar("day"), "2026-11-24T23:59:59Z", "2026-11-24T00:00Z", "2026-11-25T00:00Z"),
        (
            Calendar("day", PACIFIC),
            "2026-11-24T07:59Z",
            "2026-11-23T00:00-08:00",
            "2026-11-24T00:00-08:00",
        ),
        (
            Calendar("day", "UTC", 150),
            "2026-11-24T02:29Z",
            "2026-11-23T02:30Z",
            "2026-11-24T02:30Z",
        ),
        (
            Calendar("day", BERLIN, 90),
            "2026-11-24T01:30+01:00",
            "2026-11-24T01:30+01:00",
            "2026-11-25T01:30+01:00",
        ),
        (Calendar("month"), "2026-02-28T23:59Z", "2026-02-01T00:00Z", "2026-03-01T00:00Z"),
        (Calendar("month"), "2028-02-29T00:00Z", "2028-02-01T00:00Z", "2028-03-01T00:00Z"),
        (
            Calendar("month", PACIFIC),
            "2027-01-01T07:59Z",
            "2026-12-01T00:00-08:00",
            "2027-01-01T00:00-08:00",
        ),
        (
            Calendar("month", "UTC", 60),
            "2026-12-01T00:59Z",
            "2026-11-01T01:00Z",
            "2026-12-01T01:00Z",
        ),
    ],
)
def test_a_calendars_window_is_the_one_around_the_moment(
    calendar: Calendar, moment: str, begins: str, ends: str
) -> None:
    assert calendar.bounds(at(moment)) == (at(begins), at(ends))


@pytest.mark.parametrize(
    ("zone", "date", "hours"),
    [
        (PACIFIC, "2026-03-08T12:00-07:00", 23),
        (PACIFIC, "2026-11-01T12:00-08:00", 25),
        (PACIFIC, "2026-11-02T12:00-08:00", 24),
        (BERLIN, "2026-03-29T12:00+02:00", 23),
        (BERLIN, "2026-10-25T12:00+01:00", 25),
        (BERLIN, "2026-10-26T12:00+01:00", 24),
    ],
)
@pytest.mark.parametrize("minutes", [0, 30])
def test_a_day_on_which_the_clock_is_changed_is_as_long_as_it_is(
    zone: str, date: str, hours: int, minutes: int
) -> None:
    begins, ends = Calendar("day", zone, minutes).bounds(at(date))
    assert ends - begins == hours * HOUR


@pytest.mark.parametrize("unit", ["day", "month"])
@pytest.mark.parametrize("zone", ZONES)
@given(wall=st.floats(1.2e9, 2.2e9), minutes=st.sampled_from([0, 1, 90, 150, 1439]))
def test_windows_follow_each_other_without_a_gap(
    unit: str, zone: str, wall: float, minutes: int
) -> None:
    calendar = Calendar("day" if unit == "day" else "month", zone, minutes)
    begins, ends = calendar.bounds(wall)
    assert begins <= wall < ends
    assert calendar.bounds(ends)[0] == ends
    assert calendar.bounds(begins) == (begins, ends)
    assert calendar.bounds(begins - 1)[1] == begins


def limit(window: Window, amount: int = 10) -> Limit:
    return Limit(name="it", subject="it", unit="requests", amount=amount, window=window)


def test_an_anchored_window_begins_with_its_first_use() -> None:
    count = count_of(limit(Anchored(HOUR)))
    count.add(10, 1000.0)
    assert count.taken(1000.0 + HOUR - 1) == 10
    assert count.free_at(1, 1500.0) == 1000.0 + HOUR
    assert count.taken(1000.0 + HOUR) == 0
    count.add(4, 9000.0)
    assert count.free_at(7, 9001.0) == 9000.0 + HOUR


def test_of_a_rolling_window_comes_back_what_was_taken_first() -> None:
    count = count_of(limit(Rolling(60.0)))
    count.add(4, 1000.0)
    count.add(6, 1030.0)
    assert count.free_at(4, 1031.0) == pytest.approx(1061.0)
    assert count.free_at(5, 1031.0) == pytest.approx(1091.0)
    assert count.taken(1060.9) == 10
    assert count.taken(1061.0) == 6
    assert count.taken(1091.0) == 0


@pytest.mark.parametrize(
    "window", [Rolling(60.0), Anchored(HOUR), Calendar("day"), Calendar("hour")], ids=str
)
def test_a_clock_that_is_put_back_gives_nothing_anew(window: Window) -> None:
    count = count_of(limit(window))
    count.add(10, 2 * DAY + 10.0)
    assert count.taken(2 * DAY - 5.0) == 10
    assert count.free_at(1, 2 * DAY - 5.0) > 2 * DAY - 5.0
    mark = count.add(1, 2 * DAY - 5.0)
    count.correct(mark, -1, 2 * DAY + 11.0)
    assert count.taken(2 * DAY + 12.0) == 10


@pytest.mark.parametrize("window", [Rolling(60.0), Anchored(60.0), Calendar("hour")], ids=str)
def test_more_than_the_whole_is_never_free(window: Window) -> None:
    assert count_of(limit(window)).free_at(11, 0.0) == float("inf")
    assert count_of(limit(window)).free_at(10, 0.0) == 0.0
