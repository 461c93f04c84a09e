"""Leases: what several processes hold together never exceeds a limit, whatever comes between."""

import asyncio
from collections.abc import Callable, Sequence
from math import inf
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from scene import target

from modelmesh import obstacle
from modelmesh.connectors.storage.memory import Tables
from modelmesh.ledger import Ask, Hold, Ledger, Limit, Short
from modelmesh.ledger.claims import LIFE, NOBODY
from modelmesh.ledger.leases import Leased
from modelmesh.ledger.sharing import Sharing
from modelmesh.ledger.windows import Always, Anchored, Calendar, Rolling, Window

WALL = 1_800_000_000.0
WINDOWS: list[Window] = [Always(), Anchored(30.0), Calendar("hour"), Rolling(60.0)]


def limit(amount: int = 100, *, window: Window = WINDOWS[0], **changed: Any) -> Limit:
    given = {"name": "x", "subject": "s", "unit": "requests", "window": window, "amount": amount}
    return Limit(**{**given, **changed})


class Process:
    """One process, and its way to the store, which may lose answers."""

    def __init__(self, name: str, tables: Tables, wall: Callable[[], float], **how: Any) -> None:
        self.name, self.tables, self.wall = name, tables, wall
        self.sharing = Sharing(self.refill, **how)
        self.ledger = Ledger()
        self.ledger.share(self.sharing)
        self.lossy = False
        self.holds: list[tuple[Hold, int, float]] = []

    async def refill(self, wants: Sequence[tuple[Leased, int]]) -> None:
        for lease, amount in wants:
            lease.want(amount, self.wall())
            term, claim = lease.wish(self.wall())
            self._claim(lease, term, claim)

    def tidy(self, *, closing: bool = False) -> None:
        for lease in self.ledger.leases():
            for term, claim in lease.tidy(self.wall(), closing=closing):
                self._claim(lease, term, claim)

    def _claim(self, lease: Leased, term: Any, claim: Any) -> None:
        grant = self.tables.claim(self.name, claim, self.wall())
        if self.lossy:
            self.sharing.away = True
            lease.settle(term, claim, None, self.wall())
        else:
            self.sharing.away = False
            lease.settle(term, claim, grant, self.wall())

    def reserve(self, of: Limit, amount: int = 1) -> Hold | Short:
        for _ in range(50):
            got = self.ledger.reserve([Ask(of, amount)], self.wall())
            if isinstance(got, Hold) or not got.refill:
                return got
            asyncio.run(_await(got.refill))
        raise AssertionError("it asks for refills without end")


async def _await(refill: Callable[[], Any]) -> None:
    await refill()


class Several(RuleBasedStateMachine):
    """Three processes, one limit; they reserve, settle, die, lose answers, and time passes."""

    window: Window = WINDOWS[0]

    def __init__(self) -> None:
        super().__init__()
        self.now = WALL
        self.tables = Tables()
        self.limit = limit(20, window=self.window)
        self.born = 0
        self.processes = [self._new() for _ in range(3)]
        # What was taken, when: also by those who died.
        self.taken: list[tuple[float, int]] = []

    def _new(self) -> Process:
        self.born += 1
        return Process(f"p{self.born}", self.tables, lambda: self.now, on_failure="refuse")

    @rule(who=st.integers(0, 2), amount=st.integers(1, 5))
    def reserve(self, who: int, amount: int) -> None:
        process = self.processes[who]
        got = process.reserve(self.limit, amount)
        if isinstance(got, Hold):
            process.holds.append((got, amount, self.now))
            self.taken.append((self.now, amount))

    @rule(who=st.integers(0, 2), less=st.integers(0, 5))
    def settle(self, who: int, less: int) -> None:
        process = self.processes[who]
        if process.holds:
            hold, amount, when = process.holds.pop(0)
            took = max(0, amount - less)
            hold.settle({"requests": took}, self.now)
            self.taken.remove((when, amount))
            self.taken.append((when, took))

    @rule(who=st.integers(0, 2))
    def die(self, who: int) -> None:
        self.processes[who] = self._new()

    @rule(who=st.integers(0, 2))
    def close(self, who: int) -> None:
        process = self.processes[who]
        if not process.holds:
            process.tidy(closing=True)
            self.processes[who] = self._new()

    @rule(who=st.integers(0, 2), lossy=st.booleans())
    def lose_answers(self, who: int, lossy: bool) -> None:
        self.processes[who].lossy = lossy
        self.processes[who].tidy()

    @precondition(lambda self: self.window != WINDOWS[0])
    @rule(seconds=st.floats(0.1, 40.0))
    def wait(self, seconds: float) -> None:
        self.now += seconds
        for process in self.processes:
            process.tidy()

    @rule()
    def sleep_for_long(self) -> None:
        """All of them, such as with their host."""
        self.now += LIFE + 60
        for process in self.processes:
            process.sharing.since = self.now
        for process in self.processes:
            process.tidy()

    @invariant()
    def the_store_knows_of_all_that_is_taken(self) -> None:
        rows = self.tables.cells.values()
        assert sum(amount for ends, amount in rows if ends > self.now) >= self.inside

    @invariant()
    def those_who_ended_have_few_rows(self) -> None:
        ended = [cell for cell in self.tables.cells if cell[1] == NOBODY]
        assert len(ended) <= 11

    @invariant()
    def no_more_is_taken_than_the_limit(self) -> None:
        assert self.inside <= self.limit.amount

    @property
    def inside(self) -> int:
        """What is taken in the window there is now."""
        match self.window:
            case Rolling(seconds) | Anchored(seconds):
                begins = self.now - seconds
            case Calendar() as calendar:
                begins, _ = calendar.bounds(self.now)
            case _:
                begins = -inf
        inside = sum(amount for when, amount in self.taken if when > begins)
        if isinstance(self.window, Calendar):
            inside = sum(amount for when, amount in self.taken if when >= begins)
        return inside


class OfAnHour(Several):
    window = WINDOWS[2]


class Sliding(Several):
    window = WINDOWS[3]


TestForGood = Several.TestCase
TestOfAnHour = OfAnHour.TestCase
TestSliding = Sliding.TestCase


def processes(count: int, clock: list[float], **how: Any) -> list[Process]:
    tables = Tables()
    return [Process(f"p{n}", tables, lambda: clock[0], **how) for n in range(count)]


@pytest.mark.parametrize("window", WINDOWS, ids=lambda one: type(one).__name__)
@given(order=st.lists(st.integers(0, 3), min_size=50, max_size=50))
def test_all_of_a_limit_is_admitted_by_whoever_asks(window: Window, order: list[int]) -> None:
    four = processes(4, [WALL])
    whole = limit(100, window=window)
    admitted = 0
    for who in [*order, *[0, 1, 2, 3] * 100]:
        admitted += isinstance(four[who].reserve(whole), Hold)
    assert admitted == 100


def test_a_request_asks_the_store_seldom() -> None:
    (process,) = processes(1, [WALL])
    claims = 0
    for _ in range(1000):
        got = process.ledger.reserve([Ask(limit(1000), 1)], WALL)
        if isinstance(got, Short):
            assert got.refill
            claims += 1
            asyncio.run(_await(got.refill))
            assert isinstance(process.reserve(limit(1000)), Hold)
    assert claims < 100


def test_the_rest_of_a_lease_comes_back_after_idle_seconds() -> None:
    clock = [WALL]
    one, two = processes(2, clock)
    whole = limit(16)
    assert isinstance(one.reserve(whole, 9), Hold)
    assert isinstance(one.reserve(whole, 1), Hold)
    for _ in range(20):
        two.reserve(whole)
    clock[0] += 6
    one.tidy()
    two.tidy()
    assert one.ledger.taken(whole, clock[0]) == 16
    assert isinstance(two.reserve(whole), Short)


def test_places_of_a_process_that_is_gone_are_free_after_a_while() -> None:
    clock = [WALL]
    one, two = processes(2, clock)
    places = limit(3, unit="at once")
    holds = [one.reserve(places) for _ in range(3)]
    assert all(isinstance(hold, Hold) for hold in holds)
    assert isinstance(two.reserve(places), Short)
    for _ in range(30):  # the one that is there says so every second
        clock[0] += 1
        one.tidy()
    assert isinstance(two.reserve(places), Short)
    clock[0] += 11
    assert isinstance(two.reserve(places), Hold)


def test_a_place_that_is_free_again_can_be_taken_by_others() -> None:
    clock = [WALL]
    one, two = processes(2, clock)
    places = limit(1, unit="at once")
    hold = one.reserve(places)
    assert isinstance(hold, Hold)
    assert isinstance(two.reserve(places), Short)
    hold.settle({}, WALL)
    one.tidy(closing=True)
    clock[0] += 0.3
    assert isinstance(two.reserve(places), Hold)


@pytest.mark.parametrize(
    ("unit", "on_failure", "granted"),
    [
        ("dollars", None, False),
        ("requests", None, True),
        ("tokens", None, True),
        ("dollars", "allow", True),
        ("requests", "refuse", False),
    ],
)
def test_while_the_store_is_away_the_rule_says_what_is_granted(
    unit: str, on_failure: str | None, granted: bool
) -> None:
    (process,) = processes(1, [WALL], on_failure=on_failure)
    process.sharing.away = True
    got = process.reserve(limit(5, unit=unit))
    assert isinstance(got, Hold) == granted
    if isinstance(got, Short):
        assert got.away
        assert got.until > WALL
        process.sharing.tried_at = WALL + 9.0
        again = process.reserve(limit(5, unit=unit))
        assert isinstance(again, Short)
        assert again.until == WALL + 9.0
    else:
        # By itself a process still keeps the limit.
        admitted = [isinstance(process.reserve(limit(5, unit=unit)), Hold) for _ in range(9)]
        assert sum(admitted) == 4


@pytest.mark.parametrize("away", [False, True])
@pytest.mark.parametrize("window", WINDOWS)
def test_who_asks_for_more_than_there_ever_is_need_not_come_again(
    window: Window, away: bool
) -> None:
    (process,) = processes(1, [WALL])
    process.sharing.away = away
    got = process.reserve(limit(5, unit="dollars", window=window), 6)
    assert isinstance(got, Short)
    told = obstacle.limited(target("a/m"), got, 0.0, WALL)
    assert (told.code, told.until, told.limited) == ("insufficient_quota", None, False)


def test_a_limit_is_renewed_when_the_last_of_it_is_free() -> None:
    one, two = processes(2, [WALL])
    for window, renewed in ((Calendar("hour"), WALL + 3600.0), (Always(), inf)):
        whole = limit(10, window=window)
        assert one.ledger.renewed_at(whole, WALL) == WALL
        assert isinstance(one.reserve(whole), Hold)
        assert isinstance(two.reserve(whole), Hold)
        assert one.ledger.renewed_at(whole, WALL) == renewed
        assert two.ledger.renewed_at(whole, WALL) == renewed


def test_a_lease_goes_on_while_the_store_is_away() -> None:
    (process,) = processes(1, [WALL], on_failure="refuse")
    whole = limit(100)
    assert isinstance(process.reserve(whole), Hold)
    process.sharing.away = True
    more = sum(isinstance(process.reserve(whole), Hold) for _ in range(100))
    assert more == 100 // 8 - 1


def test_what_is_only_told_of_is_never_refused() -> None:
    one, two = processes(2, [WALL])
    soft = limit(2, enforced=False)
    for _ in range(5):
        assert isinstance(one.reserve(soft), Hold)
    one.tidy()
    two.reserve(limit(2, enforced=False))
    two.tidy()
    assert two.ledger.taken(soft, WALL) == 6


def test_what_is_never_refused_may_be_more_than_a_store_can_count() -> None:
    (one,) = processes(1, [WALL])
    assert isinstance(one.reserve(limit(2, enforced=False), 10**30), Hold)
    (lease,) = one.ledger.leases()
    told = [claim.held for _, claim in lease.tidy(WALL, closing=True)]
    assert told == [1 << 60]


def test_use_that_is_told_later_counts_on_after_it_is_told() -> None:
    one, two = processes(2, [WALL], strict=False)
    whole = limit(10)
    assert [isinstance(one.reserve(whole), Hold) for _ in range(6)] == [True] * 6
    one.tidy()
    assert [isinstance(two.reserve(whole), Hold) for _ in range(6)] == [True] * 4 + [False] * 2
