"""What the direct transport does on real sockets that the suite of all transports does not ask."""

import asyncio
import gc
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from attrs import define, field
from test_transport import deaf_port

from modelmesh.errors import ErrorKind, TransportError
from modelmesh.testing.fake_provider import FakeProvider
from modelmesh.transport.direct import DirectTransport
from modelmesh.transport.protocol import TransportReply
from modelmesh.types import HttpRequest

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"
ENDLESS = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nfirst\r\n"

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@define(eq=False)
class Server:
    """A server that answers every request alike, and notes how it was asked."""

    port: int = 0
    answer: bytes = ANSWER
    connections: int = 0
    heads: list[bytes] = field(factory=list)
    names: list[str] = field(factory=list)
    spoken: list[str | None] = field(factory=list)
    gone: asyncio.Event = field(factory=asyncio.Event)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        secure = writer.get_extra_info("ssl_object")
        self.spoken.append(secure.selected_alpn_protocol() if secure else None)
        try:
            while True:
                self.heads.append(await reader.readuntil(b"\r\n\r\n"))
                writer.write(self.answer)
        except (asyncio.IncompleteReadError, OSError):
            self.gone.set()
        writer.transport.abort()

    def note_name(self, _: object, name: str, __: object) -> None:
        self.names.append(name)


@asynccontextmanager
async def serving(
    tls: ssl.SSLContext | None = None, host: str = "127.0.0.1", **settings: Any
) -> AsyncIterator[Server]:
    server = Server(**settings)
    if tls:
        tls.sni_callback = server.note_name
    async with await asyncio.start_server(server.serve, host, 0, ssl=tls) as listening:
        server.port = listening.sockets[0].getsockname()[1]
        yield server
        await asyncio.sleep(0.02)  # until what the test let go of is gone


@asynccontextmanager
async def opened(tls: ssl.SSLContext | None = None) -> AsyncIterator[DirectTransport]:
    transport = DirectTransport(tls=tls)
    try:
        yield transport
    finally:
        await transport.close()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a certificate for localhost which nobody trusts."""
    path = tmp_path_factory.mktemp("tls") / "localhost.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"),
            *("-keyout", path, "-out", path.with_suffix(".crt")),
        ],
        check=True,
        capture_output=True,
    )
    path.write_text(path.read_text() + path.with_suffix(".crt").read_text())
    return path


@pytest.fixture
def secured(certificate: Path) -> ssl.SSLContext:
    """What a server needs to be `localhost`."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    context.set_alpn_protocols(["h2", "http/1.1"])
    return context


@pytest.fixture
def trusting(certificate: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(certificate))
    context.set_alpn_protocols(["http/1.1"])
    return context


def get(server: Server, host: str = "127.0.0.1", scheme: str = "http") -> HttpRequest:
    return HttpRequest(url=f"{scheme}://{host}:{server.port}/v1", headers={}, method="GET")


async def whole(reply: TransportReply) -> bytes:
    return b"".join([piece async for piece in reply.chunks()])


async def fetch(transport: DirectTransport, request: HttpRequest, connect: float = 5.0) -> bytes:
    reply = await transport.send(request, connect=connect)
    try:
        return await whole(reply)
    finally:
        await reply.close()


async def failure(transport: DirectTransport, request: HttpRequest, connect: float = 5.0) -> str:
    with pytest.raises(TransportError) as failed:
        await fetch(transport, request, connect)
    assert failed.value.kind in (ErrorKind.UNREACHABLE, ErrorKind.TIMEOUT)
    return str(failed.value)


# TLS


async def test_a_vendor_is_asked_by_name_over_tls_and_the_connection_kept(
    secured: ssl.SSLContext, trusting: ssl.SSLContext
) -> None:
    async with serving(secured) as server, opened(trusting) as transport:
        for _ in range(3):
            assert await fetch(transport, get(server, "localhost", "https")) == b"{}"
        assert (server.names, server.spoken) == (["localhost"], ["http/1.1"])
        await transport.close()
        async with asyncio.timeout(1.0):
            await server.gone.wait()


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
async def test_a_certificate_that_is_not_trusted_or_for_another_host_is_refused(
    secured: ssl.SSLContext, trusting: ssl.SSLContext, host: str
) -> None:
    trusted = None if host == "localhost" else trusting
    async with serving(secured) as server, opened(trusted) as transport:
        told = await failure(transport, get(server, host, "https"))
        assert told == "no secure connection to the vendor could be made"
        assert server.heads == []


async def test_plain_http_goes_over_no_secure_connection(
    secured: ssl.SSLContext, trusting: ssl.SSLContext
) -> None:
    async with serving(secured) as server, opened(trusting) as transport:
        assert await fetch(transport, get(server, "localhost", "https"))
        assert await failure(transport, get(server, "localhost", "http"))
        assert len(server.heads) == 1


async def test_a_vendor_that_does_not_shake_hands_is_not_waited_for() -> None:
    async def silence(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.transport.abort()

    transport = DirectTransport()
    async with await asyncio.start_server(silence, "127.0.0.1", 0) as listening:
        port = listening.sockets[0].getsockname()[1]
        request = HttpRequest(url=f"https://127.0.0.1:{port}/", headers={})
        told = await failure(transport, request, connect=0.2)
        assert told == "connecting to the vendor timed out"
        await transport.close()
        gc.collect()  # what was left open would warn now, and warnings fail


@pytest.mark.parametrize("cancel", [True, False])
async def test_leaving_a_stream_over_tls_is_seen_by_the_vendor(
    secured: ssl.SSLContext, trusting: ssl.SSLContext, *, cancel: bool
) -> None:
    async with serving(secured, answer=ENDLESS) as server, opened(trusting) as transport:
        reply = await transport.send(get(server, "localhost", "https"), connect=5.0)
        assert await anext(reply.chunks()) == b"first"
        if cancel:
            waiting = asyncio.ensure_future(anext(reply.chunks()))
            await asyncio.sleep(0.01)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
        await reply.close()
        async with asyncio.timeout(1.0):
            await server.gone.wait()
    gc.collect()


# Connections


async def test_small_pieces_are_not_held_back() -> None:
    async with serving(answer=ENDLESS) as server, opened() as transport:
        reply = await transport.send(get(server), connect=5.0)
        connection: Any = reply._source
        chosen = connection._transport.get_extra_info("socket")
        assert chosen.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        await reply.close()


async def test_a_vendor_may_be_an_ipv6_address() -> None:
    async with serving(host="::1") as server, opened() as transport:
        assert await fetch(transport, get(server, "[::1]")) == b"{}"
        assert f"host: [::1]:{server.port}\r\n".encode() in server.heads[0]


async def test_another_address_of_a_host_is_tried_when_the_first_does_not_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def address(port: int) -> tuple[Any, ...]:
        return (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))

    with deaf_port() as deaf:
        async with serving() as server, opened() as transport:

            async def addresses(*_: object, **__: object) -> list[tuple[Any, ...]]:
                return [address(deaf), address(server.port)]

            monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", addresses)
            assert await fetch(transport, get(server, "vendor.test"), connect=2.0) == b"{}"


async def test_a_vendor_sends_no_faster_than_it_is_read() -> None:
    sent = 0

    async def pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        for _ in range(64):
            writer.write(bytes(1 << 20))
            await writer.drain()
            sent += 1
        writer.close()

    async with await asyncio.start_server(pour, "127.0.0.1", 0) as listening, opened() as transport:
        port = listening.sockets[0].getsockname()[1]
        reply = await transport.send(
            HttpRequest(url=f"http://127.0.0.1:{port}/", headers={}), connect=5.0
        )
        await anext(reply.chunks())
        await asyncio.sleep(0.3)
        assert sent < 32
        rest = 0
        async for piece in reply.chunks():
            rest += len(piece)
        assert sent == 64
        await reply.close()


async def test_a_loop_that_is_gone_leaves_nothing_behind() -> None:
    transport = DirectTransport()
    server = FakeProvider()

    async def once() -> None:
        async with server:
            request = HttpRequest(url=f"{server.url}/models", headers={}, method="GET")
            reply = await transport.send(request, connect=5.0)
            await whole(reply)
            await reply.close()
            await asyncio.sleep(0)
        await asyncio.sleep(0.02)  # the server's end has closed the connection

    for _ in range(3):
        await asyncio.to_thread(asyncio.run, once())
    assert len(transport._loops) == 1
    await transport.close()


def test_it_works_on_uvloop_as_well() -> None:
    uvloop: Any = pytest.importorskip("uvloop")

    async def conversation() -> None:
        transport = DirectTransport(per_host=4)
        async with FakeProvider() as vendor:
            url = f"{vendor.url}/chat/completions"
            asked: dict[str, Any] = {"url": url, "headers": {}, "stream": True}
            plain = HttpRequest(body=b'{"model": "ok", "messages": []}', **asked)
            stale = HttpRequest(body=b'{"model": "close-on-reuse", "messages": []}', **asked)
            for request in (plain, stale, stale, plain):
                replies = [fetch(transport, request) for _ in range(16)]
                assert all(await asyncio.gather(*replies))
            nobody = HttpRequest(url="http://127.0.0.1:1/", headers={})
            assert await failure(transport, nobody)
            stall = HttpRequest(body=b'{"model": "stall-mid", "stream": true}', **asked)
            reply = await transport.send(stall, connect=5.0)
            await anext(reply.chunks())
            await reply.close()
            await asyncio.sleep(0.1)
            assert vendor.received[-1].client_gone is not None
            await transport.close()

    uvloop.run(conversation())
