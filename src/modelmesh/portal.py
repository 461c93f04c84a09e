"""The way from synchronous code into asynchronous code: an event loop on a thread of its own.

What lives there, the resident, is used by that thread alone, so it needs no locks. Callers block,
whether or not a loop runs in their own thread. A forked child begins anew: threads do not survive
a fork, and connections belong to the parent.
"""

import asyncio
import atexit
import os
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from concurrent.futures import CancelledError, Future, wait
from contextlib import AbstractAsyncContextManager, suppress
from queue import SimpleQueue
from typing import Any, Final, Generic, Protocol, TypeVar
from weakref import WeakSet

from attrs import define

T = TypeVar("T")

# How many items of an iteration may wait for the caller, and how many of them make room at a time.
_BOUND: Final = 64
_LOT: Final = 16
# How long closing waits for what is closed.
_PATIENCE: Final = 5.0
_CLOSED: Final = "the client is closed"


class Resident(Protocol):
    async def close(self) -> None: ...


R = TypeVar("R", bound=Resident)


@define(eq=False)
class _Home:
    """A loop and its thread. Lost means: left behind in the parent of this process."""

    loop: asyncio.AbstractEventLoop
    stop: asyncio.Event
    thread: threading.Thread
    lost: bool = False

    def leave(self) -> None:
        """Begin to stop, without waiting."""
        if not self.lost:
            with suppress(RuntimeError):  # the loop is closed already
                self.loop.call_soon_threadsafe(self.stop.set)


class Portal(Generic[R]):
    """Runs coroutines for threads which cannot await. `make` makes the resident."""

    def __init__(self, make: Callable[[], R]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._home: _Home | None = None
        self._resident: R | None = None
        self._closed = False
        _portals.add(self)

    @property
    def resident(self) -> R:
        with self._lock:
            return self._made()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Return what the coroutine returns. An interrupted wait cancels it."""
        _, future = self._submit(coroutine)
        try:
            return future.result()
        except CancelledError:
            raise RuntimeError(f"{_CLOSED}; it was while a call was under way") from None
        except BaseException:
            future.cancel()
            raise

    def iterate(
        self, source: AbstractAsyncContextManager[AsyncIterator[T]]
    ) -> "BlockingIterator[T]":
        """Open the source and return, once it is open, what gives its items.

        All of it happens in one task, so that a timeout or a lock of the source's holds from one
        item to the next.
        """
        items: SimpleQueue[Any] = SimpleQueue()
        room = asyncio.Semaphore(_BOUND)
        home, future = self._submit(_pump(source, items, room))
        return BlockingIterator(home, future, items, room)

    def close(self) -> None:
        """Cancel what is under way, close the resident, end the thread."""
        with self._lock:
            self._closed = True
            home = self._home
        if home:
            home.leave()
            if home.thread is not threading.current_thread():
                home.thread.join(_PATIENCE)

    def __del__(self) -> None:
        # The collector may run anywhere, even on the portal's thread: it must not wait.
        if self._home:
            self._home.leave()

    def _submit(self, coroutine: Coroutine[Any, Any, T]) -> tuple[_Home, Future[T]]:
        with self._lock:
            try:
                home = self._running()
            except BaseException:
                coroutine.close()
                raise
            return home, asyncio.run_coroutine_threadsafe(coroutine, home.loop)

    def _running(self) -> _Home:
        if self._closed:
            raise RuntimeError(_CLOSED)
        if self._home is None:
            loop, stop = asyncio.new_event_loop(), asyncio.Event()
            thread = threading.Thread(
                target=_keep, args=(loop, stop, self._made()), name="modelmesh", daemon=True
            )
            try:
                thread.start()
            except BaseException:  # at the interpreter's end no thread can be started
                loop.close()
                raise
            self._home = _Home(loop, stop, thread)
        _refuse_own_thread(self._home)
        return self._home

    def _made(self) -> R:
        if self._resident is None:
            self._resident = self._make()
        return self._resident

    def _begin_anew(self) -> None:
        """Leave everything to the parent process. Not even to be collected: that would close it."""
        self._lock = threading.Lock()
        if self._home:
            self._home.lost = True
            _left_behind.append((self._home, self._resident))
            self._home = self._resident = None


class BlockingIterator(Iterator[T]):
    """The items of an iteration in a portal. Closing or forgetting it ends the iteration there."""

    def __init__(
        self, home: _Home, future: Future[None], items: SimpleQueue[Any], room: asyncio.Semaphore
    ) -> None:
        self._home = home
        self._future = future
        self._items = items
        self._room = room
        self._taken = 0
        self._ended = False
        self._task: asyncio.Task[None] | None = None
        future.add_done_callback(items.put)  # the last item is the future itself
        # What the source opened into.
        self.source: Any
        self._task, self.source = self._take()

    def __next__(self) -> T:
        if self._ended:
            raise StopIteration
        item: T = self._take()
        self._taken += 1
        if self._taken % _LOT == 0:
            with suppress(RuntimeError):  # the loop is closed: nobody waits for room
                self._home.loop.call_soon_threadsafe(_make_room, self._room)
        return item

    def close(self) -> None:
        """End the iteration, and return when its source is closed."""
        self._cancel()
        self._ended = True
        if not self._home.lost and self._home.thread is not threading.current_thread():
            wait([self._future], _PATIENCE)

    def __del__(self) -> None:
        self._cancel()

    def _take(self) -> Any:
        if self._home.lost:
            raise RuntimeError("a stream cannot be read in a fork of the process that opened it")
        _refuse_own_thread(self._home)
        try:
            item = self._items.get()
        except BaseException:
            self._cancel()
            raise
        if item is self._future:
            self._items.put(item)  # for other threads that wait
            self._finish()
        return item

    def _finish(self) -> None:
        closed, self._ended = self._ended, True
        try:
            self._future.result()
        except CancelledError:
            if not closed:
                raise RuntimeError(f"{_CLOSED}; it was while a stream was read") from None
        raise StopIteration

    def _cancel(self) -> None:
        if self._home.lost or self._future.done():
            return
        if self._task is None:
            self._future.cancel()
            return
        with suppress(RuntimeError):  # the loop is closed, and the task with it
            self._home.loop.call_soon_threadsafe(self._task.cancel)


async def _pump(
    source: AbstractAsyncContextManager[AsyncIterator[Any]],
    items: SimpleQueue[Any],
    room: asyncio.Semaphore,
) -> None:
    async with source as opened:
        items.put((asyncio.current_task(), opened))
        async for item in opened:
            await room.acquire()
            items.put(item)


def _make_room(room: asyncio.Semaphore) -> None:
    for _ in range(_LOT):
        room.release()


def _refuse_own_thread(home: _Home) -> None:
    if home.thread is threading.current_thread():
        raise RuntimeError("a synchronous client cannot be called from within its own event loop")


def _keep(loop: asyncio.AbstractEventLoop, stop: asyncio.Event, resident: Resident) -> None:
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(_live(stop, resident))


async def _live(stop: asyncio.Event, resident: Resident) -> None:
    await stop.wait()
    calls = asyncio.all_tasks() - {asyncio.current_task()}
    for call in calls:
        call.cancel()
    await asyncio.gather(*calls, return_exceptions=True)
    await resident.close()


_portals: Final[WeakSet[Portal[Any]]] = WeakSet()
_left_behind: Final[list[object]] = []


def _begin_all_anew() -> None:
    for portal in list(_portals):
        portal._begin_anew()  # noqa: SLF001 - the hook is part of the class


def _close_all() -> None:
    for portal in list(_portals):
        portal.close()


os.register_at_fork(after_in_child=_begin_all_anew)
atexit.register(_close_all)
