"""`chat.completions` of both clients."""

from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, overload

from attrs import frozen

from modelmesh.resources.asking import Asking, AsyncAsking, event, result
from modelmesh.schemas import CHUNK, COMPLETION

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    # For editors and type checkers. Where `openai` is not installed these are Any.
    from openai.types.chat import (
        ChatCompletion,
        ChatCompletionChunk,
        ChatCompletionMessage,
        ChatCompletionMessageParam,
    )

    from modelmesh.resources.arriving import AsyncEventStream, EventStream

Messages: TypeAlias = (
    "Iterable[ChatCompletionMessageParam | ChatCompletionMessage | Mapping[str, Any]]"
)
_READ: Final = (result(COMPLETION), event(CHUNK))


@frozen(eq=False)
class Completions:
    """Chats."""

    _asking: Asking

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
    ) -> "EventStream[ChatCompletionChunk]": ...
    @overload
    def create(
        self, *, messages: Messages, model: str | None = None, stream: bool, **parameters: Any
    ) -> "ChatCompletion | EventStream[ChatCompletionChunk]": ...
    def create(self, *, messages: Messages, **parameters: Any) -> Any:
        """Answer a conversation, in one piece or with `stream=True` as it arrives.

        Parameters are OpenAI's; others go to the vendor as they are. `timeout` is the seconds for
        all attempts together, `extra_body` and `extra_headers` are as in OpenAI's library.

        Raises:
            RequestError: the request cannot be served by any target.
            RoutingError: no target answered.

        """
        request = self._asking.terms.request("chat", {"messages": messages, **parameters})
        return self._asking.either(request, *_READ)


@frozen(eq=False)
class AsyncCompletions:
    """Chats."""

    _asking: AsyncAsking

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
    ) -> "AsyncEventStream[ChatCompletionChunk]": ...
    @overload
    async def create(
        self, *, messages: Messages, model: str | None = None, stream: bool, **parameters: Any
    ) -> "ChatCompletion | AsyncEventStream[ChatCompletionChunk]": ...
    async def create(self, *, messages: Messages, **parameters: Any) -> Any:
        """Answer a conversation: see `Completions.create`."""
        request = self._asking.terms.request("chat", {"messages": messages, **parameters})
        return await self._asking.either(request, *_READ)
