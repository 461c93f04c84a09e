"""Each request begins one target further on."""

from collections.abc import Iterator
from typing import ClassVar

from modelmesh import strategies
from modelmesh.config.schema import Pool
from modelmesh.strategies import Turn
from modelmesh.strategies._order import Once, around
from modelmesh.strategies._weights import arcs, place_in_turn
from modelmesh.types import Target, Targets


class Strategy:
    connector: ClassVar = "modelmesh.round-robin.v1"

    def __init__(self, settings: Pool, _: strategies.Strategy | None = None) -> None:
        self._by_weight = settings.balance_mode == "relative"
        self._arcs = Once(arcs)

    def order(self, targets: Targets, turn: Turn) -> Iterator[Target]:
        """Begin with the target whose turn it is: all alike, or in relation to their weights."""
        count = len(targets)
        lap, first = divmod(turn.number, count)
        if self._by_weight:
            lap, first = turn.number, place_in_turn(turn.number, self._arcs(targets))
        return (targets[place] for place in around(first, lap, count))

    def why(self, order: Targets, place: int, _turn: Turn) -> str:
        if place:
            return "after the one whose turn it is"
        return f"next in turn, by weight {order[0].weight:g}" if self._by_weight else "next in turn"
