"""What is remembered of targets, keys and providers. The only mutable routing state.

Every change takes `now`, seconds on a clock that never jumps. Nothing here knows a pool, a request
or a vendor; `pool` decides what an outcome means and says so in the words of this module.
"""

from collections import Counter, deque
from collections.abc import Iterator, Mapping
from typing import Final

from attrs import define, field

from modelmesh.clock import MINUTE
from modelmesh.errors import ErrorKind
from modelmesh.ledger import Alerts, Ledger
from modelmesh.ledger.told import Left, Told, used_up
from modelmesh.types import Target
from modelmesh.values import value

# The weight below which an average is held for forgotten: ten half-lives of one value.
_TRACE: Final = 0.001


# Seconds by which two clocks may tell the same moment differently.
_SAME: Final = 0.1


@value
class Note:
    """Something for other processes to know, until a time in seconds since 1970."""

    text: str
    until: float


def _recent() -> "deque[tuple[float, bool]]":
    return deque(maxlen=1000)


@define(eq=False)
class Health:
    """Whether a target, a model at a key, a key or a provider may be asked.

    After it was left alone it is on trial: one request at a time, until one is answered.
    """

    until: float = 0.0
    cause: ErrorKind | None = None
    # Until then on the vendor's own word, or for a failure that speaks for itself; what goes beyond
    # it is our guess.
    told_until: float = 0.0
    on_trial: bool = False
    trial_running: bool = False
    failures_in_a_row: int = 0
    _recent: deque[tuple[float, bool]] = field(factory=_recent, repr=False)

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

    def answered(self, now: float) -> None:
        self.failures_in_a_row = 0
        self._recent.append((now, True))
        if self.on_trial:
            self.alive(now)

    def failed(self, now: float) -> None:
        self.failures_in_a_row += 1
        self._recent.append((now, False))

    def leave_alone(self, until: float, cause: ErrorKind, *, told: bool) -> None:
        """Ask it nothing until then. A later time stands against an earlier one."""
        if until > self.until:
            self.until, self.cause = until, cause
        if told:
            self.told_until = max(self.told_until, until)
        self.on_trial = True

    def recover(self) -> None:
        """Forget that it was left alone."""
        self.until, self.told_until, self.cause = 0.0, 0.0, None
        self.on_trial, self.failures_in_a_row = False, 0
        self._recent.clear()

    def failure_rate(self, now: float, window: float) -> tuple[float, int]:
        """Return the share of failures in the last `window` seconds, and of how many requests."""
        while self._recent and self._recent[0][0] <= now - window:
            self._recent.popleft()
        count = len(self._recent)
        return sum(not fine for _, fine in self._recent) / max(1, count), count


_FORGOTTEN: Final = 300.0
"""Seconds after which a measured time weighs half as much: what was slow gets another chance."""


@define(eq=False)
class Average:
    """A moving average that forgets: of seconds, of late values more than of early ones."""

    _sum: float = 0.0
    _weight: float = 0.0
    _at: float = 0.0

    def add(self, value: float, now: float) -> None:
        faded = 0.5 ** ((now - self._at) / _FORGOTTEN) if now > self._at else 1.0
        self._sum = self._sum * faded + value
        self._weight = self._weight * faded + 1.0
        self._at = now

    def value(self, now: float) -> float | None:
        """Return the average; None where nothing is known any more."""
        weight = self._weight * self._faded(now)
        return self._sum / self._weight if weight > _TRACE else None

    def _faded(self, now: float) -> float:
        return float(0.5 ** (max(0.0, now - self._at) / _FORGOTTEN))


@define(eq=False)
class Record:
    """What became of the requests to one target.

    Attributes:
        begun: when requests began, of the last minute.
        first_token: seconds to the first content of an answer.
        per_token: seconds for each token after it.
        spent: nano-dollars.
        tokens_estimated, spent_estimated: what of all tokens, and of what is spent, is no vendor's
            word but our own estimate.

    """

    requests: int = 0
    answers: int = 0
    cancelled: int = 0
    in_flight: int = 0
    failures: Counter[ErrorKind] = field(factory=Counter)
    begun: deque[float] = field(factory=deque, repr=False)
    first_token: Average = field(factory=Average, repr=False)
    per_token: Average = field(factory=Average, repr=False)
    tokens_in: int = 0
    tokens_out: int = 0
    spent: int = 0
    tokens_estimated: int = 0
    spent_estimated: int = 0

    def begin(self, now: float) -> None:
        self.requests += 1
        self.in_flight += 1
        self.begun.append(now)
        while self.begun[0] <= now - MINUTE:
            self.begun.popleft()


@define(eq=False)
class Standing:
    """Everything remembered that concerns one target: its own health, and that of what it shares.

    Its `model` is the one at its key, or group of keys, by whatever names it is configured. `left`
    is what the vendor said is left to that model, and to the key.
    """

    target: Health
    model: Health
    key: Health
    provider: Health
    record: Record
    left: tuple[Left, Left] = field(factory=lambda: (Left(), Left()))
    parts: tuple[Health, Health, Health, Health] = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        self.parts = (self.target, self.model, self.key, self.provider)

    def ready(self, now: float) -> bool:
        return (
            self.target.ready(now)
            and self.model.ready(now)
            and self.key.ready(now)
            and self.provider.ready(now)
        )

    def until(self) -> float:
        """Return when all of them may be asked again."""
        return max(health.until for health in self.parts)

    def told_until(self) -> float:
        """Return until when one of them is left alone for more than a guess."""
        return max(health.told_until for health in self.parts)

    def worst(self, now: float) -> Health:
        """Return the health which keeps it from being asked the longest."""
        return max(self.parts, key=lambda health: (not health.ready(now), health.until))


@define(eq=False)
class State:
    """The health of everything, and what is taken of every limit, by name.

    It outlives the configuration that named it.
    """

    _targets: dict[str, Health] = field(factory=dict)
    _models: dict[str, Health] = field(factory=dict)
    _keys: dict[str, Health] = field(factory=dict)
    _providers: dict[str, Health] = field(factory=dict)
    _records: dict[str, Record] = field(factory=dict)
    _left: dict[str, Left] = field(factory=dict)
    ledger: Ledger = field(factory=Ledger)
    alerts: Alerts = field(factory=Alerts)

    def standing(self, target: Target) -> Standing:
        """Return what is remembered of a target, the same whenever it is asked for."""
        model = f"{target.key_subject}/{target.upstream}"
        return Standing(
            self._targets.setdefault(target.id, Health()),
            self._models.setdefault(model, Health()),
            self._keys.setdefault(target.key_subject, Health()),
            self._providers.setdefault(target.provider.id, Health()),
            self._records.setdefault(target.id, Record()),
            (
                self._left.setdefault(model, Left()),
                self._left.setdefault(target.key_subject, Left()),
            ),
        )

    def untold(self, known: Mapping[str, Note], now: float, wall: float) -> dict[str, Note]:
        """Return notes of what is left alone, as far as those that are known do not say it."""
        found = {}
        for name, health in self._healths():
            until = health.until - now + wall
            told = known[name].until if name in known else wall
            if health.cause and until > told + _SAME:
                text = f"{health.cause} {health.told_until - now + wall:.3f}"
                found[name] = Note(text, until)
        for subject, left in self._left.items():
            spent = used_up([left], wall)
            name = f"left:{subject}"
            if spent and (name not in known or spent.until > known[name].until + _SAME):
                found[name] = Note(f"{spent.name} {spent.unit} {spent.seconds}", spent.until)
        return found

    def heed(self, notes: Mapping[str, Note], now: float, wall: float) -> None:
        """Leave alone what others do."""
        kinds = self._by_kind
        for name, note in notes.items():
            kind, _, id_ = name.partition(":")
            if kind == "left":
                self._left.setdefault(id_, Left()).overhear(_told(note, wall))
            if kind not in kinds:
                continue
            cause, _, told = note.text.partition(" ")
            health = kinds[kind].setdefault(id_, Health())
            until, told_until = note.until - wall + now, float(told) - wall + now
            if until > health.until + _SAME:
                health.leave_alone(until, ErrorKind(cause), told=False)
                health.told_until = max(health.told_until, told_until)

    @property
    def _by_kind(self) -> Mapping[str, dict[str, Health]]:
        return {
            "target": self._targets,
            "model": self._models,
            "key": self._keys,
            "provider": self._providers,
        }

    def _healths(self) -> Iterator[tuple[str, Health]]:
        for kind, healths in self._by_kind.items():
            for id_, health in healths.items():
                yield f"{kind}:{id_}", health


def _told(note: Note, wall: float) -> Told:
    """Return what others were told: of a limit of their vendor's nothing is left."""
    name, unit, seconds = note.text.split(" ")
    return Told(
        name=name,
        unit="tokens" if unit == "tokens" else "requests",
        seconds=float(seconds),
        left=0,
        amount=None,
        at=wall,
        until=note.until,
    )
