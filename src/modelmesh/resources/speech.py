"""`audio.speech` of both clients, and the audio they give.

https://platform.openai.com/docs/api-reference/audio/createSpeech
"""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, TypeAlias

from attrs import define, field, frozen

from modelmesh.resources.arriving import AsyncEventStream, EventStream
from modelmesh.resources.asking import Asking, AsyncAsking
from modelmesh.types import Request

File: TypeAlias = str | os.PathLike[str]
Voice: TypeAlias = str | Mapping[str, str]


@frozen
class AudioBytes:
    """Audio, with the methods of what OpenAI's library gives; `content_type` says what kind."""

    content: bytes = field(repr=lambda content: f"{len(content)} bytes")
    content_type: str

    def read(self) -> bytes:
        return self.content

    async def aread(self) -> bytes:
        return self.content

    def iter_bytes(self, chunk_size: int | None = None) -> Iterator[bytes]:
        cutter = Cutter(chunk_size)
        yield from cutter.feed(self.content)
        yield from cutter.end()

    async def aiter_bytes(self, chunk_size: int | None = None) -> AsyncIterator[bytes]:
        """Return what iterates: `async for piece in await audio.aiter_bytes()`, as OpenAI's."""

        async def pieces() -> AsyncIterator[bytes]:
            for piece in self.iter_bytes(chunk_size):
                yield piece

        return pieces()

    def write_to_file(self, file: File) -> None:
        Path(file).write_bytes(self.content)

    def stream_to_file(self, file: File, *, chunk_size: int | None = None) -> None:  # noqa: ARG002 - as OpenAI's
        """Write it: all of it is here already. `with_streaming_response` writes as it arrives."""
        self.write_to_file(file)

    async def astream_to_file(self, file: File, *, chunk_size: int | None = None) -> None:  # noqa: ARG002 - as OpenAI's
        await asyncio.to_thread(self.write_to_file, file)

    def close(self) -> None:
        """Do nothing: the vendor was let go of when the last byte was here."""

    async def aclose(self) -> None:
        """Do nothing, likewise."""


@frozen(eq=False)
class AudioStream:
    """Audio as it arrives. What was read is gone; `content_type` says what kind it is."""

    _pieces: EventStream[bytes]

    @property
    def content_type(self) -> str:
        return self._pieces.content_type

    def iter_bytes(self, chunk_size: int | None = None) -> Iterator[bytes]:
        """Give pieces as they come, or of `chunk_size` bytes."""
        cutter = Cutter(chunk_size)
        for piece in self._pieces:
            yield from cutter.feed(piece)
        yield from cutter.end()

    def read(self) -> bytes:
        """Return all there is still to come."""
        return b"".join(self._pieces)

    def stream_to_file(self, file: File, *, chunk_size: int | None = None) -> None:
        """Write it as it arrives."""
        with Path(file).open("wb") as out:
            out.writelines(self.iter_bytes(chunk_size))

    def close(self) -> None:
        self._pieces.close()


@frozen(eq=False)
class AsyncAudioStream:
    """Audio as it arrives. What was read is gone; `content_type` says what kind it is."""

    _pieces: AsyncEventStream[bytes]

    @property
    def content_type(self) -> str:
        return self._pieces.content_type

    async def iter_bytes(self, chunk_size: int | None = None) -> AsyncIterator[bytes]:
        """Give pieces as they come, or of `chunk_size` bytes."""
        cutter = Cutter(chunk_size)
        async for piece in self._pieces:
            for cut in cutter.feed(piece):
                yield cut
        for cut in cutter.end():
            yield cut

    async def read(self) -> bytes:
        """Return all there is still to come."""
        return b"".join([piece async for piece in self._pieces])

    async def stream_to_file(self, file: File, *, chunk_size: int | None = None) -> None:
        """Write it as it arrives, without holding up the event loop."""
        with await asyncio.to_thread(Path(file).open, "wb") as out:
            async for piece in self.iter_bytes(chunk_size):
                await asyncio.to_thread(out.write, piece)

    async def close(self) -> None:
        await self._pieces.close()


@frozen(eq=False)
class ArrivingSpeech:
    """Speech that is handed on before it is all there."""

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
        """Speak a text: see `Speech.create`. Leaving the context ends the request at the vendor."""
        request = _request(self._asking, input=input, voice=voice, model=model, **parameters)
        with self._asking.stream(request, _reader(request)) as pieces:
            yield AudioStream(pieces)


@frozen(eq=False)
class AsyncArrivingSpeech:
    """Speech that is handed on before it is all there."""

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
        """Speak a text: see `Speech.create`. Leaving the context ends the request at the vendor."""
        request = _request(self._asking, input=input, voice=voice, model=model, **parameters)
        async with await self._asking.stream(request, _reader(request)) as pieces:
            yield AsyncAudioStream(pieces)


@frozen(eq=False)
class Speech:
    """Texts, spoken."""

    _asking: Asking

    def create(
        self,
        *,
        input: str,  # noqa: A002 - OpenAI's name
        voice: Voice,
        model: str | None = None,
        **parameters: Any,
    ) -> AudioBytes:
        """Speak a text, and return it when all of it is there.

        `with_streaming_response.create`, a context, gives it as it arrives. Parameters and errors
        are as for `chat.completions.create`.
        """
        with self.with_streaming_response.create(
            input=input, voice=voice, model=model, **parameters
        ) as audio:
            return AudioBytes(audio.read(), audio.content_type)

    @property
    def with_streaming_response(self) -> ArrivingSpeech:
        return ArrivingSpeech(self._asking)


@frozen(eq=False)
class AsyncSpeech:
    """Texts, spoken."""

    _asking: AsyncAsking

    async def create(
        self,
        *,
        input: str,  # noqa: A002 - OpenAI's name
        voice: Voice,
        model: str | None = None,
        **parameters: Any,
    ) -> AudioBytes:
        """Speak a text: see `Speech.create`."""
        async with self.with_streaming_response.create(
            input=input, voice=voice, model=model, **parameters
        ) as audio:
            return AudioBytes(await audio.read(), audio.content_type)

    @property
    def with_streaming_response(self) -> AsyncArrivingSpeech:
        return AsyncArrivingSpeech(self._asking)


@define
class Cutter:
    """Cuts bytes that arrive into pieces of one size, or leaves them as they come."""

    size: int | None
    _rest: bytes = field(default=b"", init=False)

    def feed(self, piece: bytes) -> Iterator[bytes]:
        there = self._rest + piece
        if not there:
            return
        size = self.size or len(there)
        whole = len(there) - len(there) % size
        self._rest = there[whole:]
        for start in range(0, whole, size):
            yield there[start : start + size]

    def end(self) -> Iterator[bytes]:
        if self._rest:
            yield self._rest


def _request(asking: Asking | AsyncAsking, **parameters: Any) -> Request:
    return asking.terms.request("speech", parameters)


def _reader(request: Request) -> Callable[[bytes], bytes]:
    """Return what reads a piece: with `stream_format="sse"` it is the bytes of an event."""
    return _framed if request.stream else bytes


def _framed(payload: bytes) -> bytes:
    return b"data: %b\n\n" % payload
