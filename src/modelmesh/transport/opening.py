"""Opening a connection: its host's addresses, the first of them that answers, TLS where asked for.

A host's addresses are not tried one after the other, for one that is dead would take all the time.
uvloop cannot do it otherwise, so aiohappyeyeballs does it everywhere, as in aiohttp.
"""

import asyncio
import socket
import ssl
from collections.abc import Sequence
from typing import Final

from aiohappyeyeballs import AddrInfoType, start_connection

from modelmesh.errors import TransportError
from modelmesh.transport.address import Origin
from modelmesh.transport.connection import Connection
from modelmesh.transport.failures import NO_CONNECTION, NO_SUCH_HOST, NOT_SECURE

NEXT_ADDRESS: Final = 0.25
"""Seconds after which a host's next address is tried as well."""


async def connect(origin: Origin, tls: ssl.SSLContext | None, connection: Connection) -> None:
    """Connect a connection to an origin.

    Raises:
        TransportError: that cannot be done.

    """
    try:
        await _connect(origin, tls, connection)
    except socket.gaierror:
        raise TransportError(*NO_SUCH_HOST) from None
    except ssl.SSLError:
        raise TransportError(*NOT_SECURE) from None
    except (OSError, RuntimeError):  # the latter is what uvloop makes of some of the former
        raise TransportError(*NO_CONNECTION) from None


async def _connect(origin: Origin, tls: ssl.SSLContext | None, connection: Connection) -> None:
    loop = asyncio.get_running_loop()
    addresses = await _addresses(origin)
    connected = await start_connection(addresses, happy_eyeballs_delay=NEXT_ADDRESS, loop=loop)
    name = origin.host.rstrip(".") if tls else None
    try:
        await loop.create_connection(
            lambda: connection, sock=connected, ssl=tls, server_hostname=name
        )
    except BaseException:
        connected.close()
        raise


async def _addresses(origin: Origin) -> Sequence[AddrInfoType]:
    loop = asyncio.get_running_loop()
    place = (origin.host, origin.port)
    try:
        return await loop.getaddrinfo(*place, type=socket.SOCK_STREAM)
    except RuntimeError:
        # No thread is to be had while the interpreter ends, and nobody is kept waiting then.
        return socket.getaddrinfo(*place, type=socket.SOCK_STREAM)
