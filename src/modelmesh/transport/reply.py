"""A reply that is arriving: a connection adds the pieces, and whoever asked takes them."""

import asyncio
import zlib
from collections.abc import AsyncIterator, Mapping
from typing import Protocol, Self

from attrs import define, field

from modelmesh.errors import TransportError
from modelmesh.transport.failures import BROKE_OFF, CLOSED, UNKNOWN_CODING, UNSOUND
from modelmesh.transport.inflating import Inflating
from modelmesh.transport.limits import CODINGS, DRAIN


class Source(Protocol):
    """The connection a reply comes from."""

    def resume(self) -> None:
        """Read on, if reading was paused."""
        ...

    def end(self) -> None:
        """End the connection at once."""
        ...


@define(eq=False)
class DirectReply:
    """A reply whose body is still to be read; see `TransportReply`.

    Those who wait for its head, and then for its pieces, may stop waiting and come back: what
    arrives is kept.

    Attributes:
        status: 0 until the head is there.
        size: bytes that nobody has taken yet.

    """

    _source: Source | None = field(repr=False)
    _loop: asyncio.AbstractEventLoop = field(repr=False)
    status: int = field(default=0, init=False)
    headers: Mapping[str, str] = field(factory=dict, init=False, repr=False)
    size: int = field(default=0, init=False, repr=False)
    _pieces: list[bytes] = field(factory=list, init=False, repr=False)
    _coding: str = field(default="", init=False, repr=False)
    _inflating: Inflating | None = field(default=None, init=False, repr=False)
    _failure: TransportError | None = field(default=None, init=False, repr=False)
    _waiter: asyncio.Future[None] | None = field(default=None, init=False, repr=False)

    # What arrives

    def begin(self, status: int, headers: dict[str, str], coding: str) -> None:
        self.status = status
        self.headers = headers
        self._coding = coding
        if coding in ("gzip", "deflate"):
            self._inflating = Inflating(coding)

    def add(self, piece: bytes) -> None:
        self._pieces.append(piece)
        self.size += len(piece)

    def end(self, failure: TransportError | None = None) -> None:
        """Note that nothing more will come; without a failure it is whole."""
        self._source = None
        self._failure = failure
        self.wake()

    def wake(self) -> None:
        """Tell whoever waits that something is new."""
        waiter = self._waiter
        if waiter is not None:
            self._waiter = None
            if not waiter.done():
                waiter.set_result(None)

    # What is taken

    async def begun(self) -> None:
        """Wait for the head. Raises TransportError if none comes."""
        while not self.status:
            if self._failure is not None:
                raise self._failure
            await self._news()
        if self._coding not in CODINGS:
            raise TransportError(*UNKNOWN_CODING)

    def chunks(self) -> AsyncIterator[bytes]:
        return self

    async def close(self, *, drain: bool = False) -> None:
        try:
            if drain and self._source is not None:
                async with asyncio.timeout(DRAIN):
                    async for _ in self:
                        pass
        except (TransportError, TimeoutError):
            pass  # it is ended below
        finally:
            self.leave()

    def leave(self) -> None:
        """End the connection at once, unless the reply is whole."""
        if self._source is not None:
            self._source.end()
            self.end(TransportError(*CLOSED))

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        if self._inflating is not None:
            return await self._inflated(self._inflating)
        while not self._pieces:
            if self._source is None:
                raise self._failure or StopAsyncIteration
            await self._news()
        return self._take()

    async def _inflated(self, inflating: Inflating) -> bytes:
        try:
            while not (piece := inflating.take()):
                while not self._pieces:
                    if self._source is None:
                        raise self._failure or _end_of(inflating)
                    await self._news()
                inflating.feed(self._take())
        except zlib.error:
            raise TransportError(*UNSOUND) from None
        return piece

    def _take(self) -> bytes:
        pieces = self._pieces
        piece = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        pieces.clear()
        self.size = 0
        if self._source is not None:
            self._source.resume()
        return piece

    async def _news(self) -> None:
        assert self._waiter is None, "a reply is read by one reader at a time"
        waiter = self._waiter = self._loop.create_future()
        try:
            await waiter
        finally:
            self._waiter = None


def _end_of(inflating: Inflating) -> Exception:
    return StopAsyncIteration() if inflating.whole else TransportError(*BROKE_OFF)
