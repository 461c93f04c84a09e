"""What is taken of one limit. Every change says when; times are seconds since 1970.

What is taken bears a mark, by which it is corrected later: the window it was taken in. A
correction which comes when that window is over changes nothing.
"""

from collections import deque
from math import inf
from typing import Final, Protocol

from attrs import define, field

from modelmesh.ledger.limits import Limit
from modelmesh.ledger.windows import Always, Anchored, Calendar, Daily, Rolling

_GRAINS: Final = 60
"""Parts of a rolling window. What was taken counts until the whole part it fell into is out."""


class Count(Protocol):
    """What is taken of a limit."""

    limit: Limit

    def taken(self, wall: float) -> int:
        """Return what is taken in the window there is now."""
        ...

    def add(self, amount: int, wall: float) -> float:
        """Take so much; return the mark of it."""
        ...

    def correct(self, mark: float, change: int, wall: float) -> None:
        """Change what was taken under a mark."""
        ...

    def free_at(self, amount: int, wall: float) -> float:
        """Return when so much will be free if nobody takes more; infinite for never."""
        ...


@define(eq=False)
class Fixed:
    """A window with a beginning and an end: a calendar's, or one that begins with its first use.

    A clock that is put back does not begin it anew.
    """

    limit: Limit
    _taken: int = field(default=0, init=False)
    _begins: float = field(default=-inf, init=False)
    _ends: float = field(default=-inf, init=False)

    def taken(self, wall: float) -> int:
        return self._taken if wall < self._ends else 0

    def add(self, amount: int, wall: float) -> float:
        if wall >= self._ends:
            self._begins, self._ends = self._window(wall)
            self._taken = 0
        self._taken += amount
        return self._begins

    def correct(self, mark: float, change: int, wall: float) -> None:  # noqa: ARG002 - the mark says when
        if mark == self._begins:
            self._taken = max(0, self._taken + change)

    def free_at(self, amount: int, wall: float) -> float:
        if amount > self.limit.amount:
            return inf
        return wall if self.taken(wall) + amount <= self.limit.amount else self._ends

    def _window(self, wall: float) -> tuple[float, float]:
        match self.limit.window:
            case Calendar() as calendar:
                return calendar.bounds(wall)
            case Anchored(seconds):
                return wall, wall + seconds
            case _:
                return wall, inf


@define(eq=False)
class Sliding:
    """The last so many seconds, in parts."""

    limit: Limit
    _seconds: float
    # When a part begins and what was taken in it, the oldest first.
    _parts: deque[list[float]] = field(factory=deque, init=False)
    _sum: int = field(default=0, init=False)

    def taken(self, wall: float) -> int:
        while self._parts and self._free(self._parts[0]) <= wall:
            self._sum -= int(self._parts.popleft()[1])
        return self._sum

    def add(self, amount: int, wall: float) -> float:
        self.taken(wall)
        grain = self._seconds / _GRAINS
        begins = wall - wall % grain
        if not self._parts or self._parts[-1][0] < begins:
            self._parts.append([begins, 0])
        self._parts[-1][1] += amount
        self._sum += amount
        return self._parts[-1][0]

    def correct(self, mark: float, change: int, wall: float) -> None:
        self.taken(wall)
        for part in reversed(self._parts):
            if part[0] == mark:
                change = max(change, -int(part[1]))
                part[1] += change
                self._sum += change
                return

    def free_at(self, amount: int, wall: float) -> float:
        if amount > self.limit.amount:
            return inf
        excess = self.taken(wall) + amount - self.limit.amount
        for part in self._parts:
            if excess <= 0:
                break
            excess -= int(part[1])
            wall = self._free(part)
        return wall

    def _free(self, part: list[float]) -> float:
        return part[0] + self._seconds * (1 + 1 / _GRAINS)


@define(eq=False)
class Concurrent:
    """What is under way: it is free again when it ends."""

    limit: Limit
    _taken: int = field(default=0, init=False)

    def taken(self, wall: float) -> int:  # noqa: ARG002 - there is no window
        return self._taken

    def add(self, amount: int, wall: float) -> float:  # noqa: ARG002 - as above
        self._taken += amount
        return 0.0

    def correct(self, mark: float, change: int, wall: float) -> None:  # noqa: ARG002 - as above
        self._taken = max(0, self._taken + change)

    def free_at(self, amount: int, wall: float) -> float:
        """Return a moment at which it is worth a look: nobody knows when a request ends."""
        if amount > self.limit.amount:
            return inf
        return wall if self._taken + amount <= self.limit.amount else wall + _SOON


_SOON: Final = 0.05
"""Seconds after which to look again for a place that is free when a request ends."""


def count_of(limit: Limit) -> Count:
    """Return what counts for a limit."""
    if limit.unit == "at once":
        return Concurrent(limit)
    match limit.window:
        case Rolling(seconds):
            return Sliding(limit, seconds)
        case Calendar() | Anchored() | Always() | Daily():
            return Fixed(limit)
