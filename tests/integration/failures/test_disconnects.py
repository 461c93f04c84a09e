"""Case 4: a client that leaves takes the vendor's request with it, and nobody is blamed."""

import asyncio
import re

import pytest
from proxy_process import until

from failures.scenes import Pools, Scene, text_of
from modelmesh.testing.fake_answers import encode, error, talk
from modelmesh.testing.fake_wire import Exchange, Fault

pytestmark = pytest.mark.asyncio(loop_scope="module")

POOLS = Pools()


async def stuck_mid(exchange: Exchange) -> None:
    """Stop in the middle the first time, answer well after that."""
    if _first(exchange):
        await exchange.begin()
        for part in talk(exchange, chunks=5).parts()[:3]:
            await exchange.send(part[: len(part) if exchange.request.streaming else 20])
        await exchange.silence()
    await exchange.deliver(talk(exchange).parts())


async def stuck_before_content(exchange: Exchange) -> None:
    if _first(exchange):
        await exchange.begin()
        await exchange.silence()
    await exchange.deliver(talk(exchange).parts())


async def stuck_before_head(exchange: Exchange) -> None:
    if _first(exchange):
        await exchange.silence()
    await exchange.deliver(talk(exchange).parts())


async def busy(exchange: Exchange) -> None:
    """Go on for ever the first time."""
    if _first(exchange):
        await exchange.begin()
        while True:
            await exchange.send(talk(exchange).parts()[0])
            await exchange.send(talk(exchange, "more ").parts()[1])
            await exchange.sleep(0.02)
    await exchange.deliver(talk(exchange).parts())


async def on_trial(exchange: Exchange) -> None:
    """Fail, be silent, answer well."""
    exchange.memory.append(0.0)
    match len(exchange.memory):
        case 1:
            await exchange.answer(500, encode(error(500)))
        case 2:
            await exchange.silence()
        case _:
            await exchange.deliver(talk(exchange).parts())


async def limited_once(exchange: Exchange) -> None:
    await exchange.answer(429, encode(error(429)), {"retry-after": "1"})


def _is_logged_as_left(scene: Scene, request: str) -> bool:
    return bool(
        re.search(rf"^INFO .* client_cancelled .*\({request}\)$", scene.proxy.logs, re.MULTILINE)
    )


def _first(exchange: Exchange) -> bool:
    exchange.memory.append(0.0)
    return len(exchange.memory) == 1


WINDOWS: dict[str, tuple[Fault, bool]] = {
    "mid-stream": (stuck_mid, True),
    "flowing": (busy, True),
    "first-token": (stuck_before_content, True),
    "stream-head": (stuck_before_head, True),
    "plain-head": (stuck_before_head, False),
    "plain-body": (stuck_mid, False),
}
for window, (behaviour, _) in WINDOWS.items():
    for ending in ("closed", "reset"):
        POOLS.add(f"{window}-{ending}", behaviour, "ok")
POOLS.add("trial", on_trial, recovery={"cooldown": 0.1, "last_resort": False})
POOLS.add("pausing", limited_once, retry={"max_attempts": 3}, max_wait=10)
POOLS.add("crowd", "never-headers")


@pytest.mark.parametrize("ending", ["closed", "reset"])
@pytest.mark.parametrize("window", WINDOWS)
async def test_case_4_a_client_that_leaves_ends_the_vendors_request_and_blames_nobody(
    scene: Scene, window: str, ending: str
) -> None:
    pool, stream = f"{window}-{ending}", WINDOWS[window][1]
    caller = await scene.call(pool, stream=stream)
    await until(lambda: scene.requests(pool))
    if window in ("mid-stream", "flowing"):
        await caller.until_comes('"delta":{"content":"')
    asked = scene.requests(pool)[0]
    await caller.hang_up(reset=ending == "reset")
    await until(lambda: asked.client_gone is not None, within=20)

    assert await scene.notes(pool) == ["a cancelled"]
    assert _is_logged_as_left(scene, f"{pool}-1")
    assert scene.asked(pool) == "a"
    assert (await scene.proxy.get("/health")).json["active_connections"] == 0

    # The target is in front as before.
    assert text_of(await scene.ask(pool, stream=stream), stream=stream).endswith(f"{pool}.a")
    assert scene.asked(pool) == "aa"


async def test_case_4_a_trial_that_was_left_makes_room_for_the_next(scene: Scene) -> None:
    assert (await scene.ask("trial")).status == 502
    await asyncio.sleep(0.2)
    caller = await scene.call("trial")
    await until(lambda: scene.asked("trial") == "aa")
    await caller.hang_up()
    await scene.notes("trial")
    assert (await scene.ask("trial")).status == 200
    assert await scene.notes("trial") == ["a server_error (500)", "a cancelled"]


async def test_case_4_who_leaves_in_a_pause_is_not_asked_for_again(scene: Scene) -> None:
    caller = await scene.call("pausing")
    await until(lambda: "pausing.a: rate_limit" in scene.proxy.logs)
    await caller.hang_up()
    await until(lambda: _is_logged_as_left(scene, "pausing-1"), within=20)
    await asyncio.sleep(1.5)
    assert scene.asked("pausing") == "a"
    assert await scene.notes("pausing") == ["a rate_limit (429)"]


async def test_case_4_a_crowd_that_leaves_at_once_leaves_nothing_behind(scene: Scene) -> None:
    callers = [await scene.call("crowd", stream=bool(number % 2)) for number in range(100)]
    await until(lambda: len(scene.requests("crowd")) == 100)
    for caller in callers:
        await caller.hang_up()
    await until(lambda: all(each.client_gone for each in scene.requests("crowd")), within=20)
    assert await scene.notes("crowd") == ["a cancelled"] * 100
    assert (await scene.proxy.get("/health")).json["active_connections"] == 0
