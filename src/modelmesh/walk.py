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
from modelmesh.fit import Fit
from modelmesh.ledger import Short
from modelmesh.outcome import OpenAttempt
from modelmesh.pool import Pool
from modelmesh.remainder import remainders
from modelmesh.retrying import pause_before_retry
from modelmesh.timers import TOTAL
from modelmesh.types import Request, Target
from modelmesh.values import value
from modelmesh.verdict import verdict

# Seconds to wait for a target which another request has on trial.
_TRIAL: Final = 1.0


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
    _fit: Fit = field(init=False)
    # Why targets were passed over, by target.
    _obstacles: dict[str, obstacle.Obstacle] = field(factory=dict, init=False)
    _failed: dict[str, tuple[Step, ProviderError]] = field(factory=dict, init=False)
    _tries: dict[str, int] = field(factory=dict, init=False)
    _refill: Callable[[], Awaitable[None]] | None = field(default=None, init=False)
    _last: Step | None = field(default=None, init=False)
    # Set once nothing else is to be tried.
    _over: bool = field(default=False, init=False)
    # Where it waits: at which target, since it came, and until when.
    _place: tuple[str, float, float] | None = field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        total = self.pool.settings.timeouts.total or TOTAL
        own = self.request.timeout
        self.deadline = self.started + (total if own is None else min(own, total))
        self._fit = Fit.of(self.request, self.pool.targets, self.pool.settings)

    @classmethod
    def start(cls, pool: Pool, request: Request, now: float) -> Self:
        """Begin the walk of a request."""
        return cls(pool, request, now, iter(pool.order(request, now)))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """End it: it waits for nothing any more."""
        self._leave_line()

    @property
    def clients_deadline(self) -> float | None:
        """The deadline if the client itself has set it."""
        own = self.request.timeout
        return self.deadline if own is not None and self.started + own <= self.deadline else None

    def begin(self, step: Step, now: float) -> OpenAttempt | None:
        """Begin a step; None where a limit has become short since it was chosen."""
        self._refill = None
        begun = self._line(step.target, now) or self.pool.begin(
            step.target, self.request, now, clients_deadline=self.clients_deadline
        )
        if isinstance(begun, OpenAttempt):
            self._leave_line()
            return begun
        if isinstance(begun, Short) and begun.refill:
            self._refill = begun.refill
            return None
        found = self._limited(step.target, begun, now) if isinstance(begun, Short) else begun
        self._pass_over(step.target, found, now)
        return None

    async def refilled(self, step: Step, now: float) -> OpenAttempt | None:
        """Begin a step that was short of a lease; None where no more of it is there."""
        begun = None
        while self._refill and begun is None:
            await self._refill()
            begun = self.begin(step, now)
        return begun

    def note(self, step: Step, seconds: float, error: ProviderError | None = None) -> None:
        """Add an attempt to the trail."""
        target = step.target
        self._tries[target.id] = self._tries.get(target.id, 0) + 1
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
        self._last = (self._last and self._same_first(now)) or self._onward(now)
        if self._last is None and not self._over:
            self._last = self._again(now) or self._last_resort(now) or self._wait(now)
        return self._last

    def failed(self, step: Step, error: ProviderError) -> None:
        """Note how a step ended."""
        self._failed[step.target.id] = (step, error)
        self._over = not self.pool.goes_on_after(error)
        if error.kind is ErrorKind.CONTEXT_TOO_LONG:
            self._fit.outgrow(step.target)
        if self._retry.scope == "same-provider":
            # Its provider's other targets come before those of others.
            here = step.target.provider.id
            self._order = iter(sorted(self._order, key=lambda one: one.provider.id != here))

    def verdict(self, now: float) -> MeshError:
        """Return what the client is told when no target answered."""
        soonest = self._soonest(now)
        return verdict(
            self.pool.id,
            attempts=self.attempts,
            obstacles=list(self._obstacles.values()),
            now=now,
            retry_after=soonest,
            limits=remainders(self.pool, self._obstacles.values(), now, soonest),
            out_of_time=now >= self.deadline,
        )

    def _soonest(self, now: float) -> float | None:
        """Return the seconds until the first of the targets that were in question may be asked."""
        waits = [
            self._free_at(target) - now
            for target in self.pool.targets
            if target.id in self._failed or self._is_waited_for(target)
        ]
        return min((wait for wait in waits if wait > 0), default=_TRIAL if waits else None)

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
                self._pass_over(target, found, now)
            if self._over:
                break
        return None

    def _pass_over(self, target: Target, found: obstacle.Obstacle, now: float) -> None:
        self._obstacles[target.id] = found
        if found.limit:
            self.pool.tell_of_refusal(target, found.limit, found.free_at - now)

    def _consider(self, target: Target, now: float) -> tuple[Step | None, obstacle.Obstacle | None]:
        """Say how to try a target, or what stands in the way."""
        lacks = target.provider.lacks(self.request, target.upstream)
        found = self._fit.obstacle(target, lacks)
        if found or not self._fit.has_room(target):
            return None, found
        found = self._unready(target, now)
        return (None, found) if found else (Step(target=target, drop=lacks), None)

    def _unready(self, target: Target, now: float) -> obstacle.Obstacle | None:
        """Say why a target is not to be asked now that could serve the request."""
        standing = self.pool.standing(target)
        if not standing.ready(now):
            return obstacle.left_alone(target, standing, now)
        short = self.pool.short(target, self.request)
        return self._limited(target, short, now) if short else self._line(target, now)

    def _limited(self, target: Target, short: Short, now: float) -> obstacle.Obstacle:
        budget = short.limit.unit == "dollars" and short.limit.source == "configured"
        if budget and self.pool.settings.on_budget_exceeded == "error":
            self._over = True
        return obstacle.limited(target, short, now, self.pool.wall())

    def _same_first(self, now: float) -> Step | None:
        """Ask the last target again before going on, if the scope says so."""
        last = self._last
        if self._retry.scope != "same-model" or not last or last.target.id not in self._failed:
            return None
        _, error = self._failed[last.target.id]
        # What did not answer in time is asked again only when there is nobody else.
        return None if error.kind is ErrorKind.TIMEOUT else self._again(now, only=last.target.id)

    def _again(self, now: float, only: str | None = None) -> Step | None:
        """Ask again the target that may answer the soonest."""
        failed = [pair for id_, pair in self._failed.items() if only in (None, id_)]
        retries = (self._retry_of(step, error, now) for step, error in failed)
        soonest = min(filter(None, retries), key=lambda step: step.pause, default=None)
        if soonest is None or not self.pool.retries.take():
            return None
        self.pool.standing(soonest.target).guard.note(now)
        return soonest

    def _retry_of(self, step: Step, error: ProviderError, now: float) -> Step | None:
        guard = self.pool.standing(step.target).guard
        if not (self._fit.has_room(step.target) and guard.admits(self._retry.budget, now)):
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
            and self._fit.has_room(target)
            and self.pool.standing(target).told_until() <= now
        ]
        if not guessed or not self.pool.settings.recovery.last_resort:
            return None
        if self.attempts and not self.pool.retries.take():
            return None
        return self._step(min(guessed, key=lambda target: self.pool.standing(target).until()))

    def _wait(self, now: float) -> Step | None:
        """Wait for the first limit that is free again, where there is the time for it."""
        limited = {id_: each.free_at for id_, each in self._obstacles.items()}
        patience = min(self.started + self.pool.settings.max_wait, self.deadline)
        id_ = min(limited, key=limited.__getitem__, default="")
        if not limited or limited[id_] >= patience:
            return None
        del self._obstacles[id_]
        target = next(one for one in self.pool.targets if one.id == id_)
        self._leave_line()
        until = max(limited[id_], self.pool.line.turn(id_, self.started, now))
        self._place = (id_, self.started, until)
        self.pool.line.join(*self._place)
        return self._step(target, until - now)

    def _step(self, target: Target, pause: float = 0.0) -> Step:
        lacks = target.provider.lacks(self.request, target.upstream)
        return Step(target=target, pause=pause, drop=lacks)

    def _line(self, target: Target, now: float) -> obstacle.Obstacle | None:
        """Say how long to wait where others wait for a target's limits who came before."""
        turn = self.pool.line.turn(target.id, self.started, now) if self.pool.line else now
        return obstacle.in_line(target, turn) if turn > now else None

    def _leave_line(self) -> None:
        if self._place:
            self.pool.line.leave(*self._place)
            self._place = None
