"""What a request is expected to cost."""

from collections.abc import Callable

from attrs import define

from modelmesh.ledger import NANO, costs
from modelmesh.record import Record
from modelmesh.types import Request, Target
from modelmesh.usage import Usage


@define(eq=False)
class Expected:
    """What a request is expected to cost at a target, by the answers that it gave so far."""

    _request: Request
    _record: Callable[[Target], Record]
    _wall: Callable[[], float]

    def __call__(self, target: Target) -> float | None:
        """Return US dollars; None where nobody knows."""
        if target.card.price is None:
            return None
        record = self._record(target)
        written = costs.likely_answer(self._request, record.answers, record.tokens_out, target.card)
        usage = Usage(prompt=costs.likely_prompt(self._request), completion=written)
        nano = costs.cost(self._request, usage, target.card.price, self._wall())
        return None if nano is None else nano / NANO
