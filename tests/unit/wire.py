"""A connection without a socket: what goes out is kept, what comes in is said by the test."""

import asyncio
from collections.abc import Iterable
from itertools import pairwise

from attrs import define, field

from modelmesh.errors import TransportError
from modelmesh.transport.connection import Connection
from modelmesh.transport.protocol import TransportReply
from modelmesh.transport.reply import DirectReply


class Wire(asyncio.Transport):
    """The transport below a connection."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[bytes] = []
        self.paused = False
        self.aborted = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.aborted, "written to after its end"
        self.sent.append(bytes(data))

    def is_closing(self) -> bool:
        return self.aborted

    def abort(self) -> None:
        self.aborted = True

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False


@define(eq=False)
class Shelf:
    """A keeper which only notes what comes back to it."""

    given_back: int = 0
    given_up: int = 0
    forgotten: int = 0

    def give_back(self, connection: Connection) -> None:  # noqa: ARG002 - a test has but one
        self.given_back += 1

    def give_up(self) -> None:
        self.given_up += 1

    def forget(self, connection: Connection) -> None:  # noqa: ARG002 - likewise
        self.forgotten += 1


@define(eq=False)
class Talk:
    """A connection, and the vendor at its other end."""

    shelf: Shelf = field(factory=Shelf)
    wire: Wire = field(factory=Wire)
    connection: Connection = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.connection = Connection(self.shelf, asyncio.get_running_loop())
        self.connection.connection_made(self.wire)

    def asking(self, body: bytes = b"") -> asyncio.Task[DirectReply]:
        return asyncio.create_task(self.connection.ask(b"HEAD\r\n\r\n", body))

    def say(self, *pieces: bytes) -> None:
        for piece in pieces:
            if not self.wire.aborted:
                self.connection.data_received(piece)

    def hang_up(self, error: Exception | None = None) -> None:
        """Close the connection, by a reset if there is an error."""
        if not self.wire.aborted:
            if error is None:
                self.connection.eof_received()
            self.wire.aborted = True
        self.connection.connection_lost(error)

    async def ask(self, *pieces: bytes, end: bool = False) -> DirectReply:
        """Ask, and let the vendor say something."""
        asking = self.asking()
        await asyncio.sleep(0)
        self.say(*pieces)
        if end:
            self.hang_up()
        return await asking


async def whole(reply: TransportReply) -> bytes:
    """Take a body that is whole."""
    return b"".join([piece async for piece in reply.chunks()])


async def taken(reply: DirectReply) -> tuple[bytes, TransportError | None]:
    """Take all there is of a stream, and how it ended."""
    came = b""
    try:
        async for piece in reply.chunks():
            assert piece
            came += piece
    except TransportError as error:
        return came, error
    return came, None


def cut(text: bytes, places: Iterable[int]) -> list[bytes]:
    """Cut a text at these places, as far as it has them."""
    bounds = [0, *sorted({place for place in places if 0 < place < len(text)}), len(text)]
    return [text[start:end] for start, end in pairwise(bounds)]
