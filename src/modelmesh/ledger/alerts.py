"""Telling people, once in each window, that a limit is nearly used up, and that it is."""

from attrs import define, field

from modelmesh.ledger.limits import Limit
from modelmesh.ledger.windows import Calendar, Window


@define(eq=False)
class Alerts:
    """What has been told already."""

    # By whose limit: the window, and the share that was told.
    _told: dict[tuple[str, Window], tuple[float, float]] = field(factory=dict, init=False)

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
