"""How the limits of several processes are shared."""

from collections.abc import Awaitable, Callable, Sequence
from math import inf
from typing import TYPE_CHECKING, Literal

from attrs import define

from modelmesh.ledger.limits import Limit

if TYPE_CHECKING:
    from modelmesh.ledger.leases import Leased

Refill = Callable[[Sequence[tuple["Leased", int]]], Awaitable[None]]


@define(eq=False)
class Sharing:
    """How limits are shared.

    Attributes:
        refill: gets more for leases that are too small, or finds that there is none.
        strict: take before use; otherwise use, and tell of it when the store is written.
        on_failure: what a request meets while the store is away; None: money refuses, rates allow.
        away: the store does not answer.
        since: when it was asked again after a pause; others may be about to do so.
        tried_at: when it is asked again, by the wall.

    """

    refill: Refill
    strict: bool = True
    on_failure: Literal["allow", "refuse"] | None = None
    away: bool = False
    since: float = -inf
    tried_at: float = -inf

    def refuses(self, limit: Limit) -> bool:
        """Whether nothing more is granted of a limit because the store is away."""
        if not self.away or not self.strict:
            return False
        if self.on_failure is None:
            return limit.unit == "dollars"
        return self.on_failure == "refuse"
