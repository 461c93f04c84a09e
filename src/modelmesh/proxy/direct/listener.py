"""A port, and the connections on it."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Final

from attrs import define, field

from modelmesh.proxy.direct.connection import Connection
from modelmesh.proxy.port import LAST_CALL, Port
from modelmesh.proxy.responder import Responder

# How often connections are looked at, in seconds.
_ROUND: Final = 1.0


@define(eq=False)
class DirectListener:
    """Answers on a port, as long as it is open, what comes to it. `lifetime` is entered before."""

    _responder: Responder
    _lifetime: Callable[[], AbstractAsyncContextManager[None]]
    _port: Port
    _connections: set[Connection] = field(factory=set, init=False)
    _loop: asyncio.AbstractEventLoop = field(init=False)
    _life: AsyncExitStack = field(init=False)
    _round: asyncio.TimerHandle = field(init=False)
    _empty: asyncio.Event = field(factory=asyncio.Event, init=False)
    _closing: bool = field(default=False, init=False)

    async def open(self) -> None:
        """Listen. Raises OSError if it is taken."""
        self._loop = asyncio.get_running_loop()
        async with AsyncExitStack() as life:
            await life.enter_async_context(self._lifetime())
            await self._port.open(self._connect)
            self._life = life.pop_all()
        self._look_around()

    async def close(self) -> None:
        """Stop listening, end every connection, leave `lifetime`."""
        self._closing = True
        self._port.close()
        self._round.cancel()
        async with self._life:
            for connection in tuple(self._connections):
                connection.finish()
            await self._emptied()
            tasks = {one.task for one in self._connections if one.task is not None}
            for connection in tuple(self._connections):
                connection.abort()
            await self._emptied()
            if tasks:
                await asyncio.wait(tasks, timeout=LAST_CALL)

    def add(self, connection: Connection) -> None:
        self._connections.add(connection)
        if self._closing:  # it was accepted just before
            connection.finish()

    def forget(self, connection: Connection) -> None:
        self._connections.discard(connection)
        if not self._connections:
            self._empty.set()

    def _connect(self) -> Connection:
        return Connection(self, self._responder, self._loop)

    def _look_around(self) -> None:
        now = self._loop.time()
        for connection in tuple(self._connections):
            connection.check(now)
        self._round = self._loop.call_later(_ROUND, self._look_around)

    async def _emptied(self) -> None:
        """Wait until there is no connection, and not for long."""
        self._empty.clear()
        if self._connections:
            waiting = asyncio.ensure_future(self._empty.wait())
            await asyncio.wait({waiting}, timeout=LAST_CALL)
            waiting.cancel()
