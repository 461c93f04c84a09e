"""When a limit begins anew. Times are seconds since 1970."""

from datetime import date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from attrs import frozen


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
        if self.unit == "hour":
            begins = wall - wall % 3600.0
            return begins, begins + 3600.0
        day = datetime.fromtimestamp(wall, zone).date()
        first = day.replace(day=1) if self.unit == "month" else day
        begins = self._at(first, zone)
        if wall < begins:
            first = self._before(first)
            begins = self._at(first, zone)
        ends = self._at(self._after(first), zone)
        if wall >= ends:
            first, begins = self._after(first), ends
            ends = self._at(self._after(first), zone)
        return begins, ends

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
