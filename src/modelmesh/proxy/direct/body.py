"""The body of a request: its connection adds the pieces, and the endpoint takes them."""

import asyncio
from typing import Protocol, Self

from attrs import define, field

from modelmesh.proxy.errors import Refused


class Source(Protocol):
    """The connection a body comes from."""

    def go_on(self) -> None:
        """Tell a client that waits for it to send the body."""
        ...

    def taken(self) -> None:
        """Know that the pieces which had come were taken."""
        ...


@define(eq=False)
class Body:
    """A body that is arriving, or has arrived.

    Attributes:
        expected: the client waits for a word before it sends it.
        size: bytes that nobody has taken yet.
        whole: it has come to its end.

    """

    _source: Source = field(repr=False)
    expected: bool = False
    size: int = field(default=0, init=False)
    whole: bool = field(default=False, init=False)
    _failed: bool = field(default=False, init=False)
    _pieces: list[bytes] = field(factory=list, init=False, repr=False)
    _waiter: asyncio.Future[None] | None = field(default=None, init=False, repr=False)

    # What arrives

    def add(self, piece: bytes) -> None:
        self._pieces.append(piece)
        self.size += len(piece)
        self._wake()

    def end(self) -> None:
        self.whole = True
        self._wake()

    def fail(self) -> None:
        """Note that the rest makes no sense."""
        self._failed = True
        self._wake()

    # What is taken

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        if self.expected:
            self.expected = False
            self._source.go_on()
        while not self._pieces:
            if self.whole:
                raise StopAsyncIteration
            if self._failed:
                raise Refused(400, "The request body breaks off before its end.")
            await self._news()
        pieces = self._pieces
        piece = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        pieces.clear()
        self.size = 0
        self._source.taken()
        return piece

    def _wake(self) -> None:
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    async def _news(self) -> None:
        waiter = self._waiter = asyncio.get_running_loop().create_future()
        try:
            await waiter
        finally:
            self._waiter = None
