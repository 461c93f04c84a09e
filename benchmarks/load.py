"""The load: raw connections which ask, and check every answer, status, bytes, pieces and end.

Streams are checked after the last has ended, so that checking takes no time from reading.
"""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any, Final

from attrs import Factory, define

from benchmarks import answers
from benchmarks.doors import Door
from benchmarks.wire import Incoming

_PATIENCE: Final = 60.0


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


class _Connection(asyncio.Protocol):
    """Asks, reads, and tells `heard` each piece of the body; `over` says whether to ask again."""

    def __init__(self, request: bytes) -> None:
        self.done: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._request = request
        self._incoming = Incoming()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self.ask()

    def ask(self) -> None:
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
        if not self.done.done():
            self.done.set_result(fault)
        self._transport.abort()


class _Plain(_Connection):
    """Asks again and again until there is enough."""

    def __init__(
        self, request: bytes, tally: Tally, enough: Callable[[], bool], *, exact: bool
    ) -> None:
        super().__init__(request)
        self._tally = tally
        self._enough = enough
        self._exact = exact
        self._body = b""

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


class _Streamed(_Connection):
    def __init__(self, request: bytes, stream: Stream) -> None:
        super().__init__(request)
        self._stream = stream

    @property
    def begun(self) -> bool:
        """Whether there is text, or there will be none."""
        return self.done.done() or any(answers.stamps(data) for _, data in self._stream.pieces)

    def ask(self) -> None:
        self._stream.asked_ns = time.monotonic_ns()
        super().ask()

    def heard(self, text: bytes) -> None:
        self._stream.pieces.append((time.monotonic_ns(), text))

    def over(self, status: int) -> None:
        self._stream.status = status
        self.finish()


async def ask(
    door: Door,
    *,
    in_flight: int,
    seconds: float,
    at_most: int | None = None,
    size: int = 1000,
    model: str = answers.PLAIN,
) -> Tally:
    """Keep so many plain requests in flight for so long, or until there are enough answers."""
    request = door.request(answers.question(door.model.format(model), size=size))
    tally = Tally()
    begun = time.perf_counter()

    def enough() -> bool:
        return time.perf_counter() - begun > seconds or (
            at_most is not None and tally.answers + in_flight > at_most
        )

    connections = [_Plain(request, tally, enough, exact=door.exact) for _ in range(in_flight)]
    for fault in await _finished(door, connections):
        if fault:
            tally.faults[fault] += 1
    tally.seconds = time.perf_counter() - begun
    return tally


async def stream(door: Door, *, model: str, count: int, pieces: int) -> list[Stream]:
    """Open so many streams, a little apart, and read them to their end."""
    request = door.request(answers.question(door.model.format(model), stream=True))
    streams = [Stream() for _ in range(count)]
    connections = [_Streamed(request, one) for one in streams]
    faults = await _finished(door, connections, apart=0.0004)
    for one, fault in zip(streams, faults, strict=True):
        one.fault = fault or answers.stream_fault(
            one.status, one.body, model, pieces, exact=door.exact
        )
    return streams


@asynccontextmanager
async def held(door: Door, count: int) -> AsyncIterator[int]:
    """Keep so many streams open which do not end; give how many of them have begun."""
    request = door.request(answers.question(door.model.format(answers.HELD), stream=True))
    connections = [_Streamed(request, Stream()) for _ in range(count)]
    loop = asyncio.get_running_loop()
    try:
        for one in connections:
            await loop.create_connection(partial(_itself, one), "127.0.0.1", door.port)
        with suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE):
                while not all(one.begun for one in connections):  # noqa: ASYNC110 - once, and slow
                    await asyncio.sleep(0.01)
        yield sum(not one.done.done() for one in connections)
    finally:
        for one in connections:
            one.finish("held long enough")


async def _finished(door: Door, connections: list[Any], apart: float = 0.0) -> list[str]:
    """Let all connections do their work; return what was wrong with each, or nothing."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(_PATIENCE):
            for one in connections:
                await loop.create_connection(partial(_itself, one), "127.0.0.1", door.port)
                await asyncio.sleep(apart)
            await asyncio.wait([one.done for one in connections])
    except (TimeoutError, OSError) as failure:
        fault = type(failure).__name__
        return [one.done.result() if one.done.done() else fault for one in connections]
    finally:
        for one in connections:
            if hasattr(one, "_transport"):
                one.finish("given up")
    return [one.done.result() for one in connections]


def _itself(connection: _Connection) -> _Connection:
    return connection
