"""What becomes of an attempt, and what that means for its target, its key and its provider."""

import logging
from typing import TYPE_CHECKING, Final

from attrs import define

from modelmesh.config import schema
from modelmesh.errors import ErrorKind, ProviderError
from modelmesh.events import AttemptEnded, End
from modelmesh.health import Health
from modelmesh.ledger import NANO, Hold, Unit, costs
from modelmesh.obstacle import retired
from modelmesh.state import Standing
from modelmesh.transport.protocol import TransportReply
from modelmesh.types import Request, Target
from modelmesh.usage import Usage

if TYPE_CHECKING:
    from modelmesh.pool import Pool

# What is shorter ("EMPTY", "ollama") only fills the place of a key, and is a word like any other.
_REAL_KEY: Final = 8

log: Final = logging.getLogger("modelmesh")


@define(eq=False)
class OpenAttempt:
    """An attempt that runs. The first of its three ends counts, later ones do nothing."""

    _pool: "Pool"
    _target: Target
    _request: Request
    _standing: Standing
    _trials: list[Health]
    _clients_deadline: float | None
    _hold: Hold | None
    _begun: float
    _wall: float
    _ended: bool = False
    _answering: float = 0.0
    # What it took, nano-dollars, and whether those are estimated.
    _took: tuple[Usage, int | None, bool] | None = None

    def heard(self, reply: TransportReply) -> TransportReply:
        """Note what a reply's headers say of the vendor's own limits; return the reply."""
        limits = getattr(self._target.provider, "limits", None)
        if limits:
            own, shared = self._standing.left
            longest = self._pool.settings.recovery.max_cooldown
            for told in limits(reply.headers, wall=self._pool.wall()):
                (own if told.per_model else shared).hear(told, longest)
        return reply

    def begin_answer(self, now: float) -> None:
        """Note that the target begins to answer: a trial is over, further requests stay with it."""
        self._free_trials()
        for health in self._standing.parts:
            if health.on_trial:
                health.alive(now)
        waited = now - self._begun
        self._standing.record.first_token.add(waited, now)
        for tally in self._standing.tallies:
            tally.waits.append(waited)
        self._answering = now
        self._pool.stay_with(self._target, now)

    def succeed(self, now: float, usage: Usage | None = None) -> None:
        """Note that the target answered, and whole."""
        if self._end(usage or self._unknown()):
            for tally in self._standing.tallies:
                tally.answers += 1
                tally.took.append(now - self._begun)
            if usage and usage.completion and now > self._answering:
                self._standing.record.per_token.add((now - self._answering) / usage.completion, now)
            for health in self._standing.parts:
                health.answered(now)
            self._tell("answered")

    def cancel(self, usage: Usage | None = None, *, sent: bool = True) -> None:
        """Note that the client left, or its own time ran out: nobody is to blame.

        What was not `sent` counts for no limit.
        """
        if self._end(usage, sent=sent):
            for tally in self._standing.tallies:
                tally.cancelled += 1
            log.info("request %s: %s: cancelled", self._request.id, self._target.id)
            self._tell("cancelled")

    def fail(self, now: float, error: ProviderError, usage: Usage | None = None) -> None:
        """Note that the target failed, and leave alone what the failure says something of.

        `usage` is what it took all the same.
        """
        key = self._target.key.reveal() if self._target.key else ""
        if len(key) >= _REAL_KEY:
            error.hide(key)
        if self._clients_deadline is not None and now >= self._clients_deadline:
            self.cancel(usage)
        if not self._end(usage):
            return
        for tally in self._standing.tallies:
            tally.failures[error.kind] += 1
        gone = retired(error.kind, self._target.card)
        error.add(gone)
        # Never the message: a vendor may quote the prompt in it.
        log.warning("request %s: %s: %s%s", self._request.id, self._target.id, _brief(error), gone)
        self._tell("failed", error)
        self._blame(now, error)

    def _tell(self, end: End, error: ProviderError | None = None) -> None:
        """Tell those who want to know of every attempt how this one ended."""
        trail = self._request.trail
        if trail is None:
            return
        usage, nano, estimated = self._took or (None, None, False)
        wall = self._pool.wall()
        event = AttemptEnded(
            at=wall,
            request=self._request.id,
            pool=self._pool.id,
            target=self._target.id,
            provider=self._target.provider.id,
            model=self._target.upstream,
            connector=self._target.provider.connector,
            server=getattr(self._target.provider, "server", ""),
            end=end,
            seconds=wall - self._wall,
            cause=error.kind if error else None,
            status=error.vendor_status if error else None,
            first_token=self._answering - self._begun if self._answering else None,
            usage=usage,
            cost=None if nano is None else nano / NANO,
            estimated=estimated,
        )
        trail.append(event)
        if tell := self._pool.audience.of_requests:
            tell(event)

    def _blame(self, now: float, error: ProviderError) -> None:
        """Count it against what it concerns, and against the provider if it says so much."""
        standing, settings, rule = self._standing, self._pool.settings, error.rule
        by_target, by_provider = settings.deactivation, settings.provider_deactivation
        listed = error.vendor_status in (*by_target.error_codes, *by_provider.error_codes)
        if rule.cools == "nothing" and not listed:
            for health in standing.parts:
                health.answered(now)
            return
        concerned = self._concerned(error)
        concerned.failed(now)
        shared = concerned is not standing.target
        told = shared or rule.cooldown is not None or error.retry_after is not None
        _judge(concerned, error, now, by_target, settings.recovery, told=told)
        if shared:
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

    def _concerned(self, error: ProviderError) -> Health:
        """Return what a failure says something of.

        Whose a limit is the vendor's own words decide, before what is known of the vendor.
        """
        standing, cools, per_model = self._standing, error.rule.cools, error.per_model
        if error.kind is ErrorKind.BAD_KEY:
            return standing.own
        if cools not in ("limited", "key"):
            return standing.target
        if per_model is None:
            per_model = cools == "limited" and self._target.per_model
        return standing.model if per_model else standing.key

    def _end(self, usage: Usage | None, *, sent: bool = True) -> bool:
        if self._ended:
            return False
        self._ended = True
        self._standing.record.in_flight -= 1
        self._free_trials()
        self._settle(usage, sent=sent)
        return True

    def _settle(self, usage: Usage | None, *, sent: bool) -> None:
        """Account for what was taken: nothing where no answer had begun."""
        if usage is None:
            took: dict[Unit, int] = {"tokens": 0, "dollars": 0}
            if not sent:
                took["requests"] = 0
        else:
            price = self._target.card.price
            nano, estimated = costs.charge(self._request, usage, price, self._wall)
            usage = costs.filled(usage, self._request)
            self._took = (usage, nano, estimated)
            nano = nano or 0
            tokens = usage.prompt + usage.completion
            took = {"tokens": tokens, "dollars": nano}
            for tally in self._standing.tallies:
                tally.tokens_in += usage.prompt
                tally.tokens_out += usage.completion
                tally.spent += nano
            record = self._standing.record
            record.tokens_estimated += tokens if usage.estimated else 0
            record.spent_estimated += nano if estimated else 0
        if self._hold:
            wall = self._pool.wall()
            self._hold.settle(took, wall)
            self._pool.tell_of_limits(self._target, wall)

    def _unknown(self) -> Usage:
        """Return what a whole answer took of which its vendor says nothing: the worst."""
        most = costs.output_tokens(self._request, self._target.card)
        return Usage(completion=most, estimated=True)

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
        health.leave_alone(now, now + pause, cause, told=told)


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
