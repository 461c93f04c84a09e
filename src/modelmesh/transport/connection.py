"""One connection to a vendor: what goes out over it, what comes in, and how it ends."""

import asyncio
from typing import Final, Protocol, cast

from attrs import define, field

from modelmesh.errors import TransportError
from modelmesh.transport.failures import BROKE_OFF, HUNG_UP, UNSOUND
from modelmesh.transport.reading import Reading, Unsound
from modelmesh.transport.reply import DirectReply

PIECE: Final = 1 << 18
"""Bytes that are handed to the socket at a time."""

WAITING: Final = 1 << 18
"""Bytes that may wait for a reader before the vendor has to."""

_NOTHING: Final = memoryview(b"")


class Stale(TransportError):  # noqa: N818 - it reads as what it is
    """A connection that was kept turned out to be closed. Nothing of a reply had come."""


class Keeper(Protocol):
    """Who has a connection while no request does."""

    def give_back(self, connection: "Connection") -> None:
        """Take back one that may serve again."""
        ...

    def give_up(self) -> None:
        """Take back the place of one that ended."""
        ...

    def forget(self, connection: "Connection") -> None:
        """Know that it ended."""
        ...


@define(eq=False)
class Connection(asyncio.Protocol):
    """One connection, on which one request at a time waits for its reply.

    Whoever asks holds a place with its keeper. It goes back when the reply is whole or is given up;
    only one who finds the connection stale keeps it, for another.

    Attributes:
        idle_since: when it was given back last.

    """

    _keeper: Keeper
    _loop: asyncio.AbstractEventLoop
    idle_since: float = field(default=0.0, init=False)
    _transport: asyncio.Transport | None = field(default=None, init=False)
    _reading: Reading = field(factory=Reading, init=False)
    _reply: DirectReply | None = field(default=None, init=False)
    # It has served before.
    _reused: bool = field(default=False, init=False)
    _unsent: memoryview = field(default=_NOTHING, init=False)
    _socket_full: bool = field(default=False, init=False)
    _paused: bool = field(default=False, init=False)
    _dropped: bool = field(default=False, init=False)
    _ended: bool = field(default=False, init=False)

    async def ask(self, head: bytes, body: bytes) -> DirectReply:
        """Send a request; return when the head of its reply is there.

        Raises:
            Stale: it was closed all along; the place is kept.
            TransportError: there is no sound reply.

        """
        reply = self._reply = DirectReply(self, self._loop)
        self._reading.expect(reply)
        if self._transport is None or self._transport.is_closing():
            self._break_off(self._hung_up())
        else:
            self._send(self._transport, head, body)
        try:
            await reply.begun()
        except Stale:
            raise
        except BaseException:
            if reply.status:  # it may be whole by now, and the connection somebody else's
                reply.leave()
            else:
                self.end()
            raise
        return reply

    def resume(self) -> None:
        if self._paused and self._transport is not None:
            self._paused = False
            self._transport.resume_reading()

    def end(self) -> None:
        """End it at once, whatever is still on its way, and give up its place."""
        if not self._ended:
            self._ended = True
            self.drop()
            self._keeper.give_up()

    def drop(self) -> None:
        """End it without giving up a place, which an idle one has not and a stale one keeps."""
        self._dropped = True
        self._unsent = _NOTHING
        if self._transport is not None:
            self._transport.abort()
        self._keeper.forget(self)

    # What the event loop tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's are so in all but name
        if self._dropped:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        reply, reading = self._reply, self._reading
        if reply is None:  # nothing was asked, so it makes no sense
            self.drop()
            return
        try:
            reading.feed(data)
        except Unsound:
            self._break_off(TransportError(*(BROKE_OFF if reply.status else UNSOUND)))
            return
        if reading.whole:
            self._finish(reply)
        elif reply.status:
            if reply.size > WAITING and not self._paused and self._transport is not None:
                self._paused = True
                self._transport.pause_reading()
            reply.wake()

    def eof_received(self) -> None:
        if self._reply is not None and self._reply.status and self._reading.until_close:
            self._finish(self._reply)
        else:
            self._break_off(self._hung_up())

    def connection_lost(self, _: Exception | None) -> None:
        self._break_off(self._hung_up())
        self._keeper.forget(self)

    def pause_writing(self) -> None:
        self._socket_full = True

    def resume_writing(self) -> None:
        self._socket_full = False
        if self._transport is not None:
            self._send_more(self._transport)

    # The two directions

    def _send(self, transport: asyncio.Transport, head: bytes, body: bytes) -> None:
        if len(body) <= PIECE:
            transport.write(head + body)
        else:
            transport.write(head)
            self._unsent = memoryview(body)
            self._send_more(transport)

    def _send_more(self, transport: asyncio.Transport) -> None:
        while self._unsent and not self._socket_full:
            piece, self._unsent = self._unsent[:PIECE], self._unsent[PIECE:]
            transport.write(piece)

    def _finish(self, reply: DirectReply) -> None:
        """Let go of a whole reply."""
        self._reply = None
        reply.end()
        unfit = self._unsent or self._socket_full or self._dropped
        if unfit or not self._reading.reusable:
            self.end()
            return
        self.resume()
        self._reused = True
        self._keeper.give_back(self)

    def _break_off(self, failure: TransportError) -> None:
        """Let go of a reply that will not be whole."""
        reply, self._reply = self._reply, None
        if reply is not None:
            reply.end(failure)
            if reply.status:  # else whoever asks is still here, and sees to the rest
                self.end()

    def _hung_up(self) -> TransportError:
        """Say what it means that the vendor closed the connection."""
        if self._reply is not None and self._reply.status:
            return TransportError(*BROKE_OFF)
        if self._reading.begun or not self._reused:
            return TransportError(*HUNG_UP)
        return Stale(*HUNG_UP)
