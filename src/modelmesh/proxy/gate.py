"""Requests in flight: how many there are, and how long they may take once the server stops."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from modelmesh.proxy.errors import ShuttingDown


class Gate:
    """Counts requests in and out. Draining, it gives those inside a last moment to end."""

    def __init__(self) -> None:
        self.draining = False
        self.total = 0
        self._inside: set[asyncio.Timeout] = set()
        self._empty = asyncio.Event()
        self._last_moment: float | None = None

    @property
    def in_flight(self) -> int:
        return len(self._inside)

    @asynccontextmanager
    async def admit(self) -> AsyncIterator[None]:
        """Count one request. Raises ShuttingDown in its midst when its last moment has come."""
        limit = asyncio.timeout_at(self._last_moment)
        try:
            async with limit:
                self.total += 1
                self._inside.add(limit)
                try:
                    yield
                finally:
                    self._inside.discard(limit)
                    if not self._inside:
                        self._empty.set()
        except TimeoutError:
            if limit.expired():
                raise ShuttingDown from None
            raise

    def drain(self, seconds: float) -> None:
        """From now on be about to stop; requests in flight have so many seconds to end."""
        self.draining = True
        self._last_moment = asyncio.get_running_loop().time() + seconds
        for limit in self._inside:
            limit.reschedule(self._last_moment)

    async def emptied(self, seconds: float) -> None:
        """Wait until no request is in flight, and no longer than so many seconds."""
        self._empty.clear()
        if self._inside:
            try:
                async with asyncio.timeout(seconds):
                    await self._empty.wait()
            except TimeoutError:
                return
