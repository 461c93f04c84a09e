"""The orders in which a pool's targets may be tried, one file each, named as in YAML.

A strategy orders, it does not pick: failing over is taking the next one. It is pure, and it should
be lazy, because nearly always the first target answers and nobody looks at the others.
"""

from collections.abc import Callable, Iterable
from random import Random
from typing import ClassVar, Protocol

from attrs import field

from modelmesh.config.schema import Pool
from modelmesh.record import Record
from modelmesh.strategies._order import in_turn, lowest_first
from modelmesh.types import Request, Target, Targets
from modelmesh.values import value

__all__ = ["Pool", "Strategy", "Target", "Targets", "Turn", "in_turn", "lowest_first", "why"]


@value(kw_only=True)
class Turn:
    """What a strategy may go by for one request.

    Attributes:
        number: how many requests the pool has had before.
        now: seconds on the clock that never jumps.
        current: the place among the targets of the one in front, which answers until it fails.
        record: tells what became of a target's requests.
        cost: tells the US dollars that this request is expected to cost at a target; None where
            nobody knows.
        room: tells the share of a target's tightest limit that is left, 1 where it has none.

    """

    number: int
    now: float
    current: int
    request: Request  # what is asked
    rng: Random = field(repr=False)  # chance
    record: Callable[[Target], Record] = field(repr=False)
    cost: Callable[[Target], float | None] = field(repr=False)
    room: Callable[[Target], float] = field(repr=False)


class Strategy(Protocol):
    """Puts a pool's targets in the order in which they are tried for one request."""

    connector: ClassVar[str]  # the id by which configurations name it

    def __init__(self, settings: Pool, fallback: "Strategy | None" = None, /) -> None:
        """Take a pool's settings, and its fallback strategy if it has one."""
        ...

    def order(self, targets: Targets, turn: Turn) -> Iterable[Target]:
        """Give every target once, the best first. Those which cannot serve are passed over."""
        ...


def why(strategy: Strategy, order: Targets, place: int, turn: Turn) -> str:
    """Say in a few words why a target is at a place in the order, 0 being the first.

    A strategy does so itself by a method `why(order, place, turn)`, and need not.
    """
    own: Callable[[Targets, int, Turn], str] | None = getattr(strategy, "why", None)
    return own(order, place, turn) if own else f"so {strategy.connector} has it"
