"""Who waits for the limits of a target, in the order in which they came. Times are the clock's."""

from bisect import bisect_left, insort
from typing import Final

from attrs import define, field

STEP: Final = 0.001
"""Seconds by which one looks later than the one before: so they look in their order."""


@define(eq=False)
class Line:
    """The lines of a pool's targets. Whoever joins one leaves it, on every path."""

    # By target: when those in it came, and until when they wait.
    _waiting: dict[str, list[tuple[float, float]]] = field(factory=dict, init=False)

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def join(self, target: str, came: float, until: float) -> None:
        insort(self._waiting.setdefault(target, []), (came, until))

    def leave(self, target: str, came: float, until: float) -> None:
        waiting = self._waiting[target]
        waiting.remove((came, until))
        if not waiting:
            del self._waiting[target]

    def turn(self, target: str, came: float, now: float) -> float:
        """Return when it is the turn of one who came then: now, unless others came before."""
        waiting = self._waiting.get(target, [])
        before = waiting[: bisect_left(waiting, (came, 0.0))]
        return max(now, *(until for _, until in before)) + STEP if before else now
