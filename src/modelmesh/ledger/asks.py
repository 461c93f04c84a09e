"""What a request may take of limits, before anybody knows what it will."""

from collections.abc import Iterable

from attrs import evolve

from modelmesh.ledger import costs
from modelmesh.ledger.ledger import Ask
from modelmesh.ledger.limits import Limit, Unit
from modelmesh.ledger.told import Left, has_room
from modelmesh.record import Record
from modelmesh.types import ModelCard, Request


def of_request(
    request: Request, card: ModelCard, limits: Iterable[Limit], record: Record | None
) -> list[Ask]:
    """Return what a request may take of each limit at worst.

    Of a free tier, which is only known indicatively, that is with an answer as long as usual
    unless the request names another: many a tier is smaller than the longest answer. What is usual
    a target's `record` tells; it is None where nothing is free.
    """
    worst = usual = _amounts(costs.worst(request, card))
    if record and not costs.names_longest(request):
        answer = costs.likely_answer(request, record.answers, record.tokens_out, card)
        usual = _amounts(costs.worst(request, card, answer=answer))
    return [Ask(limit, (usual if is_free(limit) else worst)[limit.unit]) for limit in limits]


def believed(limit: Limit, left: tuple[Left, Left], wall: float) -> Limit:
    """Return a limit, which only counts where the vendor itself says that there is room."""
    known = limit.assumed and has_room(left, limit, wall)
    return evolve(limit, enforced=False) if known else limit


def is_free(limit: Limit) -> bool:
    """Whether it is one of a vendor's free tier."""
    return limit.source == "free tier"


def _amounts(amounts: costs.Amounts) -> dict[Unit, int | None]:
    return {"requests": 1, "tokens": amounts.tokens, "dollars": amounts.nano, "at once": 1}
