"""The connections to one origin: opened up to a limit, kept while idle, waited for in order."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

from attrs import define, field

from modelmesh.errors import TransportError
from modelmesh.transport.connection import Connection
from modelmesh.transport.failures import CLOSED, TIMED_OUT
from modelmesh.transport.limits import KEPT


@define(eq=False)
class Connections:
    """The connections to one origin, on one event loop.

    A place is the right to one connection. Whoever has a connection in use, or opens one, holds a
    place; those for whom there is none wait, and get theirs in the order in which they came.
    """

    _connect: Callable[[Connection], Awaitable[None]]
    _limit: int
    _loop: asyncio.AbstractEventLoop = field(factory=asyncio.get_running_loop)
    _taken: int = field(default=0, init=False)
    _open: set[Connection] = field(factory=set, init=False)
    # The one used last is the last, and the first to be used again.
    _idle: deque[Connection] = field(factory=deque, init=False)
    # Each gets a connection, or None: a place for one.
    _waiting: deque[asyncio.Future[Connection | None]] = field(factory=deque, init=False)
    _sweep: asyncio.TimerHandle | None = field(default=None, init=False)

    def idle(self) -> Connection | None:
        """Take one that is open and idle."""
        if not self._idle:
            return None
        self._taken += 1
        return self._idle.pop()

    async def open(self, within: float) -> Connection:
        """Open one; where there is no place, wait for one or for one that becomes idle.

        Raises:
            TransportError: there is none within so many seconds, or there cannot be.

        """
        try:
            async with asyncio.timeout(within):
                if self._taken < self._limit:
                    self._taken += 1
                elif kept := await self._turn():
                    return kept
                return await self._new()
        except TimeoutError:
            raise TransportError(*TIMED_OUT) from None

    async def replace(self, within: float) -> Connection:
        """Open one, whatever is idle, in the place of one that turned out to be stale."""
        try:
            async with asyncio.timeout(within):
                return await self._new()
        except TimeoutError:
            raise TransportError(*TIMED_OUT) from None

    def give_back(self, connection: Connection) -> None:
        if waiter := self._next():
            waiter.set_result(connection)
            return
        self._taken -= 1
        connection.idle_since = self._loop.time()
        self._idle.append(connection)
        if self._sweep is None:
            self._sweep = self._loop.call_later(KEPT, self._drop_old)

    def give_up(self) -> None:
        if waiter := self._next():
            waiter.set_result(None)
        else:
            self._taken -= 1

    def forget(self, connection: Connection) -> None:
        self._open.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)

    def close(self) -> None:
        """End all of them, those in use as well."""
        self._connect = _refuse
        if self._sweep is not None:
            self._sweep.cancel()
        while waiter := self._next():
            waiter.set_exception(TransportError(*CLOSED))
        for connection in tuple(self._open):
            connection.drop()

    async def _turn(self) -> Connection | None:
        """Wait until there is a connection or a place."""
        waiter: asyncio.Future[Connection | None] = self._loop.create_future()
        self._waiting.append(waiter)
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter in self._waiting:
                self._waiting.remove(waiter)
            elif not waiter.cancelled() and waiter.exception() is None:
                # Its turn came just before it was told to go.
                kept = waiter.result()
                if kept is None:
                    self.give_up()
                else:
                    kept.end()
            raise

    def _next(self) -> asyncio.Future[Connection | None] | None:
        """Take the first of those who still wait."""
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                return waiter
        return None

    async def _new(self) -> Connection:
        """Open a connection for a place that is held, and is given up if that fails."""
        connection = Connection(self, self._loop)
        self._open.add(connection)
        try:
            await self._connect(connection)
        except BaseException:
            connection.end()
            raise
        return connection

    def _drop_old(self) -> None:
        """End what was idle for too long, and look again when the next one is due."""
        self._sweep = None
        longest = self._loop.time() - KEPT
        while self._idle and self._idle[0].idle_since <= longest:
            self._idle[0].drop()
        if self._idle:
            self._sweep = self._loop.call_at(self._idle[0].idle_since + KEPT, self._drop_old)


async def _refuse(_: Connection) -> None:
    raise TransportError(*CLOSED)
