"""HTTP/1.1 by hand, for a vendor that breaks it: requests as they arrive, and every way to answer.

Nothing here knows what a vendor says. A real HTTP library would refuse to cut its own answers.
"""

import asyncio
import hashlib
import json
import re
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Literal, TypeAlias

from attrs import define, field

Framing: TypeAlias = Literal["chunked", "close"] | int
"""How the end of a body is told: by a last empty chunk, by closing, or by its length in bytes."""

HEAD_LIMIT = 1 << 20
JSON = "application/json"
EVENTS = "text/event-stream; charset=utf-8"
# Google's requests have it there, and tell by the method whether events are asked for.
_MODEL_IN_PATH = re.compile(r"/models/([^/:?]+):")


@define(eq=False)
class Received:
    """A request as it came off the wire. Times are the event loop's, in seconds."""

    method: str
    path: str
    # Spelling, order and repetitions as they were sent.
    raw_headers: list[tuple[str, str]] = field(repr=False)
    body: bytes = field(repr=False)
    # Which of the provider's connections it came over, counted from 1.
    connection: int
    # When the last byte of it was there.
    arrived: float
    # When the client hung up on an answer that was still owed to it.
    client_gone: float | None = None
    # The answer was sent to the end its framing promised.
    finished: bool = False
    # Names in lower case; of a repeated header the last.
    headers: dict[str, str] = field(init=False, repr=False)
    sha256: str = field(init=False, repr=False)
    # None where the body is not JSON.
    json: Any = field(init=False, repr=False)
    model: str | None = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.headers = {name.lower(): value for name, value in self.raw_headers}
        self.sha256 = hashlib.sha256(self.body).hexdigest()
        try:
            self.json = json.loads(self.body)
        except ValueError:
            self.json = None
        self.model = self._find_model()

    @property
    def key(self) -> str:
        """The bearer key, empty where there is none."""
        return self.headers.get("authorization", "").removeprefix("Bearer ")

    @property
    def streaming(self) -> bool:
        asked = isinstance(self.json, dict) and self.json.get("stream") is True
        return asked or ":stream" in self.path or self.field("stream") == "true"

    def field(self, name: str) -> str | None:
        """Return a field of a form; None where it has none."""
        head = re.escape(f'name="{name}"').encode()
        rest = rb"\r\n(?:[^\r\n]+\r\n)*\r\n(.*?)\r\n--"
        form = "multipart/form-data" in self.headers.get("content-type", "")
        found = re.search(head + rest, self.body, re.DOTALL) if form else None
        return found[1].decode() if found else None

    def _find_model(self) -> str | None:
        if in_path := _MODEL_IN_PATH.search(self.path):
            return in_path[1]
        if isinstance(self.json, dict):
            model = self.json.get("model")
            return model if isinstance(model, str) else None
        return self.field("model")


@define(eq=False)
class Exchange:
    """One request, and the means to answer it well or badly.

    A fault which returns before the answer has reached the end its framing promised cuts it there:
    the connection is closed.
    """

    request: Received
    # Of this request among all the provider ever got, counted from 1.
    number: int
    # Whatever a fault keeps from one request to the next for the same model or key.
    memory: list[float]
    _writer: asyncio.StreamWriter
    # Seconds the connection then waits for another request; None: for ever.
    idle: float | None = None
    # The next request on this connection gets the connection's end for an answer.
    deaf: bool = False
    closed: bool = field(default=False, init=False)
    _framing: Framing | None = field(default=None, init=False)
    _sent: int = field(default=0, init=False)

    async def head(
        self,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        *,
        framing: Framing = "chunked",
    ) -> None:
        """Send the status line and the headers, those which `framing` calls for included."""
        self._framing = framing
        described = {"x-request-id": f"req-{self.number}", "connection": "keep-alive"}
        match framing:
            case "chunked":
                described["transfer-encoding"] = "chunked"
            case "close":
                described["connection"] = "close"
            case length:
                described["content-length"] = str(length)
        described |= headers or {}
        lines = [_status_line(status), *(f"{name}: {text}" for name, text in described.items())]
        await self.send_raw("\r\n".join([*lines, "", ""]).encode("latin-1"))
        self.request.finished = framing == 0

    async def send(self, data: bytes) -> None:
        """Send a piece of the body."""
        if not data:
            return
        if self._framing == "chunked":
            await self.send_raw(b"%x\r\n%b\r\n" % (len(data), data))
            return
        await self.send_raw(data)
        self._sent += len(data)
        self.request.finished = self._sent == self._framing

    async def end(self) -> None:
        """Bring the body to its end."""
        if self._framing == "chunked":
            await self.send_raw(b"0\r\n\r\n")
        self.request.finished = self._framing in ("chunked", "close", self._sent)

    async def answer(
        self, status: int, body: bytes, headers: Mapping[str, str] | None = None
    ) -> None:
        """Send a whole answer, JSON unless `headers` say otherwise."""
        await self.head(status, {"content-type": JSON, **(headers or {})}, framing=len(body))
        await self.send(body)

    async def begin(
        self, framing: Framing = "chunked", headers: Mapping[str, str] | None = None
    ) -> None:
        """Send the head of a good answer, a stream if one was asked for."""
        described = {"content-type": EVENTS if self.request.streaming else JSON, **(headers or {})}
        await self.head(200, described, framing=framing)

    async def deliver(
        self,
        parts: Sequence[bytes],
        *,
        headers: Mapping[str, str] | None = None,
        first: float = 0.0,
        gap: float = 0.0,
    ) -> None:
        """Send a good answer: the first part `first` seconds after the head, then `gap` apart."""
        length = sum(map(len, parts))
        await self.begin("chunked" if self.request.streaming else length, headers)
        for number, part in enumerate(parts):
            await self.sleep(gap if number else first)
            await self.send(part)
        await self.end()

    async def send_raw(self, data: bytes) -> None:
        """Send bytes as they are, outside any framing."""
        self._writer.write(data)
        await self._writer.drain()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def silence(self) -> None:
        """Say nothing more until the client leaves or the provider stops."""
        await asyncio.get_running_loop().create_future()

    def now(self) -> float:
        """Tell the event loop's time, in seconds."""
        return asyncio.get_running_loop().time()

    def close(self) -> None:
        """End the connection in good order."""
        self.closed = True
        self._writer.close()

    def abort(self) -> None:
        """Reset the connection."""
        self.closed = True
        at_once = struct.pack("ii", 1, 0)
        connection = self._writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
        self._writer.transport.abort()

    @property
    def reusable(self) -> bool:
        """Whether the connection may carry another request."""
        asked_to_close = self.request.headers.get("connection", "").lower() == "close"
        whole = self.request.finished and self._framing != "close"
        return whole and not (self.closed or asked_to_close)


Fault: TypeAlias = Callable[[Exchange], Awaitable[None]]
"""Answers one request. An exception other than a lost connection goes to the loop's handler."""


async def read_request(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, connection: int
) -> Received:
    """Read one request. Raises ValueError if it is malformed, EOFError if it ends early."""
    head = await reader.readuntil(b"\r\n\r\n")
    first, *lines = head[:-4].decode("latin-1").split("\r\n")
    method, path, version = first.split(" ")
    if version != "HTTP/1.1":
        raise ValueError(f"only HTTP/1.1 is spoken here, not {version}")
    raw_headers = []
    for line in lines:
        name, colon, text = line.partition(":")
        if not colon or name != name.strip():
            raise ValueError(f"not a header: {name!r}")
        raw_headers.append((name, text.strip()))
    headers = {name.lower(): text for name, text in raw_headers}
    if headers.get("expect", "").lower() == "100-continue":
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    if headers.get("transfer-encoding", "").lower() == "chunked":
        body = await _read_chunked(reader)
    else:
        body = await reader.readexactly(int(headers.get("content-length", "0")))
    arrived = asyncio.get_running_loop().time()
    return Received(method, path, raw_headers, body, connection, arrived)


async def _read_chunked(reader: asyncio.StreamReader) -> bytes:
    body = bytearray()
    while length := int((await reader.readuntil(b"\r\n")).partition(b";")[0], 16):
        body += await reader.readexactly(length)
        await reader.readexactly(2)
    while await reader.readuntil(b"\r\n") != b"\r\n":
        pass  # trailers say nothing a fake vendor needs
    return bytes(body)


def _status_line(status: int) -> str:
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = "Unknown"
    return f"HTTP/1.1 {status} {phrase}"
