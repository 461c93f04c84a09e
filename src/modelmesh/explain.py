"""Where a request would go, and why. Nobody is asked, nothing is counted, and nothing changes."""

from collections.abc import Callable, Mapping, Sequence
from math import inf
from typing import Any, Final, cast

from attrs import define

from modelmesh.errors import RequestError
from modelmesh.ledger import Short
from modelmesh.obstacle import Obstacle
from modelmesh.pool import Pool
from modelmesh.sanity import LEAST, check
from modelmesh.shape import endpoint_of
from modelmesh.status import limits
from modelmesh.strategies import why
from modelmesh.types import Endpoint, Request, Target, Upload
from modelmesh.walk import Step, Walk

_BEHIND: Final = "the pool goes no further than a budget that is spent (`on_budget_exceeded`)"


def explain(pool: Pool, request: Request, now: float) -> dict[str, Any]:
    """Return a pool's targets in the order in which a request would try them, and why.

    `next` is whom it would ask first, and in how many seconds: where no target is eligible, one
    that is left alone on a guess, or whose limit is free again soon. None: it would be refused.
    """
    turn, order = pool.preview(request, now)
    with _Survey(pool, request, now, iter(order)) as survey:
        obstacles, first = survey.look(now)
    return {
        "pool": pool.id,
        "strategy": pool.settings.strategy,
        "next": first and {"target": first.target.id, "seconds": round(first.pause, 3)},
        "targets": [
            {
                "target": target.id,
                "provider": target.provider.id,
                "model": target.upstream,
                "place": place + 1,
                "why": why(pool.strategy, order, place, turn),
                "eligible": found is None,
                "reason": found.why(now) if found else None,
                "expected_cost": turn.cost(target),
                "limits": limits(pool, target),
            }
            for place, (target, found) in enumerate(zip(order, obstacles, strict=True))
        ],
    }


def asked(
    find: Callable[[str], Pool], body: Mapping[str, Any], session: str, headers: Mapping[str, str]
) -> tuple[Pool, Request]:
    """Return the pool and the request that a body stands for; it may leave out what is said.

    Its `endpoint`, such as "embeddings", is the one which the pool is for unless it names one.

    Raises:
        RequestError: there is no such pool or endpoint, or the proxy would refuse such a body.

    """
    said = {name: value for name, value in body.items() if name != "endpoint"}
    model, named = said.get("model"), body.get("endpoint")
    if not isinstance(model, str):
        raise RequestError("say which model is to answer, as `model`", param="model")
    if named is not None and named not in list(LEAST):
        raise RequestError(f"`endpoint` must be one of {', '.join(LEAST)}.", param="endpoint")
    pool = find(model)
    endpoint = cast("Endpoint", named) if named else _purpose(pool)
    check(endpoint, said, whole=False)
    return pool, Request(
        id="",
        model=model,
        body={**LEAST[endpoint], **said},
        session=session,
        headers=headers,
        endpoint=endpoint,
        upload=Upload(name="", content=b""),
    )


def _purpose(pool: Pool) -> Endpoint:
    """Return where a pool is asked, by what it is for or else by what its models can."""
    if pool.capabilities:
        return endpoint_of(pool.capabilities)
    each = [endpoint_of(sorted(target.card.capabilities)) for target in pool.targets]
    return each[0] if each and "chat" not in each else "chat"


@define(eq=False)
class _Survey(Walk):
    """A walk that nobody goes."""

    def look(self, now: float) -> tuple[Sequence[Obstacle | None], Step | None]:
        """Return what stands in the way of each target, and the step that would be the first."""
        first, obstacles = None, []
        for target in self._order:
            step, found = self._consider(target, now) if not self._over else _behind(target)
            if found:
                self._obstacles[target.id] = found
            first = first or step
            obstacles.append(found)
        return obstacles, first or self._otherwise(now)

    def _unready(self, target: Target, now: float) -> Obstacle | None:
        return super()._unready(target, now) or self._used_up(target, now)

    def _used_up(self, target: Target, now: float) -> Obstacle | None:
        """Believe what was last heard of limits that a store shares; a request would ask it."""
        wall = self.pool.wall()
        asks, limits = self.pool.asks(target, self.request, wall), self.pool.limits(target)
        for ask, (limit, taken, renewed_in) in zip(asks, limits, strict=True):
            too_little = limit.amount - taken < (ask.amount or 0)
            if ask.limit.enforced and too_little and limit.unit != "at once":
                until = inf if renewed_in is None else wall + renewed_in
                return self._limited(target, Short(limit, until), now)
        return None

    def _otherwise(self, now: float) -> Step | None:
        """Return what comes first where no target is eligible."""
        while not self._over and (step := self._last_resort(now)):
            short = self.pool.short(step.target, self.request)
            found = (
                self._limited(step.target, short, now) if short else self._line(step.target, now)
            )
            if found is None:
                return step
            self._obstacles[step.target.id] = found
        return None if self._over else self._wait(now)


def _behind(target: Target) -> tuple[None, Obstacle]:
    return None, Obstacle(target=target.id, reason=_BEHIND)
