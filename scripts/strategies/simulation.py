"""Half an hour of traffic in no time: real strategies over real records, vendors made up."""

from collections import Counter
from collections.abc import Iterable, Sequence
from heapq import heappop, heappush
from random import Random
from statistics import quantiles
from typing import Final

from attrs import define, field, frozen

from modelmesh.config import schema
from modelmesh.connectors import registry
from modelmesh.errors import ErrorKind
from modelmesh.state import Standing, State
from modelmesh.strategies import Turn
from modelmesh.types import Target
from scripts.strategies.traffic import VENDORS, Call, Vendor

# Seconds a target is left alone that failed, and until a failure is seen.
_COOLDOWN: Final = 30.0
_FAILURE: Final = 0.2


@frozen(kw_only=True)
class Outcome:
    """What came of the traffic: shares and switches from 0 to 1, dollars, seconds."""

    shares: Sequence[float]
    switches: float
    failures: int
    dollars: float
    p95: float


@define(eq=False)
class Run:
    """One strategy's way through the traffic."""

    settings: schema.Pool
    fallback: str | None = None
    targets: Sequence[Target] = field(init=False)
    _standing: dict[str, Standing] = field(init=False)
    _vendors: dict[str, Vendor] = field(init=False)
    _ends: list[tuple[float, int, str, Call, float]] = field(factory=list, init=False)
    _current: int = field(default=0, init=False)
    _rng: Random = field(factory=lambda: Random(7), init=False)
    _sessions: dict[str, str] = field(factory=dict, init=False)
    _served: Counter[str] = field(factory=Counter, init=False)
    _seconds: list[float] = field(factory=list, init=False)
    _switches: int = field(default=0, init=False)
    _failures: int = field(default=0, init=False)
    _dollars: float = field(default=0.0, init=False)

    def __attrs_post_init__(self) -> None:
        self.targets = [vendor.target() for vendor in VENDORS]
        state = State()
        self._standing = {target.id: state.standing(target) for target in self.targets}
        self._vendors = {
            target.id: vendor for target, vendor in zip(self.targets, VENDORS, strict=True)
        }

    def over(self, calls: Sequence[Call]) -> Outcome:
        """Serve all calls."""
        find = registry.find
        fallback = find("strategies", self.fallback)(schema.Pool()) if self.fallback else None
        strategy = find("strategies", self.settings.strategy)(self.settings, fallback)
        for number, call in enumerate(calls):
            self._end_until(call.at)
            self._serve(call, strategy.order(self.targets, self._turn(number, call)), number)
        return Outcome(
            shares=[self._served[target.id] / len(calls) for target in self.targets],
            switches=self._switches / (len(calls) - len(self._sessions)),
            failures=self._failures,
            dollars=self._dollars,
            p95=quantiles(self._seconds, n=20)[-1],
        )

    def _turn(self, number: int, call: Call) -> Turn:
        return Turn(
            number=number,
            now=call.at,
            current=self._current,
            request=call.request,
            rng=self._rng,
            record=lambda target: self._standing[target.id].record,
            cost=lambda target: call.cost(self._vendors[target.id]),
            room=lambda target: self._room(target, call.at),
        )

    def _room(self, target: Target, now: float) -> float:
        most = self._vendors[target.id].rpm
        begun = self._standing[target.id].record.begun
        return 1.0 - sum(at > now - 60 for at in begun) / most if most else 1.0

    def _serve(self, call: Call, order: Iterable[Target], number: int) -> None:
        """Try targets until one answers; each failure takes a moment."""
        waited = 0.0
        for target in order:
            standing, vendor = self._standing[target.id], self._vendors[target.id]
            if not standing.ready(call.at):
                continue
            refused = self._room(target, call.at) <= 0
            standing.record.begin(call.at)
            standing.target.begin()
            if not refused and not vendor.is_down(call.at):
                self._answer(call, target, waited, number)
                return
            standing.record.in_flight -= 1
            standing.target.trial_running = False
            standing.target.leave_alone(
                call.at, call.at + _COOLDOWN, ErrorKind.OVERLOADED, told=True
            )
            self._failures += 1
            waited += _FAILURE
        raise AssertionError("there is a vendor that always answers")

    def _answer(self, call: Call, target: Target, waited: float, number: int) -> None:
        standing, vendor = self._standing[target.id], self._vendors[target.id]
        first, each = vendor.seconds(call.at, standing.record.in_flight)
        seconds = first + each * call.answer
        heappush(self._ends, (call.at + waited + seconds, number, target.id, call, first))
        if not self._standing[self.targets[self._current].id].ready(call.at):
            self._current = self.targets.index(target)
        session = call.request.session
        self._switches += self._sessions.get(session, target.id) != target.id
        self._sessions[session] = target.id
        self._served[target.id] += 1
        self._seconds.append(waited + seconds)
        self._dollars += call.cost(vendor)

    def _end_until(self, now: float) -> None:
        """End the answers that are over by now, and note what was seen of them."""
        while self._ends and self._ends[0][0] <= now:
            end, _, id_, call, first = heappop(self._ends)
            standing = self._standing[id_]
            record = standing.record
            record.in_flight -= 1
            record.spent += int(call.cost(self._vendors[id_]) * 1e9)
            record.first_token.add(first, end)
            record.per_token.add((end - call.at - first) / max(1, call.answer), end)
            standing.target.trial_running = False
            standing.target.answered(end)
