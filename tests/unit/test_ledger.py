"""Whatever comes after whatever, no limit is exceeded, and nothing that is reserved gets lost."""

from copy import deepcopy
from math import inf
from typing import Any

import pytest
from attrs import define, evolve, field
from hypothesis import given, settings
from hypothesis import strategies as st

from modelmesh.config.schema import Deactivation, Recovery
from modelmesh.ledger import Ask, Hold, Ledger, Limit, Short, Unit, configured
from modelmesh.ledger.alerts import Alerts
from modelmesh.ledger.windows import Always, Anchored, Calendar, Daily, Rolling, Window

MIDNIGHT = 1_795_478_400.0
START = MIDNIGHT - 1000.0
UNITS: tuple[Unit, ...] = ("requests", "tokens", "dollars", "at once")
GRAIN = 1.0
"""The longest a part of a rolling minute counts beyond it."""


def limit(unit: Unit, amount: int, window: Window, **more: Any) -> Limit:
    name = f"{amount} {unit} in {window}"
    return Limit(name=name, subject="s", unit=unit, amount=amount, window=window, **more)


LIMITS = [
    limit("requests", 4, Rolling(60.0)),
    limit("requests", 9, Anchored(300.0)),
    limit("tokens", 30, Rolling(60.0)),
    limit("tokens", 60, Calendar("hour")),
    limit("dollars", 50, Calendar("day", "Europe/Berlin", 30)),
    limit("dollars", 90, Always()),
    limit("at once", 3, Always()),
]


@define
class Taken:
    """What the model knows of one attempt."""

    wall: float
    amounts: dict[Unit, int]
    hold: Hold
    under_way: bool = True
    # Where each anchored window began that it fell into.
    anchors: dict[Limit, float] = field(factory=dict)


class Model:
    """A ledger, and beside it a list of everything that was ever granted."""

    def __init__(self, limits: list[Limit]) -> None:
        self.limits = limits
        self.ledger = Ledger()
        self.wall = START
        self.all: list[Taken] = []
        self.anchors: dict[Limit, float] = {}

    def reserve(self, tokens: int, dollars: int) -> None:
        amounts: dict[Unit, int] = {
            "requests": 1,
            "tokens": tokens,
            "dollars": dollars,
            "at once": 1,
        }
        asks = [Ask(each, amounts[each.unit]) for each in self.limits]
        before = self.now()
        came = self.ledger.reserve(asks, self.wall)
        if isinstance(came, Short):
            assert self.now() == before
            self.check_short(asks, came)
            return
        taken = Taken(self.wall, amounts, came)
        for each in self.limits:
            if isinstance(each.window, Anchored):
                begins = self.anchors.get(each, -inf)
                if self.wall >= begins + each.window.seconds:
                    begins = self.anchors[each] = self.wall
                taken.anchors[each] = begins
        self.all.append(taken)

    def end(self, number: int, part: float, *, unasked: bool) -> None:
        """End an attempt with so large a part of what was reserved, or twice."""
        if not self.all:
            return
        taken = self.all[number % len(self.all)]
        took: dict[Unit, int] = {
            "tokens": int(taken.amounts["tokens"] * part),
            "dollars": int(taken.amounts["dollars"] * part),
        }
        if unasked:
            took = {"requests": 0, "tokens": 0, "dollars": 0}
        taken.hold.settle(took, self.wall)
        if taken.under_way:
            taken.amounts = {**taken.amounts, **took}
        taken.under_way = False

    def check_short(self, asks: list[Ask], short: Short) -> None:
        """What is told is the earliest time at which it would be granted."""
        if short.limit.unit == "at once" or short.until == inf:
            return
        assert short.until > self.wall
        early = max(self.wall, short.until - 0.01)
        assert deepcopy(self.ledger).short(asks, early) is not None
        later = deepcopy(self.ledger).short(asks, short.until)
        assert later is None or later.limit.unit == "at once"

    def now(self) -> list[int]:
        return [self.ledger.taken(each, self.wall) for each in self.limits]

    def true(self, each: Limit, *, late: float = 0.0) -> int:
        """Return what is taken of a limit, by the list."""
        return sum(
            taken.amounts[each.unit] for taken in self.all if self._counts(each, taken, late)
        )

    def _counts(self, each: Limit, taken: Taken, late: float) -> bool:
        if each.unit == "at once":
            return taken.under_way
        match each.window:
            case Rolling(seconds):
                return taken.wall > self.wall - seconds - late
            case Anchored(seconds):
                return self.wall < taken.anchors[each] + seconds
            case Calendar() as calendar:
                return calendar.bounds(taken.wall) == calendar.bounds(self.wall)
            case Always() | Daily():
                return True

    def check(self) -> None:
        for each, taken in zip(self.limits, self.now(), strict=True):
            true = self.true(each)
            assert true <= each.amount
            assert true <= taken <= self.true(each, late=2 * GRAIN)


Steps = st.lists(
    st.one_of(
        st.tuples(st.just("reserve"), st.integers(0, 20), st.integers(0, 35)),
        st.tuples(st.just("end"), st.integers(0, 50), st.floats(0, 1)),
        st.tuples(st.just("release"), st.integers(0, 50), st.just(0)),
        st.tuples(
            st.just("wait"), st.sampled_from([0.0, 0.4, 7.0, 61.0, 299.0, 4000.0]), st.none()
        ),
    ),
    max_size=60,
)


@settings(max_examples=300)
@given(steps=Steps, chosen=st.sets(st.sampled_from(range(len(LIMITS))), min_size=1))
def test_no_order_of_events_exceeds_a_limit_or_loses_what_is_reserved(
    steps: list[tuple[str, Any, Any]], chosen: set[int]
) -> None:
    model = Model([LIMITS[number] for number in sorted(chosen)])
    for what, one, two in steps:
        match what:
            case "reserve":
                model.reserve(one, two)
            case "wait":
                model.wall += one
            case _:
                model.end(one, two, unasked=what == "release")
        model.check()
    for number in range(len(model.all)):
        model.end(number, 0.0, unasked=True)
    model.check()
    assert all(not taken.under_way for taken in model.all)


@pytest.mark.parametrize("each", LIMITS, ids=lambda each: each.name)
def test_as_many_are_admitted_as_the_limit_says_and_room_comes_back_whole(each: Limit) -> None:
    ledger = Ledger()
    ask = [Ask(each, 1)]
    holds = [ledger.reserve(ask, START) for _ in range(each.amount + 5)]
    assert [isinstance(hold, Hold) for hold in holds] == [True] * each.amount + [False] * 5
    for hold in holds:
        if isinstance(hold, Hold):
            hold.settle({each.unit: 0}, START + 0.5)
    assert ledger.taken(each, START + 0.5) == 0
    assert isinstance(ledger.reserve([Ask(each, each.amount)], START + 0.5), Hold)


def test_a_refusal_of_one_limit_leaves_the_others_as_they_were() -> None:
    minute, day = limit("requests", 1, Rolling(60.0)), limit("requests", 9, Calendar("day"))
    slots = limit("at once", 5, Always())
    ledger = Ledger()
    asks = [Ask(day, 1), Ask(slots, 1), Ask(minute, 1)]
    assert isinstance(ledger.reserve(asks, START), Hold)
    short = ledger.reserve(asks, START)
    assert isinstance(short, Short)
    assert short.limit == minute
    assert [ledger.taken(each, START) for each in (minute, day, slots)] == [1, 1, 1]


def test_of_several_limits_the_one_that_is_free_the_latest_is_named() -> None:
    minute, day = limit("requests", 1, Rolling(60.0)), limit("requests", 1, Calendar("day"))
    ledger = Ledger()
    ledger.reserve([Ask(minute, 1), Ask(day, 1)], START)
    assert ledger.short([Ask(minute, 1), Ask(day, 1)], START) == Short(day, MIDNIGHT)


def test_what_ends_in_the_next_window_belongs_to_the_one_it_began_in() -> None:
    day = limit("dollars", 100, Calendar("day"))
    ledger = Ledger()
    hold = ledger.reserve([Ask(day, 80)], MIDNIGHT - 1)
    assert isinstance(hold, Hold)
    other = ledger.reserve([Ask(day, 70)], MIDNIGHT + 1)
    assert isinstance(other, Hold)
    hold.settle({"dollars": 10}, MIDNIGHT + 2)
    assert ledger.taken(day, MIDNIGHT + 2) == 70
    other.settle({"dollars": 20}, MIDNIGHT + 3)
    assert ledger.taken(day, MIDNIGHT + 3) == 20


def test_what_took_more_than_the_worst_counts_in_full() -> None:
    day = limit("dollars", 100, Calendar("day"))
    ledger = Ledger()
    hold = ledger.reserve([Ask(day, 80)], START)
    assert isinstance(hold, Hold)
    hold.settle({"dollars": 130}, START)
    assert ledger.taken(day, START) == 130
    assert isinstance(ledger.reserve([Ask(day, 0)], START), Short)


def test_a_limit_that_is_not_enforced_counts_and_refuses_nothing() -> None:
    day = limit("dollars", 100, Calendar("day"), enforced=False)
    ledger = Ledger()
    for _ in range(3):
        assert isinstance(ledger.reserve([Ask(day, 80)], START), Hold)
    assert ledger.taken(day, START) == 240


@pytest.mark.parametrize(("rule", "granted"), [("refuse", False), ("warn", True), ("allow", True)])
def test_what_nobody_knows_the_price_of_goes_by_the_limits_rule(
    rule: Any, *, granted: bool
) -> None:
    day = limit("dollars", 100, Calendar("day"), unknown=rule)
    came = Ledger().reserve([Ask(day, None)], START)
    assert isinstance(came, Hold) is granted
    if isinstance(came, Short):
        assert came == Short(day, inf, unknown=True)


def test_a_new_amount_caps_what_was_taken_before() -> None:
    day = limit("requests", 5, Calendar("day"))
    ledger = Ledger()
    for _ in range(4):
        ledger.reserve([Ask(day, 1)], START)
    less = evolve(day, amount=4)
    assert isinstance(ledger.reserve([Ask(less, 1)], START), Short)
    assert ledger.taken(less, START) == 4


def test_room_is_the_share_left_of_the_tightest() -> None:
    one, two = limit("requests", 4, Rolling(60.0)), limit("tokens", 100, Rolling(60.0))
    ledger = Ledger()
    assert ledger.room([], START) == 1.0
    ledger.reserve([Ask(one, 1), Ask(two, 90)], START)
    assert ledger.room([one, two], START) == pytest.approx(0.1)


def test_all_of_a_limit_is_back_when_its_window_is_over() -> None:
    day, minute = limit("requests", 5, Calendar("day")), limit("requests", 5, Rolling(60.0))
    ledger = Ledger()
    assert ledger.renewed_at(day, START) == START
    ledger.reserve([Ask(day, 1), Ask(minute, 1)], START)
    assert ledger.renewed_at(day, START) == MIDNIGHT
    assert ledger.renewed_at(minute, START) == pytest.approx(START + 61.0)


@pytest.mark.parametrize(
    ("quota", "recovery", "window", "name"),
    [
        ("daily", {}, Calendar("day"), "x in chat: 5 requests a day"),
        (
            "hourly",
            {"quota_reset_schedule": "monthly"},
            Calendar("month"),
            "x in chat: 5 requests a month",
        ),
        (
            None,
            {"quota_reset_schedule": "daily_pacific"},
            Calendar("day", "America/Los_Angeles"),
            "x in chat: 5 requests a day",
        ),
        ("daily", {"on_quota_reset": False}, Always(), "x in chat: 5 requests"),
        (
            "hourly",
            {"on_quota_reset": False, "quota_reset_schedule": "hourly"},
            Always(),
            "x in chat: 5 requests",
        ),
        (None, {}, Always(), "x in chat: 5 requests"),
    ],
)
def test_a_quota_is_renewed_as_it_is_configured_and_says_so(
    quota: Any, recovery: dict[str, Any], window: Window, name: str
) -> None:
    rule = Deactivation(request_limit=5, quota_window=quota)
    (found,) = configured.of_pool("chat", rule, Recovery(**recovery), "x")
    assert (found.window, found.name) == (window, name)


def test_a_quota_may_last_from_its_first_request_on() -> None:
    rule = Deactivation(request_limit=1, quota_duration=18_000.0)
    (found,) = configured.of_pool("chat", rule, Recovery(), "x")
    assert found.name == "x in chat: 1 requests in 18000 seconds from the first"
    ledger, ask = Ledger(), [Ask(found, 1)]
    assert isinstance(ledger.reserve(ask, START), Hold)
    short = ledger.short(ask, START + 17_999)
    assert short
    assert short.until == START + 18_000
    assert isinstance(ledger.reserve(ask, START + 18_001), Hold)


def test_each_pool_counts_its_own_quota_of_a_target() -> None:
    ledger, rule = Ledger(), Deactivation(request_limit=1, quota_window="daily")
    one, two = (
        [Ask(each, 1) for each in configured.of_pool(pool, rule, Recovery(), "x")]
        for pool in ("one", "two")
    )
    came = [ledger.reserve(asks, START) for asks in (one, one, two)]
    assert [isinstance(each, Hold) for each in came] == [True, False, True]


def test_people_are_told_once_in_a_window_at_each_step() -> None:
    day = limit("dollars", 100, Calendar("day"), alert=0.8)
    alerts = Alerts()
    told = [alerts.due(day, taken, START) for taken in (79, 80, 95, 40, 85, 100, 120)]
    assert told == [False, True, False, False, False, True, False]
    assert alerts.due(day, 90, MIDNIGHT)
    assert not Alerts().due(limit("dollars", 0, Calendar("day"), alert=0.8), 0, START)
    assert not Alerts().due(limit("requests", 5, Calendar("day")), 5, START)
