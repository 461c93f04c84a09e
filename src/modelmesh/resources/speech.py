"""`audio.speech` of both clients.

https://platform.openai.com/docs/api-reference/audio/createSpeech
"""

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any, TypeAlias

from attrs import frozen

from modelmesh.resources.asking import Asking, AsyncAsking
from modelmesh.resources.audio import AsyncAudioStream, AudioBytes, AudioStream
from modelmesh.types import Request

Voice: TypeAlias = str | Mapping[str, str]


@frozen(eq=False)
class ArrivingSpeech:
    """Speech that is passed on before it is complete."""

    _asking: Asking

    @contextmanager
    def create(
        self,
        *,
        input: str,  # noqa: A002 - OpenAI's name
        voice: Voice,
        model: str | None = None,
        **parameters: Any,
    ) -> Iterator[AudioStream]:
        """Make speech as `create` does. Leaving the context ends the request at the vendor."""
        request = _request(self._asking, input=input, voice=voice, model=model, **parameters)
        with self._asking.stream(request, _reader(request)) as pieces:
            yield AudioStream(pieces)


@frozen(eq=False)
class AsyncArrivingSpeech:
    """Speech that is passed on before it is complete."""

    _asking: AsyncAsking

    @asynccontextmanager
    async def create(
        self,
        *,
        input: str,  # noqa: A002 - OpenAI's name
        voice: Voice,
        model: str | None = None,
        **parameters: Any,
    ) -> AsyncIterator[AsyncAudioStream]:
        """Make speech as `create` does. Leaving the context ends the request at the vendor."""
        request = _request(self._asking, input=input, voice=voice, model=model, **parameters)
        async with await self._asking.stream(request, _reader(request)) as pieces:
            yield AsyncAudioStream(pieces)


@frozen(eq=False)
class Speech:
    """Speech from text."""

    _asking: Asking

    def create(
        self,
        *,
        input: str,  # noqa: A002 - OpenAI's name
        voice: Voice,
        model: str | None = None,
        **parameters: Any,
    ) -> AudioBytes:
        """Turn a text into speech, and return it when it is complete.

        `with_streaming_response.create`, a context, gives it as it arrives. Parameters and errors
        are as for `chat.completions.create`.
        """
        with self.with_streaming_response.create(
            input=input, voice=voice, model=model, **parameters
        ) as audio:
            return AudioBytes(audio.read(), audio.content_type)

    @property
    def with_streaming_response(self) -> ArrivingSpeech:
        """Gives speech as it arrives."""
        return ArrivingSpeech(self._asking)


@frozen(eq=False)
class AsyncSpeech:
    """Speech from text."""

    _asking: AsyncAsking

    async def create(
        self,
        *,
        input: str,  # noqa: A002 - OpenAI's name
        voice: Voice,
        model: str | None = None,
        **parameters: Any,
    ) -> AudioBytes:
        """Turn a text into speech, as `create` does."""
        async with self.with_streaming_response.create(
            input=input, voice=voice, model=model, **parameters
        ) as audio:
            return AudioBytes(await audio.read(), audio.content_type)

    @property
    def with_streaming_response(self) -> AsyncArrivingSpeech:
        """Gives speech as it arrives."""
        return AsyncArrivingSpeech(self._asking)


def _request(asking: Asking | AsyncAsking, **parameters: Any) -> Request:
    return asking.terms.request("speech", parameters)


def _reader(request: Request) -> Callable[[bytes], bytes]:
    """Return what reads a piece: with `stream_format="sse"` it is the bytes of an event."""
    return _framed if request.stream else bytes


def _framed(payload: bytes) -> bytes:
    return b"data: %b\n\n" % payload
