"""The targets that serve one capability: in which order, and what an outcome means for them."""

import logging
from collections.abc import Iterable, Sequence
from random import Random
from typing import Final

from attrs import define, field

from modelmesh.config import schema
from modelmesh.errors import ErrorKind, ProviderError
from modelmesh.state import Health, Standing, State
from modelmesh.strategies import Strategy, Turn
from modelmesh.types import Request, Target, Targets
from modelmesh.verdict import ended

_MOST_RETRIES_SAVED: Final = 10.0
# What is shorter ("EMPTY", "none") only fills the place of a key, and is a word like any other.
_SHORTEST_KEY: Final = 8

log: Final = logging.getLogger("modelmesh")


@define(eq=False)
class RetryBudget:
    """How many retries a pool may still make: each request earns a share of one."""

    share: float
    _left: float = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._left = 1.0 if self.share else 0.0

    def earn(self) -> None:
        self._left = min(self._left + self.share, _MOST_RETRIES_SAVED)

    def take(self) -> bool:
        """Take one retry if there is one."""
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True


@define(eq=False)
class Pool:
    """Targets with a strategy. Its id is the model that clients ask for.

    `targets` stand in the order of preference that the configuration gives.
    """

    id: str
    capabilities: Sequence[str]
    targets: Targets
    settings: schema.Pool
    strategy: Strategy = field(repr=False)
    rng: Random = field(repr=False)
    _state: State = field(repr=False)
    retries: RetryBudget = field(init=False, repr=False)
    _standing: dict[str, Standing] = field(init=False, repr=False)
    _places: dict[str, int] = field(init=False, repr=False)
    _requests: int = field(default=0, init=False)
    _current: int = field(default=0, init=False)

    def __attrs_post_init__(self) -> None:
        self.retries = RetryBudget(self.settings.retry.budget)
        self._standing = {target.id: self._state.standing(target) for target in self.targets}
        self._places = {target.id: place for place, target in enumerate(self.targets)}

    @property
    def current(self) -> Target:
        """The target in front: it answers until it fails."""
        return self.targets[self._current]

    def standing(self, target: Target) -> Standing:
        return self._standing[target.id]

    def order(self, request: Request, now: float) -> Iterable[Target]:
        """Give the targets in the order in which they are to be tried for a request."""
        self._requests += 1
        self.retries.earn()
        return self.preview(request, now)

    def preview(self, request: Request, now: float) -> Iterable[Target]:
        """Give the order a request would get, without counting it."""
        turn = Turn(
            number=self._requests, now=now, current=self._current, request=request, rng=self.rng
        )
        return self.strategy.order(self.targets, turn)

    def rotate(self) -> Target:
        """Go on to the next target; return it."""
        self._current = (self._current + 1) % len(self.targets)
        return self.current

    def begin(
        self, target: Target, request: Request, *, clients_deadline: float | None = None
    ) -> "OpenAttempt":
        """Note that an attempt starts. Whoever calls it ends the attempt, on every path.

        Nobody is to blame for what fails after `clients_deadline`, which the client itself has set.
        """
        standing = self._standing[target.id]
        standing.record.requests += 1
        standing.record.in_flight += 1
        trials = [health for health in standing.parts if health.on_trial and health.begin()]
        return OpenAttempt(self, target, request, standing, trials, clients_deadline)

    def stay_with(self, target: Target, now: float) -> None:
        """Put a target in front of one that failed, unless it is left alone itself by now.

        A request which only this target could serve is no reason to move the others.
        """
        if target is self.current:
            return
        front = self._standing[self.current.id]
        failed = front.target.failures_in_a_row > 0 or not front.ready(now)
        if failed and self._standing[target.id].until() <= now:
            self._current = self._places[target.id]


@define(eq=False)
class OpenAttempt:
    """An attempt that runs. The first of its three ends counts, later ones do nothing."""

    _pool: Pool
    _target: Target
    _request: Request
    _standing: Standing
    _trials: list[Health]
    _clients_deadline: float | None
    _ended: bool = False

    def begin_answer(self, now: float) -> None:
        """Note that the target begins to answer: a trial is over, further requests stay with it."""
        self._free_trials()
        for health in self._standing.parts:
            if health.on_trial:
                health.alive(now)
        self._pool.stay_with(self._target, now)

    def succeed(self, now: float) -> None:
        """Note that the target answered, and whole."""
        if self._end():
            self._standing.record.answers += 1
            for health in self._standing.parts:
                health.answered(now)

    def cancel(self) -> None:
        """Note that the client left, or its own time ran out: nobody is to blame."""
        if self._end():
            self._standing.record.cancelled += 1
            log.info("request %s: %s: cancelled", self._request.id, self._target.id)

    def fail(self, now: float, error: ProviderError) -> None:
        """Note that the target failed, and leave alone what the failure says something of."""
        key = self._target.key.reveal() if self._target.key else ""
        if len(key) >= _SHORTEST_KEY:
            error.hide(key)
        if self._clients_deadline is not None and now >= self._clients_deadline:
            self.cancel()
        if not self._end():
            return
        self._standing.record.failures[error.kind] += 1
        end = ended(error.kind, self._target.card)
        error.add(end)
        # Never the message: a vendor may quote the prompt in it.
        log.warning("request %s: %s: %s%s", self._request.id, self._target.id, _brief(error), end)
        self._blame(now, error)

    def _blame(self, now: float, error: ProviderError) -> None:
        """Count it against the target or its key, and against the provider if it says so much."""
        standing, settings, rule = self._standing, self._pool.settings, error.rule
        by_target, by_provider = settings.deactivation, settings.provider_deactivation
        listed = error.vendor_status in (*by_target.error_codes, *by_provider.error_codes)
        if rule.cools == "nothing" and not listed:
            for health in standing.parts:
                health.answered(now)
            return
        concerned = standing.key if rule.cools == "key" else standing.target
        concerned.failed(now)
        told = rule.cools == "key" or rule.cooldown is not None or error.retry_after is not None
        _judge(concerned, error, now, by_target, settings.recovery, told=told)
        if concerned is not standing.target:
            standing.target.failed(now)
        # A vendor that refuses a key or lacks a model is there all the same.
        if (
            rule.retry and rule.cools == "target"
        ) or error.vendor_status in by_provider.error_codes:
            standing.provider.failed(now)
            _judge(
                standing.provider, error, now, by_provider, settings.provider_recovery, told=False
            )
        else:
            standing.provider.answered(now)

    def _end(self) -> bool:
        if self._ended:
            return False
        self._ended = True
        self._standing.record.in_flight -= 1
        self._free_trials()
        return True

    def _free_trials(self) -> None:
        while self._trials:
            self._trials.pop().trial_running = False


def _brief(error: ProviderError) -> str:
    return f"{error.kind} ({error.vendor_status})" if error.vendor_status else str(error.kind)


def _judge(
    health: Health,
    error: ProviderError,
    now: float,
    limits: schema.Deactivation,
    recovery: schema.Recovery,
    *,
    told: bool,
) -> None:
    """Leave something alone if it was told to be, or failed its trial, or failed too often."""
    if not (told or health.on_trial or _too_many(health, error, now, limits)):
        return
    rule = error.rule
    pause = rule.cooldown if told and rule.cooldown is not None else recovery.cooldown
    if told and error.retry_after is not None:
        pause = min(error.retry_after, recovery.max_cooldown)
    # What is wrong with one client's request is no reason to tell the next one.
    cause = error.kind if rule.status else ErrorKind.SERVER_ERROR
    if recovery.cooldown and pause > 0:
        health.leave_alone(now + pause, cause, told=told)


def _too_many(
    health: Health, error: ProviderError, now: float, limits: schema.Deactivation
) -> bool:
    if error.vendor_status in limits.error_codes:
        return True
    if limits.retry_limit is not None and health.failures_in_a_row >= limits.retry_limit:
        return True
    if limits.error_rate_threshold is None:
        return False
    rate, count = health.failure_rate(now, limits.window)
    return count >= limits.min_requests and rate >= limits.error_rate_threshold
