"""What became of all requests so far, in numbers: by pool, by provider and by target. Pure."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from math import ceil
from typing import Any, Final

from modelmesh.health import Downtime
from modelmesh.ledger import NANO
from modelmesh.pool import Pool
from modelmesh.record import Tally
from modelmesh.types import Target

Resets = Callable[[str], int]
"""Tells how often a limit that was used up was renewed, by its name."""

_SHARES: Final = {"p50": 0.5, "p95": 0.95}

_Led = tuple[Pool, Target]
"""A target, and a pool that leads to it."""


def stats(
    pools: Mapping[str, Pool], others: Iterable[Pool], resets: Resets, now: float
) -> dict[str, Any]:
    """Return the numbers of pools, and of all providers and targets that they or `others` have.

    `requests` are those to vendors: one that fails over is counted at each. Times are seconds, of
    the last answers; money is in US dollars. `availability` is the share of the last probes that a
    vendor answered; None where it is not asked.
    """
    targets: dict[str, list[_Led]] = {}
    providers: dict[str, list[_Led]] = {}
    for pool in (*pools.values(), *others):
        for target in pool.targets:
            targets.setdefault(target.id, []).append((pool, target))
            providers.setdefault(target.provider.id, []).append((pool, target))
    return {
        "pools": {id_: _of_pool(pool, resets, now) for id_, pool in pools.items()},
        "providers": {id_: _of_provider(led, resets, now) for id_, led in providers.items()},
        "targets": {id_: _of_target(led, resets, now) for id_, led in targets.items()},
    }


def _of_pool(pool: Pool, resets: Resets, now: float) -> dict[str, Any]:
    renewed = _renewed(((pool, target) for target in pool.targets), resets)
    told = _told([pool.tally], pool.downtime, renewed, now)
    return {**told, "rotations": pool.tally.rotations}


def _of_provider(led: Sequence[_Led], resets: Resets, now: float) -> dict[str, Any]:
    standings = [pool.standing(target) for pool, target in led]
    # Pools that have the same target share its record.
    records = list(dict.fromkeys(standing.record for standing in standings))
    health = standings[0].provider
    told = _told(records, health.downtime, _renewed(led, resets), now)
    return {**told, "availability": health.availability}


def _of_target(led: Sequence[_Led], resets: Resets, now: float) -> dict[str, Any]:
    pool, target = led[0]
    standing = pool.standing(target)
    return _told([standing.record], standing.downtime, _renewed(led, resets), now)


def _told(tallies: Sequence[Tally], downtime: Downtime, renewed: int, now: float) -> dict[str, Any]:
    kinds = Counter(kind for tally in tallies for kind in tally.failures.elements())
    return {
        "requests": sum(tally.requests for tally in tallies),
        "answers": sum(tally.answers for tally in tallies),
        "cancelled": sum(tally.cancelled for tally in tallies),
        "failures": {str(kind): count for kind, count in kinds.items()},
        "tokens_in": sum(tally.tokens_in for tally in tallies),
        "tokens_out": sum(tally.tokens_out for tally in tallies),
        "spent": sum(tally.spent for tally in tallies) / NANO,
        "latency": _percentiles([each for tally in tallies for each in tally.took]),
        "first_token": _percentiles([each for tally in tallies for each in tally.waits]),
        "downtime_seconds": round(downtime.seconds(now), 3),
        "quota_resets": renewed,
    }


def _renewed(led: Iterable[_Led], resets: Resets) -> int:
    """Return how often limits were renewed; one that several targets share counts once."""
    names = set()
    for pool, target in led:
        names |= {limit.name for limit, _, _ in pool.limits(target)}
        told = (each for left in pool.standing(target).left for each in left)
        names |= {each.limit(target.provider.id).name for each in told}
    return sum(map(resets, names))


def _percentiles(seconds: list[float]) -> dict[str, float | None]:
    """Return the times within which half of them were, and nearly all; None if there are none."""
    seconds.sort()
    return {
        name: round(seconds[ceil(share * len(seconds)) - 1], 6) if seconds else None
        for name, share in _SHARES.items()
    }
