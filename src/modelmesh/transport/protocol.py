"""What a transport is, and the replies it gives."""

from collections.abc import AsyncIterator, Mapping
from typing import Protocol

from modelmesh.types import HttpRequest


class TransportReply(Protocol):
    """A reply whose body is still to be read. Whoever gets it closes it, on every path."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case, repeated ones joined by a comma; none about the body's framing."""

    def chunks(self) -> AsyncIterator[bytes]:
        """Give the body, decompressed, in the pieces that arrive.

        Waiting for the next piece may be cancelled and taken up again. Raises TransportError.
        """
        ...

    async def close(self, *, drain: bool = False) -> None:
        """Give the connection back if the body was read to its end, else end it. Never raises.

        With `drain`, for a body whose end marker was seen, what little is left is read first.
        """
        ...


class Transport(Protocol):
    """The one part that opens sockets. It follows no redirect and keeps no cookie."""

    async def send(self, request: HttpRequest, *, connect: float) -> TransportReply:
        """Send a request and return when the reply's head is there.

        A request which went out on a reused connection that turned out to be closed is sent once
        more, over a new one. `connect` is the seconds which finding or opening a connection may
        take; the caller limits all other waiting by cancelling.

        Raises:
            TransportError: there was no connection, or no sound reply.
            RequestError: a header cannot be sent, as it holds a line break.

        """
        ...

    async def close(self) -> None:
        """End every connection."""
        ...
