"""When a limit begins anew. Times are seconds since 1970."""

from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import Final, Literal
from zoneinfo import ZoneInfo

from attrs import frozen

from modelmesh.clock import MINUTE

_HOUR: Final = 3600.0


@frozen
class Rolling:
    """The last so many seconds, whenever one looks. What was taken comes back bit by bit."""

    seconds: float


@frozen
class Anchored:
    """So many seconds from the first use on, then from the next use on."""

    seconds: float


@frozen
class Calendar:
    """An hour, a day or a month of the calendar in a time zone, from so many minutes after it.

    A day begins at `minutes` after midnight by the clock on the wall, so it has 23 or 25 hours
    where that clock is changed.
    """

    unit: Literal["hour", "day", "month"]
    zone: str = "UTC"
    minutes: int = 0

    def bounds(self, wall: float) -> tuple[float, float]:
        """Return when the window around a moment begins and ends."""
        zone = ZoneInfo(self.zone)
        here = datetime.fromtimestamp(wall, zone)
        if self.unit == "hour":
            ahead = here.utcoffset() or timedelta()
            begins = wall - (wall + ahead.total_seconds() - self.minutes * 60) % _HOUR
            return begins, begins + _HOUR
        first = here.date().replace(day=1) if self.unit == "month" else here.date()
        begins = self._at(first, zone)
        if wall < begins:
            return self._at(self._before(first), zone), begins
        return begins, self._at(self._after(first), zone)

    def _at(self, day: date, zone: ZoneInfo) -> float:
        clock = time(self.minutes // 60, self.minutes % 60)
        return datetime.combine(day, clock, zone).timestamp()

    def _before(self, day: date) -> date:
        earlier = day - timedelta(days=1)
        return earlier.replace(day=1) if self.unit == "month" else earlier

    def _after(self, day: date) -> date:
        if self.unit == "day":
            return day + timedelta(days=1)
        return (day.replace(day=28) + timedelta(days=4)).replace(day=1)


@frozen
class Always:
    """One that never ends: of requests under way, or of a grant that is not renewed."""


@frozen
class Daily:
    """A part of each day by the clock on the wall in a time zone, in minutes after midnight.

    One that ends before it begins ends the next day. Where that clock is put back it lasts from the
    first time it shows the beginning to the last time it shows the end; where it skips one of the
    two, that is when it skips it.
    """

    begins: int
    ends: int
    zone: str = "UTC"

    def until(self, wall: float) -> float | None:
        """Return when it ends; None for a moment that is not within it."""
        # Nothing begins or ends within a minute, so what is known of one is asked for once.
        return _end(self, wall // MINUTE * MINUTE)


@lru_cache(maxsize=256)
def _end(part: Daily, minute: float) -> float | None:
    zone = ZoneInfo(part.zone)
    today = datetime.fromtimestamp(minute, zone).date()
    night = timedelta(days=part.ends <= part.begins)
    for ahead in (1, 0, -1):
        day = today + timedelta(days=ahead)
        ends = _shown(day + night, part.ends, zone, last=True)
        if _shown(day, part.begins, zone) <= minute < ends:
            return ends
    return None


def _shown(day: date, minutes: int, zone: ZoneInfo, *, last: bool = False) -> float:
    """Return when the clock on the wall shows a time, or skips it."""
    clock = datetime.combine(day, time(*divmod(minutes, 60)), zone)
    first, second = clock.timestamp(), clock.replace(fold=1).timestamp()
    if first <= second:
        return second if last else first
    # By the offset before the skip it is `first`, by the one after it `second`.
    minutes_between = range(int(second), int(first) + 1, int(MINUTE))
    shown = (datetime.fromtimestamp(minute, zone) for minute in minutes_between)
    return next(one for one in shown if one.utcoffset() != clock.utcoffset()).timestamp()


Window = Rolling | Anchored | Calendar | Always | Daily
