"""How a pool and its targets fare, for people and programs to read."""

from collections.abc import Iterator, Mapping
from typing import Any

from modelmesh.ledger import NANO, Limit
from modelmesh.pool import Pool
from modelmesh.state import Standing
from modelmesh.types import Target


def status(pool: Pool, now: float) -> dict[str, Any]:
    """Return a pool's strategy, the target in front and how each target fares."""
    return {
        "strategy": pool.settings.strategy,
        "capabilities": list(pool.capabilities),
        "current": pool.current.id if pool.targets else None,
        "targets": [_fares(pool, target, now) for target in pool.targets],
    }


def described(pools: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Give the status of pools in lines, for people to read."""
    for id_, pool in pools.items():
        yield f"{id_}  ({pool['strategy']})"
        for target in pool["targets"]:
            mark = ">" if target["target"] == pool["current"] else " "
            yield f"  {mark} {target['target']}  {target['state']}"


def _fares(pool: Pool, target: Target, now: float) -> dict[str, Any]:
    standing = pool.standing(target)
    record, worst = standing.record, standing.worst(now)
    waiting = max(0.0, worst.until - now)
    on_trial = any(health.on_trial for health in standing.parts)
    state = "left alone" if waiting else "on trial" if on_trial else "ready"
    if closed := pool.in_maintenance(target):
        state, waiting = "in maintenance", closed.until - pool.wall()
    return {
        "target": target.id,
        "provider": target.provider.id,
        "model": target.upstream,
        "state": state,
        "cause": str(worst.cause) if state == "left alone" and worst.cause else None,
        "seconds_left": round(waiting, 1),
        "in_flight": record.in_flight,
        "requests": record.requests,
        "answers": record.answers,
        "cancelled": record.cancelled,
        "failures": {str(kind): count for kind, count in record.failures.items()},
        "tokens_in": record.tokens_in,
        "tokens_out": record.tokens_out,
        "spent": record.spent / NANO,
        "tokens_estimated": record.tokens_estimated,
        "spent_estimated": record.spent_estimated / NANO,
        "limits": limits(pool, target),
    }


def limits(pool: Pool, target: Target) -> list[dict[str, Any]]:
    """Return what is taken and left of each limit of a target, its vendor's own word included."""
    own = (_of_limit(*each) for each in pool.limits(target))
    return [*own, *_by_vendor(target, pool.standing(target), pool.wall())]


def _of_limit(limit: Limit, taken: int, renewed_in: float | None) -> dict[str, Any]:
    """Say how much of a limit is taken, requests under way included, and when all of it is back."""
    counted = NANO if limit.unit == "dollars" else 1
    return {
        "limit": limit.name,
        "source": limit.source,
        "unit": limit.unit,
        "taken": taken / counted,
        "left": max(0, limit.amount - taken) / counted,
        "amount": limit.amount / counted,
        "renewed_in": None if renewed_in is None else round(renewed_in, 1),
    }


def _by_vendor(target: Target, standing: Standing, wall: float) -> Iterator[dict[str, Any]]:
    """Say what the vendor itself told of its limits, while that holds."""
    for told in (each for left in standing.left for each in left):
        if told.until > wall:
            left = max(0, told.left)
            yield {
                "limit": told.limit(target.provider.id).name,
                "source": "vendor",
                "unit": told.unit,
                "taken": None if told.amount is None else max(0, told.amount - left),
                "left": left,
                "amount": told.amount,
                "renewed_in": round(told.until - wall, 1),
            }
