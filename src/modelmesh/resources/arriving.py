"""Answers that arrive: for callers that block, and for those that await."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Final, Generic, Self, TypeVar

from modelmesh.portal import BlockingIterator
from modelmesh.reply import Reply

T = TypeVar("T")


class Arriving(AsyncIterator[bytes]):
    """The payloads or pieces of a reply. One that came whole is a single piece."""

    def __init__(self, reply: Reply) -> None:
        self._reply = reply
        came = reply.stream or reply.answer
        assert came is not None, "a reply holds an answer or a stream"
        self.content_type = came.content_type
        self._pieces = reply.stream or _whole(reply)

    async def __anext__(self) -> bytes:
        return await anext(self._pieces)

    async def close(self) -> None:
        await self._reply.close()


class EventStream(Iterator[T], Generic[T]):
    """An answer's events as they arrive. Closing it early ends the request at the vendor."""

    def __init__(self, arriving: BlockingIterator[bytes], read: Callable[[bytes], T]) -> None:
        self._arriving = arriving
        self._read = read

    @property
    def content_type(self) -> str:
        """What the vendor calls its answer, such as `text/event-stream`."""
        opened: Arriving = self._arriving.source
        return opened.content_type

    def __next__(self) -> T:
        return self._read(next(self._arriving))

    def close(self) -> None:
        """End the request, however much of the answer is still to come."""
        self._arriving.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class AsyncEventStream(AsyncIterator[T], Generic[T]):
    """An answer's events as they arrive. Closing it early ends the request at the vendor."""

    def __init__(self, arriving: Arriving, read: Callable[[bytes], T]) -> None:
        self._arriving = arriving
        self._read = read
        self._loop = asyncio.get_running_loop()
        self._over = False

    @property
    def content_type(self) -> str:
        """What the vendor calls its answer, such as `text/event-stream`."""
        return self._arriving.content_type

    async def __anext__(self) -> T:
        if self._over:
            raise StopAsyncIteration
        try:
            return self._read(await anext(self._arriving))
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """End the request, however much of the answer is still to come."""
        self._over = True
        await self._arriving.close()

    aclose = close  # what contextlib.aclosing calls

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def __del__(self) -> None:
        if not self._over and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(_close_later, self._arriving)


async def _whole(reply: Reply) -> AsyncIterator[bytes]:
    assert reply.answer is not None
    yield reply.answer.body


# The loop itself holds its tasks only weakly.
_closing: Final[set[asyncio.Task[None]]] = set()


def _close_later(arriving: Arriving) -> None:
    task = asyncio.ensure_future(arriving.close())
    _closing.add(task)
    task.add_done_callback(_closing.discard)
