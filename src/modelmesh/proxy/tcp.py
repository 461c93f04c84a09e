"""Ending a connection so that nobody takes what came of a body for all of it."""

import asyncio
import socket
import struct
from typing import Final

_AT_ONCE: Final = struct.pack("ii", 1, 0)


def reset(transport: asyncio.BaseTransport) -> None:
    """Have the end of a connection be a reset, where a mere end would look like the body's own.

    That is so for clients of HTTP/1.0, which know no chunks.
    """
    connection = transport.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
