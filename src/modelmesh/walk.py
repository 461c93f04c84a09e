"""One request's way through its pool: which target comes next, after what pause, and when to stop.

Going on to another target costs no pause. Asking a target again does, and it is done only when no
other is left (unless the pool's `retry.scope` says otherwise), while the retry budget lasts.
"""

from collections.abc import Awaitable, Callable, Iterator
from typing import Final, Self

from attrs import define, field

from modelmesh import obstacle
from modelmesh.config.schema import Retry
from modelmesh.errors import Attempt, ErrorKind, MeshError, ProviderError
from modelmesh.ledger import Short
from modelmesh.obstacle import Obstacle
from modelmesh.outcome import OpenAttempt
from modelmesh.pool import Pool
from modelmesh.retrying import pause_before_retry
from modelmesh.shape import ALWAYS, DECISIVE, Shape, misfit, shape_of
from modelmesh.timers import TOTAL
from modelmesh.types import Provider, Request, Target
from modelmesh.values import value
from modelmesh.verdict import verdict

# Seconds to wait for a target which another request has on trial.
_SHORT: Final = 1.0


@value(kw_only=True)
class Step:
    """What to do next: wait so many seconds, then try this target without these parameters."""

    target: Target
    pause: float = 0.0
    drop: frozenset[str] = frozenset()


@define(eq=False)
class Walk:
    """The walk of one request. `attempts` is its trail."""

    pool: Pool
    request: Request
    started: float
    _order: Iterator[Target]
    attempts: list[Attempt] = field(factory=list, init=False)
    deadline: float = field(init=False)
    _shape: Shape = field(init=False)
    # Why targets were passed over, by target.
    _obstacles: dict[str, Obstacle] = field(factory=dict, init=False)
    _failed: dict[str, tuple[Step, ProviderError]] = field(factory=dict, init=False)
    _tries: dict[str, int] = field(factory=dict, init=False)
    _last: Step | None = field(default=None, init=False)
    # Set once nothing else is to be tried.
    _over: bool = field(default=False, init=False)
    # Only targets whose embeddings are comparable help; None: any may.
    _space: str | None = field(default=None, init=False)
    # Gets more of a lease that was too small for the step which was to begin.
    _refill: Callable[[], Awaitable[None]] | None = field(default=None, init=False)
    # Only a target with a larger context window than this helps; None: any may.
    _too_small: int | None = field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        total = self.pool.settings.timeouts.total or TOTAL
        own = self.request.timeout
        self.deadline = self.started + (total if own is None else min(own, total))
        self._shape = shape_of(self.request)
        if self._shape.endpoint == "embeddings" and not self.pool.settings.mix_embeddings:
            fit = (one for one in self.pool.targets if self._embeds(one))
            self._space = next((one.space for one in fit), None)

    @classmethod
    def start(cls, pool: Pool, request: Request, now: float) -> Self:
        """Begin the walk of a request."""
        return cls(pool, request, now, iter(pool.order(request, now)))

    @property
    def clients_deadline(self) -> float | None:
        """The deadline if the client itself has set it."""
        own = self.request.timeout
        return self.deadline if own is not None and self.started + own <= self.deadline else None

    def begin(self, step: Step, now: float) -> OpenAttempt | None:
        """Begin a step; None where a limit has become short since it was chosen."""
        begun = self.pool.begin(
            step.target, self.request, now, clients_deadline=self.clients_deadline
        )
        if isinstance(begun, OpenAttempt):
            return begun
        self._refill = begun.refill
        if begun.refill is None:
            self._obstacles[step.target.id] = self._limited(step.target, begun, now)
        return None

    async def refilled(self, step: Step, now: float) -> OpenAttempt | None:
        """Begin a step that came short of a lease, once more of it is there; None where it is not.

        Its wait is bounded by the store's timeout, and it never waits where limits are not shared.
        """
        begun = None
        while self._refill and begun is None:
            await self._refill()
            begun = self.begin(step, now)
        return begun

    def note(self, step: Step, seconds: float, error: ProviderError | None = None) -> None:
        """Add an attempt to the trail."""
        target = step.target
        self.attempts.append(
            Attempt(
                target=target.id,
                provider=target.provider.id,
                model=target.upstream,
                seconds=seconds,
                error=error,
            )
        )

    def next(self, now: float) -> Step | None:
        """Return the next step; None when nothing is left to try."""
        if self._over or now >= self.deadline:
            return None
        step = (
            (self._last and self._same_first(self._last, now))
            or self._onward(now)
            or self._again(now)
            or self._last_resort(now)
            or self._wait(now)
        )
        if step is not None:
            self._tries[step.target.id] = self._tries.get(step.target.id, 0) + 1
            self._last = step
        return step

    def failed(self, step: Step, error: ProviderError) -> None:
        """Note how a step ended."""
        self._failed[step.target.id] = (step, error)
        if not error.rule.next_target:
            settings = self.pool.settings
            against_target = (
                *settings.retry.retryable_codes,
                *settings.deactivation.error_codes,
                *settings.provider_deactivation.error_codes,
            )
            self._over = error.vendor_status not in against_target
        if error.kind is ErrorKind.CONTEXT_TOO_LONG:
            self._too_small = max(self._too_small or 0, step.target.card.context or 0)
        if self._retry.scope == "same-provider":
            self._stay_at(step.target.provider)

    def survey(self, now: float) -> Iterator[tuple[Target, Obstacle | None]]:
        """Give the targets in order, and what stands in the way of each, without asking any."""
        for target in self._order:
            yield target, self._consider(target, now)[1]

    def verdict(self, now: float) -> MeshError:
        """Return what the client is told when no target answered."""
        return verdict(
            self.pool.id,
            attempts=self.attempts,
            obstacles=list(self._obstacles.values()),
            now=now,
            retry_after=self._soonest(now),
            out_of_time=now >= self.deadline,
        )

    def _soonest(self, now: float) -> float | None:
        """Return the seconds until the first of the targets that were in question may be asked."""
        waits = [
            self._free_at(target) - now
            for target in self.pool.targets
            if target.id in self._failed or self._is_waited_for(target)
        ]
        return min((wait for wait in waits if wait > 0), default=_SHORT if waits else None)

    def _free_at(self, target: Target) -> float:
        found = self._obstacles.get(target.id)
        limited = found.until if found and found.limited else None
        return max(self.pool.standing(target).until(), limited or 0.0)

    def _is_waited_for(self, target: Target) -> bool:
        found = self._obstacles.get(target.id)
        return found is not None and found.until is not None

    @property
    def _retry(self) -> Retry:
        return self.pool.settings.retry

    def _onward(self, now: float) -> Step | None:
        """Take the next target in the order that can serve the request and may be asked."""
        for target in self._order:
            step, found = self._consider(target, now)
            if step:
                return step
            if found:
                self._obstacles[target.id] = found
        return None

    def _consider(self, target: Target, now: float) -> tuple[Step | None, Obstacle | None]:
        """Say how to try a target, or what stands in the way."""
        reason = misfit(self._shape, target.card) or self._unserved(target)
        if reason:
            return None, obstacle.incapable(target, reason)
        if not self._has_room(target):
            return None, None
        lacks = target.provider.lacks(self.request, target.upstream)
        refused = lacks and self._refused(lacks)
        if refused:
            return None, obstacle.refused(target, refused)
        standing = self.pool.standing(target)
        if not standing.ready(now):
            return None, obstacle.left_alone(target, standing, now)
        short = self.pool.short(target, self.request)
        if short:
            return None, self._limited(target, short, now)
        return Step(target=target, drop=lacks), None

    def _limited(self, target: Target, short: Short, now: float) -> Obstacle:
        if short.limit.unit == "dollars" and self.pool.settings.on_budget_exceeded == "error":
            self._over = True
        return obstacle.limited(target, short, now, self.pool.wall())

    def _embeds(self, target: Target) -> bool:
        return "embeddings" in target.provider.endpoints and not misfit(self._shape, target.card)

    def _unserved(self, target: Target) -> str | None:
        endpoint = self.request.endpoint
        if endpoint not in target.provider.endpoints:
            return f"its vendor is not asked for {endpoint}"
        if self._space not in (None, target.space):
            return f"its embeddings cannot be compared with those of {self._space}"
        return None

    def _has_room(self, target: Target) -> bool:
        return self._too_small is None or (target.card.context or 0) > self._too_small

    def _refused(self, lacks: frozenset[str]) -> frozenset[str]:
        match self.pool.settings.parameters:
            case "strict":
                return lacks
            case "lenient":
                return lacks & ALWAYS
            case _:
                return lacks & DECISIVE

    def _stay_at(self, provider: Provider) -> None:
        """Go on to a provider's other targets before those of others."""
        rest = list(self._order)
        rest.sort(key=lambda target: target.provider.id != provider.id)
        self._order = iter(rest)

    def _same_first(self, last: Step, now: float) -> Step | None:
        """Ask the last target again before going on, if the scope says so."""
        if self._retry.scope != "same-model":
            return None
        _, error = self._failed[last.target.id]
        # What did not answer in time is asked again only when there is nobody else.
        return None if error.kind is ErrorKind.TIMEOUT else self._again(now, only=last.target.id)

    def _again(self, now: float, only: str | None = None) -> Step | None:
        """Ask again the target that may answer the soonest."""
        failed = [pair for id_, pair in self._failed.items() if only in (None, id_)]
        retries = (self._retry_of(step, error, now) for step, error in failed)
        possible = [step for step in retries if step]
        if not possible or not self.pool.retries.take():
            return None
        return min(possible, key=lambda step: step.pause)

    def _retry_of(self, step: Step, error: ProviderError, now: float) -> Step | None:
        if not self._has_room(step.target):
            return None
        pause = pause_before_retry(
            self._retry, error, tries=self._tries[step.target.id], chance=self.pool.rng.random()
        )
        if pause is None or pause > self.pool.settings.max_wait or now + pause >= self.deadline:
            return None
        return Step(target=step.target, pause=pause, drop=step.drop)

    def _last_resort(self, now: float) -> Step | None:
        """Ask a target which is left alone on our own guess, where there is no other.

        Where others have failed it is one more try, for which there are as few as for retries.
        """
        guessed = [
            target
            for target in self.pool.targets
            if self._is_waited_for(target)
            and not self._obstacles[target.id].limited
            and target.id not in self._failed
            and self._has_room(target)
            and self.pool.standing(target).told_until() <= now
        ]
        if not guessed or not self.pool.settings.recovery.last_resort:
            return None
        if self.attempts and not self.pool.retries.take():
            return None
        target = min(guessed, key=lambda target: self.pool.standing(target).until())
        return Step(target=target, drop=target.provider.lacks(self.request, target.upstream))

    def _wait(self, now: float) -> Step | None:
        """Wait for the first limit that is free again, where there is the time for it."""
        limited = {id_: each.until or now for id_, each in self._obstacles.items() if each.limited}
        patience = min(self.started + self.pool.settings.max_wait, self.deadline)
        if not limited or self._over:
            return None
        id_ = min(limited, key=limited.__getitem__)
        if limited[id_] >= patience:
            return None
        del self._obstacles[id_]
        target = next(one for one in self.pool.targets if one.id == id_)
        drop = target.provider.lacks(self.request, target.upstream)
        return Step(target=target, pause=max(0.0, limited[id_] - now), drop=drop)
