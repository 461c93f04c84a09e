"""A vendor far faster than any gateway: every reply is made beforehand, the model's name chooses.

python -m benchmarks.vendor PORT PIECES GAP

A stream has so many pieces; the paced one sends one per gap (in seconds), the burst twenty at once,
the held one its first and then nothing. `GET /counts` tells how often each model was asked.
"""

import asyncio
import json
import re
import sys
import time
from collections import Counter
from typing import Final

from benchmarks import answers
from benchmarks.wire import Incoming

_MODEL: Final = re.compile(rb'"model"\s*:\s*"([^"]+)"')
_USAGE: Final = re.compile(rb'"include_usage"\s*:\s*true')
_MARK: Final = answers.END_MARK.encode()


def _reply(status: bytes, body: bytes) -> bytes:
    head = b"HTTP/1.1 %b\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
    return head % (status, len(body)) + body


REPLIES: Final = {
    answers.PLAIN: _reply(b"200 OK", answers.plain()),
    answers.FAILING: _reply(b"500 Internal Server Error", answers.failure()),
}
_TORN: Final = _reply(b"400 Bad Request", b'{"error":{"message":"This is not what was sent."}}')
_STREAM_HEAD: Final = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
)


class Vendor:
    """What all connections share."""

    def __init__(self, pieces: int, gap: float) -> None:
        self.pieces = pieces
        self.gap = gap
        self.asked: Counter[str] = Counter()


class Connection(asyncio.Protocol):
    """Answers one request after another."""

    def __init__(self, vendor: Vendor) -> None:
        self._vendor = vendor
        self._incoming = Incoming()
        self._body: list[bytes] = []
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, _: Exception | None) -> None:
        if self._timer:
            self._timer.cancel()

    def data_received(self, data: bytes) -> None:
        self._body.append(self._incoming.feed(data))
        if self._incoming.complete:
            head, body = self._incoming.head, b"".join(self._body)
            self._incoming, self._body = Incoming(), []
            self._answer(head, body)

    def _answer(self, head: bytes, body: bytes) -> None:
        if head.startswith(b"GET "):
            self._transport.write(_reply(b"200 OK", json.dumps(self._vendor.asked).encode()))
            return
        found = _MODEL.search(body)
        if not found or _MARK not in body:
            self._transport.write(_TORN)
            return
        model = found[1].decode()
        self._vendor.asked[model] += 1
        if reply := REPLIES.get(model):
            self._transport.write(reply)
        else:
            self._begin(model, usage=bool(_USAGE.search(body)))

    def _begin(self, model: str, *, usage: bool) -> None:
        self._transport.write(_STREAM_HEAD + _chunk(answers.opening(model)))
        self._piece = answers.piece(model)
        self._closing = _chunk(answers.closing(model, usage=usage)) + b"0\r\n\r\n"
        self._at_once = answers.BURST_SIZE if model == answers.BURST else 1
        self._left = self._vendor.pieces
        self._due = asyncio.get_running_loop().time()
        if model == answers.HELD:
            self._transport.write(_chunk(self._piece))
        else:
            self._send()

    def _send(self) -> None:
        """Send what is due, and plan the next by the clock so that delays do not add up."""
        count = min(self._at_once, self._left)
        event = _chunk(answers.stamped(self._piece, time.monotonic_ns()))
        self._left -= count
        self._transport.write(event * count)
        self._due += self._vendor.gap
        next_one = self._send if self._left else self._end
        self._timer = asyncio.get_running_loop().call_at(self._due, next_one)

    def _end(self) -> None:
        self._timer = None
        self._transport.write(self._closing)


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


async def serve(port: int, pieces: int, gap: float) -> None:
    vendor = Vendor(pieces, gap)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(vendor), "127.0.0.1", port, backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))
