"""One connection of a client: its requests are answered one at a time, in their order."""

import asyncio
import math
from contextlib import suppress
from typing import Final, Protocol, cast

from attrs import define, field

from modelmesh.proxy.calls import Outgoing
from modelmesh.proxy.direct.reading import Asked, Reading
from modelmesh.proxy.direct.sending import DirectSending
from modelmesh.proxy.direct.writing import CONTINUE
from modelmesh.proxy.errors import NOT_HTTP, error_body, error_headers
from modelmesh.proxy.port import IDLE
from modelmesh.proxy.responder import Responder
from modelmesh.proxy.tcp import address, reset

HEAD: Final = 30.0
"""Seconds for a head to be complete, once it has begun."""

LINGER: Final = 5.0
"""Seconds, and bytes, that a client may still send after its last answer.

Were the connection closed before that, the answer could be lost.
"""
LINGER_BYTES: Final = 64 << 20

WAITING: Final = 1 << 18
"""Bytes of a body that may wait for the endpoint before the client has to."""

QUEUED: Final = 4
"""Requests that may wait for their turn before the client has to."""


class Keeper(Protocol):
    """Who knows all connections."""

    def add(self, connection: "Connection") -> None: ...

    def forget(self, connection: "Connection") -> None: ...


@define(eq=False)
class Connection(asyncio.Protocol):
    """A client's connection. A task of its own answers its requests, and waits between them.

    Attributes:
        full: the client takes no more for now.
        last: no request is answered on it after this one.
        task: what answers.

    """

    _keeper: Keeper
    _responder: Responder
    _loop: asyncio.AbstractEventLoop
    full: bool = field(default=False, init=False)
    last: bool = field(default=False, init=False)
    task: asyncio.Task[None] | None = field(default=None, init=False)
    _transport: asyncio.Transport = field(init=False)
    _reading: Reading = field(init=False)
    # The client must have done by then what is waited for.
    _deadline: float = field(default=math.inf, init=False)
    # What waits: the task for a request, a reply for room.
    _turn: asyncio.Future[None] | None = field(default=None, init=False)
    _room: asyncio.Future[None] | None = field(default=None, init=False)
    _paused: bool = field(default=False, init=False)
    _ending: bool = field(default=False, init=False)
    _drained: int = field(default=0, init=False)

    def __attrs_post_init__(self) -> None:
        self._reading = Reading(self)

    # What the event loop tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's are so in all but name
        self._deadline = self._loop.time() + IDLE
        self._keeper.add(self)

    def data_received(self, data: bytes) -> None:
        if self._ending:
            self._drain(len(data))
            return
        reading = self._reading
        head_began = not reading.in_head
        reading.feed(data)
        if not reading.asked:
            if self.idle and reading.in_head and head_began:
                self._deadline = self._loop.time() + HEAD
        elif self._turn is not None:
            if not self._turn.done():
                self._turn.set_result(None)
            self._turn = None
        elif self.task is None:
            self.task = self._loop.create_task(self._serve())
        if not self.idle:
            self._watch_body()

    def eof_received(self) -> None:
        """Take a client that ends its half of the connection for one that has left."""
        if not (self.idle or self._ending):
            self._transport.abort()

    def connection_lost(self, _: Exception | None) -> None:
        self._ending = True
        self._keeper.forget(self)
        if self.task is not None:
            self.task.cancel()

    def pause_writing(self) -> None:
        self.full = True

    def resume_writing(self) -> None:
        self.full = False
        if self._room is not None and not self._room.done():
            self._room.set_result(None)

    # What its owner asks

    @property
    def idle(self) -> bool:
        return self.task is None or self._turn is not None

    def check(self, now: float) -> None:
        """End it if the client took too long."""
        if now < self._deadline:
            return
        if self.idle and not self._ending:
            self.end()
        else:
            self._transport.abort()

    def finish(self) -> None:
        """End it after the answer that is under way."""
        self.last = True
        if self.idle:
            self.end()

    def end(self) -> None:
        """End it so that the client gets what was sent."""
        if self._ending:
            return
        self._ending = True
        self._deadline = self._loop.time() + LINGER
        if self._reading.between or self._transport.is_closing():
            self._transport.close()
            return
        self._resume()
        self._transport.write_eof()

    def reset(self) -> None:
        reset(self._transport)

    def abort(self) -> None:
        self._transport.abort()

    # What a body needs

    def go_on(self) -> None:
        if not self._transport.is_closing():
            self._transport.write(CONTINUE)

    def taken(self) -> None:
        if self._paused and not self._too_much(self._reading):
            self._resume()

    # What a reply needs

    def peer(self) -> str:
        return address(self._transport)

    def write(self, piece: bytes) -> None:
        if self._transport.is_closing():
            raise ConnectionResetError("the client is gone")
        self._transport.write(piece)

    async def room(self, patience: float) -> None:
        alarm = self._loop.call_later(patience, self._transport.abort)
        self._room = self._loop.create_future()
        try:
            await self._room
        finally:
            self._room = None
            alarm.cancel()

    # The requests

    async def _serve(self) -> None:
        asked = self._reading.asked
        try:
            while not self.last:
                if not asked:
                    await self._request()
                request = asked.popleft()
                self.taken()
                await self._answer(request)
        finally:
            self.end()

    async def _request(self) -> None:
        """Wait for one."""
        now = self._loop.time()
        self._deadline = now + (HEAD if self._reading.in_head else IDLE)
        self._turn = self._loop.create_future()
        await self._turn

    async def _answer(self, request: Asked) -> None:
        sending = DirectSending(self, request, self._responder.write_timeout)
        if not request.sound:
            with suppress(ConnectionError):
                await sending.send(_not_http())
            return
        if not request.body.whole or self._reading.asked:
            self._watch_body()
        await self._responder.respond(
            sending,
            method=request.method,
            path=request.path,
            headers=request.headers,
            body=request.body,
        )

    def _watch_body(self) -> None:
        """See that reading is paused in time, and that the body being answered goes on coming."""
        reading = self._reading
        if not self._paused and self._too_much(reading):
            self._paused = True
            self._transport.pause_reading()
        due = reading.in_body and not (reading.asked or self._paused)
        self._deadline = self._loop.time() + IDLE if due else math.inf

    def _too_much(self, reading: Reading) -> bool:
        body = reading.body
        return (body is not None and body.size > WAITING) or len(reading.asked) > QUEUED

    def _resume(self) -> None:
        if self._paused:
            self._paused = False
            self._transport.resume_reading()

    def _drain(self, size: int) -> None:
        self._drained += size
        if self._drained > LINGER_BYTES:
            self._transport.abort()


def _not_http() -> Outgoing:
    headers = {**error_headers(NOT_HTTP), "connection": "close"}
    return Outgoing(status=NOT_HTTP.status, headers=headers, body=error_body(NOT_HTTP))
