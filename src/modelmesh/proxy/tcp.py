"""Connections below HTTP: whose they are, and an end that nobody takes for that of a body."""

import asyncio
import socket
import struct
from typing import Final

_AT_ONCE: Final = struct.pack("ii", 1, 0)


def address(transport: asyncio.BaseTransport) -> str:
    """Return the address at the other end; nothing where there is none, as with a Unix socket."""
    name = transport.get_extra_info("peername")
    return str(name[0]) if isinstance(name, tuple) else ""


def reset(transport: asyncio.BaseTransport) -> None:
    """Have the end of a connection be a reset, where a mere end would look like the body's own.

    That is so for clients of HTTP/1.0, which know no chunks.
    """
    connection = transport.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
