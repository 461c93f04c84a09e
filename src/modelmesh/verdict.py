"""What the client is told when no target answered: the most hopeful cause decides."""

from collections.abc import Sequence

from modelmesh.errors import (
    Attempt,
    ErrorKind,
    MeshError,
    ProviderError,
    Remainder,
    RequestError,
    RoutingError,
)
from modelmesh.obstacle import Obstacle


def verdict(
    pool: str,
    *,
    attempts: Sequence[Attempt],
    obstacles: Sequence[Obstacle],
    now: float,
    retry_after: float | None,
    out_of_time: bool,
    limits: Sequence[Remainder] = (),
) -> MeshError:
    """Return the error for a request that nobody answered.

    The client's own fault is told as the vendor said it; what no target can do is told before any
    vendor is asked. Otherwise any target that is only limited makes it 429, then overload 503, then
    a timeout 504, then the rest 502.
    """
    causes = [attempt.error for attempt in attempts if attempt.error]
    waiting = [obstacle for obstacle in obstacles if obstacle.cause]
    if not causes and not waiting and not out_of_time:
        return _incapable(pool, obstacles)
    causes += map(_cause, waiting)
    if out_of_time:
        causes.append(ProviderError(ErrorKind.TIMEOUT, "the time for the request ran out"))
    decisive = max(causes, key=lambda error: error.rule.hope)
    if decisive.rule.status is None:
        return RoutingError(str(decisive), cause=decisive, attempts=attempts)
    told = [f"{attempt.target}: {attempt.error}" for attempt in attempts if attempt.error]
    tried = {attempt.target for attempt in attempts}
    told += [each.describe(now) for each in obstacles if each.target not in tried]
    if out_of_time:
        told.append("the time for the request ran out")
    return RoutingError(
        f"Routing error: no target of pool {pool!r} answered ({'; '.join(told)})",
        cause=decisive,
        attempts=attempts,
        retry_after=retry_after if decisive.status in {429, 503} else None,
        limits=limits,
    )


def _cause(obstacle: Obstacle) -> ProviderError:
    """Return what stands in the way as the failure it would have been."""
    cause = ProviderError(obstacle.cause or ErrorKind.SERVER_ERROR, obstacle.reason)
    cause.code = obstacle.code or cause.code
    return cause


def _incapable(pool: str, obstacles: Sequence[Obstacle]) -> MeshError:
    """Say what no target of the pool can do; the first one's obstacle stands for all."""
    reasons = "; ".join(f"{obstacle.target}: {obstacle.reason}" for obstacle in obstacles)
    first = obstacles[0]
    return RequestError(
        f"No target of pool {pool!r} can serve this request ({reasons})",
        code=first.code,
        param=first.param,
    )
