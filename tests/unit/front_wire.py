"""A client of the direct front without a socket: it says bytes, and sees those that come back."""

import asyncio
import json
from collections.abc import Iterable
from typing import Any

from attrs import define, field, frozen
from proxy_calls import BODY, ScriptedVendor, endpoints

from modelmesh.clock import SystemClock
from modelmesh.proxy.direct.connection import Connection
from modelmesh.proxy.gate import Gate
from modelmesh.proxy.responder import Responder
from modelmesh.shown import Shown
from modelmesh.transport.protocol import TransportReply
from modelmesh.types import HttpRequest

CANARY = "canary-key"
"""A key that must not be seen in the log."""

TURNS = 60
"""Turns of the event loop in which everything that can happen has happened."""


class Wire(asyncio.Transport):
    """The transport below a connection."""

    def __init__(self, connection: Connection) -> None:
        super().__init__()
        self.connection = connection
        self.written: list[bytes] = []
        self.paused = False
        self.ended = False
        self.closed = False
        self.aborted = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.closed, "written to after its end"
        assert not self.ended, "written to after its end"
        self.written.append(bytes(data))

    def write_eof(self) -> None:
        self.ended = True

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            asyncio.get_running_loop().call_soon(self.connection.connection_lost, None)

    def abort(self) -> None:
        self.aborted = True
        self.close()

    def pause_reading(self) -> None:
        assert not self.paused
        self.paused = True

    def resume_reading(self) -> None:
        assert self.paused
        self.paused = False


@define(eq=False)
class HeldVendor(ScriptedVendor):
    """Answers each request only when it is let to."""

    more: asyncio.Semaphore = field(factory=lambda: asyncio.Semaphore(0))
    given_up: int = 0

    async def send(self, request: HttpRequest, *, connect: float) -> TransportReply:
        reply = await super().send(request, connect=connect)
        try:
            await self.more.acquire()
        except asyncio.CancelledError:
            self.given_up += 1
            raise
        return reply


@frozen
class Came:
    """A reply as it came."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def error(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(self.body)["error"]
        return told


@define(eq=False)
class Caller:
    """A client, at the other end of a connection."""

    vendor: ScriptedVendor = field(factory=ScriptedVendor)
    settings: dict[str, Any] = field(factory=dict)
    forgotten: int = field(default=0, init=False)
    gate: Gate = field(factory=Gate, init=False)
    connection: Connection = field(init=False)
    wire: Wire = field(init=False)

    def __attrs_post_init__(self) -> None:
        served = endpoints(self.vendor, gate=self.gate, **self.settings)
        responder = Responder(
            endpoints=served,
            gate=self.gate,
            clock=SystemClock(),
            write_timeout=self.settings.get("write_timeout", 60.0),
            shown=Shown(content=None, keys=[CANARY]),
        )
        self.connection = Connection(self, responder, asyncio.get_running_loop())
        self.wire = Wire(self.connection)
        self.connection.connection_made(self.wire)

    def add(self, connection: Connection) -> None:
        """Be its keeper."""

    def forget(self, connection: Connection) -> None:
        assert connection is self.connection
        self.forgotten += 1

    async def says(self, *pieces: bytes) -> None:
        """Send pieces, one at a time, and wait for what comes of them."""
        for piece in pieces:
            await settle(4)
            if self.wire.paused:
                await settle()
            if self.wire.closed or self.wire.paused:
                break
            self.connection.data_received(piece)
        await settle()

    async def ends(self) -> None:
        """End its half of the connection."""
        if not self.wire.closed:
            self.connection.eof_received()
            self.wire.close()
        await settle()

    def later(self, seconds: float) -> None:
        """Have it looked at, as if so many seconds had passed."""
        self.connection.check(asyncio.get_running_loop().time() + seconds)

    @property
    def came(self) -> list[Came]:
        return replies(b"".join(self.wire.written))


async def settle(turns: int = TURNS) -> None:
    for _ in range(turns):
        await asyncio.sleep(0)


def post(*lines: str, body: bytes | None = None, path: str = "/v1/chat/completions") -> bytes:
    """Write a request, by default a chat; further lines come behind the usual ones."""
    sent = json.dumps(BODY).encode() if body is None else body
    head = [f"POST {path} HTTP/1.1", "host: a", "content-type: application/json", *lines]
    own = {line.partition(":")[0].lower() for line in lines}
    if not own & {"content-length", "transfer-encoding"}:
        head.append(f"content-length: {len(sent)}")
    return "\r\n".join([*head, "", ""]).encode("latin-1") + sent


def get(*lines: str, path: str = "/livez", method: str = "GET") -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/1.1", "host: a", *lines, "", ""]).encode()


def in_chunks(pieces: Iterable[bytes]) -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces if piece) + (
        b"0\r\n\r\n"
    )


def replies(text: bytes) -> list[Came]:
    """Read replies one after the other; anything which is none fails."""
    found: list[Came] = []
    while text:
        head, end, text = text.partition(b"\r\n\r\n")
        assert end, f"half a head: {head!r}"
        first, *lines = head.decode().split("\r\n")
        version, status, _ = first.split(" ", 2)
        assert version == "HTTP/1.1"
        headers = {}
        for line in lines:
            name, colon, value = line.partition(": ")
            assert colon
            assert name not in headers
            headers[name] = value
        assert not {"content-length", "transfer-encoding"} <= headers.keys()
        body, text = _body(headers, text)
        found.append(Came(int(status), headers, body))
    return found


def _body(headers: dict[str, str], text: bytes) -> tuple[bytes, bytes]:
    """Return a reply's body, and what comes behind it."""
    if headers.get("transfer-encoding") == "chunked":
        body = b""
        while size := int((cut := text.partition(b"\r\n"))[0], 16):
            body, text = body + cut[2][:size], cut[2][size + 2 :]
        assert text.startswith(b"0\r\n\r\n")
        return body, text[5:]
    if "content-length" in headers:
        size = int(headers["content-length"])
        if not text or text.startswith(b"HTTP/1.1 "):  # it was asked for by HEAD
            return b"", text
        assert len(text) >= size
        return text[:size], text[size:]
    if headers.get("connection") == "close":
        return text, b""
    return b"", text
