"""`images` of both clients."""

from typing import TYPE_CHECKING, Any, Final, Literal, overload

from attrs import frozen

from modelmesh.resources.asking import Asking, AsyncAsking, event, result
from modelmesh.schemas import IMAGE_EVENT, IMAGES

if TYPE_CHECKING:
    from openai.types import ImageGenStreamEvent, ImagesResponse

    from modelmesh.resources.arriving import AsyncEventStream, EventStream

_READ: Final = (result(IMAGES), event(IMAGE_EVENT))


@frozen(eq=False)
class Images:
    """Images from descriptions."""

    _asking: Asking

    @overload
    def generate(
        self,
        *,
        prompt: str,
        model: str | None = None,
        stream: Literal[False] | None = None,
        **parameters: Any,
    ) -> "ImagesResponse": ...
    @overload
    def generate(
        self, *, prompt: str, model: str | None = None, stream: Literal[True], **parameters: Any
    ) -> "EventStream[ImageGenStreamEvent]": ...
    @overload
    def generate(
        self, *, prompt: str, model: str | None = None, stream: bool, **parameters: Any
    ) -> "ImagesResponse | EventStream[ImageGenStreamEvent]": ...
    def generate(self, *, prompt: str, **parameters: Any) -> Any:
        """Make images: `data` has a `url` or a `b64_json` for each.

        With `stream=True` sketches arrive before, as many as `partial_images`. Parameters and
        errors are as for `chat.completions.create`.
        """
        request = self._asking.terms.request("images", {"prompt": prompt, **parameters})
        return self._asking.either(request, *_READ)


@frozen(eq=False)
class AsyncImages:
    """Images from descriptions."""

    _asking: AsyncAsking

    @overload
    async def generate(
        self,
        *,
        prompt: str,
        model: str | None = None,
        stream: Literal[False] | None = None,
        **parameters: Any,
    ) -> "ImagesResponse": ...
    @overload
    async def generate(
        self, *, prompt: str, model: str | None = None, stream: Literal[True], **parameters: Any
    ) -> "AsyncEventStream[ImageGenStreamEvent]": ...
    @overload
    async def generate(
        self, *, prompt: str, model: str | None = None, stream: bool, **parameters: Any
    ) -> "ImagesResponse | AsyncEventStream[ImageGenStreamEvent]": ...
    async def generate(self, *, prompt: str, **parameters: Any) -> Any:
        """Make images: see `Images.generate`."""
        request = self._asking.terms.request("images", {"prompt": prompt, **parameters})
        return await self._asking.either(request, *_READ)
