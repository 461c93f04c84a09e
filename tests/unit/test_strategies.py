import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from random import Random
from types import FrameType
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from scene import STRATEGIES, begun, error, pool, request, target

from modelmesh.build import build
from modelmesh.config import schema
from modelmesh.config.load import load
from modelmesh.connectors import registry
from modelmesh.errors import ConfigError, ErrorKind
from modelmesh.record import Record
from modelmesh.state import State
from modelmesh.strategies import Strategy, Turn
from modelmesh.types import Request, Target
from modelmesh.walk import Walk

NOW = 10_000.0


def made(name: str, fallback: str | None = None, **settings: Any) -> Strategy:
    chosen = schema.Pool(**settings)
    second = registry.find("strategies", fallback)(schema.Pool()) if fallback else None
    strategy: Strategy = registry.find("strategies", name)(chosen, second)
    return strategy


def named(*names: str, weights: Mapping[str, float] | None = None) -> list[Target]:
    return [evolve(target(name), weight=(weights or {}).get(name, 1.0)) for name in names]


ABC = named("a/m", "b/m", "c/m")


def turn(
    number: int = 0,
    *,
    now: float = NOW,
    current: int = 0,
    of: Request | None = None,
    records: Mapping[str, Record] | None = None,
    costs: Mapping[str, float] | None = None,
    rooms: Mapping[str, float] | None = None,
    rng: Random | None = None,
) -> Turn:
    known = dict(records or {})
    return Turn(
        number=number,
        now=now,
        current=current,
        request=of or request(),
        rng=rng or Random(number),
        record=lambda one: known.setdefault(one.id, Record()),
        cost=lambda one: (costs or {}).get(one.id),
        room=lambda one: (rooms or {}).get(one.id, 1.0),
    )


def ordered(strategy: Strategy, targets: Sequence[Target], at: Turn) -> str:
    """Return the vendors' letters in the order given."""
    return "".join(one.provider.id for one in strategy.order(targets, at))


def firsts(strategy: Strategy, targets: Sequence[Target], turns: int, **more: Any) -> str:
    return "".join(ordered(strategy, targets, turn(number, **more))[0] for number in range(turns))


def asked(*ago: float, **more: Any) -> Record:
    """Return the record of a target which was asked so many seconds ago."""
    record = Record(**more)
    for seconds in sorted(ago, reverse=True):
        record.begin(NOW - seconds)
    return record


def timed(first: float, each: float = 0.0, *, ago: float = 0.0) -> Record:
    record = asked(ago)
    record.first_token.add(first, NOW - ago)
    record.per_token.add(each, NOW - ago)
    return record


# All of them.


@st.composite
def situations(draw: st.DrawFn) -> tuple[list[Target], Turn]:
    count = draw(st.integers(1, 12))
    targets = [
        evolve(target(f"{'ab'[number % 2]}/{number}"), weight=draw(st.floats(0.01, 100)))
        for number in range(count)
    ]
    ids = [one.id for one in targets]

    def some(values: st.SearchStrategy[Any]) -> dict[str, Any]:
        return draw(st.dictionaries(st.sampled_from(ids), values))

    records = {}
    for id_, ago in some(st.lists(st.floats(0, 9_000), max_size=5)).items():
        records[id_] = asked(*ago, in_flight=draw(st.integers(0, 9)), spent=draw(st.integers(0)))
        if draw(st.booleans()):
            records[id_].first_token.add(draw(st.floats(0, 100)), NOW)
    at = turn(
        draw(st.integers(0, 10**9)),
        current=draw(st.integers(0, count - 1)),
        of=request(user=draw(st.text()), messages=draw(st.sampled_from([[], None, ["x"]]))),
        records=records,
        costs=some(st.floats(0, 1)),
        rooms=some(st.floats(0, 1)),
        rng=Random(draw(st.integers())),
    )
    return targets, at


SETTINGS = st.fixed_dictionaries(
    {
        "balance_mode": st.sampled_from(["absolute", "relative"]),
        "model_priority": st.lists(st.sampled_from([str(n) for n in range(12)])).map(tuple),
        "provider_priority": st.lists(st.sampled_from(["a", "b", "c"])).map(tuple),
        "rate_limit": st.builds(
            schema.StrategyRateLimit,
            threshold=st.sampled_from([0.1, 0.9, 1.0]),
            min_delta=st.sampled_from([0.0, 5.0]),
            max_rpm=st.sampled_from([None, 1, 3]),
        ),
    }
)


@pytest.mark.parametrize("name", STRATEGIES)
@given(situation=situations(), settings=SETTINGS, fallback=st.sampled_from([None, *STRATEGIES]))
def test_every_target_is_given_once_whatever_the_state(
    name: str,
    situation: tuple[list[Target], Turn],
    settings: dict[str, Any],
    fallback: str | None,
) -> None:
    targets, at = situation
    strategy = made(name, fallback, **settings)
    given_ids = [one.id for one in strategy.order(targets, at)]
    assert sorted(given_ids) == sorted(one.id for one in targets)


@pytest.mark.parametrize("name", STRATEGIES)
@given(situation=situations(), settings=SETTINGS, seed=st.integers())
def test_the_same_state_and_seed_give_the_same_order(
    name: str, situation: tuple[list[Target], Turn], settings: dict[str, Any], seed: int
) -> None:
    targets, at = situation
    orders = [
        [one.id for one in made(name, **settings).order(targets, evolve(at, rng=Random(seed)))]
        for _ in range(2)
    ]
    assert orders[0] == orders[1]


@pytest.mark.parametrize("name", STRATEGIES)
def test_a_dead_first_target_is_passed_by_the_pool(name: str) -> None:
    here = pool(*ABC)
    here.strategy = made(name)
    order = [one.id for one in here.preview(request(), NOW)[1]]
    first = next(one for one in ABC if one.id == order[0])
    begun(here, first, NOW).fail(NOW, error(ErrorKind.UNREACHABLE))
    step = Walk.start(here, request(), NOW).next(NOW)
    assert step is not None
    assert step.target.id != first.id


@pytest.mark.parametrize("name", STRATEGIES)
def test_a_strategy_goes_by_its_short_name_and_its_id(name: str) -> None:
    assert registry.find("strategies", name) is registry.find("strategies", f"modelmesh.{name}.v1")
    assert registry.find("strategies", name).connector == f"modelmesh.{name}.v1"


def test_there_are_eight() -> None:
    assert set(registry.available("strategies")) == {f"modelmesh.{name}.v1" for name in STRATEGIES}


# What they cost: work is counted, for time depends on the machine.


class Handed(Sequence[Target]):
    """Targets that count how often one of them is taken."""

    def __init__(self, targets: Sequence[Target]) -> None:
        self._targets = targets
        self.times = 0

    def __len__(self) -> int:
        return len(self._targets)

    def __getitem__(self, place: Any) -> Any:
        self.times += 1
        return self._targets[place]


def instructions(work: Callable[[], object]) -> int:
    """Return how many bytecode instructions some work takes."""
    count, before = 0, sys.gettrace()

    def traced(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal count
        frame.f_trace_opcodes = True
        count += event == "opcode"
        return traced

    sys._getframe().f_trace_opcodes = True  # without it Python 3.12 counts nothing
    sys.settrace(traced)
    try:
        work()
    finally:
        sys.settrace(before)
    return count


def counting(looks: Counter[str], at: Turn) -> Turn:
    """Return a turn which counts what is looked at."""

    def counted(what: str) -> Callable[[Target], Any]:
        def look(one: Target) -> Any:
            looks[what] += 1
            return getattr(at, what)(one)

        return look

    return evolve(at, record=counted("record"), cost=counted("cost"), room=counted("room"))


def first_of(count: int, strategy: Strategy) -> tuple[int, int]:
    """Return at how much it looks to find the first target, the second time, and its work."""
    targets = Handed(named(*(f"{'ab'[at >= count - 2]}/m{at}" for at in range(count))))
    looks = Counter[str]()
    next(iter(strategy.order(targets, turn())))
    targets.times = 0
    watched = counting(looks, turn())
    work = instructions(lambda: next(iter(strategy.order(targets, watched))))
    return targets.times + looks.total(), work


FLAT = [
    ("stick-until-failure", None, {}),
    ("round-robin", None, {}),
    ("round-robin", None, {"balance_mode": "relative"}),
    ("priority-selection", None, {"model_priority": ("m7",)}),
    ("priority-selection", None, {}),
    ("priority-selection", "round-robin", {"provider_priority": ("b",)}),
    ("priority-selection", "load-balanced", {}),
    ("session-stickiness", None, {}),
    ("rate-limit-aware", None, {"rate_limit": schema.StrategyRateLimit(max_rpm=9)}),
    ("rate-limit-aware", "round-robin", {}),
    ("load-balanced", None, {}),
    ("load-balanced", None, {"balance_mode": "relative"}),
]


@pytest.mark.parametrize(("name", "fallback", "settings"), FLAT)
def test_the_first_of_a_thousand_is_found_with_the_work_of_ten(
    name: str, fallback: str | None, settings: dict[str, Any]
) -> None:
    _, work_of_ten = first_of(10, made(name, fallback, **settings))
    looks, work = first_of(1000, made(name, fallback, **settings))
    assert looks <= 12
    assert work <= 2 * work_of_ten


@pytest.mark.parametrize(("name", "fallback", "settings"), FLAT)
def test_a_request_to_a_thousand_begins_with_the_work_of_one_to_ten(
    name: str, fallback: str | None, settings: dict[str, Any]
) -> None:
    def begin(count: int) -> int:
        here = pool(*(target(f"a/m{number}") for number in range(count)))
        here.strategy = made(name, fallback, **settings)
        assert Walk.start(here, request(), NOW).next(NOW)
        return instructions(lambda: Walk.start(here, request(), NOW).next(NOW))

    assert begin(1000) <= 2 * begin(10)


@pytest.mark.parametrize(
    ("name", "settings", "looks"),
    [
        ("cost-first", {}, {"record": 1000, "cost": 1}),
        ("cost-first", {"options": {"by": "expected"}}, {"record": 1, "cost": 1000}),
        ("latency-first", {}, {"record": 1000}),
    ],
)
def test_who_compares_all_looks_at_each_once(
    name: str, settings: dict[str, Any], looks: dict[str, int]
) -> None:
    targets = named(*(f"a/m{number}" for number in range(1000)))
    records = {one.id: Record(spent=place) for place, one in enumerate(targets)}
    costs = {one.id: float(place) for place, one in enumerate(targets)}
    seen = Counter[str]()
    at = counting(seen, turn(records=records, costs=costs))
    assert next(iter(made(name, **settings).order(targets, at))) is targets[0]
    assert seen == looks


# Round-robin.


def test_each_request_begins_one_further() -> None:
    strategy = made("round-robin")
    assert firsts(strategy, ABC, 7) == "abcabca"
    assert ordered(strategy, ABC, turn(1)) == "bca"


def test_what_a_dead_target_would_have_got_is_shared_by_all_others() -> None:
    strategy = made("round-robin")
    orders = [ordered(strategy, ABC, turn(number)) for number in range(300)]
    alive = Counter(next(one for one in order if one != "b") for order in orders)
    assert alive == {"a": 150, "c": 150}


@pytest.mark.parametrize("name", ["round-robin", "load-balanced"])
def test_by_weight_each_gets_its_share_and_none_waits_long(name: str) -> None:
    targets = named("a/m", "b/m", "c/m", weights={"a/m": 3.0, "b/m": 1.0, "c/m": 6.0})
    strategy = made(name, balance_mode="relative")
    served = firsts(strategy, targets, 1000)
    shares = Counter(served)
    assert shares["a"] == pytest.approx(300, abs=5)
    assert shares["b"] == pytest.approx(100, abs=5)
    assert all("b" in served[start : start + 25] for start in range(0, 975, 25))


def test_weights_say_nothing_where_all_count_alike() -> None:
    targets = named("a/m", "b/m", weights={"a/m": 9.0})
    assert firsts(made("round-robin"), targets, 4) == "abab"


# Cost-first.


@pytest.mark.parametrize(
    ("by", "spent", "costs", "order"),
    [
        ("accumulated", (3, 1, 2), (0.1, 0.3, 0.2), "bca"),
        ("accumulated", (0, 0, 0), (0.3, 0.1, 0.2), "bca"),
        ("accumulated", (5, 1, 0), (0.1, 0.3, None), "bac"),
        ("accumulated", (3, 1, 2), (None, None, None), "bca"),
        ("expected", (3, 1, 2), (0.1, 0.3, 0.2), "acb"),
        ("expected", (3, 1, 2), (0.2, 0.2, 0.2), "bca"),
        ("expected", (9, 1, 0), (0.2, 0.0, None), "bac"),
    ],
)
def test_the_cheapest_comes_first(
    by: str, spent: Sequence[int], costs: Sequence[float | None], order: str
) -> None:
    records = {one.id: Record(spent=nano) for one, nano in zip(ABC, spent, strict=True)}
    known = {one.id: cost for one, cost in zip(ABC, costs, strict=True) if cost is not None}
    strategy = made("cost-first", options={"by": by})
    assert ordered(strategy, ABC, turn(records=records, costs=known)) == order


def test_by_default_it_is_what_was_spent_so_far() -> None:
    records = {"a/m": Record(spent=5), "b/m": Record(spent=4), "c/m": Record(spent=6)}
    known = {"a/m": 0.1, "b/m": 0.9, "c/m": 0.1}
    assert ordered(made("cost-first"), ABC, turn(records=records, costs=known)) == "bac"


def test_those_that_cost_alike_take_turns() -> None:
    costs = {"a/m": 0.1, "b/m": 0.1, "c/m": 0.2}
    assert firsts(made("cost-first"), ABC, 6, costs=costs) == "ababab"


# Latency-first.


@pytest.mark.parametrize(
    ("records", "order"),
    [
        ({"a/m": timed(2), "b/m": timed(0.5), "c/m": timed(1)}, "bca"),
        ({"a/m": timed(0.1, 0.05), "b/m": timed(1, 0.01), "c/m": timed(3)}, "bca"),
        ({"a/m": timed(2), "b/m": timed(0.5)}, "cba"),
        ({"a/m": timed(2), "b/m": timed(0.5), "c/m": asked(1)}, "bac"),
        ({"a/m": timed(1), "b/m": timed(3, ago=301), "c/m": timed(3, ago=601)}, "cab"),
        ({"a/m": timed(1), "b/m": timed(90), "c/m": asked(1_800)}, "cab"),
    ],
)
def test_the_fastest_comes_first_and_the_slow_get_another_chance(
    records: Mapping[str, Record], order: str
) -> None:
    assert ordered(made("latency-first"), ABC, turn(records=records)) == order


def test_how_long_answers_are_and_how_soon_times_fade_can_be_set() -> None:
    records = {"a/m": timed(0.1, 0.05), "b/m": timed(1, 0.01), "c/m": timed(3, ago=20)}
    short = made("latency-first", options={"tokens": 1})
    assert ordered(short, ABC, turn(records=records)) == "abc"
    forgetful = made("latency-first", options={"half_life": 5})
    assert ordered(forgetful, ABC, turn(records=records)) == "cba"


def test_one_request_at_a_time_takes_the_chance_of_a_slow_target() -> None:
    records = {"a/m": timed(1), "b/m": timed(3, ago=900), "c/m": timed(2)}
    strategy = made("latency-first")
    assert ordered(strategy, ABC, turn(records=records))[0] == "b"
    records["b/m"].begin(NOW)
    assert ordered(strategy, ABC, turn(records=records)) == "acb"


def test_at_first_each_target_is_asked_once() -> None:
    records: dict[str, Record] = {one.id: Record() for one in ABC}
    strategy, seen = made("latency-first"), ""
    for number in range(6):
        now = NOW + number / 10
        first = next(iter(strategy.order(ABC, turn(number, now=now, records=records))))
        records[first.id].begin(now)
        seen += first.provider.id
    assert sorted(seen[:3]) == sorted(seen[3:]) == ["a", "b", "c"]


# Priority.

MIXED = named("a/x", "b/x", "a/y", "b/y", "c/z")


def ids(strategy: Strategy, at: Turn | None = None) -> list[str]:
    return [one.id for one in strategy.order(MIXED, at or turn())]


@pytest.mark.parametrize(
    ("settings", "order"),
    [
        ({}, ["a/x", "b/x", "a/y", "b/y", "c/z"]),
        ({"model_priority": ("z", "y")}, ["c/z", "a/y", "b/y", "a/x", "b/x"]),
        ({"models": ("y",)}, ["a/y", "b/y", "a/x", "b/x", "c/z"]),
        ({"provider_priority": ("b",)}, ["b/x", "b/y", "a/x", "a/y", "c/z"]),
        (
            {"model_priority": ("y",), "provider_priority": ("c", "b")},
            ["b/y", "a/y", "c/z", "b/x", "a/x"],
        ),
    ],
)
def test_models_come_as_they_are_preferred_then_providers(
    settings: dict[str, Any], order: list[str]
) -> None:
    assert ids(made("priority-selection", **settings)) == order


def test_the_fallback_orders_those_preferred_alike_and_the_rest() -> None:
    strategy = made("priority-selection", "round-robin", model_priority=("y",))
    orders = [ids(strategy, turn(number)) for number in range(5)]
    assert {order[0] for order in orders} == {"a/y", "b/y"}
    assert all(set(order[:2]) == {"a/y", "b/y"} for order in orders)
    assert {order[2] for order in orders} == {"a/x", "b/x", "c/z"}


def test_the_fallback_shares_evenly_what_is_preferred_alike() -> None:
    apart = named("a/x", "a/y", "b/y", "c/y", "b/x")
    strategy = made("priority-selection", "round-robin", model_priority=("x",))
    assert firsts(strategy, apart, 6) == "ababab"


def test_the_fallback_minds_which_target_is_in_front() -> None:
    strategy = made("priority-selection", "stick-until-failure", model_priority=("z",))
    assert ids(strategy, turn(current=3)) == ["c/z", "b/y", "a/x", "b/x", "a/y"]


# Sessions.

MANY = named(*(f"v{number}/m" for number in range(10)))
SESSIONS = [f"session {number}" for number in range(1000)]


def pinned(targets: Sequence[Target], number: int = 0) -> list[str]:
    strategy = made("session-stickiness")
    return [
        next(iter(strategy.order(targets, turn(number, of=request(user=name))))).id
        for name in SESSIONS
    ]


def test_a_session_stays_where_it_is_and_sessions_are_spread() -> None:
    assert pinned(MANY) == pinned(MANY, number=77) == pinned(list(reversed(MANY)))
    shares = Counter(pinned(MANY))
    assert len(shares) == len(MANY)
    assert all(70 < share < 130 for share in shares.values())


def test_a_target_more_takes_its_share_and_moves_no_other_session() -> None:
    new = target("new/m")
    before, after = pinned(MANY), pinned([*MANY, new])
    moved = [now for was, now in zip(before, after, strict=True) if was != now]
    assert set(moved) == {new.id}
    assert len(moved) == pytest.approx(len(SESSIONS) / 11, rel=0.3)


def test_a_target_less_moves_its_own_sessions_alone_and_to_all_others() -> None:
    before, after = pinned(MANY), pinned(MANY[1:])
    moved = {was: now for was, now in zip(before, after, strict=True) if was != now}
    assert set(moved) == {MANY[0].id}
    gone = [now for was, now in zip(before, after, strict=True) if was == MANY[0].id]
    assert set(gone) == {one.id for one in MANY[1:]}


def test_a_heavy_target_has_more_sessions() -> None:
    targets = named("a/m", "b/m", weights={"a/m": 3.0})
    assert Counter(pinned(targets))["a/m"] == pytest.approx(750, rel=0.05)


def test_a_session_whose_target_fails_goes_to_its_second_and_comes_back() -> None:
    here = pool(*ABC)
    here.strategy = made("session-stickiness")
    one = request(user="u")
    first, second, _ = here.order(one, NOW)
    begun(here, first, NOW).fail(NOW, error(ErrorKind.UNREACHABLE))
    step = Walk.start(here, one, NOW).next(NOW)
    assert step is not None
    assert step.target is second
    later = Walk.start(here, one, NOW + 31).next(NOW + 31)
    assert later is not None
    assert later.target is first


SYSTEM = {"role": "system", "content": "Be brief."}


def said(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def parts(text: str) -> dict[str, Any]:
    image = {"type": "image_url", "image_url": {"url": "data:,"}}
    return {"role": "user", "content": [image, {"type": "text", "text": text}]}


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ({"messages": [SYSTEM, said("a")]}, {"messages": [SYSTEM, said("a"), said("b")]}, True),
        ({"messages": [SYSTEM, said("a")]}, {"messages": [SYSTEM, said("b")]}, False),
        ({"messages": [said("a")]}, {"messages": [SYSTEM, said("a")]}, False),
        ({"messages": [parts("a")]}, {"messages": [parts("a"), said("b")]}, True),
        ({"messages": [parts("a")]}, {"messages": [parts("b")]}, False),
        ({"user": "u"}, {"user": "u", "messages": [said("other")]}, True),
        ({"user": "u"}, {"user": "v"}, False),
        ({"prompt_cache_key": "k", "user": "u"}, {"prompt_cache_key": "k", "user": "v"}, True),
    ],
)
def test_what_makes_two_requests_one_session(
    one: dict[str, Any], other: dict[str, Any], *, same: bool
) -> None:
    strategy = made("session-stickiness")
    orders = [
        [found.id for found in strategy.order(MANY, turn(of=request(**body)))]
        for body in (one, other)
    ]
    assert (orders[0] == orders[1]) is same


def test_the_clients_own_name_for_a_session_goes_before_all_others() -> None:
    strategy = made("session-stickiness")
    orders = [
        [one.id for one in strategy.order(MANY, turn(of=evolve(request(user=user), session="s")))]
        for user in ("u", "v")
    ]
    assert orders[0] == orders[1]


def test_another_header_may_name_the_session() -> None:
    strategy = made("session-stickiness", options={"header": "X-Thread"})
    orders = [
        [
            one.id
            for one in strategy.order(
                MANY, turn(of=evolve(request(), session=session, headers={"x-thread": "t"}))
            )
        ]
        for session in ("s", "")
    ]
    assert orders[0] == orders[1]


@pytest.mark.parametrize(("fallback", "served"), [(None, "abc"), ("stick-until-failure", "aaa")])
def test_without_a_session_the_fallback_decides(fallback: str | None, served: str) -> None:
    no_session = evolve(request(), body={"model": "chat", "input": "text"}, endpoint="embeddings")
    strategy = made("session-stickiness", fallback)
    assert firsts(strategy, ABC, 3, of=no_session) == served


# Rate limits.


def limited(fallback: str | None = None, **limits: Any) -> Strategy:
    return made("rate-limit-aware", fallback, rate_limit=schema.StrategyRateLimit(**limits))


@pytest.mark.parametrize(
    ("rooms", "order"),
    [
        ({}, "abc"),
        ({"a/m": 0.11}, "abc"),
        ({"a/m": 0.1}, "bca"),
        ({"a/m": 0.05, "b/m": 0.08}, "cba"),
        ({"a/m": 0.0, "b/m": 0.02, "c/m": 0.01}, "bca"),
    ],
)
def test_it_goes_on_before_a_limit_is_reached(rooms: Mapping[str, float], order: str) -> None:
    assert ordered(limited(), ABC, turn(rooms=rooms)) == order


def test_the_share_at_which_it_goes_on_can_be_set() -> None:
    assert ordered(limited(threshold=0.5), ABC, turn(rooms={"a/m": 0.5})) == "bca"


def test_a_target_rests_between_two_requests() -> None:
    records = {"a/m": asked(1.0), "b/m": asked(3.0), "c/m": asked(2.0, 59.0)}
    assert ordered(limited(min_delta=2.5), ABC, turn(records=records)) == "bca"
    assert ordered(limited(min_delta=60), ABC, turn(records=records)) == "bca"


def test_a_target_gets_no_more_than_so_many_a_minute_while_others_may() -> None:
    records = {"a/m": asked(1, 30), "b/m": asked(1, 61), "c/m": asked(*range(50))}
    assert ordered(limited(max_rpm=2), ABC, turn(records=records)) == "bac"
    assert ordered(limited(max_rpm=3), ABC, turn(records=records)) == "abc"


def test_it_orders_as_its_fallback_does() -> None:
    served = firsts(limited("round-robin"), ABC, 60, rooms={"b/m": 0.0})
    assert Counter(served) == {"a": 30, "c": 30}


# Load.


def test_the_less_busy_of_two_comes_first() -> None:
    strategy = made("load-balanced")
    two = named("a/m", "b/m")
    records = {"a/m": Record(in_flight=5), "b/m": Record(in_flight=1)}
    served = Counter(firsts(strategy, two, 500, records=records))
    assert served["b"] > 480


def test_busy_is_what_is_in_flight_for_its_weight() -> None:
    targets = named("a/m", "b/m", weights={"a/m": 10.0})
    records = {"a/m": Record(in_flight=5), "b/m": Record(in_flight=1)}
    assert Counter(firsts(made("load-balanced"), targets, 500, records=records))["a"] == 500


def test_in_relation_to_room_a_target_gets_less_the_less_is_left() -> None:
    rooms = {"a/m": 0.2, "b/m": 0.8}
    two = named("a/m", "b/m")
    relative = Counter(
        firsts(made("load-balanced", balance_mode="relative"), two, 2000, rooms=rooms)
    )
    assert relative["a"] / 2000 == pytest.approx(0.2, abs=0.12)
    absolute = Counter(firsts(made("load-balanced"), two, 2000, rooms=rooms))
    assert absolute["a"] == pytest.approx(1000, abs=5)


@pytest.mark.parametrize("weights", [{}, {"a/m": 4.0}])
def test_load_is_kept_nearly_even(weights: Mapping[str, float]) -> None:
    # Answers take ten turns, those of one target forty: it gets less.
    strategy, targets = made("load-balanced"), named("a/m", "b/m", "c/m", "d/m", weights=weights)
    records = {one.id: Record() for one in targets}
    rng, most = Random(5), Counter[str]()
    running: list[tuple[int, str]] = []
    for number in range(2000):
        for ends, one in [pair for pair in running if pair[0] <= number]:
            running.remove((ends, one))
            records[one].in_flight -= 1
        first = next(iter(strategy.order(targets, turn(number, records=records, rng=rng))))
        records[first.id].begin(NOW)
        most[first.id] = max(most[first.id], records[first.id].in_flight)
        running.append((number + (40 if first.id == "d/m" else 10), first.id))
    assert most["d/m"] <= 10
    assert max(most.values()) <= 12


# From a configuration.

VENDORS = {"a": {"connector": "openai.llm.v1", "api_key": "k"}}
MODELS = {
    name: {"provider": "a", "capabilities": ["chat-completion"]} for name in ("one", "two", "three")
}


def configured(**pool_settings: Any) -> Iterator[str]:
    """Give the models that a pool asks first, request by request."""
    tree = {"providers": VENDORS, "models": MODELS, "pools": {"chat-completion": pool_settings}}
    config = load(tree, environ={})
    here = build(config, state=State(), rng=Random(1), wall=lambda: 0.0).pools["chat-completion"]
    while True:
        yield next(iter(here.order(request(), NOW))).model


def test_a_pool_is_made_with_its_strategy_and_the_one_it_falls_back_to() -> None:
    taking_turns = configured(strategy="priority-selection", fallback_strategy="round-robin")
    assert list(islice(taking_turns, 4)) == ["one", "two", "three", "one"]
    preferring = configured(strategy="priority-selection", model_priority=["three"])
    assert list(islice(preferring, 2)) == ["three", "three"]


def test_a_strategys_own_settings_are_not_those_of_its_fallback() -> None:
    settings = {"strategy": "session-stickiness", "options": {"header": "x-thread"}}
    assert len(list(islice(configured(**settings, fallback_strategy="cost-first"), 2))) == 2
    with pytest.raises(ConfigError, match=r"pools\.chat-completion\.options\.by"):
        next(configured(strategy="cost-first", options={"by": "weight"}))


class Backwards:
    """A strategy of somebody's own: the last target first."""

    connector = "acme.backwards.v1"

    def __init__(self, settings: schema.Pool, fallback: Strategy | None = None) -> None:
        self.settings, self.fallback = settings, fallback

    def order(self, targets: Sequence[Target], _: Turn) -> Iterator[Target]:
        return iter(reversed(targets))


@pytest.mark.parametrize(
    "settings",
    [
        {"strategy": "test_strategies:Backwards"},
        {"strategy": "priority-selection", "fallback_strategy": "test_strategies:Backwards"},
    ],
)
def test_a_strategy_of_ones_own_is_named_by_its_path(settings: dict[str, str]) -> None:
    assert next(configured(**settings)) == "three"
