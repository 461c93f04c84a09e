"""A webhook's receiver that is slow, dead and back, while requests are answered beside it."""

import asyncio
import base64
import hmac
import json
import os
import ssl
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Generator
from contextlib import asynccontextmanager
from pathlib import Path
from types import coroutine
from typing import Any, Self

import pytest
from aiohttp import web
from proxy_process import one_vendor, running_proxy, until

from modelmesh.config import schema
from modelmesh.config.load import load
from modelmesh.connectors.observability.webhook import Observer
from modelmesh.events import Event, LimitNear
from modelmesh.mesh import ModelMesh
from modelmesh.testing.clock import FakeClock
from modelmesh.testing.fake_provider import FakeProvider
from modelmesh.testing.transport import ScriptedTransport, reply
from modelmesh.transport.aiohttp import AiohttpTransport
from modelmesh.transport.direct import DirectTransport
from modelmesh.transport.protocol import Transport
from modelmesh.types import Request, Secret

QUEUE, BATCH = 12, 4
RECORDS = 3
"""Of each request: it began, its one attempt ended, it ended."""

TRANSPORTS = [DirectTransport, AiohttpTransport]
ANSWER = {
    "id": "c1",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "canary-of-an-answer"},
            "finish_reason": "stop",
        }
    ],
    "usage": {"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8},
}
CONFIG = {
    "providers": {
        "vendor": {
            "connector": "openai-compatible",
            "base_url": "http://vendor.test/v1",
            "api_key": "canary-of-a-vendor",
        }
    },
    "models": {"m": {"provider": "vendor", "capabilities": ["chat-completion"]}},
    "pools": {"chat": {"models": ["m"]}},
}

Behaviour = Callable[[web.Request], Awaitable[web.StreamResponse]]


async def healthy(_: web.Request) -> web.Response:
    return web.Response(status=204)


async def unwilling(_: web.Request) -> web.Response:
    return web.Response(status=503)


class Receiver:
    """A web server for webhooks.

    Attributes:
        behaviour: what it does with a request.
        asked: the requests that came, whatever became of them.
        batches: those it took.

    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.behaviour: Behaviour = healthy
        self.asked: list[tuple[float, web.Request, bytes]] = []
        self.batches: list[Any] = []
        self.port = 0
        self._tls = tls
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        return f"http{'s' * bool(self._tls)}://127.0.0.1:{self.port}/events?key=canary-of-the-url"

    @property
    def records(self) -> int:
        return sum(len(batch["records"]) for batch in self.batches)

    @property
    def told_dropped(self) -> int:
        return sum(batch["dropped"] for batch in self.batches)

    async def start(self) -> None:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._take)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port, ssl_context=self._tls)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def die(self) -> None:
        if self._runner:
            await self._runner.cleanup()
            self._runner = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.die()

    async def _take(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        self.asked.append((time.monotonic(), request, body))
        answer = await self.behaviour(request)
        if answer.status < 300:
            self.batches.append(json.loads(body))
        return answer


def near(number: int) -> Event:
    return LimitNear(at=1_800_000_000.0 + number, limit=f"limit {number}", share=0.8)


def settings(url: str, **options: Any) -> schema.Observer:
    usual = {"url": Secret(url), "wait": 0.01, "batch": BATCH, "queue": QUEUE}
    level = options.pop("level", "metadata")
    content = options.pop("content", None)
    return schema.Observer(level=level, content=content, options=usual | options)


@asynccontextmanager
async def observing(
    url: str, transport: Transport | None = None, **options: Any
) -> AsyncIterator[Observer]:
    observer = Observer(settings(url, **options), transport=transport)
    await observer.start()
    try:
        yield observer
    finally:
        await observer.close()


@asynccontextmanager
async def asking(*observers: Observer) -> AsyncIterator[Callable[[], Coroutine[Any, Any, None]]]:
    """Give what asks a mesh with such observers, over a scripted wire, and reads the answer."""
    clock = FakeClock()
    mesh = ModelMesh(
        load(CONFIG, environ={}),
        clock=clock,
        transport=ScriptedTransport(lambda _: reply(body=ANSWER), clock),
    )
    for observer in observers:
        mesh.audience.join(observer)
    await mesh.start()
    body = {"model": "chat", "messages": [{"role": "user", "content": "canary-of-a-prompt"}]}

    async def ask() -> None:
        answered = await mesh.send(Request(id="r", model="chat", body=body))
        assert answered.answer is not None
        await answered.close()

    yield ask
    await mesh.close()


@coroutine
def waiting(awaited: Coroutine[Any, Any, None], waits: list[Any]) -> Generator[Any, Any, None]:
    """Run what is awaited, and note each time it has to wait for something."""
    steps = awaited.__await__()
    try:
        while True:
            waits.append(next(steps))
            yield waits[-1]
    except StopIteration:
        return


async def waits_of(ask: Callable[[], Coroutine[Any, Any, None]], times: int) -> list[int]:
    """Return how often each of so many requests has to wait for anything at all."""
    counts = []
    for _ in range(times):
        waits: list[Any] = []
        await waiting(ask(), waits)
        counts.append(len(waits))
    return counts


async def test_no_request_waits_for_a_receiver_that_is_slow_dead_or_back() -> None:
    asked = 0
    async with asking() as ask:
        (usual,) = set(await waits_of(ask, 5))
    assert usual > 0
    stalled, go_on = asyncio.Event(), asyncio.Event()

    async def slow(_: web.Request) -> web.Response:
        stalled.set()
        await go_on.wait()
        return web.Response(status=200)

    async with (
        Receiver() as receiver,
        observing(receiver.url) as observer,
        asking(observer) as ask,
    ):
        outbox = observer._outbox

        async def ask_all() -> None:
            nonlocal asked
            asked += 40
            for waits in await waits_of(ask, 40):
                assert waits == usual
                assert outbox.left <= QUEUE + BATCH

        await ask_all()
        receiver.behaviour = slow
        await ask_all()
        await asyncio.wait_for(stalled.wait(), 5)
        await ask_all()
        assert outbox.left == QUEUE + BATCH
        receiver.behaviour = healthy
        go_on.set()
        await until(lambda: not outbox.left)
        await receiver.die()
        await ask_all()
        await until(lambda: outbox.failures)
        await ask_all()
        assert outbox.left == QUEUE + BATCH
        await receiver.start()
        await ask_all()
        await until(lambda: not outbox.left)
        await ask_all()
    assert outbox.left == outbox.dropped == 0
    assert receiver.told_dropped > 0
    assert receiver.records + receiver.told_dropped == asked * RECORDS


@pytest.mark.parametrize("kind", TRANSPORTS)
async def test_records_arrive_whole_in_order_and_signed(kind: type[Transport]) -> None:
    async with Receiver() as receiver:
        async with observing(receiver.url, kind(), secret=Secret("it signs")) as observer:
            for number in range(10):
                observer(near(number))
        told = [one["limit"] for batch in receiver.batches for one in batch["records"]]
        assert told == [f"limit {number}" for number in range(10)]
        for _, request, body in receiver.asked:
            said = request.headers
            signed = f"{said['webhook-id']}.{said['webhook-timestamp']}.".encode() + body
            digest = hmac.new(b"it signs", signed, "sha256").digest()
            assert said["webhook-signature"] == f"v1,{base64.b64encode(digest).decode()}"


async def test_a_receiver_that_asks_for_a_pause_is_left_alone_for_so_long() -> None:
    async def busy_once(_: web.Request) -> web.Response:
        if len(receiver.asked) == 1:
            return web.Response(status=429, headers={"retry-after": "2"})
        return web.Response()

    async with Receiver() as receiver, observing(receiver.url) as observer:
        receiver.behaviour = busy_once
        observer(near(1))
        await until(lambda: receiver.batches)
    (first, one, body), (second, two, again) = receiver.asked
    assert second - first >= 1.99
    assert one.headers["webhook-id"] == two.headers["webhook-id"]
    assert body == again


async def test_a_receiver_that_does_not_answer_in_time_is_tried_again() -> None:
    async def hanging_once(request: web.Request) -> web.Response:
        if len(receiver.asked) == 1:
            await asyncio.sleep(60)
        return await healthy(request)

    async with Receiver() as receiver, observing(receiver.url, timeout=0.1) as observer:
        receiver.behaviour = hanging_once
        observer(near(1))
        await until(lambda: receiver.batches)
    assert receiver.records == 1


@pytest.mark.parametrize("kind", TRANSPORTS)
async def test_no_redirect_is_followed(kind: type[Transport]) -> None:
    async def elsewhere(_: web.Request) -> web.Response:
        return web.Response(status=307, headers={"location": "/elsewhere"})

    async with Receiver() as receiver:
        receiver.behaviour = elsewhere
        async with observing(receiver.url, kind()) as observer:
            observer(near(1))
            await until(lambda: observer._outbox.dropped == 1)
        assert [request.path for _, request, _ in receiver.asked] == ["/events"]


@pytest.mark.parametrize("kind", TRANSPORTS)
async def test_an_answer_that_never_ends_holds_up_nothing(kind: type[Transport]) -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        receiver.batches.append(None)
        while True:
            await answer.write(b"and so on " * 1000)
            await asyncio.sleep(0.001)

    async with Receiver() as receiver:
        receiver.behaviour = endless
        async with observing(receiver.url, kind()) as observer:
            for number in range(2 * BATCH):
                observer(near(number))
            await until(lambda: not observer._outbox.left)
        assert len(receiver.batches) == 2


@pytest.fixture
def stranger(tmp_path: Path) -> ssl.SSLContext:
    """Return what a server is secured with whose certificate nobody vouches for."""
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"),
            *("-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    return context


@pytest.mark.parametrize("kind", TRANSPORTS)
async def test_a_receiver_that_cannot_prove_who_it_is_is_told_nothing(
    kind: type[Transport], stranger: ssl.SSLContext
) -> None:
    async with Receiver(stranger) as receiver:
        async with observing(receiver.url, kind()) as observer:
            observer(near(1))
            await until(lambda: observer._outbox.failures)
        assert receiver.asked == []


async def test_closing_sends_what_is_left_also_to_a_receiver_that_was_away() -> None:
    async with Receiver() as receiver:
        receiver.behaviour = unwilling
        async with observing(receiver.url) as observer:
            for number in range(QUEUE):
                observer(near(number))
            await until(lambda: observer._outbox.failures)
            receiver.behaviour = healthy
        assert receiver.records == QUEUE
        assert receiver.told_dropped == 0


async def test_closing_does_not_wait_for_ever(caplog: pytest.LogCaptureFixture) -> None:
    stop = asyncio.Event()

    async def hanging(_: web.Request) -> web.Response:
        await stop.wait()
        return web.Response()

    async with Receiver() as receiver:
        receiver.behaviour = hanging
        async with observing(receiver.url) as observer:
            for number in range(5):
                observer(near(number))
            await until(lambda: receiver.asked)
            began = time.monotonic()
        assert time.monotonic() - began < 4.5
        stop.set()
    assert caplog.messages == ["the webhook at 127.0.0.1 did not get all records (missing: 5)"]


@pytest.mark.parametrize("level", ["metadata", "summary", "full"])
@pytest.mark.parametrize("fails", [False, True])
async def test_no_word_of_a_client_and_no_key_is_in_a_batch_or_a_log(
    level: str, fails: bool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", "modelmesh")
    headers = {"authorization": "Bearer canary-of-the-receiver"}
    async with Receiver() as receiver:
        receiver.behaviour = unwilling if fails else healthy
        async with (
            observing(
                receiver.url, level=level, headers=headers, secret=Secret("canary-that-signs")
            ) as observer,
            asking(observer) as ask,
        ):
            await ask()
            await until(lambda: receiver.asked)
        bodies = [body for _, _, body in receiver.asked]
        assert all(
            request.headers["authorization"] == "Bearer canary-of-the-receiver"
            for _, request, _ in receiver.asked
        )
    assert bodies
    assert not [body for body in bodies if b"canary" in body]
    assert "canary" not in caplog.text


async def test_words_are_told_to_who_asks_for_them_and_keys_not_even_then() -> None:
    async with Receiver() as receiver:
        async with (
            observing(receiver.url, level="full", content=schema.Content()) as observer,
            asking(observer) as ask,
        ):
            await ask()
        (batch,) = receiver.batches
        assert "canary-of-a-prompt" in json.dumps(batch)
        assert "canary-of-a-vendor" not in json.dumps(batch)
        assert "canary-of-the-url" not in json.dumps(batch)


@pytest.mark.parametrize("workers", [1, 2])
async def test_a_server_tells_all_of_its_requests_before_it_ends(workers: int) -> None:
    asked = 30
    async with Receiver() as receiver, FakeProvider() as vendor:
        settings = {
            "connector": "modelmesh.webhook.v1",
            "level": "full",
            "url": receiver.url,
            "secret": "${secrets:HOOK}",
            "headers": {"authorization": "Bearer ${secrets:BEARER}"},
            "wait": "1h",
        }
        sections = dict.fromkeys(("routing", "logging", "statistics"), settings)
        config = one_vendor(vendor, "ok", workers=workers) | {"observability": sections}
        env = {"HOOK": "canary-that-signs", "BEARER": "canary-of-the-receiver"}
        async with running_proxy(config, env=env) as proxy:
            said = [{"role": "user", "content": "canary-of-a-prompt"}]
            for answer in await asyncio.gather(*(proxy.chat(messages=said) for _ in range(asked))):
                assert answer.status == 200
            assert receiver.asked == []
            proxy.signal()
            assert await proxy.exit_code() == 0
            assert "canary" not in proxy.logs
    told = [one for batch in receiver.batches for one in batch["records"]]
    names = [one["event"] for one in told]
    assert names.count("request.ended") == names.count("attempt.ended") == asked
    assert names.count("statistics.taken") == workers
    assert len({one["request"] for one in told if one["event"] == "request.ended"}) == asked
    ids = [request.headers["webhook-id"] for _, request, _ in receiver.asked]
    assert len({id_.rpartition("_")[0] for id_ in ids}) == workers
    assert not [body for _, _, body in receiver.asked if b"canary" in body]
    signers = {request.headers["authorization"] for _, request, _ in receiver.asked}
    assert signers == {"Bearer canary-of-the-receiver"}


PROGRAM = """
import modelmesh

client = modelmesh.create("chat", config="mesh.json")
client.chat.completions.create(messages=[{"role": "user", "content": "hi"}])
"""


@pytest.mark.parametrize("ending", ["client.close()", ""], ids=["closed", "just ended"])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_a_program_that_ends_has_told_everything(
    ending: str, host: str, tmp_path: Path
) -> None:
    async with Receiver() as receiver, FakeProvider() as vendor:
        url = receiver.url.replace("127.0.0.1", host)
        settings = {"connector": "webhook", "url": url, "wait": "1h"}
        sections = dict.fromkeys(("routing", "logging", "statistics"), settings)
        config = one_vendor(vendor, "ok") | {"observability": sections}
        (tmp_path / "mesh.json").write_text(json.dumps(config))
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", PROGRAM + ending),
            cwd=tmp_path,
            env={"PATH": os.environ["PATH"]},
            stderr=asyncio.subprocess.PIPE,
        )
        _, complaint = await process.communicate()
        assert (process.returncode, complaint) == (0, b"")
        (batch,) = receiver.batches
    names = [one["event"] for one in batch["records"]]
    assert names == ["request.began", "attempt.ended", "request.ended", "statistics.taken"]
