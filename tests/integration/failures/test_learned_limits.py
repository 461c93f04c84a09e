"""What vendors say is left of their limits is heeded before they have to refuse."""

import asyncio
import re

import pytest

from failures.scenes import Pools, Scene, text_of
from failures.vendors import in_turn
from modelmesh.testing.fake_answers import talk
from modelmesh.testing.fake_wire import Exchange, Fault

pytestmark = pytest.mark.asyncio(loop_scope="module")

POOLS = Pools()
LATE = 3.0


def leaving(left: int, reset: str, prefix: str = "x-ratelimit", what: str = "-requests") -> Fault:
    """Answer well, and tell what is left of a limit."""
    told = {
        f"{prefix}-limit{what}": "30",
        f"{prefix}-remaining{what}": str(left),
        f"{prefix}-reset{what}": reset,
    }

    async def answer(exchange: Exchange) -> None:
        await exchange.deliver(talk(exchange).parts(), headers=told)

    return answer


GROQ = {"a": {"connector": "groq.api.v1", "api_key": "k"}}
PLENTY = leaving(29, "2s")
POOLS.add("other", in_turn(leaving(0, "1.5s"), PLENTY), PLENTY)
POOLS.add("waited-for", in_turn(leaving(0, "1200ms"), PLENTY), max_wait=10)
POOLS.add("too-long", leaving(0, "2m59.56s"), providers=GROQ, max_wait=1)
POOLS.add("plenty", PLENTY, "ok")
POOLS.add("tokens", leaving(0, "60s", what="-tokens"), "ok")


@pytest.mark.parametrize("stream", [False, True])
async def test_a_target_with_nothing_left_is_passed_over_until_its_reset(
    scene: Scene, stream: bool
) -> None:
    scene.vendor.reset()
    assert text_of(await scene.ask("other", stream=stream), stream=stream).endswith(".a")
    assert text_of(await scene.ask("other", stream=stream), stream=stream).endswith(".b")
    await asyncio.sleep(1.6)
    assert text_of(await scene.ask("other", stream=stream), stream=stream).endswith(".a")
    assert scene.asked("other") == "aba"
    assert await scene.notes("other") == []


async def test_a_lone_target_with_nothing_left_is_waited_for(scene: Scene) -> None:
    assert (await scene.ask("waited-for")).status == 200
    assert (await scene.ask("waited-for")).status == 200
    _, second = scene.requests("waited-for")
    assert 1.15 < scene.since_asked("waited-for", second.arrived) < 20


async def test_a_client_is_told_of_the_limit_and_when_it_is_renewed(scene: Scene) -> None:
    assert (await scene.ask("too-long")).status == 200
    refused = await scene.ask("too-long")
    assert refused.status == 429
    assert 180 - LATE <= int(refused.headers["retry-after"]) <= 180
    assert "30 requests by its vendor's own word" in refused.error["message"]
    assert refused.headers["x-ratelimit-limit-requests"] == "30"
    assert refused.headers["x-ratelimit-remaining-requests"] == "0"
    assert re.fullmatch(r"2m\d+(\.\d+)?s", refused.headers["x-ratelimit-reset-requests"])
    assert scene.asked("too-long") == "a"


@pytest.mark.parametrize(("pool", "asked"), [("plenty", "aaa"), ("tokens", "abb")])
async def test_what_is_left_decides(scene: Scene, pool: str, asked: str) -> None:
    for _ in asked:
        assert (await scene.ask(pool)).status == 200
    assert scene.asked(pool) == asked
