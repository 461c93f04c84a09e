"""Requests in flight: how many there are, and how long they may take once the server stops."""

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from attrs import define, field

from modelmesh.proxy.errors import ShuttingDown

if TYPE_CHECKING:
    from collections.abc import Callable


class Gate:
    """Counts requests in and out. Draining, it gives those inside a last moment to end.

    `at_drain` is called when that begins, for what would else go on for ever.
    """

    def __init__(self) -> None:
        self.draining = False
        self.total = 0
        self.at_drain: list[Callable[[], object]] = []
        self._over = False
        self._inside: set[Visit] = set()
        self._empty = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def in_flight(self) -> int:
        return len(self._inside)

    def admit(self) -> "Visit":
        """Count one request, as long as it takes: `with gate.admit(): ...`.

        Raises ShuttingDown when its last moment has come, also in its midst.
        """
        return Visit(self)

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The event loop that all of them run in."""
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
        return self._loop

    def enter(self, visit: "Visit") -> None:
        if self._over:
            raise ShuttingDown
        self.total += 1
        self._inside.add(visit)

    def leave(self, visit: "Visit") -> None:
        self._inside.discard(visit)
        if not self._inside:
            self._empty.set()

    def drain(self, seconds: float) -> None:
        """From now on be about to stop; requests in flight have so many seconds to end."""
        self.draining = True
        for end in self.at_drain:
            end()
        self.loop.call_later(seconds, self._end_all)

    async def emptied(self, seconds: float) -> None:
        """Wait until no request is in flight, and no longer than so many seconds."""
        self._empty.clear()
        if self._inside:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._empty.wait()

    def _end_all(self) -> None:
        self._over = True
        for visit in self._inside:
            visit.end()


@define(eq=False)
class Visit:
    """The stay of one request. Its end comes by a cancellation of its task, as with timeouts."""

    _gate: Gate
    _task: "asyncio.Task[Any] | None" = field(default=None, init=False)
    _cancelling: int = field(default=0, init=False)
    _ended: bool = field(default=False, init=False)

    def end(self) -> None:
        self._ended = True
        assert self._task is not None
        self._task.cancel()

    def __enter__(self) -> None:
        task = self._task = asyncio.current_task(self._gate.loop)
        assert task is not None, "a task is what can be told to end"
        self._cancelling = task.cancelling()
        self._gate.enter(self)

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        self._gate.leave(self)
        if self._ended:
            assert self._task is not None
            mine = self._task.uncancel() <= self._cancelling
            if mine and isinstance(error, asyncio.CancelledError):
                raise ShuttingDown from None
