"""Telling people, once in each window, that a limit is nearly used up, and that it is."""

from collections import Counter
from collections.abc import Iterable
from math import inf

from attrs import define, field

from modelmesh.clock import MINUTE
from modelmesh.ledger.limits import Limit
from modelmesh.ledger.windows import Calendar, Window


@define(eq=False)
class Alerts:
    """What has been told already."""

    # By whose limit: the window, and the share that was told.
    _told: dict[tuple[str, Window], tuple[float, float]] = field(factory=dict, init=False)
    # By the name of a limit: until when it is known that it refuses, and how often it began to.
    _refusing: dict[str, float] = field(factory=dict, init=False)
    _times: Counter[str] = field(factory=Counter, init=False)

    def due(self, limit: Limit, taken: int, wall: float) -> bool:
        """Whether it is time to tell that so much of a limit is taken."""
        if limit.alert is None or not limit.amount:
            return False
        share = taken / limit.amount
        crossed = max((each for each in (limit.alert, 1.0) if each <= share), default=None)
        if crossed is None:
            return False
        window = limit.window
        begins = window.bounds(wall)[0] if isinstance(window, Calendar) else 0.0
        key = (limit.subject, window)
        if self._told.get(key, (begins, 0.0)) >= (begins, crossed):
            return False
        self._told[key] = (begins, crossed)
        return True

    def refuses(self, limit: str, until: float, wall: float) -> bool:
        """Note that a limit refuses until then; whether that is news, which it is once a minute."""
        news = wall >= self._refusing.get(limit, -inf)
        if news:
            self._refusing[limit] = max(until, wall + MINUTE)
            self._times[limit] += 1
        return news

    def tidy(self, limits: Iterable[Limit]) -> None:
        """Let go of all limits but these."""
        known = list(limits)
        names, windows = {one.name for one in known}, {(one.subject, one.window) for one in known}
        for whose in self._told.keys() - windows:
            del self._told[whose]
        for name in self._times.keys() - names:
            del self._times[name]
            self._refusing.pop(name, None)

    def resets(self, limit: str, wall: float) -> int:
        """Return how often a limit that refused was renewed."""
        return self._times[limit] - (wall < self._refusing.get(limit, -inf))
