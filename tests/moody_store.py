"""A store on a loopback socket that speaks Redis's protocol, and fails as it is told to.

It grants whatever it is asked for. What is asked of it is what `connectors.storage.redis` asks.
https://redis.io/docs/latest/develop/reference/protocol-spec/
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Literal, Self

Mood = Literal["well", "silent", "failing", "refusing"]

_FAILURE = b"-LOADING Redis is loading the dataset in memory\r\n"


class MoodyStore:
    """Silent, it accepts and never answers; failing, it answers errors; refusing, nobody is there.

    `asked` counts its commands.
    """

    def __init__(self) -> None:
        self.mood: Mood = "well"
        self.port = 0
        self.asked = 0
        self._notes: dict[str, str] = {}
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> Self:
        await self._listen()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._leave()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    async def be(self, mood: Mood) -> None:
        """Change its mood, also towards those who are connected."""
        if mood == "refusing":
            await self._leave()
        elif self._server is None:
            await self._listen()
        self.mood = mood

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _leave(self) -> None:
        if self._server is None:
            return
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        await self._server.wait_closed()
        self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                command = await _command(reader)
                self.asked += 1
                if self.mood == "well":
                    writer.write(self._answer(command))
                elif self.mood == "failing":
                    writer.write(_FAILURE)
                await writer.drain()
        self._writers.discard(writer)
        writer.close()

    def _answer(self, command: Sequence[str]) -> bytes:
        name, *rest = command
        if name != "EVAL":
            # Redis 5 does not know it.
            return b"-ERR unknown command\r\n" if name == "HELLO" else b"+OK\r\n"
        _, _, key, *given = rest
        if not key.endswith(":notes"):
            wanted = given[6].encode()
            return b"*2\r\n$%d\r\n%b\r\n:0\r\n" % (len(wanted), wanted)
        self._notes.update(zip(given[1::2], given[2::2], strict=True))
        return _array([part for note in self._notes.items() for part in note])


async def _command(reader: asyncio.StreamReader) -> list[str]:
    parts = []
    for _ in range(int((await reader.readuntil(b"\r\n"))[1:])):
        length = int((await reader.readuntil(b"\r\n"))[1:])
        parts.append((await reader.readexactly(length + 2))[:-2].decode())
    return parts


def _array(texts: Sequence[str]) -> bytes:
    encoded = [text.encode() for text in texts]
    parts = [b"$%d\r\n%b\r\n" % (len(text), text) for text in encoded]
    return b"*%d\r\n" % len(encoded) + b"".join(parts)
