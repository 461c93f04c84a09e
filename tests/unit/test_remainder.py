"""What a program reads of the limit that refused its request."""

from collections.abc import Sequence
from math import inf
from typing import Any

import pytest
from scene import WALL, error, pool, request, target

from modelmesh.errors import ErrorKind, Remainder, RoutingError
from modelmesh.ledger import NANO, Always, Ask, Hold, Limit, Unit
from modelmesh.ledger.sharing import Sharing
from modelmesh.ledger.told import Told
from modelmesh.ledger.windows import Calendar, Rolling, Window
from modelmesh.outcome import OpenAttempt
from modelmesh.pool import Pool
from modelmesh.state import State
from modelmesh.walk import Walk

NOW = 1000.0
MINUTE = Rolling(60.0)
ASKED: dict[str, Any] = {"max_tokens": 100}


def limit(name: str, unit: Unit, amount: int, window: Window = MINUTE, **more: Any) -> Limit:
    return Limit(name=name, subject=name, unit=unit, amount=amount, window=window, **more)


def limited(*limits: Limit, **settings: Any) -> Pool:
    return pool(target("a/m"), granted={"a/m": limits}, max_wait=0, **settings)


def asking(asked: Pool, place: int = 0) -> OpenAttempt:
    attempt = asked.begin(asked.targets[place], request(**ASKED), NOW)
    assert isinstance(attempt, OpenAttempt)
    return attempt


def refusal(asked: Pool) -> RoutingError:
    walk = Walk.start(asked, request(**ASKED), NOW)
    assert walk.next(NOW) is None
    told = walk.verdict(NOW)
    assert isinstance(told, RoutingError)
    return told


def names(limits: Sequence[Remainder]) -> list[str]:
    return [one.name for one in limits]


def test_the_limit_that_refused_comes_first_and_then_the_tightest() -> None:
    asked = limited(
        limit("day", "requests", 100, Calendar("day")),
        limit("tokens", "tokens", 10_000),
        limit("few", "requests", 1),
        limit("places", "at once", 4),
    )
    asking(asked)
    told = refusal(asked)
    assert names(told.limits) == ["few", "places", "tokens", "day"]
    first, places = told.limits[:2]
    assert (first.unit, first.amount, first.left) == ("requests", 1, 0)
    assert told.limit == first
    assert told.retry_after == first.renewed_in
    assert 59 < (first.renewed_in or 0) <= 61
    assert (places.unit, places.amount, places.left, places.renewed_in) == ("at once", 4, 3, None)


def test_what_is_left_may_be_too_little() -> None:
    asked = limited(limit("tokens", "tokens", 150))
    asking(asked)
    told = refusal(asked).limit
    assert told is not None
    assert 0 < told.left < 50


def test_money_is_told_in_dollars() -> None:
    state, budget = State(), limit("budget", "dollars", 3 * NANO // 2, unknown="allow")
    assert isinstance(state.ledger.reserve([Ask(budget, NANO)], WALL), Hold)
    soft = limit("soft", "tokens", 9, enforced=False)
    asked = limited(limit("few", "requests", 1), budget, soft, state=state)
    asking(asked)
    told = refusal(asked)
    assert names(told.limits) == ["few", "budget"]
    assert (told.limits[1].amount, told.limits[1].left) == (1.5, 0.5)


def test_what_is_never_renewed_says_no_time() -> None:
    asked = limited(limit("once", "requests", 1, Always()))
    asking(asked)
    told = refusal(asked)
    assert (told.status, told.code, told.retry_after) == (429, "insufficient_quota", None)
    assert told.limit == Remainder(
        name="once",
        source="configured",
        unit="requests",
        amount=1,
        taken=1,
        left=0,
        renewed_in=None,
    )


def vendors_word(left: int, amount: int | None = 30, seconds: float = 60.0) -> Told:
    return Told("x-left", "requests", seconds, left, amount, WALL, WALL + 20)


@pytest.mark.parametrize("amount", [30, None])
def test_a_vendors_own_word_is_told_as_far_as_it_goes(amount: int | None) -> None:
    asked = limited()
    asked.standing(asked.targets[0]).left[0].hear(vendors_word(0, amount), 600)
    told = refusal(asked)
    assert (told.status, told.retry_after) == (429, 20)
    assert told.limit is not None
    assert told.limit.name.startswith("a: ")
    assert (told.limit.amount, told.limit.left, told.limit.renewed_in) == (amount, 0, 20)


def test_a_vendors_word_goes_before_what_is_assumed() -> None:
    free = limit("free", "requests", 1, assumed=60.0)
    asked = limited(free, limit("places", "at once", 1))
    asking(asked)
    asked.standing(asked.targets[0]).left[0].hear(vendors_word(20), 600)
    told = refusal(asked)
    assert told.limits[0].name == "places"
    assert [one.left for one in told.limits if one.unit == "requests"] == [20]


def test_of_several_targets_the_one_that_is_free_first_is_told() -> None:
    granted = {
        "a/m": (limit("hour", "requests", 1, Rolling(3600.0)), limit("other", "tokens", 999)),
        "b/m": (limit("minute", "requests", 1),),
        "c/m": (limit("once", "requests", 0, Always()),),
    }
    asked = pool(*map(target, granted), granted=granted, max_wait=0)
    asking(asked, 0)
    asking(asked, 1)
    assert names(refusal(asked).limits) == ["minute"]


def test_no_limit_is_told_where_another_target_may_be_asked_before() -> None:
    asked = pool(*map(target, ("a/m", "b/m")), granted={"a/m": (limit("few", "requests", 1),)})
    asking(asked)
    failed = error(ErrorKind.RATE_LIMIT, retry_after=5)
    asking(asked, 1).fail(NOW, failed)
    told = refusal(asked)
    assert (told.status, told.retry_after, told.limits, told.limit) == (429, 5, [], None)


def test_no_limit_is_told_of_a_vendors_refusal() -> None:
    asked = limited(limit("few", "requests", 9))
    asking(asked).fail(NOW, error(ErrorKind.RATE_LIMIT, retry_after=5))
    assert refusal(asked).limits == []


def test_others_in_the_line_are_no_reason_not_to_tell() -> None:
    asked = limited(limit("wide", "requests", 9), limit("tight", "requests", 2))
    asking(asked)
    asked.line.join("a/m", NOW - 1, NOW + 9)
    told = refusal(asked)
    assert names(told.limits) == ["tight", "wide"]
    assert told.retry_after is not None
    assert 9 < told.retry_after < inf


def test_a_store_that_is_away_says_when_it_is_tried_again() -> None:
    state = State()

    async def refill(_: object) -> None:
        raise AssertionError("nobody waits for the store")

    state.ledger.share(Sharing(refill, on_failure="refuse", away=True, tried_at=WALL + 0.4))
    asked = pool(
        target("a/m"),
        granted={"a/m": (limit("few a minute", "requests", 9),)},
        max_wait=20,
        state=state,
    )
    told = refusal(asked)
    assert (told.status, told.code, told.limits) == (503, "store_unavailable", [])
    assert told.retry_after == pytest.approx(0.4)
    assert str(told).endswith(
        "(a/m: few a minute is kept in a shared store, which does not answer)"
    )
