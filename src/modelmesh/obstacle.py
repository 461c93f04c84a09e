"""Why a target is not tried, as a client is told where no other answers."""

from math import ceil, inf
from typing import Final

from attrs import frozen

from modelmesh.errors import ErrorKind
from modelmesh.ledger import Daily, Limit, Short
from modelmesh.shape import WITHIN
from modelmesh.state import Standing
from modelmesh.types import ModelCard, Target

_LONG: Final = 3600.0
"""Seconds beyond which a limit is not one of rates, but a quota that is used up."""

_ADVICE: Final = {
    ErrorKind.BAD_KEY: ": the vendor refused the key; correct it and restart",
    ErrorKind.NO_PERMISSION: ": the key may not use this model",
    ErrorKind.MODEL_NOT_FOUND: ": the vendor has no such model; correct its name and restart",
    ErrorKind.QUOTA_EXHAUSTED: ": the quota or the credit of the key is spent",
}
"""What to do about a target that does not come back by itself."""


@frozen(kw_only=True)
class Obstacle:
    """Why a target was not tried: it cannot serve the request, or is not to be asked until a time.

    `limited` means that a limit is short, and not that it is left alone; `limit` is its name where
    it is known which, and `away` that nobody knows what is left of it.
    """

    target: str
    reason: str
    code: str | None = None
    param: str | None = None
    cause: ErrorKind | None = None
    until: float | None = None
    limited: bool = False
    limit: str = ""
    away: bool = False
    retired: str = ""

    @property
    def free_at(self) -> float:
        """When a limit is free again; infinite where that is never, unknown, or there is none."""
        if self.until is None or self.away or not self.limited:
            return inf
        return self.until

    def describe(self, now: float) -> str:
        return f"{self.target}: {self.why(now)}"

    def why(self, now: float) -> str:
        """Say it without the target's name."""
        if self.until is None or self.away:
            return self.reason
        if self.limited:
            return f"{self.reason}, for another {ceil(self.until - now)}s"
        if self.until <= now:
            return f"on trial with another request ({self.cause})"
        why = f"{self.cause}{_ADVICE.get(self.cause, '')}{self.retired}" if self.cause else ""
        return f"left alone for {ceil(self.until - now)}s ({why})"


def retired(kind: ErrorKind | None, card: ModelCard) -> str:
    """Return what is known of the end of a model that its vendor does not find; else nothing."""
    known = card.retirement if kind is ErrorKind.MODEL_NOT_FOUND else None
    return f"; {known.describe()}" if known else ""


def incapable(target: Target, reason: str) -> Obstacle:
    """Say what a target cannot do."""
    code = "context_length_exceeded" if "context" in reason else "unsupported_by_model"
    return Obstacle(target=target.id, reason=reason, code=code)


def refused(target: Target, parameters: frozenset[str]) -> Obstacle:
    """Say what a target's vendor does not take."""
    return Obstacle(
        target=target.id,
        reason=f"its vendor does not accept {', '.join(sorted(parameters))}",
        code="unsupported_parameter",
        param=WITHIN.get(min(parameters), min(parameters)),
    )


def left_alone(target: Target, standing: Standing, now: float) -> Obstacle:
    """Say how long a target is left alone, and for what."""
    health = standing.worst(now)
    return Obstacle(
        target=target.id,
        reason="it is left alone",
        cause=health.cause or ErrorKind.SERVER_ERROR,
        retired=retired(health.cause, target.card),
        until=max(health.until, now),
    )


def in_line(target: Target, turn: float) -> Obstacle:
    """Say that others came before, who wait for the same."""
    return Obstacle(
        target=target.id,
        reason="earlier requests are waiting for its limits",
        cause=ErrorKind.RATE_LIMIT,
        until=turn,
        limited=True,
    )


def limited(target: Target, short: Short, now: float, wall: float) -> Obstacle:
    """Say which limit is short, and how long."""
    limit, wait = short.limit, short.until - wall
    if isinstance(limit.window, Daily):
        return Obstacle(
            target=target.id,
            reason=f"it is in {limit.name}",
            cause=ErrorKind.OVERLOADED,
            until=now + wait,
            limited=True,
        )
    if short.unknown:
        return _unpriced(target, limit)
    if short.excessive:
        reason = f"this request may need more than the whole of {limit.name}: lower `max_tokens`"
        return Obstacle(target=target.id, reason=reason, code="insufficient_quota")
    if short.away:
        return _unshared(target, limit, now + wait)
    spent = limit.unit == "dollars" or wait > _LONG
    return Obstacle(
        target=target.id,
        reason=f"it has reached its limit, {limit.name}",
        cause=ErrorKind.QUOTA_EXHAUSTED if spent else ErrorKind.RATE_LIMIT,
        until=None if wait == inf else now + wait,
        limited=True,
        limit=limit.name,
    )


def _unpriced(target: Target, limit: Limit) -> Obstacle:
    """Say that nobody knows what a request costs, and what to write."""
    reason = (
        f"its price is unknown, and it has a limit, {limit.name}: set "
        f"`models.{target.model}.pricing` (0 if it is free), or "
        f"`providers.{target.provider.id}.budget.on_unknown_cost` to warn or allow"
    )
    return Obstacle(target=target.id, reason=reason, code="unknown_cost")


def _unshared(target: Target, limit: Limit, tried_at: float) -> Obstacle:
    """Say that the store of a limit is away, and when it is tried again.

    Nobody knows for how long it is away, so it is not waited for.
    """
    return Obstacle(
        target=target.id,
        reason=f"{limit.name} is kept in a shared store, which does not answer",
        code="store_unavailable",
        cause=ErrorKind.OVERLOADED,
        until=tried_at,
        limited=True,
        away=True,
    )
