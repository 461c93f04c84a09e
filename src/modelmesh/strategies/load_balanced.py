"""Each target gets as much as it weighs, and less while it is busy."""

from collections.abc import Iterator
from typing import ClassVar, Final

from modelmesh import strategies
from modelmesh.config.schema import Pool
from modelmesh.strategies import Turn
from modelmesh.strategies._order import Once, around
from modelmesh.strategies._weights import arcs, place_at, place_in_turn
from modelmesh.types import Target, Targets

# How often to draw for the two that are compared; heavy ones are drawn over and over.
_DRAWS: Final = 6


class Strategy:
    connector: ClassVar = "modelmesh.load-balanced.v1"

    def __init__(self, settings: Pool, _: strategies.Strategy | None = None) -> None:
        self._by_room = settings.balance_mode == "relative"
        self._arcs = Once(arcs)

    def order(self, targets: Targets, turn: Turn) -> Iterator[Target]:
        """Begin with the less busy of two, for its weight: the one in turn, and one by chance.

        Looking at two keeps the load nearly as even as looking at all would.
        """
        places = self._two(targets, turn)
        places.sort(key=lambda place: _busy(targets[place], turn))
        yield from (targets[place] for place in places)
        for place in around(places[0], turn.number, len(targets)):
            if place not in places:
                yield targets[place]

    def why(self, order: Targets, place: int, turn: Turn) -> str:
        one = order[place]
        left = f", {turn.room(one):.0%} of its limits left" if self._by_room else ""
        drawn = "" if place else "the less busy of two that were drawn: "
        return f"{drawn}{turn.record(one).in_flight} under way, weight {one.weight:g}{left}"

    def _two(self, targets: Targets, turn: Turn) -> list[int]:
        """Draw two by weight, or one; by weight and the room that is left in relative mode."""
        ends = self._arcs(targets)
        in_turn = place_in_turn(turn.number, ends)
        drawn: list[int] = []
        for draw in range(_DRAWS):
            place = place_at(turn.rng.random(), ends) if draw else in_turn
            if place in drawn or (self._by_room and turn.rng.random() > turn.room(targets[place])):
                continue
            drawn.append(place)
            if len(drawn) > 1:
                break
        return drawn or [in_turn]


def _busy(target: Target, turn: Turn) -> float:
    return turn.record(target).in_flight / target.weight
