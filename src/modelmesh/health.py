"""Whether something may be asked, and what failures and answers mean for that."""

from collections import deque
from collections.abc import Callable
from typing import Final

from attrs import define, field

from modelmesh.audience import Audience
from modelmesh.errors import ErrorKind
from modelmesh.events import CooldownBegan, Recovered

_PROBES: Final = 100
"""The last probes of which it is known how many were answered."""


def _recent() -> "deque[tuple[float, bool]]":
    return deque(maxlen=1000)


@define(eq=False)
class Downtime:
    """For how long something was left alone.

    `again` tells when it may be asked again. It is looked at whenever that may have changed.
    """

    again: Callable[[], float]
    _before: float = field(default=0.0, init=False)
    _since: float = field(default=0.0, init=False)
    _until: float = field(default=0.0, init=False)

    def look(self, now: float) -> None:
        self._before, self._since, self._until = self.seconds(now), now, self.again()

    def seconds(self, now: float) -> float:
        """Return the seconds that are over by now."""
        return self._before + max(0.0, min(now, self._until) - self._since)


@define(eq=False)
class Health:
    """Whether a target, a model at a key, a key or a provider may be asked.

    After it was left alone it is on trial: one request at a time, until one is answered.

    Attributes:
        subject: what it is the health of: `target`, `model`, `key` or `provider`, and which one.
        downtime: for how long it was left alone.
        others: the downtimes of what may be left alone when it is, by name.

    """

    subject: tuple[str, str] = ("", "")
    audience: Audience | None = field(default=None, repr=False)
    downtime: Downtime = field(init=False, repr=False)
    others: dict[str, Downtime] = field(factory=dict, init=False, repr=False)
    until: float = 0.0
    cause: ErrorKind | None = None
    # Until then on the vendor's own word, or for a failure that speaks for itself; what goes beyond
    # it is our guess.
    told_until: float = 0.0
    on_trial: bool = False
    trial_running: bool = False
    failures_in_a_row: int = 0
    _recent: deque[tuple[float, bool]] = field(factory=_recent, repr=False)
    # Most are never probed.
    _probes: deque[bool] | None = field(default=None, repr=False)

    def __attrs_post_init__(self) -> None:
        self.downtime = Downtime(lambda: self.until)

    def ready(self, now: float) -> bool:
        return now >= self.until and not (self.on_trial and self.trial_running)

    def begin(self) -> bool:
        """Note that a request starts; whether it is the one on trial."""
        if not self.on_trial or self.trial_running:
            return False
        self.trial_running = True
        return True

    def alive(self, now: float) -> None:
        """Note that it begins to answer. Until it may be asked again, that proves nothing."""
        if now >= self.until:
            self.on_trial = False
            self.cause = None
            self._tell_of_recovery()

    def answered(self, now: float) -> None:
        self.failures_in_a_row = 0
        self._recent.append((now, True))
        if self.on_trial:
            self.alive(now)

    def failed(self, now: float) -> None:
        self.failures_in_a_row += 1
        self._recent.append((now, False))

    def leave_alone(self, now: float, until: float, cause: ErrorKind, *, told: bool) -> None:
        """Ask it nothing until then. A later time stands against an earlier one."""
        if until > self.until:
            self.until, self.cause = until, cause
            self._look(now)
            if self.audience and (tell := self.audience.of_changes):
                (of, id_), at = self.subject, self.audience.wall()
                tell(CooldownBegan(at=at, of=of, id=id_, cause=cause, seconds=until - now))
        if told:
            self.told_until = max(self.told_until, until)
        self.on_trial = True

    def recover(self, now: float) -> None:
        """Forget that it was left alone."""
        if self.on_trial:
            self._tell_of_recovery()
        self.until, self.told_until, self.cause = 0.0, 0.0, None
        self.on_trial, self.failures_in_a_row = False, 0
        self._recent.clear()
        self._look(now)

    def probed(self, *, answered: bool) -> None:
        """Note what came of asking whether it is there."""
        if self._probes is None:
            self._probes = deque(maxlen=_PROBES)
        self._probes.append(answered)

    @property
    def availability(self) -> float | None:
        """The share of the last probes that were answered; None if it was not asked."""
        return sum(self._probes) / len(self._probes) if self._probes else None

    def answered_since(self, then: float) -> bool:
        """Whether it answered a request since a moment."""
        return any(fine and at > then for at, fine in self._recent)

    def _tell_of_recovery(self) -> None:
        if self.audience and (tell := self.audience.of_changes):
            of, id_ = self.subject
            tell(Recovered(at=self.audience.wall(), of=of, id=id_))

    def _look(self, now: float) -> None:
        for downtime in (self.downtime, *self.others.values()):
            downtime.look(now)

    def failure_rate(self, now: float, window: float) -> tuple[float, int]:
        """Return the share of failures in the last `window` seconds, and of how many requests."""
        while self._recent and self._recent[0][0] <= now - window:
            self._recent.popleft()
        count = len(self._recent)
        return sum(not fine for _, fine in self._recent) / max(1, count), count
