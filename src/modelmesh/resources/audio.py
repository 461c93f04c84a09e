"""Audio, as clients get it: all of it, or as it arrives.

https://platform.openai.com/docs/api-reference/audio/createSpeech
"""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TypeAlias

from attrs import define, field, frozen

from modelmesh.resources.arriving import AsyncEventStream, EventStream

File: TypeAlias = str | os.PathLike[str]


@frozen
class AudioBytes:
    """Audio, with the methods of what OpenAI's library gives; `content_type` says what kind."""

    content: bytes = field(repr=lambda content: f"{len(content)} bytes")  # all of it
    content_type: str  # what kind it is, such as `audio/mpeg`

    def read(self) -> bytes:
        """Return all of it."""
        return self.content

    async def aread(self) -> bytes:
        """Return all of it."""
        return self.content

    def iter_bytes(self, chunk_size: int | None = None) -> Iterator[bytes]:
        """Give it as one piece, or in pieces of `chunk_size` bytes."""
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
        """Write it, over what the file had."""
        Path(file).write_bytes(self.content)

    def stream_to_file(self, file: File, *, chunk_size: int | None = None) -> None:  # noqa: ARG002 - as OpenAI's
        """Write it: all of it is here already. `with_streaming_response` writes as it arrives."""
        self.write_to_file(file)

    async def astream_to_file(self, file: File, *, chunk_size: int | None = None) -> None:  # noqa: ARG002 - as OpenAI's
        """Write it, without holding up the event loop."""
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
        """What kind it is, such as `audio/mpeg`."""
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
        """End the request, however much is still to come."""
        self._pieces.close()


@frozen(eq=False)
class AsyncAudioStream:
    """Audio as it arrives. What was read is gone; `content_type` says what kind it is."""

    _pieces: AsyncEventStream[bytes]

    @property
    def content_type(self) -> str:
        """What kind it is, such as `audio/mpeg`."""
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
        """End the request, however much is still to come."""
        await self._pieces.close()


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
