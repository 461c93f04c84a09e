"""`chat.completions` of both clients, and the streams they give."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, Literal, Self, TypeAlias, cast, overload

from attrs import frozen

from modelmesh.json_text import loads
from modelmesh.mesh import ModelMesh
from modelmesh.portal import BlockingIterator, Portal
from modelmesh.results import CHUNK, COMPLETION, Result
from modelmesh.router import Reply
from modelmesh.types import Request

if TYPE_CHECKING:
    # For editors and type checkers. Where `openai` is not installed these are Any.
    from openai.types.chat import (
        ChatCompletion,
        ChatCompletionChunk,
        ChatCompletionMessage,
        ChatCompletionMessageParam,
    )

Messages: TypeAlias = (
    "Iterable[ChatCompletionMessageParam | ChatCompletionMessage | Mapping[str, Any]]"
)
Ask: TypeAlias = Callable[..., Request]
"""Makes the request of a call's arguments."""


class ChunkStream(Iterator["ChatCompletionChunk"]):
    """The chunks of an answer as they arrive. Closing it early ends the request at the vendor."""

    def __init__(self, payloads: BlockingIterator[bytes]) -> None:
        self._payloads = payloads

    def __next__(self) -> "ChatCompletionChunk":
        return _chunk(next(self._payloads))

    def close(self) -> None:
        self._payloads.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class AsyncChunkStream(AsyncIterator["ChatCompletionChunk"]):
    """The chunks of an answer as they arrive. Closing it early ends the request at the vendor."""

    def __init__(self, reply: Reply) -> None:
        self._reply = reply
        self._loop = asyncio.get_running_loop()
        self._over = False

    async def __anext__(self) -> "ChatCompletionChunk":
        if self._over or self._reply.stream is None:
            raise StopAsyncIteration
        try:
            return _chunk(await anext(self._reply.stream))
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        self._over = True
        await self._reply.close()

    aclose = close  # what contextlib.aclosing calls

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def __del__(self) -> None:
        if not self._over and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(_close_later, self._reply)


@frozen(eq=False)
class Completions:
    """Answers to conversations."""

    _portal: Portal[ModelMesh]
    _ask: Ask

    @overload
    def create(
        self,
        *,
        messages: Messages,
        model: str | None = None,
        stream: Literal[False] | None = None,
        **parameters: Any,
    ) -> "ChatCompletion": ...
    @overload
    def create(
        self,
        *,
        messages: Messages,
        model: str | None = None,
        stream: Literal[True],
        **parameters: Any,
    ) -> ChunkStream: ...
    @overload
    def create(
        self, *, messages: Messages, model: str | None = None, stream: bool, **parameters: Any
    ) -> "ChatCompletion | ChunkStream": ...
    def create(self, *, messages: Messages, **parameters: Any) -> Any:
        """Answer a conversation, whole or with `stream=True` as it arrives.

        Parameters are OpenAI's; others go to the vendor as they are. `timeout` is the seconds for
        all attempts together, `extra_body` and `extra_headers` are as in OpenAI's library.

        Raises:
            RequestError: the request cannot be served by any target.
            RoutingError: no target answered.

        """
        request = self._ask(messages=messages, **parameters)
        mesh = self._portal.resident
        if request.stream:
            return ChunkStream(self._portal.iterate(_opened(mesh, request)))
        return _completion(self._portal.run(_answered(mesh, request)))


@frozen(eq=False)
class AsyncCompletions:
    """Answers to conversations."""

    _mesh: Callable[[], ModelMesh]
    _ask: Ask

    @overload
    async def create(
        self,
        *,
        messages: Messages,
        model: str | None = None,
        stream: Literal[False] | None = None,
        **parameters: Any,
    ) -> "ChatCompletion": ...
    @overload
    async def create(
        self,
        *,
        messages: Messages,
        model: str | None = None,
        stream: Literal[True],
        **parameters: Any,
    ) -> AsyncChunkStream: ...
    @overload
    async def create(
        self, *, messages: Messages, model: str | None = None, stream: bool, **parameters: Any
    ) -> "ChatCompletion | AsyncChunkStream": ...
    async def create(self, *, messages: Messages, **parameters: Any) -> Any:
        """Answer a conversation: see `Completions.create`."""
        request = self._ask(messages=messages, **parameters)
        mesh = self._mesh()
        if request.stream:
            return AsyncChunkStream(await mesh.send(request))
        return _completion(await _answered(mesh, request))


async def _answered(mesh: ModelMesh, request: Request) -> bytes:
    reply = await mesh.send(request)
    try:
        assert reply.answer is not None, "a request without `stream` gets a whole answer"
        return reply.answer.body
    finally:
        await reply.close()


@asynccontextmanager
async def _opened(mesh: ModelMesh, request: Request) -> AsyncIterator[AsyncIterator[bytes]]:
    reply = await mesh.send(request)
    try:
        assert reply.stream is not None, "a request with `stream` gets a stream"
        yield reply.stream
    finally:
        await reply.close()


def _completion(body: bytes) -> Result:
    return Result(loads(body), COMPLETION)


def _chunk(payload: bytes) -> "ChatCompletionChunk":
    return cast("ChatCompletionChunk", Result(loads(payload), CHUNK))


# The loop itself holds its tasks only weakly.
_closing: Final[set[asyncio.Task[None]]] = set()


def _close_later(reply: Reply) -> None:
    task = asyncio.ensure_future(reply.close())
    _closing.add(task)
    task.add_done_callback(_closing.discard)
