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
# A loaded machine is late, but never so late. Without the knob it would be a minute, or more.
LATE = 20.0


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
    """Return the seconds it took until b was asked."""
    return scene.since_asked(pool, scene.requests(pool, "b")[0].arrived)


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
        assert 0.4 < scene.since_asked(pool, left.client_gone or 0) < LATE

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
        assert 0.9 < scene.since_asked(pool, left.client_gone or 0) < LATE
        assert scene.asked(pool) == "a"
        assert await scene.notes(pool) == ["a stream_incomplete"]

    await asyncio.gather(*(check(f"total-{place}") for place in PLACES))


async def test_case_5_a_providers_timeout_is_short_for_its_total(scene: Scene) -> None:
    assert (await scene.ask("total-short")).status == 200
    assert 0.4 < waited(scene, "total-short") < LATE
    assert await scene.notes("total-short") == ["a timeout"]


async def test_case_5_a_port_that_lets_nobody_in_is_given_up_at_connect(scene: Scene) -> None:
    async def check(pool: str) -> None:
        assert text_of(await scene.ask(pool), stream=False) == f"Hello from ok@{pool}.b"
        assert 0.4 < waited(scene, pool) < LATE
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
    await exchange.deliver([b"".join(parts[:2]), b"".join(parts[2:])], gap=2)


async def comments_mid(exchange: Exchange) -> None:
    """Give signs of life, but nothing more of the answer."""
    await exchange.begin()
    await exchange.send(b"".join(talk(exchange, chunks=3).parts()[:2]))
    while True:
        await exchange.send(b": still busy\n\n")
        await exchange.sleep(0.05)


UNTOUCHED: dict[str, tuple[str | Fault, bool, dict[str, float]]] = {
    "steady": ("steady~chunks=16~gap=0.15", True, {"first_token": 1.5, "idle": 1.5}),
    "steady-plain": ("slow-body~chunks=16~gap=0.15", False, {"first_token": 1.5, "idle": 1.5}),
    "slow-start": ("slow-first-token~delay=2", True, {"first_token": LATE, "idle": 1.5}),
    "slow-start-plain": ("slow-first-token~delay=2", False, {"first_token": LATE, "idle": 1.5}),
    "slow-middle": (pausing, True, {"first_token": 1.5, "idle": LATE}),
    "slow-to-answer": ("ok~delay=2", True, {"connect": 1.5, "idle": 1.5}),
}
for pool, (behaviour, _, timeouts) in UNTOUCHED.items():
    POOLS.add(pool, behaviour, "ok", timeouts=timeouts)
POOLS.add("comments-mid", comments_mid, "ok", timeouts={"idle": 0.5})


async def test_case_5_no_knob_does_anothers_work(scene: Scene) -> None:
    async def check(pool: str) -> None:
        stream = UNTOUCHED[pool][1]
        assert text_of(await scene.ask(pool, stream=stream), stream=stream)
        assert scene.asked(pool) == "a"
        assert await scene.notes(pool) == []

    await asyncio.gather(*map(check, UNTOUCHED))


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
# How long each may take to begin, in seconds, and who is asked within two seconds.
DEADLINES: dict[str, tuple[dict[str, float], str]] = {
    "all-of-it": ({"a": 60, "b": 60, "c": 60}, "a"),
    "most-of-it": ({"a": 1, "b": 60, "c": 60}, "ab"),
    "part-of-it": ({"a": 0.5, "b": 0.5, "c": 60}, "abc"),
}
for pool, deadline in DEADLINES.items():
    for way in (False, True):
        each = {at: {"timeouts": {"first_token": most}} for at, most in deadline[0].items()}
        POOLS.add(f"{pool}-{way}", *DEAD, providers=each, timeouts={"total": 2})
SCOPES = ["any", "same-provider", "same-model"]
for scope in SCOPES:
    again = {"max_attempts": 3, "scope": scope, "budget": 10, "initial_delay": 0}
    POOLS.add(f"go-on-{scope}", "never-headers", "ok", timeouts={"first_token": 0.5}, retry=again)
POOLS.add("lone", "never-headers", timeouts={"first_token": 0.3}, retry={"initial_delay": 0})


@pytest.mark.parametrize("times", DEADLINES)
async def test_case_6_dead_targets_are_told_by_the_deadline(scene: Scene, times: str) -> None:
    _, asked = DEADLINES[times]

    async def check(pool: str, stream: bool) -> None:
        began = asyncio.get_running_loop().time()
        came = await scene.ask(pool, stream=stream)
        took = asyncio.get_running_loop().time() - began
        assert 1.9 < took < LATE
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
