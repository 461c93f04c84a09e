"""Cases 5 and 6: four knobs for silence, and one deadline over all attempts."""

import asyncio
import json
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from proxy_process import Received, until

from failures.scenes import Pools, Scene, running, text_of
from modelmesh.testing.fake_answers import talk
from modelmesh.testing.fake_wire import Exchange, Fault

pytestmark = pytest.mark.asyncio(loop_scope="module")

POOLS = Pools()
# A loaded machine is late, but never so late.
LATE = 4.0


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scene() -> AsyncIterator[Scene]:
    with full_port() as url:
        quick = {"timeouts": {"connect": 0.5}}
        full = {"base_url": url}
        POOLS.add("connect-pool", "ok", "ok", providers={"a": full}, timeouts={"connect": 0.5})
        POOLS.add("connect-provider", "ok", "ok", providers={"a": {**full, **quick}})
        async with running(POOLS) as scene:
            yield scene


@contextmanager
def full_port() -> Iterator[str]:
    """Give the address of a port that lets nobody in: whoever might be let in waits already."""
    with ExitStack() as stack, socket.create_server(("127.0.0.1", 0), backlog=0) as port:
        for _ in range(8):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(port.getsockname())
        yield f"http://127.0.0.1:{port.getsockname()[1]}/v1"


def waited(scene: Scene, pool: str) -> float:
    """Return the seconds between the first requests to a and to b."""
    return scene.requests(pool, "b")[0].arrived - scene.requests(pool, "a")[0].arrived


def with_timeouts(place: str, **timeouts: Any) -> dict[str, Any]:
    """Say it at the pool, or at the first model's provider."""
    if place == "pool":
        return {"timeouts": timeouts}
    return {"providers": {"a": {"timeouts": timeouts}}}


# Case 5: silence

SILENT = {
    "never-headers": (False, True),
    "headers-then-silence": (False, True),
    "comments-only": (False, True),
    "role-then-silence": (True,),
}
PLACES = ["pool", "provider"]
for place in PLACES:
    for fault, ways in SILENT.items():
        for way in ways:
            knob = with_timeouts(place, first_token=0.5)
            POOLS.add(f"{fault}-{way}-{place}", fault, "ok", **knob)
    POOLS.add(f"stall-{place}", "stall-mid~after=3", "ok", **with_timeouts(place, idle=0.5))
    POOLS.add(f"stall-plain-{place}", "stall-mid", "ok", **with_timeouts(place, idle=0.5))
    POOLS.add(f"total-{place}", "steady~chunks=40", "ok", **with_timeouts(place, total=1))
POOLS.add("total-short", "never-headers", "ok", providers={"a": {"timeout": "500ms"}})


@pytest.mark.parametrize("fault", SILENT)
async def test_case_5_silence_before_content_fails_over_at_first_token(
    scene: Scene, fault: str
) -> None:
    async def check(pool: str, stream: bool) -> None:
        came = await scene.ask(pool, stream=stream)
        assert text_of(came, stream=stream) == f"Hello from ok@{pool}.b"
        assert 0.4 < waited(scene, pool) < LATE
        await until(lambda: scene.requests(pool, "a")[0].client_gone)

        await scene.ask(pool, stream=stream)
        assert scene.asked(pool) == "abb"
        assert await scene.notes(pool) == ["a timeout"]

    ways = [(f"{fault}-{way}-{place}", way) for way in SILENT[fault] for place in PLACES]
    await asyncio.gather(*(check(pool, way) for pool, way in ways))


async def test_case_5_silence_after_content_ends_the_stream_at_idle(scene: Scene) -> None:
    async def check(pool: str) -> None:
        came = await scene.ask(pool, stream=True)
        assert error_at_the_end(came) == "stream_incomplete"
        assert len(came.events) == 1 + 3 + 1
        left = scene.requests(pool)[0]
        await until(lambda: left.client_gone)
        assert 0.4 < (left.client_gone or 0) - left.arrived < LATE

        assert (await scene.ask(pool, stream=True)).status == 200
        assert scene.asked(pool) == "ab"
        assert await scene.notes(pool) == ["a stream_incomplete"]

    await asyncio.gather(*(check(f"stall-{place}") for place in PLACES))


async def test_case_5_half_a_plain_answer_and_silence_fails_over_at_idle(scene: Scene) -> None:
    async def check(pool: str) -> None:
        assert text_of(await scene.ask(pool), stream=False) == f"Hello from ok@{pool}.b"
        assert 0.4 < waited(scene, pool) < LATE
        assert await scene.notes(pool) == ["a timeout"]

    await asyncio.gather(*(check(f"stall-plain-{place}") for place in PLACES))


async def test_case_5_total_ends_what_is_not_over_by_then(scene: Scene) -> None:
    async def check(pool: str) -> None:
        came = await scene.ask(pool, stream=True)
        assert error_at_the_end(came) == "stream_incomplete"
        assert 3 < len(came.events) < 30
        left = scene.requests(pool)[0]
        await until(lambda: left.client_gone)
        assert 0.9 < (left.client_gone or 0) - left.arrived < LATE
        assert scene.asked(pool) == "a"
        assert await scene.notes(pool) == ["a stream_incomplete"]

    await asyncio.gather(*(check(f"total-{place}") for place in PLACES))


async def test_case_5_a_providers_timeout_is_short_for_its_total(scene: Scene) -> None:
    assert (await scene.ask("total-short")).status == 200
    assert 0.4 < waited(scene, "total-short") < LATE
    assert await scene.notes("total-short") == ["a timeout"]


async def test_case_5_a_port_that_lets_nobody_in_is_given_up_at_connect(scene: Scene) -> None:
    async def check(pool: str) -> None:
        started = asyncio.get_running_loop().time()
        assert text_of(await scene.ask(pool), stream=False) == f"Hello from ok@{pool}.b"
        assert 0.4 < scene.requests(pool, "b")[0].arrived - started < LATE
        assert scene.asked(pool) == "b"
        assert await scene.notes(pool) == ["a timeout"]

    await asyncio.gather(*(check(f"connect-{place}") for place in PLACES))


def error_at_the_end(came: Received) -> Any:
    """Return the code of the one error that ends a stream."""
    assert "[DONE]" not in came.events
    assert ["error" in json.loads(data) for data in came.events].count(True) == 1
    return json.loads(came.events[-1])["error"]["code"]


# Case 5: what is slow and steady


async def pausing(exchange: Exchange) -> None:
    """Begin the answer at once, then take a break."""
    parts = talk(exchange, chunks=3).parts()
    await exchange.deliver([b"".join(parts[:2]), b"".join(parts[2:])], gap=0.8)


async def comments_mid(exchange: Exchange) -> None:
    """Give signs of life, but nothing more of the answer."""
    await exchange.begin()
    await exchange.send(b"".join(talk(exchange, chunks=3).parts()[:2]))
    while True:
        await exchange.send(b": still busy\n\n")
        await exchange.sleep(0.05)


UNTOUCHED: dict[str, tuple[str | Fault, bool, dict[str, float]]] = {
    "steady": ("steady~chunks=10~gap=0.15", True, {"first_token": 0.8, "idle": 0.8}),
    "steady-plain": ("slow-body~chunks=12~gap=0.15", False, {"first_token": 0.8, "idle": 0.8}),
    "slow-start": ("slow-first-token~delay=0.8", True, {"first_token": 3, "idle": 0.3}),
    "slow-start-plain": ("slow-first-token~delay=0.8", False, {"first_token": 3, "idle": 0.3}),
    "slow-middle": (pausing, True, {"first_token": 0.5, "idle": 3}),
    "slow-to-answer": ("ok~delay=0.8", True, {"connect": 0.3, "idle": 0.3}),
}
for pool, (behaviour, _, timeouts) in UNTOUCHED.items():
    POOLS.add(pool, behaviour, "ok", timeouts=timeouts)
POOLS.add("comments-mid", comments_mid, "ok", timeouts={"idle": 0.5})


@pytest.mark.parametrize("pool", UNTOUCHED)
async def test_case_5_no_knob_does_anothers_work(scene: Scene, pool: str) -> None:
    stream = UNTOUCHED[pool][1]
    assert text_of(await scene.ask(pool, stream=stream), stream=stream)
    assert scene.asked(pool) == "a"
    assert await scene.notes(pool) == []


async def test_case_5_comments_are_no_answer_to_idle(scene: Scene) -> None:
    came = await scene.ask("comments-mid", stream=True)
    assert error_at_the_end(came) == "stream_incomplete"
    assert scene.asked("comments-mid") == "a"
    assert await scene.notes("comments-mid") == ["a stream_incomplete"]


@pytest.mark.parametrize("place", PLACES)
async def test_case_5_an_unknown_knob_is_a_mistake_in_the_configuration(
    tmp_path: Path, place: str
) -> None:
    pools = Pools()
    pools.add("chat", "ok", **with_timeouts(place, first_tokn=1))
    file = tmp_path / "mesh.yaml"
    file.write_text(json.dumps(pools.config("http://127.0.0.1:9/v1"), indent=1))
    command = [sys.executable, "-m", "modelmesh.proxy", "--port", "0", "--config", str(file)]
    process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE)
    async with asyncio.timeout(20):
        _, told = await process.communicate()
    assert process.returncode == 1
    where = "pools.chat" if place == "pool" else "providers.chat.a"
    assert f"{where}.timeouts.first_tokn: " in told.decode()
    assert "did you mean 'first_token'?" in told.decode()


# Case 6: one deadline

DEAD = ["never-headers"] * 3
# What times there are, who is asked within them, and how long it would take if they added up.
DEADLINES = {
    "all-of-it": ({"first_token": 1.0, "total": 1.0}, "a", 3.0),
    "most-of-it": ({"first_token": 0.8, "total": 1.0}, "ab", 2.4),
    "part-of-it": ({"first_token": 0.8, "total": 2.0}, "abc", 2.4),
}
for pool in DEADLINES:
    for way in (False, True):
        POOLS.add(f"{pool}-{way}", *DEAD, timeouts=DEADLINES[pool][0])
SCOPES = ["any", "same-provider", "same-model"]
for scope in SCOPES:
    again = {"max_attempts": 3, "scope": scope, "budget": 10, "initial_delay": 0}
    POOLS.add(f"go-on-{scope}", "never-headers", "ok", timeouts={"first_token": 0.5}, retry=again)
POOLS.add("lone", "never-headers", timeouts={"first_token": 0.3}, retry={"initial_delay": 0})


@pytest.mark.parametrize("times", DEADLINES)
async def test_case_6_dead_targets_are_told_by_the_deadline(scene: Scene, times: str) -> None:
    limits, asked, added_up = DEADLINES[times]

    async def check(pool: str, stream: bool) -> None:
        began = asyncio.get_running_loop().time()
        came = await scene.ask(pool, stream=stream)
        took = asyncio.get_running_loop().time() - began
        assert limits["total"] - 0.1 < took < added_up - 0.1
        assert (came.status, came.error["code"]) == (504, "upstream_timeout")
        assert came.headers["content-type"] == "application/json"
        causes = [attempt["cause"] for attempt in came.error["attempts"]]
        assert causes == ["timeout"] * len(asked)
        assert scene.asked(pool) == asked
        assert await scene.notes(pool) == [f"{letter} timeout" for letter in asked]

    await asyncio.gather(*(check(f"{times}-{way}", way) for way in (False, True)))


async def test_case_6_after_a_timeout_a_target_is_not_asked_again_while_there_are_others(
    scene: Scene,
) -> None:
    async def check(pool: str) -> None:
        assert (await scene.ask(pool)).status == 200
        assert scene.asked(pool) == "ab"
        assert await scene.notes(pool) == ["a timeout"]

    await asyncio.gather(*(check(f"go-on-{scope}") for scope in SCOPES))


async def test_case_6_a_lone_target_may_be_asked_again_within_the_deadline(scene: Scene) -> None:
    came = await scene.ask("lone")
    assert came.status == 504
    assert scene.asked("lone") == "aa"
    assert await scene.notes("lone") == ["a timeout"] * 2
