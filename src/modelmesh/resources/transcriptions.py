"""`audio.transcriptions` of both clients.

https://platform.openai.com/docs/api-reference/audio/createTranscription
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, Literal, overload

from attrs import frozen

from modelmesh.resources.asking import Asking, AsyncAsking, event, result
from modelmesh.resources.uploads import FileTypes, upload
from modelmesh.schemas import (
    DIARIZED_TRANSCRIPTION,
    TRANSCRIPTION,
    TRANSCRIPTION_EVENT,
    VERBOSE_TRANSCRIPTION,
)
from modelmesh.types import Answer, Request

if TYPE_CHECKING:
    from openai.types.audio import (
        Transcription,
        TranscriptionCreateResponse,
        TranscriptionDiarized,
        TranscriptionStreamEvent,
        TranscriptionVerbose,
    )

    from modelmesh.resources.arriving import AsyncEventStream, EventStream

_EVENT: Final = event(TRANSCRIPTION_EVENT)


@frozen(eq=False)
class Transcriptions:
    """Text from speech."""

    _asking: Asking

    @overload
    def create(
        self,
        *,
        file: FileTypes,
        model: str | None = None,
        response_format: Literal["json"] | None = None,
        stream: Literal[False] | None = None,
        **parameters: Any,
    ) -> "Transcription": ...
    @overload
    def create(
        self,
        *,
        file: FileTypes,
        model: str | None = None,
        response_format: Literal["verbose_json"],
        stream: Literal[False] | None = None,
        **parameters: Any,
    ) -> "TranscriptionVerbose": ...
    @overload
    def create(
        self,
        *,
        file: FileTypes,
        model: str | None = None,
        response_format: Literal["diarized_json"],
        stream: Literal[False] | None = None,
        **parameters: Any,
    ) -> "TranscriptionDiarized": ...
    @overload
    def create(
        self,
        *,
        file: FileTypes,
        model: str | None = None,
        response_format: Literal["text", "srt", "vtt"],
        stream: Literal[False] | None = None,
        **parameters: Any,
    ) -> "str": ...
    @overload
    def create(
        self,
        *,
        file: FileTypes,
        model: str | None = None,
        stream: Literal[True],
        **parameters: Any,
    ) -> "EventStream[TranscriptionStreamEvent]": ...
    @overload
    def create(
        self,
        *,
        file: FileTypes,
        model: str | None = None,
        response_format: str | None = None,
        stream: bool | None = None,
        **parameters: Any,
    ) -> "TranscriptionCreateResponse | str | EventStream[TranscriptionStreamEvent]": ...
    def create(self, *, file: FileTypes, **parameters: Any) -> Any:
        """Transcribe a recording. The formats text, srt and vtt give a str, the others a result.

        The file is an open binary file, bytes, a `pathlib.Path`, or a tuple of name, content and
        content type. With `stream=True` events arrive, if the model can. Parameters and errors are
        as for `chat.completions.create`.
        """
        request = self._asking.terms.request("transcriptions", parameters, upload(file))
        return self._asking.either(request, _reader(request), _EVENT)


@frozen(eq=False)
class AsyncTranscriptions:
    """Text from speech."""

    _asking: AsyncAsking

    @overload
    async def create(
        self,
        *,
        file: FileTypes,
        model: str | None = None,
        response_format: Literal["json"] | None = None,
        stream: Literal[False] | None = None,
        **parameters: Any,
    ) -> "Transcription": ...
    @overload
    async def create(
        self,
        *,
        file: FileTypes,
        model: str | None = None,
        response_format: Literal["verbose_json"],
        stream: Literal[False] | None = None,
        **parameters: Any,
    ) -> "TranscriptionVerbose": ...
    @overload
    async def create(
        self,
        *,
        file: FileTypes,
        model: str | None = None,
        response_format: Literal["diarized_json"],
        stream: Literal[False] | None = None,
        **parameters: Any,
    ) -> "TranscriptionDiarized": ...
    @overload
    async def create(
        self,
        *,
        file: FileTypes,
        model: str | None = None,
        response_format: Literal["text", "srt", "vtt"],
        stream: Literal[False] | None = None,
        **parameters: Any,
    ) -> "str": ...
    @overload
    async def create(
        self,
        *,
        file: FileTypes,
        model: str | None = None,
        stream: Literal[True],
        **parameters: Any,
    ) -> "AsyncEventStream[TranscriptionStreamEvent]": ...
    @overload
    async def create(
        self,
        *,
        file: FileTypes,
        model: str | None = None,
        response_format: str | None = None,
        stream: bool | None = None,
        **parameters: Any,
    ) -> "TranscriptionCreateResponse | str | AsyncEventStream[TranscriptionStreamEvent]": ...
    async def create(self, *, file: FileTypes, **parameters: Any) -> Any:
        """Write down what is said: see `Transcriptions.create`."""
        sent = await asyncio.to_thread(upload, file)
        request = self._asking.terms.request("transcriptions", parameters, sent)
        return await self._asking.either(request, _reader(request), _EVENT)


def _text(answer: Answer) -> str:
    return answer.body.decode(errors="replace")


_READERS: Final[Mapping[str, Callable[[Answer], Any]]] = {
    "text": _text,
    "srt": _text,
    "vtt": _text,
    "verbose_json": result(VERBOSE_TRANSCRIPTION),
    "diarized_json": result(DIARIZED_TRANSCRIPTION),
}
_USUAL: Final = result(TRANSCRIPTION)


def _reader(request: Request) -> Callable[[Answer], Any]:
    """Return what reads an answer in the format asked for."""
    return _READERS.get(str(request.body.get("response_format")), _USUAL)
