"""One reply on its way to a client."""

from collections.abc import AsyncIterator
from typing import Final, Protocol

from attrs import define, field

from modelmesh.errors import MeshError
from modelmesh.proxy.calls import Outgoing
from modelmesh.proxy.direct.reading import Asked
from modelmesh.proxy.direct.writing import END, chunk, head
from modelmesh.proxy.errors import error_event

_JOINED: Final = 1 << 16
"""Bytes of a body up to which it goes out in one piece with its head."""


class Sink(Protocol):
    """The connection a reply goes out by.

    Attributes:
        full: the client takes no more for now.
        last: no other request is answered on it.

    """

    full: bool
    last: bool

    def peer(self) -> str:
        """Return the address at its other end; nothing where there is none."""
        ...

    def write(self, piece: bytes) -> None:
        """Send a piece. Raises ConnectionError if the connection is gone."""
        ...

    async def room(self, patience: float) -> None:
        """Wait until the client takes more; end the connection if it does not within that."""
        ...

    def reset(self) -> None:
        """Have the end of the connection be a reset."""
        ...

    def abort(self) -> None:
        """End the connection at once."""
        ...


@define(eq=False)
class DirectSending:
    """A reply; see `Sending`."""

    _sink: Sink
    _asked: Asked
    patience: float
    begun: bool = field(default=False, init=False)
    outgoing: Outgoing = field(init=False)

    def peer(self) -> str:
        return self._sink.peer()

    async def send(self, outgoing: Outgoing) -> None:
        self.outgoing = outgoing
        asked, sink = self._asked, self._sink
        chunked = asked.chunked
        # A client that is still sending would have its next request taken for the rest of this.
        if (
            not asked.keep_alive
            or not asked.body.whole
            or outgoing.headers.get("connection") == "close"
            or (outgoing.stream is not None and not chunked)
        ):
            sink.last = True
        connection = "close" if sink.last else "" if chunked else "keep-alive"
        written = head(outgoing, connection=connection, chunked=chunked)
        only_head = asked.method == "HEAD"
        if outgoing.stream is not None and not only_head:
            await self._stream(written, outgoing.stream)
            return
        self.begun = True
        body = b"" if only_head else outgoing.body
        if len(body) <= _JOINED:
            sink.write(written + body)
        else:
            sink.write(written)
            sink.write(body)
        if sink.full:
            await sink.room(self.patience)

    async def _stream(self, written: bytes, pieces: AsyncIterator[bytes]) -> None:
        """Send every piece by itself, the first one together with the head."""
        sink, chunked = self._sink, self._asked.chunked
        async for piece in pieces:
            if piece:  # an empty chunk would be the end
                sink.write(written + (chunk(piece) if chunked else piece))
                written = b""
                self.begun = True
                if sink.full:
                    await sink.room(self.patience)
        self.begun = True
        if chunked:
            written += END
        if written:
            sink.write(written)

    async def break_off(self, error: MeshError) -> None:
        if self.outgoing.stream is None or not self.outgoing.of_events:
            if not self._asked.chunked:
                self._sink.reset()
            self.abort()
            return
        event = error_event(error)
        self._sink.write(chunk(event) + END if self._asked.chunked else event)
        if self._sink.full:
            await self._sink.room(self.patience)

    def abort(self) -> None:
        self._sink.abort()
