"""The cheapest target first: the one on which the least was spent, or is about to be."""

from collections.abc import Iterator
from math import inf
from typing import ClassVar, Literal

from attrs import frozen

from modelmesh import strategies
from modelmesh.config.schema import Pool
from modelmesh.ledger import NANO
from modelmesh.ledger.limits import dollars
from modelmesh.strategies import Turn
from modelmesh.strategies._order import in_turn, lowest_first, ranks
from modelmesh.types import Target, Targets


@frozen(kw_only=True)
class _Options:
    """What cost is meant."""

    # All that was spent so far, or what this request is expected to cost.
    by: Literal["accumulated", "expected"] = "accumulated"


class Strategy:
    connector: ClassVar = "modelmesh.cost-first.v1"
    Options: ClassVar = _Options

    def __init__(self, settings: Pool, _: strategies.Strategy | None = None) -> None:
        self._expected = _Options(**settings.options).by == "expected"

    def order(self, targets: Targets, turn: Turn) -> Iterator[Target]:
        """Go by cost; the other cost decides among equals. What nobody knows comes last."""
        return _by_expected(targets, turn) if self._expected else _by_spent(targets, turn)

    def why(self, order: Targets, place: int, turn: Turn) -> str:
        cost, spent = turn.cost(order[place]), turn.record(order[place]).spent / NANO
        if cost is None:
            return "its price is unknown"
        costs = (f"expected {dollars(cost)}", f"{dollars(spent)} spent so far")
        return ", ".join(costs if self._expected else reversed(costs))


def _by_expected(targets: Targets, turn: Turn) -> Iterator[Target]:
    for _, alike in ranks(targets, _costs(targets, turn)):
        yield from lowest_first(alike, _spent(alike, turn), turn.number)


def _by_spent(targets: Targets, turn: Turn) -> Iterator[Target]:
    """Go by what was spent; what the request costs is reckoned only for those next in question."""
    unknown: list[Target] = []  # nothing would ever be spent on them as far as we know
    for _, alike in ranks(targets, _spent(targets, turn)):
        for cost, equals in ranks(alike, _costs(alike, turn)):
            ordered = in_turn(equals, turn.number)
            if cost < inf:
                yield from ordered
            else:
                unknown += ordered
    yield from unknown


def _spent(targets: Targets, turn: Turn) -> Iterator[float]:
    return (turn.record(one).spent for one in targets)


def _costs(targets: Targets, turn: Turn) -> Iterator[float]:
    costs = map(turn.cost, targets)
    return (inf if cost is None else cost for cost in costs)
