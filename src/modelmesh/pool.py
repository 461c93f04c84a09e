"""The targets that serve one capability: in which order, and within which limits.

What the end of an attempt means for them is in `outcome`.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from math import inf
from random import Random
from typing import Final

from attrs import define, field

from modelmesh.audience import Audience
from modelmesh.clock import twin
from modelmesh.config import schema
from modelmesh.errors import ProviderError
from modelmesh.events import LimitNear, LimitReached, Rotated
from modelmesh.expected import Expected
from modelmesh.health import Downtime
from modelmesh.ledger import Ask, Limit, Short, asks, configured, maintenance
from modelmesh.ledger.told import room, used_up
from modelmesh.line import Line
from modelmesh.outcome import OpenAttempt
from modelmesh.record import Record, Tally
from modelmesh.retrying import RetryBudget
from modelmesh.state import Standing, State
from modelmesh.strategies import Strategy, Turn
from modelmesh.types import Request, Target, Targets

log: Final = logging.getLogger("modelmesh")


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
    wall: Callable[[], float] = field(repr=False)
    granted: Mapping[str, tuple[Limit, ...]] = field(repr=False)
    _state: State = field(repr=False)
    line: Line = field(factory=Line, init=False, repr=False)
    retries: RetryBudget = field(init=False, repr=False)
    _standing: dict[str, Standing] = field(init=False, repr=False)
    _places: dict[str, int] = field(init=False, repr=False)
    _limits: maintenance.Limits = field(init=False, repr=False)
    # By target, where it has some.
    _maintenance: maintenance.Limits = field(init=False, repr=False)
    # The targets which have something of a free tier.
    _free: frozenset[str] = field(init=False, repr=False)
    tally: Tally = field(init=False, repr=False)
    downtime: Downtime = field(init=False, repr=False)
    _requests: int = field(default=0, init=False)
    _current: int = field(default=0, init=False)

    def __attrs_post_init__(self) -> None:
        self.retries = RetryBudget(self.settings.retry.budget)
        self.tally = self._state.tally(self.id)
        self._standing = {one.id: self._state.standing(one, self.tally) for one in self.targets}
        parts = (part for standing in self._standing.values() for part in standing.parts)
        self.downtime = self._state.downtime(f"pool {self.id}", parts, self._until)
        self._places = {target.id: place for place, target in enumerate(self.targets)}
        limits = {target.id: self._limits_of(target) for target in self.targets}
        self._limits, self._maintenance = maintenance.apart(limits)
        self._free = frozenset(id_ for id_, own in limits.items() if any(map(asks.is_free, own)))

    def follow(self, before: "Pool") -> None:
        """Go on where a pool of this name ended which was configured otherwise."""
        if self.retries.share == before.retries.share:
            self.retries = before.retries
        self._requests = before._requests  # noqa: SLF001 - of its own kind
        if before.targets:
            self._current = self._places.get(before.current.id, 0)

    @property
    def current(self) -> Target:
        """The target in front: it answers until it fails."""
        return self.targets[self._current]

    @property
    def audience(self) -> Audience:
        """Who is told of what happens here."""
        return self._state.audience

    def standing(self, target: Target) -> Standing:
        return self._standing[target.id]

    def order(self, request: Request, now: float) -> Iterable[Target]:
        """Give the targets in the order in which they are to be tried for a request."""
        self.retries.earn()
        turn = self._turn(request, now, self.rng)
        self._requests += 1
        return self.strategy.order(self.targets, turn)

    def preview(self, request: Request, now: float) -> tuple[Turn, Targets]:
        """Return the turn and the order a request would get, without counting it.

        Chance is not used up by it: the next request draws the same.
        """
        turn = self._turn(request, now, twin(self.rng))
        return turn, list(self.strategy.order(self.targets, turn)) if self.targets else []

    def rotate(self) -> Target:
        """Go on to the next target; return it."""
        self._put_in_front((self._current + 1) % len(self.targets))
        return self.current

    def short(self, target: Target, request: Request) -> Short | None:
        """Return the limit which keeps a target from such a request, and until when by the wall."""
        if self._maintenance and (closed := self.in_maintenance(target)):
            return closed
        limits, left = self._limits[target.id], self._standing[target.id].left
        if not (limits or left[0].told or left[1].told):
            return None
        wall = self.wall()
        if told := used_up(left, wall):
            return Short(told.limit(target.provider.id), told.until)
        return self._state.ledger.short(self.asks(target, request, wall), wall) if limits else None

    def in_maintenance(self, target: Target) -> Short | None:
        """Return the maintenance a target is in now, and until when by the wall."""
        windows = self._maintenance.get(target.id)
        return maintenance.now(windows, self.wall()) if windows else None

    def begin(
        self,
        target: Target,
        request: Request,
        now: float,
        *,
        clients_deadline: float | None = None,
    ) -> OpenAttempt | Short:
        """Note that an attempt starts, unless a limit is short of what it may take.

        Whoever calls it ends the attempt, on every path. Nobody is to blame for what fails after
        `clients_deadline`, which the client itself has set.
        """
        if self._maintenance and (closed := self.in_maintenance(target)):
            return closed
        wall = self.wall()
        standing = self._standing[target.id]
        heard = standing.left[0].told or standing.left[1].told
        if heard and (told := used_up(standing.left, wall)):
            return Short(told.limit(target.provider.id), told.until)
        wanted = self.asks(target, request, wall) if self._limits[target.id] else ()
        hold = self._state.ledger.reserve(wanted, wall) if wanted else None
        if isinstance(hold, Short):
            return hold
        for ask in wanted:
            if ask.amount is None and ask.limit.unknown == "warn":
                log.warning("request %s: %s: %s", request.id, target.id, _uncounted(ask.limit))
        standing.record.begin(now)
        self.tally.requests += 1
        if heard:
            for left in standing.left:
                left.take()
        trials = [health for health in standing.parts if health.on_trial and health.begin()]
        return OpenAttempt(
            self, target, request, standing, trials, clients_deadline, hold, now, wall
        )

    def all_limits(self) -> Iterator[Limit]:
        """Give the limits of all targets; one that is shared comes several times."""
        for limits in self._limits.values():
            yield from limits

    def limits(self, target: Target) -> Iterator[tuple[Limit, int, float | None]]:
        """Give a target's limits, what is taken of each, and in how many seconds it is free again.

        That is None for what is never renewed, or is free when a request ends.
        """
        wall = self.wall()
        for limit in self._limits[target.id]:
            renewed = self._state.ledger.renewed_at(limit, wall)
            known = limit.unit != "at once" and renewed < inf
            yield limit, self._state.ledger.taken(limit, wall), renewed - wall if known else None

    def asks(self, target: Target, request: Request, wall: float) -> list[Ask]:
        """Return what a request may take of each limit of a target at worst."""
        standing, limits = self._standing[target.id], self._limits[target.id]
        if any(standing.left):
            limits = tuple(asks.believed(limit, standing.left, wall) for limit in limits)
        record = standing.record if target.id in self._free else None
        return asks.of_request(request, target.card, limits, record)

    def tell_of_refusal(self, target: Target, limit: str, seconds: float) -> None:
        """Tell that a limit refuses a target, for so many seconds."""
        wall = self.wall()
        if not self._state.alerts.refuses(limit, wall + seconds, wall):
            return
        if tell := self.audience.of_changes:
            told = seconds if seconds < inf else None
            event = LimitReached(at=wall, limit=limit, pool=self.id, target=target.id, seconds=told)
            tell(event)

    def tell_of_limits(self, target: Target, wall: float) -> None:
        """Warn of limits that are nearly used up, each once in its window."""
        for limit in self._limits[target.id]:
            if limit.alert is None:
                continue
            taken = self._state.ledger.taken(limit, wall)
            if self._state.alerts.due(limit, taken, wall):
                share = taken / limit.amount
                log.warning("limit %s: %.0f%% is used", limit.name, 100 * share)
                if tell := self.audience.of_changes:
                    tell(LimitNear(at=wall, limit=limit.name, share=share))

    def goes_on_after(self, error: ProviderError) -> bool:
        """Whether another target may serve a request which failed so."""
        settings = self.settings
        against_target = (
            *settings.retry.retryable_codes,
            *settings.deactivation.error_codes,
            *settings.provider_deactivation.error_codes,
        )
        return error.rule.next_target or error.vendor_status in against_target

    def stay_with(self, target: Target, now: float) -> None:
        """Put a target in front of one that failed, unless it is left alone itself by now.

        A request which only this target could serve is no reason to move the others.
        """
        if target is self.current:
            return
        front = self._standing[self.current.id]
        failed = front.target.failures_in_a_row > 0 or not front.ready(now)
        if failed and self._standing[target.id].until() <= now:
            self._put_in_front(self._places[target.id])

    def _until(self) -> float:
        """Return when the first of the targets may be asked again."""
        return min((one.until() for one in self._standing.values()), default=0.0)

    def _put_in_front(self, place: int) -> None:
        before, self._current = self.current, place
        if before is not self.current:
            self.tally.rotations += 1
            if tell := self.audience.of_changes:
                after = self.current.id
                tell(Rotated(at=self.wall(), pool=self.id, before=before.id, after=after))

    def _turn(self, request: Request, now: float, rng: Random) -> Turn:
        return Turn(
            number=self._requests,
            now=now,
            current=self._current,
            request=request,
            rng=rng,
            record=self._record,
            cost=Expected(request, self._record, self.wall),
            room=self._room,
        )

    def _record(self, target: Target) -> Record:
        return self._standing[target.id].record

    def _room(self, target: Target) -> float:
        wall, left = self.wall(), self._standing[target.id].left
        share = self._state.ledger.room(self._limits[target.id], wall)
        return min(share, room(left, wall)) if any(left) else share

    def _limits_of(self, target: Target) -> tuple[Limit, ...]:
        settings = self.settings
        return (
            *self.granted.get(target.id, ()),
            *configured.of_pool(self.id, settings.deactivation, settings.recovery, target.id),
            *configured.of_pool(
                self.id,
                settings.provider_deactivation,
                settings.provider_recovery,
                target.provider.id,
            ),
        )


def _uncounted(limit: Limit) -> str:
    return f"its price is unknown, so it does not count towards the limit {limit.name}"
