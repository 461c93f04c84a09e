"""Go on to the next target before one's limit is reached."""

from collections.abc import Iterator
from typing import ClassVar

from modelmesh import strategies
from modelmesh.clock import MINUTE
from modelmesh.config.schema import Pool
from modelmesh.strategies import Turn, stick_until_failure
from modelmesh.types import Target, Targets


class Strategy:
    connector: ClassVar = "modelmesh.rate-limit-aware.v1"

    def __init__(self, settings: Pool, fallback: strategies.Strategy | None = None) -> None:
        self._limit = settings.rate_limit
        self._fallback = fallback or stick_until_failure.Strategy(settings)

    def order(self, targets: Targets, turn: Turn) -> Iterator[Target]:
        """Keep the fallback strategy's order, those near a limit last, the emptiest of them first.

        Among equals the one comes first that has rested the longest.
        """
        near = []
        for one in self._fallback.order(targets, turn):
            if self._may_go_on(one, turn):
                yield one
            else:
                near.append(one)
        yield from sorted(near, key=lambda one: (-turn.room(one), _last(one, turn)))

    def why(self, order: Targets, place: int, turn: Turn) -> str:
        one = order[place]
        if self._may_go_on(one, turn):
            return strategies.why(self._fallback, order, place, turn)
        begun = turn.record(one).begun
        lately = sum(each > turn.now - MINUTE for each in begun)
        rested = f", last {turn.now - begun[-1]:.1f} s ago" if begun else ""
        return f"near a limit: {turn.room(one):.0%} left, {lately} requests a minute{rested}"

    def _may_go_on(self, target: Target, turn: Turn) -> bool:
        limit, begun = self._limit, turn.record(target).begun
        if begun and turn.now - begun[-1] < limit.min_delta:
            return False
        most = limit.max_rpm
        if most and len(begun) >= most and begun[-most] > turn.now - MINUTE:
            return False
        return 1.0 - turn.room(target) < limit.threshold


def _last(target: Target, turn: Turn) -> float:
    begun = turn.record(target).begun
    return begun[-1] if begun else float("-inf")
