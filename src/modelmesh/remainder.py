"""What is left of a target's limits, for its status and for a client whose request they refused."""

from collections.abc import Iterable, Iterator
from math import inf
from typing import Final

from modelmesh.errors import ErrorKind, Remainder
from modelmesh.ledger import NANO, Limit
from modelmesh.ledger.told import has_room
from modelmesh.obstacle import Obstacle
from modelmesh.pool import Pool
from modelmesh.types import Target

_REFUSALS: Final = (ErrorKind.RATE_LIMIT, ErrorKind.QUOTA_EXHAUSTED)


def remainders(
    pool: Pool, obstacles: Iterable[Obstacle], now: float, soonest: float | None
) -> list[Remainder]:
    """Return the limits of the target that is free again first, before all the one that refused.

    There are none where no limit refused, or where another target may be asked before, in
    `soonest` seconds. After the first the tightest come before others.
    """
    short = [each for each in obstacles if each.limited and each.cause in _REFUSALS]
    first = min(short, key=lambda each: each.free_at, default=None)
    if first is None or (soonest is not None and first.free_at - now > soonest):
        return []
    target = next(one for one in pool.targets if one.id == first.target)
    left, wall = pool.standing(target).left, pool.wall()
    refusing = (
        each
        for limit, each in _counted(pool, target)
        if limit.enforced and not (limit.assumed and has_room(left, limit, wall))
    )
    found = [*refusing, *_told(pool, target)]
    return sorted(found, key=lambda one: (one.name != first.limit, one.left / (one.amount or inf)))


def of_target(pool: Pool, target: Target) -> list[Remainder]:
    """Return what is left of each limit of a target, by its vendor's own word as well."""
    return [*(each for _, each in _counted(pool, target)), *_told(pool, target)]


def _counted(pool: Pool, target: Target) -> Iterator[tuple[Limit, Remainder]]:
    """Give what is left of the limits that are counted here."""
    for limit, taken, renewed_in in pool.limits(target):
        counted = NANO if limit.unit == "dollars" else 1
        yield (
            limit,
            Remainder(
                name=limit.name,
                source=limit.source,
                unit=limit.unit,
                amount=limit.amount / counted,
                taken=taken / counted,
                left=max(0, limit.amount - taken) / counted,
                renewed_in=renewed_in,
            ),
        )


def _told(pool: Pool, target: Target) -> Iterator[Remainder]:
    """Give what is left of its vendor's own limits, by the vendor's word, while that holds."""
    wall = pool.wall()
    for told in (each for left in pool.standing(target).left for each in left):
        if told.until > wall:
            left = max(0, told.left)
            yield Remainder(
                name=told.limit(target.provider.id).name,
                source="vendor",
                unit=told.unit,
                amount=told.amount,
                taken=None if told.amount is None else max(0, told.amount - left),
                left=left,
                renewed_in=told.until - wall,
            )
