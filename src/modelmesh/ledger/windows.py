"""When a limit begins anew. Times are seconds since 1970."""

from datetime import date, datetime, time, timedelta
from typing import Final, Literal
from zoneinfo import ZoneInfo

from attrs import frozen

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


Window = Rolling | Anchored | Calendar | Always
