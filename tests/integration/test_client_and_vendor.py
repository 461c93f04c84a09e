"""Both clients against a vendor on a real socket, and what becomes of it when they are left."""

import asyncio
import gc
import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from proxy_process import soon

from modelmesh import MeshClient, MeshError, RoutingError, create, create_async
from modelmesh.testing.fake_provider import FakeProvider

MESSAGES = [{"role": "user", "content": "Hello!"}]
FAULTS = {
    "sound": "ok",
    "slow": "ok~delay=0.05",
    "mute": "never-headers",
    "stalled": "stall-mid",
    "cut": "cut-chunked",
    "down": "status~code=503",
    "locked": "status~code=401",
    "refusing": "status~code=400~message=No such tool.",
}


@pytest.fixture
def vendor() -> Iterator[FakeProvider]:
    """A vendor whose loop is on a thread of its own, so that tests may block theirs."""
    with FakeProvider() as running:
        yield running


def _config(vendor: FakeProvider) -> dict[str, Any]:
    alone = {pool: {"models": [pool], "retry": {"max_attempts": 1}} for pool in FAULTS}
    names = {id_: {"provider": "fake", "model": fault} for id_, fault in FAULTS.items()}
    return {
        "providers": {"fake": {"connector": "openai-compatible", "base_url": vendor.url}},
        "models": names,
        "pools": {**alone, "two": {"models": ["down", "sound"]}},
    }


@pytest.fixture
def client(vendor: FakeProvider) -> Iterator[MeshClient]:
    with create(config=_config(vendor), pool="sound") as made:
        yield made


@pytest.fixture
async def asynchronous(vendor: FakeProvider) -> AsyncIterator[Any]:
    async with create_async(config=_config(vendor), pool="sound") as made:
        yield made


def _left(vendor: FakeProvider, pool: str) -> bool:
    """Whether the vendor saw the client leave the one request it made."""
    (request,) = vendor.requests_for(FAULTS[pool])
    return soon(lambda: request.client_gone is not None)


def test_an_answer_comes_whole(client: MeshClient) -> None:
    answer = client.chat.completions.create(messages=MESSAGES)

    assert answer.choices[0].message.content == "Hello from ok"
    assert answer.usage is not None
    assert answer.usage.total_tokens == 13


def test_an_answer_comes_as_a_stream(client: MeshClient) -> None:
    chunks = list(client.chat.completions.create(messages=MESSAGES, stream=True))

    said = [chunk.choices[0].delta.content for chunk in chunks if chunk.choices]
    assert "".join(text or "" for text in said) == "Hello from ok"


async def test_a_synchronous_client_works_where_a_loop_is_running(client: MeshClient) -> None:
    assert client.chat.completions.create(messages=MESSAGES).model == "ok"
    assert len(list(client.chat.completions.create(messages=MESSAGES, stream=True))) > 3


def test_the_next_target_answers_where_the_first_is_down(
    client: MeshClient, vendor: FakeProvider
) -> None:
    answer = client.chat.completions.create(messages=MESSAGES, model="two")

    assert answer.model == "ok"
    assert [request.model for request in vendor.received] == ["status~code=503", "ok"]


def test_a_vendor_sees_a_stream_end_early(client: MeshClient, vendor: FakeProvider) -> None:
    stream = client.chat.completions.create(messages=MESSAGES, model="stalled", stream=True)
    next(stream)

    stream.close()

    assert _left(vendor, "stalled")
    assert client.chat.completions.create(messages=MESSAGES).model == "ok"


def test_a_vendor_sees_a_stream_nobody_holds_any_more_end(
    client: MeshClient, vendor: FakeProvider
) -> None:
    next(client.chat.completions.create(messages=MESSAGES, model="stalled", stream=True))
    gc.collect()

    assert _left(vendor, "stalled")


def test_a_timeout_is_for_the_whole_call(client: MeshClient, vendor: FakeProvider) -> None:
    started = time.monotonic()

    with pytest.raises(RoutingError) as failed:
        client.chat.completions.create(messages=MESSAGES, model="mute", timeout=0.3)

    assert 0.25 < time.monotonic() - started < 20
    assert (failed.value.status, failed.value.kind) == (504, "timeout")
    assert _left(vendor, "mute")


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("pool", "status", "message"),
    [
        ("down", 503, r"fake/down"),
        ("locked", 502, r"fake/locked"),
        ("refusing", 400, r"No such tool\."),
    ],
)
def test_an_error_says_who_failed_and_why(
    client: MeshClient, pool: str, status: int, message: str, stream: bool
) -> None:
    with pytest.raises(RoutingError, match=message) as failed:
        client.chat.completions.create(messages=MESSAGES, model=pool, stream=stream)

    assert failed.value.status == status
    assert [attempt.target for attempt in failed.value.attempts] == [f"fake/{pool}"]


def test_a_stream_cut_off_gives_what_came_and_then_an_error(client: MeshClient) -> None:
    stream = client.chat.completions.create(messages=MESSAGES, model="cut", stream=True)
    came = [next(stream), next(stream)]

    assert any(chunk.choices[0].delta.content for chunk in came)
    with pytest.raises(MeshError) as cut:
        list(stream)
    assert cut.value.code == "stream_incomplete"


def test_a_hundred_threads_share_a_client(client: MeshClient, vendor: FakeProvider) -> None:
    def ask(number: int) -> str:
        if number % 2:
            return client.chat.completions.create(messages=MESSAGES, model="slow").model
        stream = client.chat.completions.create(messages=MESSAGES, model="slow", stream=True)
        return list(stream)[-1].model

    with ThreadPoolExecutor(100) as threads:
        models = list(threads.map(ask, range(200)))

    assert models == [FAULTS["slow"]] * 200
    assert len(vendor.received) == 200


@pytest.mark.parametrize("stream", [False, True])
def test_closing_ends_what_is_under_way(
    client: MeshClient, vendor: FakeProvider, stream: bool
) -> None:
    errors: list[RuntimeError] = []

    def ask() -> None:
        try:
            client.chat.completions.create(messages=MESSAGES, model="mute", stream=stream)
        except RuntimeError as error:
            errors.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    assert soon(lambda: vendor.received)
    client.close()
    asking.join(5)

    assert [str(error)[:20] for error in errors] == ["the client is closed"]
    assert _left(vendor, "mute")


async def test_the_asynchronous_client_does_the_same(asynchronous: Any) -> None:
    ask = asynchronous.chat.completions.create
    answer = await ask(messages=MESSAGES)
    chunks = [chunk async for chunk in await ask(messages=MESSAGES, stream=True)]
    other = await ask(messages=MESSAGES, model="two")

    assert answer.choices[0].message.content == "Hello from ok"
    assert {chunk.model for chunk in chunks} == {"ok"}
    assert other.model == "ok"
    with pytest.raises(RoutingError, match="fake/down"):
        await ask(messages=MESSAGES, model="down")


async def test_a_vendor_sees_an_asynchronous_stream_end_early(
    asynchronous: Any, vendor: FakeProvider
) -> None:
    stream = await asynchronous.chat.completions.create(
        messages=MESSAGES, model="stalled", stream=True
    )
    await anext(stream)

    await stream.close()

    assert await asyncio.to_thread(_left, vendor, "stalled")


async def test_a_vendor_sees_a_cancelled_call_end(asynchronous: Any, vendor: FakeProvider) -> None:
    call = asyncio.create_task(
        asynchronous.chat.completions.create(messages=MESSAGES, model="mute")
    )
    assert await asyncio.to_thread(soon, lambda: vendor.received)

    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call

    assert await asyncio.to_thread(_left, vendor, "mute")


# Programs of their own: an interrupt, a fork and an exit concern a whole process.

_PROGRAM = """
import json, os, sys, warnings
import modelmesh

# From 3.12 on Python warns of every fork of a process with threads.
warnings.filterwarnings("ignore", ".*multi-threaded", DeprecationWarning)
messages = [{"role": "user", "content": "Hello!"}]
client = modelmesh.create(config=json.loads(sys.argv[1]), pool="sound")
ask = client.chat.completions.create
"""


def _program(vendor: FakeProvider, code: str) -> "subprocess.Popen[str]":
    config = json.dumps(_config(vendor))
    return subprocess.Popen(
        [sys.executable, "-X", "dev", "-W", "error", "-c", _PROGRAM + code, config],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("stream", ["False", "True"])
@pytest.mark.parametrize("pool", ["mute", "stalled"])
def test_an_interrupt_ends_the_vendors_request_and_not_the_client(
    vendor: FakeProvider, pool: str, stream: str
) -> None:
    program = _program(
        vendor,
        f"""
try:
    answer = ask(messages=messages, model={pool!r}, stream={stream})
    for chunk in answer:
        pass
except KeyboardInterrupt:
    print("interrupted", flush=True)
    sys.stdin.readline()
print(ask(messages=messages).model, flush=True)
""",
    )
    assert program.stdout
    assert program.stdin
    with program:
        until = time.monotonic() + 30
        while not vendor.received and time.monotonic() < until:
            time.sleep(0.01)
        time.sleep(0.2)  # so that it waits
        program.send_signal(signal.SIGINT)
        assert program.stdout.readline() == "interrupted\n"
        assert _left(vendor, pool)
        rest, complaints = program.communicate("go on\n", timeout=30)

    assert (rest, complaints, program.returncode) == ("ok\n", "", 0)


def test_a_forked_child_asks_over_connections_of_its_own(vendor: FakeProvider) -> None:
    program = _program(
        vendor,
        """
stream = ask(messages=messages, model="slow", stream=True)
next(stream)
pid = os.fork()
if pid == 0:
    print("child", ask(messages=messages).model, flush=True)
    sys.exit(0)
assert os.waitpid(pid, 0)[1] == 0
print("parent", list(stream)[-1].choices[0].finish_reason, flush=True)
print("parent", ask(messages=messages).model, flush=True)
""",
    )

    said, complaints = program.communicate(timeout=60)

    assert (complaints, program.returncode) == ("", 0)
    assert said.splitlines() == ["child ok", "parent stop", "parent ok"]
    slow, childs, parents = vendor.received
    assert childs.connection != slow.connection
    assert parents.connection == slow.connection


@pytest.mark.parametrize(
    "code",
    [
        "print(ask(messages=messages).model)",
        "stream = ask(messages=messages, model='stalled', stream=True); print(next(stream).model)",
        "print(list(ask(messages=messages, stream=True))[0].model); client.close()",
    ],
)
def test_a_program_ends_at_once_and_without_a_word(vendor: FakeProvider, code: str) -> None:
    program = _program(vendor, code)

    said, complaints = program.communicate(timeout=30)

    assert (complaints, program.returncode) == ("", 0)
    assert said.strip() in ("ok", "stall-mid")
    assert soon(lambda: vendor.open_connections == 0)
