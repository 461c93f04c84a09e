"""The load generator's connections: raw, one request at a time, each answer read to its end."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial

from attrs import Factory, define

from benchmarks import answers
from benchmarks.doors import Door
from benchmarks.wire import Incoming


@define
class Tally:
    """What came back from plain requests."""

    answers: int = 0
    faults: Counter[str] = Factory(Counter)
    waits: list[float] = Factory(list)
    seconds: float = 0.0


@define
class Stream:
    """What came back from one streamed request: pieces of the body, and when they arrived."""

    asked_ns: int = 0
    status: int = 0
    pieces: list[tuple[int, bytes]] = Factory(list)
    fault: str = ""

    @property
    def body(self) -> bytes:
        return b"".join(data for _, data in self.pieces)

    @property
    def ages(self) -> list[float]:
        """How old each piece of text was on arrival, in milliseconds."""
        return [
            (arrived - sent) / 1e6 for arrived, data in self.pieces for sent in answers.stamps(data)
        ]

    @property
    def first_token(self) -> float:
        """Milliseconds from the request to the first text, of which there must be some."""
        first = next(arrived for arrived, data in self.pieces if answers.stamps(data))
        return (first - self.asked_ns) / 1e6


class Connection(asyncio.Protocol):
    """Asks, tells `heard` what adds to the body, and then `over`. What is wrong is in `done`."""

    def __init__(self, request: bytes) -> None:
        self.done: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._request = request
        self._transport: asyncio.Transport | None = None
        self._incoming = Incoming()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def ask(self) -> None:
        assert self._transport
        self._incoming = Incoming()
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        try:
            text = self._incoming.feed(data)
        except ValueError as failure:
            self.finish(str(failure))
            return
        self.heard(text)
        if self._incoming.complete:
            self.over(self._incoming.status)

    def heard(self, text: bytes) -> None:
        raise NotImplementedError

    def over(self, status: int) -> None:
        raise NotImplementedError

    def connection_lost(self, _: Exception | None) -> None:
        self.finish("connection lost")

    def finish(self, fault: str = "") -> None:
        """Say how it went, unless that is known, and close."""
        if not self.done.done():
            self.done.set_result(fault)
        if self._transport:
            self._transport.abort()


class Plain(Connection):
    """Asks again and again until there is enough, and checks each answer at once."""

    def __init__(
        self, request: bytes, tally: Tally, enough: Callable[[], bool], *, exact: bool
    ) -> None:
        super().__init__(request)
        self._tally = tally
        self._enough = enough
        self._exact = exact

    def ask(self) -> None:
        self._body = b""
        self._asked = time.perf_counter()
        super().ask()

    def heard(self, text: bytes) -> None:
        self._body += text

    def over(self, status: int) -> None:
        self._tally.waits.append(time.perf_counter() - self._asked)
        if fault := answers.plain_fault(status, self._body, exact=self._exact):
            self._tally.faults[fault] += 1
        else:
            self._tally.answers += 1
        if self._enough():
            self.finish()
        else:
            self.ask()


class Streamed(Connection):
    """Asks once and keeps what arrives; checking that would take time from reading."""

    def __init__(self, request: bytes, stream: Stream) -> None:
        super().__init__(request)
        self._stream = stream

    @property
    def begun(self) -> bool:
        """Whether there is text."""
        return any(answers.stamps(data) for _, data in self._stream.pieces)

    def ask(self) -> None:
        self._stream.asked_ns = time.monotonic_ns()
        super().ask()

    def heard(self, text: bytes) -> None:
        self._stream.pieces.append((time.monotonic_ns(), text))

    def over(self, status: int) -> None:
        self._stream.status = status
        self.finish()


@asynccontextmanager
async def connected(door: Door, connections: Sequence[Connection]) -> AsyncIterator[None]:
    """Open the connections, and close them after the block.

    Raises:
        OSError: nobody listens there.

    """
    loop = asyncio.get_running_loop()
    try:
        for one in connections:
            await loop.create_connection(partial(_itself, one), "127.0.0.1", door.port)
        yield
    finally:
        for one in connections:
            one.finish("no end")


def _itself(connection: Connection) -> Connection:
    return connection
