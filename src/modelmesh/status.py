"""How a pool and its targets fare, for people and programs to read."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from modelmesh.ledger import NANO
from modelmesh.pool import Pool
from modelmesh.remainder import of_target
from modelmesh.types import Target


def status(pool: Pool, now: float) -> dict[str, Any]:
    """Return a pool's strategy, the target in front and how each target fares."""
    return {
        "strategy": pool.settings.strategy,
        "capabilities": list(pool.capabilities),
        "current": pool.current.id if pool.targets else None,
        "targets": [_fares(pool, target, now) for target in pool.targets],
    }


def active(pools: Iterable[Pool], now: float) -> list[str]:
    """Return the providers that have a target which may be asked now."""
    ready = [
        target.provider.id
        for pool in pools
        for target in pool.targets
        if pool.standing(target).ready(now) and not pool.in_maintenance(target)
    ]
    return list(dict.fromkeys(ready))


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
        "availability": standing.provider.availability,
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
    """Return what is taken and left of each limit of a target, and in how many seconds all is."""
    return [
        {
            "limit": each.name,
            "source": each.source,
            "unit": each.unit,
            "taken": each.taken,
            "left": each.left,
            "amount": each.amount,
            "renewed_in": None if each.renewed_in is None else round(each.renewed_in, 1),
        }
        for each in of_target(pool, target)
    ]
