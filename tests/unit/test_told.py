"""What a vendor says is left decides whether it is asked, and goes before what is only assumed."""

from collections.abc import Mapping

import pytest
from attrs import evolve
from scene import answer, begun, clock, hosts, pool, provider, request, streamed, target

from modelmesh.errors import RoutingError
from modelmesh.ledger import Limit, Short
from modelmesh.ledger.told import Left, Told
from modelmesh.ledger.windows import Rolling
from modelmesh.router import Router
from modelmesh.state import State
from modelmesh.testing.transport import Reply, ScriptedTransport, reply

MINUTE = 60.0


def headers(left: int, reset: str = "20s", amount: int = 30) -> Mapping[str, str]:
    return {
        "x-ratelimit-limit-requests": str(amount),
        "x-ratelimit-remaining-requests": str(left),
        "x-ratelimit-reset-requests": reset,
    }


def good(left: int, reset: str = "20s") -> Reply:
    return reply(body=answer(), headers=headers(left, reset))


class Scene:
    """Targets whose vendors say what is left."""

    def __init__(self, *says: Reply, targets: int = 2, max_wait: float = 0.0) -> None:
        self.clock = clock()
        self.transport = ScriptedTransport(says, self.clock)
        members = [target(f"{name}/m", of=provider(name)) for name in "abc"[:targets]]
        self.pool = pool(*members, max_wait=max_wait)
        self.pool.wall = self.clock.wall
        self.router = Router(self.transport, self.clock)

    async def ask(self, *, stream: bool = False) -> str:
        came = await self.router.route(self.pool, request(stream=stream))
        if came.stream:
            assert [payload async for payload in came.stream]
        await came.close()
        return came.target.id[0]


@pytest.mark.parametrize("stream", [False, True])
async def test_a_target_with_nothing_left_is_not_asked_before_its_reset(stream: bool) -> None:
    first = streamed("x") if stream else good(0)
    first = evolve(first, headers={**first.headers, **headers(0)})
    told = Scene(first, good(9), good(9), good(9))
    asked = [await told.ask(stream=stream)]
    told.clock.advance(19.9)
    asked.append(await told.ask())
    told.clock.advance(0.2)
    asked += [await told.ask(), await told.ask()]
    assert asked == ["a", "b", "a", "a"]
    assert hosts(told.transport) == ["a", "b", "a", "a"]


async def test_where_there_is_no_other_it_is_waited_for() -> None:
    told = Scene(good(0, "4s"), good(9), targets=1, max_wait=10.0)
    await told.ask()
    began = told.clock.now()
    await told.ask()
    assert told.clock.now() - began == pytest.approx(4.0)


async def test_where_it_takes_too_long_the_client_is_told_of_the_limit_and_when() -> None:
    told = Scene(good(0, "40s"), targets=1, max_wait=10.0)
    await told.ask()
    with pytest.raises(RoutingError) as raised:
        await told.ask()
    assert raised.value.status == 429
    assert raised.value.retry_after == pytest.approx(40.0)
    assert "a: 30 requests by its vendor's own word" in str(raised.value)
    assert len(told.transport.requests) == 1


async def test_what_is_under_way_is_taken_off_what_was_told() -> None:
    told = Scene(good(2))
    await told.ask()
    one, other = told.pool.targets
    for _ in range(2):
        begun(told.pool, one)
    assert isinstance(told.pool.begin(one, request(), 0.0), Short)
    assert told.pool.short(other, request()) is None


async def test_a_later_word_that_there_is_room_lifts_it() -> None:
    told = Scene(good(0), targets=1)
    await told.ask()
    (one,) = told.pool.targets
    assert told.pool.short(one, request())
    own, _ = told.pool.standing(one).left
    own.hear(word(7), longest=3600.0)
    assert told.pool.short(one, request()) is None


async def test_a_refusal_tells_of_limits_too() -> None:
    refused = reply(429, {"error": {"message": "slow down"}}, headers=headers(0, "2s"))
    told = Scene(refused, good(9))
    assert await told.ask() == "b"
    own, _ = told.pool.standing(told.pool.targets[0]).left
    assert [(one.left, one.until - told.clock.wall()) for one in own] == [(0, 2.0)]


def word(left: int, *, at: float = 1_800_001_000.0, shared: bool = False) -> Told:
    return Told(
        "x-ratelimit-remaining-requests", "requests", MINUTE, left, 30, at, at + MINUTE, shared
    )


def test_no_word_holds_for_longer_than_a_target_is_left_alone_at_most() -> None:
    left = Left()
    left.hear(word(0), longest=5.0)
    assert [told.until - told.at for told in left] == [5.0]


def test_what_a_model_has_left_is_its_own_and_what_a_key_has_is_for_all() -> None:
    state = State()
    vendor = provider("a")
    one, same, other = (
        target(name, key="k", of=vendor) for name in ("a/one", "again/one", "a/other")
    )
    lefts = {each.id: state.standing(each).left for each in (one, same, other)}
    assert lefts["a/one"][0] is lefts["again/one"][0]
    assert lefts["a/one"][0] is not lefts["a/other"][0]
    assert lefts["a/one"][1] is lefts["a/other"][1]


ASSUMED = Limit(
    name="a, free tier: 1 request a minute",
    subject="a (free)",
    unit="requests",
    amount=1,
    window=Rolling(MINUTE),
    assumed=MINUTE,
)


def test_a_vendors_own_word_goes_before_what_is_assumed_of_its_free_tier() -> None:
    one = target("a/m")
    made = pool(one, granted={one.id: (ASSUMED,)})
    begun(made, one).succeed(0.0)
    assert made.short(one, request())
    own, _ = made.standing(one).left
    own.hear(word(5, at=made.wall()), longest=3600.0)
    assert made.short(one, request()) is None
    begun(made, one).succeed(0.0)

    # What was taken meanwhile is counted, for when there is no such word any more.
    own.hear(word(5, at=made.wall() - 2 * MINUTE), longest=3600.0)
    assert made.short(one, request())


def test_what_is_configured_holds_whatever_the_vendor_says() -> None:
    one = target("a/m")
    made = pool(one, granted={one.id: (evolve(ASSUMED, assumed=0.0),)})
    begun(made, one).succeed(0.0)
    own, _ = made.standing(one).left
    own.hear(word(5, at=made.wall()), longest=3600.0)
    assert made.short(one, request())


def test_other_processes_hear_of_what_is_used_up_and_nothing_else() -> None:
    here, there, one = State(), State(), target("a/m")
    at = 1_800_000_000.0
    own, _ = here.standing(one).left
    own.hear(word(3, at=at), longest=3600.0)
    assert here.untold({}, 0.0, at) == {}
    own.hear(word(0, at=at), longest=3600.0)
    notes = here.untold({}, 0.0, at)
    there.heed(notes, 5.0, at + 1)
    (heard,), _ = there.standing(one).left
    assert (heard.left, heard.until, heard.unit) == (0, at + MINUTE, "requests")
    assert here.untold(notes, 0.0, at) == {}

    # Who was told something else by the vendor itself believes that.
    own.hear(word(4, at=at + 2), longest=3600.0)
    here.heed(notes, 0.0, at + 3)
    assert [told.left for told in own] == [4]
