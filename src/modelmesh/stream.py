"""A vendor's reply that is still arriving: its first content, its end, its errors, its closing."""

import json
from collections import deque
from collections.abc import AsyncIterator
from typing import Final, Protocol, Self

from attrs import define, field

from modelmesh.clock import Clock
from modelmesh.errors import ErrorKind, ProviderError, TransportError
from modelmesh.sse import Decoder, EventTooLarge
from modelmesh.timers import Timers
from modelmesh.types import Chunk, Event, StreamDecoder, TransportReply, Usage

_END: Final = b"[DONE]"


class Outcome(Protocol):
    """Where a stream tells how it ended; only the first word counts."""

    def succeed(self, now: float) -> None: ...
    def fail(self, now: float, error: ProviderError) -> None: ...
    def cancel(self) -> None: ...


async def read_whole(reply: TransportReply, clock: Clock, timers: Timers) -> bytes:
    """Read a plain reply to its end.

    White space before it is a sign of life and not yet an answer. Raises TransportError if it is
    cut, and TimeoutError.
    """
    pieces: list[bytes] = []
    pieces_in = reply.chunks()
    until = timers.first
    said_something = False
    while True:
        async with clock.timeout_at(until):
            piece = await anext(pieces_in, None)
        if piece is None:
            return b"".join(pieces)
        pieces.append(piece)
        said_something = said_something or bool(piece.strip())
        if said_something:
            until = min(clock.now() + timers.idle, timers.deadline)


@define(eq=False)
class Stream:
    """Iterates over the JSON of the chunks a client is to get, one `bytes` each.

    `b""` stands for "nothing yet", where a heartbeat was asked for. It raises ProviderError if the
    answer breaks off. It is over when it is closed, which whoever has it does on every path.
    """

    _reply: TransportReply
    _decoder: StreamDecoder
    _clock: Clock
    _timers: Timers
    _outcome: Outcome
    usage: Usage | None = field(default=None, init=False)
    _pieces: AsyncIterator[bytes] = field(init=False)
    _sse: Decoder = field(factory=Decoder, init=False)
    _ready: deque[bytes] = field(factory=deque, init=False)
    # What broke the stream off, to be raised once everything before it was given.
    _broken: ProviderError | None = field(default=None, init=False)
    _finished: bool = field(default=False, init=False)
    _at_end: bool = field(default=False, init=False)
    _heard: float = field(default=0.0, init=False)

    def __attrs_post_init__(self) -> None:
        self._pieces = self._reply.chunks()

    async def begin(self) -> None:
        """Wait for the first content, or for an end without any.

        Raises:
            ProviderError: the stream told of a failure, or ended without an answer.
            TransportError: it broke off.
            TimeoutError: nothing came in time.

        """
        content = False
        async with self._clock.timeout_at(self._timers.first):
            while not (content or self._at_end):
                content = self._take(await self._events())
        if self._broken:
            raise self._broken
        if not (content or (self._finished and self._ready)):
            raise ProviderError(ErrorKind.BAD_ANSWER, "the stream ended before it said anything")
        self._heard = self._clock.now()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        while not self._ready:
            if self._broken:
                self._outcome.fail(self._clock.now(), self._broken)
                raise self._broken
            if self._at_end:
                self._outcome.succeed(self._clock.now())
                raise StopAsyncIteration
            if not await self._advance():
                return b""
        return self._ready.popleft()

    async def close(self) -> None:
        """End it. A stream that is closed before its end was left by the client."""
        self._outcome.cancel()
        await self._reply.close()

    async def _advance(self) -> bool:
        """Read on; False when only a heartbeat is due."""
        timers, now = self._timers, self._clock.now()
        silent_until = self._heard + timers.idle
        until = min(silent_until, timers.deadline)
        beat = now + timers.heartbeat if timers.heartbeat else until
        try:
            async with self._clock.timeout_at(min(until, beat)):
                events = await self._events()
            if self._take(events) or events:
                self._heard = self._clock.now()
        except TimeoutError:
            if self._clock.now() < until:
                return False
            self._break_off("the vendor fell silent in the middle of its answer")
        except TransportError as error:
            self._break_off(str(error))
        except ProviderError as error:
            self._broken = error
        if self._at_end and not self._broken:
            self._break_off("the vendor's answer ended before it was complete")
        return True

    async def _events(self) -> list[Event]:
        """Give the events of the next piece."""
        piece = await anext(self._pieces, None)
        try:
            if piece is not None:
                return self._sse.feed(piece)
        except EventTooLarge as error:
            raise ProviderError(ErrorKind.BAD_ANSWER, str(error)) from None
        self._at_end = True
        return [event for event in self._sse.end() if _whole(event)]

    def _take(self, events: list[Event]) -> bool:
        """Keep what the events bring for the client; whether it is part of the answer."""
        content = False
        for event in events:
            for chunk in self._chunks(event):
                content = content or chunk.content
                self._finished = self._finished or chunk.finished
                self.usage = chunk.usage or self.usage
                if chunk.payload:
                    self._ready.append(chunk.payload)
            if event.data == _END:
                self._at_end = True
        return content

    def _chunks(self, event: Event) -> list[Chunk]:
        try:
            return list(self._decoder.feed(event))
        except ProviderError as error:
            self._broken = error
            self._at_end = True
            return []

    def _break_off(self, message: str) -> None:
        """Take this for the end, which is a bad one unless the answer was complete."""
        self._at_end = True
        if not self._finished:
            self._broken = ProviderError(ErrorKind.STREAM_INCOMPLETE, message)


def _whole(event: Event) -> bool:
    """Whether the last event of a stream without a blank line at its end was not cut."""
    if event.data == _END:
        return True
    try:
        json.loads(event.data)
    except ValueError:
        return False
    return True
