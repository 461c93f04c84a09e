"""What is remembered of targets, keys and providers. The only mutable routing state.

Every change takes `now`, seconds on a clock that never jumps. Nothing here knows a pool, a request
or a vendor; `outcome` decides what the end of an attempt means and says so in the words of this
module.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from hashlib import blake2b
from typing import Final, TypeVar

from attrs import define, field

from modelmesh.audience import Audience
from modelmesh.errors import ErrorKind
from modelmesh.health import Downtime, Health
from modelmesh.ledger import Alerts, Ledger, Limit
from modelmesh.ledger.told import Left, Told, used_up
from modelmesh.record import Record, Tally
from modelmesh.retrying import StormGuard
from modelmesh.types import Target
from modelmesh.values import value

K = TypeVar("K")
T = TypeVar("T")

# Seconds by which two clocks may tell the same moment differently.
_SAME: Final = 0.1

_SUBJECTS: Final = ("target", "model", "key", "provider")


@value
class Note:
    """Something for other processes to know, until a time in seconds since 1970."""

    text: str  # what it is
    until: float  # when it ends


@define(eq=False)
class Standing:
    """Everything remembered that concerns one target: its own health, and that of what it shares.

    Its `model` is the one at its key, or group of keys, by whatever names it is configured. `left`
    is what the vendor said is left to that model, and to the key, `guard` is its provider's. `own`
    is the key itself, which a vendor may refuse while it takes others of its group. `tallies` count
    its requests, `downtime` is the time in which any of all that was left alone.
    """

    target: Health
    model: Health
    key: Health
    own: Health
    provider: Health
    record: Record
    left: tuple[Left, Left] = field(factory=lambda: (Left(), Left()))
    guard: StormGuard = field(factory=StormGuard, repr=False)
    tallies: tuple[Tally, ...] = field(default=(), repr=False)
    downtime: Downtime = field(init=False, repr=False)
    parts: tuple[Health, ...] = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        # A target without a key has one health for both.
        parts = (self.target, self.model, self.key, self.own, self.provider)
        self.parts = tuple(dict.fromkeys(parts))

    def ready(self, now: float) -> bool:
        return (
            self.target.ready(now)
            and self.model.ready(now)
            and self.key.ready(now)
            and self.own.ready(now)
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

    audience: Audience = field(factory=lambda: Audience(wall=float))
    # By what it is, such as a target, and which one.
    _healths: dict[tuple[str, str], Health] = field(factory=dict)
    _records: dict[str, Record] = field(factory=dict)
    _left: dict[str, Left] = field(factory=dict)
    _guards: dict[str, StormGuard] = field(factory=dict)
    # By what it is of, and by pool.
    _downtimes: dict[str, Downtime] = field(factory=dict)
    _tallies: dict[str, Tally] = field(factory=dict)
    ledger: Ledger = field(factory=Ledger)
    alerts: Alerts = field(factory=Alerts)

    def of(self, targets: Iterable[Target], pools: Iterable[str]) -> "State":
        """Return a state that goes on with what concerns these targets and pools, and no other."""
        targets = list(targets)
        subjects = {subject for target in targets for subject in _subjects(target)}
        left = {id_ for of, id_ in subjects if of in ("model", "key")}
        ids, providers = {one.id for one in targets}, {one.provider.id for one in targets}
        downtimes = {f"target {id_}" for id_ in ids} | {f"pool {id_}" for id_ in pools}
        return State(
            self.audience,
            _only(self._healths, subjects),
            _only(self._records, ids),
            _only(self._left, left),
            _only(self._guards, providers),
            _only(self._downtimes, downtimes),
            _only(self._tallies, set(pools)),
            self.ledger,
            self.alerts,
        )

    def tidy(self, limits: Iterable[Limit], wall: float) -> None:
        """Let go of what a state before this one had besides, and of all limits but these."""
        for health in self._healths.values():
            mine = self._downtimes
            health.others = {of: one for of, one in health.others.items() if mine.get(of) is one}
        records = set(self._records.values())
        for guard in self._guards.values():
            guard.records = [record for record in guard.records if record in records]
        limits = list(limits)
        self.ledger.tidy(limits, wall)
        self.alerts.tidy(limits)

    def tally(self, pool: str) -> Tally:
        """Return what is counted of a pool."""
        return self._tallies.setdefault(pool, Tally())

    def downtime(self, of: str, healths: Iterable[Health], again: Callable[[], float]) -> Downtime:
        """Return for how long something was left alone, which these healths decide."""
        downtime = self._downtimes.setdefault(of, Downtime(again))
        downtime.again = again
        for health in healths:
            health.others[of] = downtime
        return downtime

    def standing(self, target: Target, *tallies: Tally) -> Standing:
        """Return what is remembered of a target, the same whenever it is asked for.

        `tallies` count its requests besides its own record.
        """
        subjects = _subjects(target)
        model = subjects[1][1]
        of_target, of_model, of_key, own, provider = (self._health(*each) for each in subjects)
        guard = self._guards.setdefault(target.provider.id, StormGuard())
        if target.id not in self._records:
            self._records[target.id] = Record()
            guard.records.append(self._records[target.id])
        record = self._records[target.id]
        standing = Standing(
            of_target,
            of_model,
            of_key,
            own,
            provider,
            record=record,
            left=(
                self._left.setdefault(model, Left()),
                self._left.setdefault(target.key_subject, Left()),
            ),
            guard=guard,
            tallies=(record, *tallies),
        )
        standing.downtime = self.downtime(f"target {target.id}", standing.parts, standing.until)
        return standing

    def untold(self, known: Mapping[str, Note], now: float, wall: float) -> dict[str, Note]:
        """Return notes of what is left alone, as far as those that are known do not say it."""
        found = {}
        for (of, id_), health in self._healths.items():
            name = f"{of}:{id_}"
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
        for name, note in notes.items():
            of, _, id_ = name.partition(":")
            if of == "left":
                self._left.setdefault(id_, Left()).overhear(_told(note, wall))
            if of not in _SUBJECTS:
                continue
            cause, _, told = note.text.partition(" ")
            health = self._health(of, id_)
            until, told_until = note.until - wall + now, float(told) - wall + now
            if until > health.until + _SAME:
                health.leave_alone(now, until, ErrorKind(cause), told=False)
                health.told_until = max(health.told_until, told_until)

    def _health(self, of: str, id_: str) -> Health:
        shown = _MARK.sub("", id_) if of == "key" else id_
        return self._healths.setdefault((of, id_), Health((of, shown), self.audience))


_MARK: Final = re.compile(r" [0-9a-f]{8}$")
"""What tells one key from others of its group, and from the one before it."""


def _subjects(target: Target) -> list[tuple[str, str]]:
    """Name what a target's health depends on: what it is, and which one."""
    return [
        ("target", target.id),
        ("model", f"{target.key_subject}/{target.upstream}"),
        ("key", target.key_subject),
        ("key", _own(target)),
        ("provider", target.provider.id),
    ]


def _only(known: Mapping[K, T], keys: AbstractSet[K]) -> dict[K, T]:
    return {key: known[key] for key in known if key in keys}


def _own(target: Target) -> str:
    """Name a key so that another one in its place is not taken for it, and nobody can read it."""
    if target.key is None:
        return target.key_subject
    mark = blake2b(target.key.reveal().encode(errors="replace"), digest_size=4, person=b"modelmesh")
    return f"{target.key_subject} {mark.hexdigest()}"


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
