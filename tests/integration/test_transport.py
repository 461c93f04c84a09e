"""What every transport does on real sockets, against a vendor that goes wrong on request."""

import asyncio
import gc
import json
import socket
import threading
import traceback
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

import pytest

from modelmesh.clock import SystemClock
from modelmesh.errors import ErrorKind, RequestError, TransportError
from modelmesh.stream import read_whole
from modelmesh.testing.fake_provider import Exchange, FakeProvider
from modelmesh.timers import Timers
from modelmesh.transport.aiohttp import AiohttpTransport
from modelmesh.transport.direct import DirectTransport
from modelmesh.transport.protocol import Transport, TransportReply
from modelmesh.types import HttpRequest

Making: TypeAlias = Callable[..., Transport]

TRANSPORTS: list[Making] = [AiohttpTransport, DirectTransport]
CANARY = "canary-7f3a"
PATIENCE = 20.0  # seconds a vendor may take to see that its client left


@pytest.fixture(params=TRANSPORTS)
def make(request: pytest.FixtureRequest) -> Making:
    making: Making = request.param
    return making


@pytest.fixture
async def transport(make: Making) -> AsyncIterator[Transport]:
    made = make()
    yield made
    await made.close()


@pytest.fixture
async def vendor() -> AsyncIterator[FakeProvider]:
    faults = {
        "deflate": deflate,
        "bomb": bomb,
        "done-then-end": done_then_end,
        "done-then-silence": done_then_silence,
        "half-a-head-on-reuse": half_a_head_on_reuse,
        "only-once": only_once,
        "not-http": not_http,
        "brotli": brotli,
        "twice": twice,
    }
    asyncio.get_running_loop().set_debug(True)  # for aiohttp to warn of what is left open
    async with FakeProvider(faults=faults) as provider:
        yield provider


# Faults which only a transport meets


async def deflate(exchange: Exchange) -> None:
    await exchange.answer(200, zlib.compress(b'{"fine": true}'), {"content-encoding": "deflate"})


async def bomb(exchange: Exchange) -> None:
    packer = zlib.compressobj(wbits=31)
    packed = packer.compress(bytes(8 << 20)) + packer.flush()
    await exchange.answer(200, packed, {"content-encoding": "gzip"})


async def brotli(exchange: Exchange) -> None:
    await exchange.head(200, {"content-encoding": "br"})
    await exchange.silence()


async def done_then_silence(exchange: Exchange) -> None:
    await exchange.begin()
    await exchange.send(b"data: [DONE]\n\n")
    await exchange.silence()


async def done_then_end(exchange: Exchange) -> None:
    await exchange.begin()
    await exchange.send(b"data: [DONE]\n\n")
    await exchange.sleep(0.02)
    await exchange.end()


async def half_a_head_on_reuse(exchange: Exchange) -> None:
    if exchange.number == 1:
        await exchange.answer(200, b"{}")
        return
    await exchange.send_raw(b"HTTP/1.1 200 OK\r\ncontent-")
    await exchange.sleep(0.05)
    exchange.close()


async def only_once(exchange: Exchange) -> None:
    if exchange.number == 1:
        await exchange.answer(200, b"{}")
    else:
        exchange.close()


async def not_http(exchange: Exchange) -> None:
    await exchange.send_raw(b"220 mail.example ESMTP\r\n\r\n")
    exchange.close()


async def twice(exchange: Exchange) -> None:
    await exchange.answer(200, b"{}", {"x-warning": "one", "X-Warning": "two"})


# What the tests do over and over


def ask(
    vendor: FakeProvider, model: str = "ok", *, stream: bool = False, query: str = ""
) -> HttpRequest:
    body = {"model": model, "stream": stream, "messages": [{"role": "user", "content": CANARY}]}
    return HttpRequest(
        url=f"{vendor.url}/chat/completions{query}",
        headers={"authorization": f"Bearer {CANARY}", "content-type": "application/json"},
        body=json.dumps(body).encode(),
        stream=stream,
    )


async def whole(reply: TransportReply) -> bytes:
    return b"".join([piece async for piece in reply.chunks()])


async def fetch(transport: Transport, request: HttpRequest, connect: float = 5.0) -> bytes:
    reply = await transport.send(request, connect=connect)
    try:
        return await whole(reply)
    finally:
        await reply.close()


async def failure(sending: asyncio.Future[bytes] | asyncio.Task[bytes]) -> TransportError:
    with pytest.raises(TransportError) as failed:
        await sending
    return failed.value


async def fails(transport: Transport, request: HttpRequest, connect: float = 5.0) -> ErrorKind:
    return (await failure(asyncio.ensure_future(fetch(transport, request, connect)))).kind


async def all_there_is(reply: TransportReply) -> tuple[bytes, TransportError | None]:
    """Read to the end or to the failure, which is given with what came before it."""
    came = b""
    try:
        async for piece in reply.chunks():
            came += piece
    except TransportError as error:
        return came, error
    return came, None


async def pieces_until(reply: TransportReply, end: bytes) -> bytes:
    came = b""
    async for piece in reply.chunks():
        came += piece
        if end in came:
            break
    return came


async def soon(happened: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not happened():  # noqa: ASYNC110 - the fake vendor signals nothing
            await asyncio.sleep(0.005)


async def seen_by(vendor: FakeProvider) -> None:
    """Wait until the vendor sees that its client left."""
    await soon(lambda: vendor.received[-1].client_gone is not None)


@contextmanager
def deaf_port() -> Iterator[int]:
    """A port which takes no further connection and refuses none."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for client in waiting:
            client.setblocking(False)
            client.connect_ex(listening.getsockname())
        yield listening.getsockname()[1]
        for client in waiting:
            client.close()


def open_files() -> int:
    return len(list(Path("/dev/fd").iterdir()))


@contextmanager
def another_loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield loop
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def free_port() -> int:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return int(unused.getsockname()[1])


# Replies


async def test_a_request_arrives_as_it_was_made(transport: Transport, vendor: FakeProvider) -> None:
    request = ask(vendor)
    reply = await transport.send(request, connect=5.0)
    assert reply.status == 200
    assert reply.headers["content-type"] == "application/json"
    assert json.loads(await whole(reply))["object"] == "chat.completion"
    await reply.close()
    [received] = vendor.received
    assert (received.method, received.body, received.key) == ("POST", request.body, CANARY)


async def test_a_get_without_a_body_is_sent_too(transport: Transport, vendor: FakeProvider) -> None:
    request = HttpRequest(url=f"{vendor.url}/models", headers={}, method="GET")
    assert json.loads(await fetch(transport, request))["object"] == "list"


async def test_a_stream_comes_in_the_pieces_that_arrive(
    transport: Transport, vendor: FakeProvider
) -> None:
    reply = await transport.send(ask(vendor, "steady~chunks=4~gap=0.05", stream=True), connect=5.0)
    pieces = [piece async for piece in reply.chunks()]
    await reply.close()
    assert len(pieces) > 3
    assert b"".join(pieces).endswith(b"data: [DONE]\n\n")


async def test_compression_is_asked_for_except_on_streams(
    transport: Transport, vendor: FakeProvider
) -> None:
    await fetch(transport, ask(vendor))
    await fetch(transport, ask(vendor, stream=True))
    plain, streamed = (received.headers["accept-encoding"] for received in vendor.received)
    assert (plain, streamed) == ("gzip, deflate", "identity")


@pytest.mark.parametrize("model", ["gzip", "deflate"])
async def test_a_compressed_body_is_decompressed(
    transport: Transport, vendor: FakeProvider, model: str
) -> None:
    reply = await transport.send(ask(vendor, model), connect=5.0)
    assert json.loads(await whole(reply))
    await reply.close()
    assert not {"content-encoding", "content-length"} & set(reply.headers)


async def test_a_compressed_stream_is_decompressed(
    transport: Transport, vendor: FakeProvider
) -> None:
    assert (await fetch(transport, ask(vendor, "gzip", stream=True))).endswith(b"[DONE]\n\n")


@pytest.mark.parametrize("model", ["gzip-gzip", "brotli"])
@pytest.mark.parametrize("stream", [False, True])
async def test_several_or_unknown_codings_are_a_bad_answer(
    transport: Transport, vendor: FakeProvider, model: str, *, stream: bool
) -> None:
    assert await fails(transport, ask(vendor, model, stream=stream)) is ErrorKind.BAD_ANSWER


async def test_a_reply_that_cannot_be_read_is_let_go_of(
    transport: Transport, vendor: FakeProvider
) -> None:
    error = await failure(asyncio.ensure_future(fetch(transport, ask(vendor, "brotli"))))
    await seen_by(vendor)  # while the error still holds on to everything
    assert error.kind is ErrorKind.BAD_ANSWER


async def test_a_line_of_8_mib_comes_through(transport: Transport, vendor: FakeProvider) -> None:
    body = await fetch(transport, ask(vendor, "huge-line", stream=True))
    assert body.count(b"x") >= 8 << 20
    assert body.endswith(b"data: [DONE]\n\n")


async def test_a_body_of_16_mib_is_sent_whole(transport: Transport, vendor: FakeProvider) -> None:
    body = json.dumps({"model": "ok", "messages": ["x" * (16 << 20)]}).encode()
    await fetch(transport, HttpRequest(url=ask(vendor).url, headers={}, body=body))
    assert vendor.received[0].body == body


@pytest.mark.parametrize("model", ["huge-line~bytes=3000000", "bomb"])
async def test_a_whole_body_is_limited_in_size_decompressed(
    transport: Transport, vendor: FakeProvider, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("modelmesh.stream.MAX_WHOLE", 1 << 20)
    clock = SystemClock()
    end = clock.now() + 5
    timer = clock.timer()
    reply = await transport.send(ask(vendor, model), connect=5.0)
    with timer.until(end), pytest.raises(TransportError) as failed:
        await read_whole(reply, clock, Timers(first=end, deadline=end, idle=5.0), timer)
    await reply.close()
    assert failed.value.kind is ErrorKind.BAD_ANSWER


async def test_repeated_headers_are_joined(transport: Transport, vendor: FakeProvider) -> None:
    reply = await transport.send(ask(vendor, "twice"), connect=5.0)
    await reply.close()
    assert reply.headers["x-warning"] == "one, two"


async def test_a_redirect_is_a_reply_like_any_other(
    transport: Transport, vendor: FakeProvider
) -> None:
    reply = await transport.send(ask(vendor, "redirect"), connect=5.0)
    await reply.close()
    assert (reply.status, len(vendor.received)) == (307, 1)


async def test_cookies_are_not_kept(transport: Transport, vendor: FakeProvider) -> None:
    vendor.host = "localhost"  # the usual jars take no cookies from a bare address
    await fetch(transport, ask(vendor, "set-cookie"))
    await fetch(transport, ask(vendor, "set-cookie"))
    assert ["cookie" in received.headers for received in vendor.received] == [False, False]


# Replies that break off


@pytest.mark.parametrize("model", ["cut-chunked", "cut-length", "reset-mid"])
async def test_a_cut_stream_gives_what_came_and_then_fails(
    transport: Transport, vendor: FakeProvider, model: str
) -> None:
    reply = await transport.send(ask(vendor, f"{model}~after=2", stream=True), connect=5.0)
    came, error = await all_there_is(reply)
    await reply.close()
    assert error
    assert (error.kind, came.count(b"data: ")) == (ErrorKind.STREAM_INCOMPLETE, 3)


async def test_a_stream_ended_by_closing_just_ends_for_its_end_marker_tells(
    transport: Transport, vendor: FakeProvider
) -> None:
    reply = await transport.send(ask(vendor, "cut-close~after=2", stream=True), connect=5.0)
    came, error = await all_there_is(reply)
    await reply.close()
    assert (error, came.count(b"data: "), b"[DONE]" in came) == (None, 3, False)


@pytest.mark.parametrize("model", ["cut-chunked", "cut-length", "reset-mid"])
async def test_a_cut_document_is_incomplete(
    transport: Transport, vendor: FakeProvider, model: str
) -> None:
    assert await fails(transport, ask(vendor, model)) is ErrorKind.STREAM_INCOMPLETE


async def test_a_senseless_reply_is_a_bad_answer(
    transport: Transport, vendor: FakeProvider
) -> None:
    assert await fails(transport, ask(vendor, "not-http")) is ErrorKind.BAD_ANSWER


# Connections


async def test_one_connection_serves_one_request_after_the_other(
    transport: Transport, vendor: FakeProvider
) -> None:
    for stream in (False, True, False):
        await fetch(transport, ask(vendor, stream=stream))
    assert vendor.connections == 1


@pytest.mark.parametrize(("drain", "connections"), [(True, 1), (False, 2)])
async def test_what_is_left_after_the_end_marker_is_read_if_that_is_asked_for(
    transport: Transport, vendor: FakeProvider, connections: int, *, drain: bool
) -> None:
    reply = await transport.send(ask(vendor, "done-then-end", stream=True), connect=5.0)
    await pieces_until(reply, b"[DONE]")
    await reply.close(drain=drain)
    await fetch(transport, ask(vendor))
    assert vendor.connections == connections


async def test_a_vendor_that_does_not_end_its_stream_is_not_waited_for(
    transport: Transport, vendor: FakeProvider
) -> None:
    reply = await transport.send(ask(vendor, "done-then-silence", stream=True), connect=5.0)
    await pieces_until(reply, b"[DONE]")
    async with asyncio.timeout(0.5):
        await reply.close(drain=True)
    await seen_by(vendor)


async def test_a_stale_connection_is_noticed_before_or_while_sending(
    transport: Transport, vendor: FakeProvider
) -> None:
    for model in ("close-after-idle~idle=0.05", "close-after-answer", "close-on-reuse", "ok"):
        assert json.loads(await fetch(transport, ask(vendor, model)))["object"]
        await asyncio.sleep(0.1)
    # Only what came over the deaf connection was sent again.
    assert [len(vendor.requests_for(model)) for model in ("close-on-reuse", "ok")] == [1, 2]


async def test_a_stale_connection_is_replaced_by_a_new_one_though_others_are_kept(
    transport: Transport, vendor: FakeProvider
) -> None:
    request = ask(vendor, "close-on-reuse")
    await asyncio.gather(*(fetch(transport, request) for _ in range(5)))
    before = len(vendor.received)
    await fetch(transport, request)
    assert len(vendor.received) - before == 2


@pytest.mark.parametrize(("model", "sent"), [("only-once", 2), ("half-a-head-on-reuse", 1)])
async def test_a_request_is_sent_again_once_and_not_at_all_if_a_reply_began(
    transport: Transport, vendor: FakeProvider, model: str, sent: int
) -> None:
    await fetch(transport, ask(vendor, model))
    assert await fails(transport, ask(vendor, model)) is ErrorKind.UNREACHABLE
    assert len(vendor.received) == 1 + sent


async def test_a_request_that_fails_on_a_new_connection_is_not_repeated(
    transport: Transport, vendor: FakeProvider
) -> None:
    kind = await fails(transport, ask(vendor, "close-before-headers"))
    assert (kind, len(vendor.received)) == (ErrorKind.UNREACHABLE, 1)


async def test_a_host_with_all_connections_taken_delays_no_other(
    make: Making, vendor: FakeProvider
) -> None:
    transport = make(per_host=1)
    async with FakeProvider() as other:
        hung = asyncio.create_task(fetch(transport, ask(vendor, "never-headers")))
        await soon(lambda: len(vendor.received) == 1)
        assert await fails(transport, ask(vendor), connect=0.2) is ErrorKind.TIMEOUT
        async with asyncio.timeout(PATIENCE):
            assert await fetch(transport, ask(other))
        hung.cancel()
        with pytest.raises(asyncio.CancelledError):
            await hung
    await transport.close()


async def test_a_connection_that_does_not_come_up_times_out(transport: Transport) -> None:
    with deaf_port() as port:
        request = HttpRequest(url=f"http://127.0.0.1:{port}/", headers={})
        before = asyncio.get_running_loop().time()
        assert await fails(transport, request, connect=0.3) is ErrorKind.TIMEOUT
        assert 0.25 < asyncio.get_running_loop().time() - before < PATIENCE


async def test_no_vendor_where_one_should_be_is_unreachable(transport: Transport) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}/"
    for url in (nowhere, "http://nobody.invalid/", "http://", "mailto:someone"):
        assert await fails(transport, HttpRequest(url=url, headers={})) is ErrorKind.UNREACHABLE


async def test_a_vendor_without_tls_is_unreachable_by_https(transport: Transport) -> None:
    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        request = HttpRequest(url=f"https://127.0.0.1:{port}/", headers={})
        assert await fails(transport, request) is ErrorKind.UNREACHABLE


async def test_a_line_break_in_a_header_is_refused_before_anything_is_sent(
    transport: Transport, vendor: FakeProvider
) -> None:
    for broken in ("a\r\nx-evil: 1", "a\nb", "a\0"):
        request = HttpRequest(url=vendor.url, headers={"x-client-request-id": broken})
        with pytest.raises(RequestError) as refused:
            await fetch(transport, request)
        assert refused.value.status == 400
    assert vendor.connections == 0


# Leaving early


async def test_a_cancelled_send_is_seen_by_the_vendor(
    transport: Transport, vendor: FakeProvider
) -> None:
    waiting = asyncio.create_task(fetch(transport, ask(vendor, "never-headers")))
    await soon(lambda: len(vendor.received) == 1)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await seen_by(vendor)


async def test_a_cancelled_wait_for_the_first_piece_is_seen_by_the_vendor(
    transport: Transport, vendor: FakeProvider
) -> None:
    reply = await transport.send(ask(vendor, "headers-then-silence", stream=True), connect=5.0)
    waiting = asyncio.ensure_future(anext(reply.chunks()))
    await asyncio.sleep(0.02)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await reply.close()
    await seen_by(vendor)


@pytest.mark.parametrize("stream", [False, True])
async def test_leaving_in_the_middle_is_seen_by_the_vendor(
    transport: Transport, vendor: FakeProvider, *, stream: bool
) -> None:
    reply = await transport.send(ask(vendor, "stall-mid", stream=stream), connect=5.0)
    assert await anext(reply.chunks())
    await reply.close()
    await seen_by(vendor)


async def test_a_cancelled_request_is_not_kept_for_a_vendor_that_does_not_read_it(
    transport: Transport,
) -> None:
    async def never_reads(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        vendors.append(writer)

    vendors: list[asyncio.StreamWriter] = []
    async with await asyncio.start_server(never_reads, "127.0.0.1", 0, limit=1 << 10) as server:
        port = server.sockets[0].getsockname()[1]
        request = HttpRequest(url=f"http://127.0.0.1:{port}/", headers={}, body=bytes(32 << 20))
        before = open_files()
        sending = asyncio.create_task(fetch(transport, request))
        await soon(lambda: len(vendors) == 1)
        await asyncio.sleep(0.1)  # until nothing more fits in between
        assert open_files() == before + 2
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        await soon(lambda: open_files() == before + 1)
        vendors[0].transport.abort()


async def test_a_wait_for_a_piece_may_be_cancelled_and_taken_up_again(
    transport: Transport, vendor: FakeProvider
) -> None:
    reply = await transport.send(ask(vendor, "slow-body~chunks=6~gap=0.06", stream=True), connect=5)
    pieces = reply.chunks()
    came, cancelled = b"", 0
    while True:
        try:
            async with asyncio.timeout(0.02):
                came += await anext(pieces)
        except TimeoutError:
            cancelled += 1
        except StopAsyncIteration:
            break
    await reply.close()
    assert cancelled > 5
    assert came.startswith(b"data: ")
    assert came.endswith(b"data: [DONE]\n\n")
    assert all(json.loads(line[6:]) for line in came.split(b"\n\n")[:-2])


async def test_streams_left_early_leave_nothing_open(make: Making, vendor: FakeProvider) -> None:
    transport = make()

    async def leave_early(number: int) -> None:
        reply = await transport.send(
            ask(vendor, f"stall-mid~after={number % 3}", stream=True), connect=5.0
        )
        await anext(reply.chunks())
        await reply.close()
        await reply.close()

    await asyncio.gather(*(leave_early(number) for number in range(40)))
    await soon(lambda: not vendor.open_connections)
    await transport.close()
    gc.collect()  # what was left open would warn now, and warnings fail


async def test_closing_the_transport_ends_idle_connections(
    make: Making, vendor: FakeProvider
) -> None:
    transport = make()
    await fetch(transport, ask(vendor))
    assert vendor.open_connections == 1
    await transport.close()
    await soon(lambda: not vendor.open_connections)


# Event loops


async def test_another_event_loop_has_connections_of_its_own(
    transport: Transport, vendor: FakeProvider
) -> None:
    with another_loop() as loop:
        for _ in range(2):
            assert await fetch(transport, ask(vendor))
            there = asyncio.run_coroutine_threadsafe(fetch(transport, ask(vendor)), loop)
            assert await asyncio.wrap_future(there)
        assert vendor.connections == 2
        await transport.close()
        await soon(lambda: not vendor.open_connections)


def test_one_transport_serves_one_event_loop_after_the_other(make: Making) -> None:
    transport = make()

    async def once() -> None:
        async with FakeProvider() as vendor:
            assert await fetch(transport, ask(vendor))
            await transport.close()

    asyncio.run(once())
    asyncio.run(once())


# Secrets


async def test_no_error_shows_a_key_a_query_or_a_body(
    transport: Transport, vendor: FakeProvider
) -> None:
    secret = f"?key={CANARY}"
    models = ["close-before-headers", "cut-chunked", "cut-length", "reset-mid", "gzip-gzip"]
    requests = [ask(vendor, model, query=secret) for model in [*models, "not-http"]]
    for url in (f"http://127.0.0.1:{free_port()}/", "http://nobody.invalid/", "http://"):
        headers = {"x-api-key": CANARY}
        requests.append(HttpRequest(url=f"{url}{secret}", headers=headers, body=CANARY.encode()))
    for request in requests:
        error = await failure(asyncio.ensure_future(fetch(transport, request)))
        shown = [str(error), repr(error), *traceback.format_exception(error), repr(request)]
        assert CANARY not in "".join(shown).replace(secret, "")
        assert secret not in "".join(shown[:-1])
