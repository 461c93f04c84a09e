"""The cheapest target first: the one on which the least was spent, or is about to be."""

from collections.abc import Iterator
from typing import ClassVar, Literal

from attrs import frozen

from modelmesh import strategies
from modelmesh.config.schema import Pool
from modelmesh.strategies import Turn
from modelmesh.strategies._order import lowest_first
from modelmesh.types import Target, Targets


@frozen(kw_only=True)
class _Options:
    """What cost is meant: all that was spent so far, or what this request is expected to cost."""

    by: Literal["accumulated", "expected"] = "accumulated"


class Strategy:
    connector: ClassVar = "modelmesh.cost-first.v1"
    Options: ClassVar = _Options

    def __init__(self, settings: Pool, _: strategies.Strategy | None = None) -> None:
        self._expected = _Options(**settings.options).by == "expected"

    def order(self, targets: Targets, turn: Turn) -> Iterator[Target]:
        """Go by cost; the other cost decides among equals."""
        return lowest_first(targets, (self._key(one, turn) for one in targets), turn.number)

    def _key(self, target: Target, turn: Turn) -> tuple[float, ...]:
        spent, cost = turn.record(target).spent, turn.cost(target)
        if cost is None:  # nothing would ever be spent on it as far as we know, so it comes last
            return (1, spent)
        return (0, cost, spent) if self._expected else (0, spent, cost)
