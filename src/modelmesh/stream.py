"""A vendor's reply that is still arriving: its first content, its end, its errors, its closing."""

import json
import re
from collections import deque
from collections.abc import AsyncIterator
from http import HTTPStatus
from math import inf
from typing import Final, Protocol, Self

from attrs import define, field

from modelmesh.clock import Clock, Timer
from modelmesh.errors import ErrorKind, ProviderError, TransportError, as_failure
from modelmesh.sse import Decoder, EventTooLarge
from modelmesh.timers import Timers
from modelmesh.transport.protocol import TransportReply
from modelmesh.types import Event, HttpReply, Request, StreamDecoder
from modelmesh.usage import Usage, so_far

MAX_WHOLE: Final = 256 << 20
"""Bytes of a plain reply."""

_END: Final = b"[DONE]"
_CUT: Final = "the vendor's answer ended before it was complete"
_SILENT: Final = "the vendor fell silent in the middle of its answer"
_LATE: Final = "the time for the request ran out in the middle of the answer"


class Outcome(Protocol):
    """Where a stream tells how it ended; only the first word counts."""

    def succeed(self, now: float, usage: Usage | None) -> None: ...
    def fail(self, now: float, error: ProviderError, usage: Usage | None) -> None: ...
    def cancel(self, usage: Usage | None) -> None: ...


class Splitter(Protocol):
    """Splits a body that arrives into events."""

    def feed(self, piece: bytes) -> list[Event]: ...
    def end(self) -> list[Event]:
        """Return what the end of the body makes complete."""
        ...


class End(Event):
    """What stands for the end of a stream of events: an object that stood bare in it, or nothing.

    Google's servers write an error so.
    """


class EventSplitter(Decoder):
    """Server-sent events. Of one without a blank line behind it, only a whole one counts."""

    def end(self) -> list[Event]:
        last = [event for event in super().end() if _whole(event)]
        bare = End("", self.bare)
        told = bare.data.startswith(b"{") and _whole(bare)
        return [*last, bare if told else End("", b"")]


class Piece(Event):
    """What stands for an event where there are none: some bytes of a body, or none at its end."""


class PieceSplitter:
    """What is no events."""

    def feed(self, piece: bytes) -> list[Event]:
        return [Piece("", piece)]

    def end(self) -> list[Event]:
        return [Piece("", b"")]


@define(eq=False)
class WholeSplitter:
    """What came whole though events were asked for: one event."""

    _pieces: list[bytes] = field(factory=list, init=False)
    _size: int = field(default=0, init=False)

    def feed(self, piece: bytes) -> list[Event]:
        self._pieces.append(piece)
        self._size += len(piece)
        if self._size > MAX_WHOLE:
            raise EventTooLarge("the vendor's reply is too large")
        return []

    def end(self) -> list[Event]:
        return [Event("", b"".join(self._pieces))]


_EVENTS: Final = "text/event-stream"
_DOCUMENT: Final = re.compile(r"text/|[^;]*\b(json|xml|html)\b")


def splitter(request: Request, reply: TransportReply | HttpReply) -> Splitter | None:
    """Return what splits a reply into events; None for one that is to be read whole.

    Only what was asked for as a stream is one, and a JSON document is none, except a transcript:
    many vendors, and OpenAI's Whisper, have it whole only. Speech may come as bytes or as events,
    whichever was asked for; a text in its place is no speech.
    """
    if not (request.stream or request.raw_stream) or reply.status != HTTPStatus.OK:
        return None
    kind = reply.headers.get("content-type", "").lower()
    if request.endpoint != "speech":
        if not kind.startswith("application/json"):
            return EventSplitter()
        return WholeSplitter() if request.endpoint == "transcriptions" else None
    if kind.startswith(_EVENTS):
        return EventSplitter()
    return None if _DOCUMENT.match(kind) else PieceSplitter()


async def read_whole(reply: TransportReply, clock: Clock, timers: Timers, timer: Timer) -> bytes:
    """Read a plain reply to its end, within the timer, which is moved on as it arrives.

    White space before it is a sign of life and not yet an answer. Raises TransportError if it is
    cut or too large.
    """
    pieces: list[bytes] = []
    size = 0
    said_something = False
    async for piece in reply.chunks():
        pieces.append(piece)
        size += len(piece)
        if size > MAX_WHOLE:
            raise TransportError(ErrorKind.BAD_ANSWER, "the vendor's reply is too large")
        said_something = said_something or not piece.isspace()
        if said_something:
            timer.move(min(clock.now() + timers.idle, timers.deadline))
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


@define(eq=False)
class Stream:
    """Iterates over the payloads of the chunks a client is to get, one `bytes` each.

    `b""` stands for "nothing yet", where a heartbeat was asked for. It raises ProviderError if the
    answer breaks off. It is over when it is closed, which whoever has it does on every path.
    `ready` are payloads which nobody has taken yet.
    """

    _reply: TransportReply
    _split: Splitter
    decoder: StreamDecoder
    _clock: Clock
    _timers: Timers
    _timer: Timer
    _outcome: Outcome
    usage: Usage | None = field(default=None, init=False)
    content_type: str = field(init=False)
    _pieces: AsyncIterator[bytes] = field(init=False)
    ready: deque[bytes] = field(factory=deque, init=False)
    # What broke the stream off, to be raised once everything before it was given.
    _broken: ProviderError | None = field(default=None, init=False)
    _finished: bool = field(default=False, init=False)
    # A chunk said why the answer ends. One without any text may, a mere end marker does not.
    _concluded: bool = field(default=False, init=False)
    _at_end: bool = field(default=False, init=False)
    # Pieces with something of the answer.
    _given: int = field(default=0, init=False)
    # Seconds waited for the vendor since its last event; a reader that takes its time adds none.
    _silence: float = field(default=0.0, init=False)

    def __attrs_post_init__(self) -> None:
        self._pieces = self._reply.chunks()
        self.content_type = self._reply.headers.get("content-type", "")

    async def begin(self) -> None:
        """Wait for the first content, or for an end without any.

        Raises:
            ProviderError: the stream told of a failure, or ended without an answer.
            TransportError: it broke off.
            TimeoutError: nothing came in time.

        """
        content = False
        with self._timer.until(self._timers.first):
            while not (content or self._at_end):
                content = self._take(await self._events())
        if self._broken:
            raise self._broken
        if not (content or self._concluded):
            raise ProviderError(ErrorKind.BAD_ANSWER, "the stream ended before it said anything")
        if self._at_end and not self._finished:
            raise ProviderError(ErrorKind.STREAM_INCOMPLETE, _CUT)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        beat = self._clock.now() + (self._timers.heartbeat or inf)
        while not self.ready:
            if self._broken:
                self._outcome.fail(self._clock.now(), self._broken, self._so_far())
                raise self._broken
            if self._at_end:
                self._outcome.succeed(self._clock.now(), self._so_far())
                raise StopAsyncIteration
            if not await self._advance(beat):
                return b""
        return self.ready.popleft()

    def at_hand(self) -> list[bytes]:
        """Take what has arrived besides, for those who can pass it on in one go."""
        ready = list(self.ready)
        self.ready.clear()
        return ready

    async def close(self) -> None:
        """End it. One that is closed before its answer was complete was left by the client."""
        if self._finished and not self._broken:
            self._outcome.succeed(self._clock.now(), self._so_far())
        self._outcome.cancel(self._so_far())
        await self._reply.close(drain=self._at_end and not self._broken)

    def _so_far(self) -> Usage | None:
        return so_far(self.usage, self._given, finished=self._finished)

    async def _advance(self, beat: float) -> bool:
        """Read on; False when only a heartbeat is due."""
        began, deadline = self._clock.now(), self._timers.deadline
        silent_until = began + self._timers.idle - self._silence
        until = min(silent_until, deadline)
        try:
            with self._timer.until(min(until, beat)):
                events = await self._events()
            self._silence = 0.0 if events else self._silence + self._clock.now() - began
            self._take(events)
        except TimeoutError:
            now = self._clock.now()
            self._silence += now - began
            if now < until:
                return False
            self._break_off(_LATE if now >= deadline else _SILENT)
        except TransportError as error:
            self._break_off(str(error))
        except ProviderError as error:
            self._broken = error
        if self._at_end and not self._broken:
            self._break_off(_CUT)
        return True

    async def _events(self) -> list[Event]:
        """Give the events of the next piece."""
        piece = await anext(self._pieces, None)
        try:
            if piece is not None:
                return self._split.feed(piece)
        except EventTooLarge as error:
            raise ProviderError(ErrorKind.BAD_ANSWER, str(error)) from None
        self._at_end = True
        return self._split.end()

    def _take(self, events: list[Event]) -> bool:
        """Keep what the events bring for the client; whether it is part of the answer."""
        content = False
        for event in events:
            try:
                chunks = list(self.decoder.feed(event))
            except Exception as error:  # noqa: BLE001 - whatever a connector raises, it is one failure
                self._broken, self._at_end = as_failure(error), True
                break
            for chunk in chunks:
                content = content or chunk.content
                self._given += chunk.content
                self._finished = self._finished or chunk.finished
                self._concluded = self._concluded or bool(chunk.finished and chunk.payload)
                self.usage = chunk.usage or self.usage
                self.content_type = chunk.content_type or self.content_type
                if chunk.payload:
                    self.ready.append(chunk.payload)
            if event.data.strip() == _END:
                self._at_end = True
                break
        return content

    def _break_off(self, message: str) -> None:
        """Take this for the end, which is a bad one unless the answer was complete."""
        self._at_end = True
        if not self._finished:
            self._broken = ProviderError(ErrorKind.STREAM_INCOMPLETE, message)


def _whole(event: Event) -> bool:
    """Whether the last event of a stream without a blank line at its end was not cut."""
    if event.data.strip() == _END:
        return True
    try:
        json.loads(event.data)
    except (ValueError, RecursionError):
        return False
    return True
