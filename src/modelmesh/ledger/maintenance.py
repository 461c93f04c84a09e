"""Maintenance: limits of no requests in a part of each day. Nothing is counted for them."""

from collections.abc import Iterable, Mapping

from modelmesh.ledger.ledger import Short
from modelmesh.ledger.limits import Limit
from modelmesh.ledger.windows import Daily

Limits = Mapping[str, tuple[Limit, ...]]
"""Limits by target."""


def apart(limits: Limits) -> tuple[Limits, Limits]:
    """Return the limits that are counted, and those of maintenance where there are some."""
    counted, closed = {}, {}
    for target, each in limits.items():
        windows = tuple(one for one in each if isinstance(one.window, Daily))
        counted[target] = tuple(one for one in each if one not in windows)
        if windows:
            closed[target] = windows
    return counted, closed


def now(limits: Iterable[Limit], wall: float) -> Short | None:
    """Return that which lasts the longest of those there are now."""
    found: Short | None = None
    for limit in limits:
        until = limit.window.until(wall) if isinstance(limit.window, Daily) else None
        if until is not None and (found is None or until > found.until):
            found = Short(limit, until)
    return found
