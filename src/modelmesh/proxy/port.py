"""Where a server listens, and what takes requests there."""

import asyncio
import ipaddress
import socket
from collections.abc import Callable
from functools import partial
from typing import Final, Protocol

from attrs import define, field

IDLE: Final = 75.0
"""Seconds that a connection is kept without a request, or without a piece of a body that is due.

Longer than a load balancer in front of us keeps one, so that it closes first.
"""

LAST_CALL: Final = 0.5
"""Seconds within which requests end that had all the time there was."""

_BACKLOG: Final = 4096


class Front(Protocol):
    """What takes requests off a port."""

    async def open(self) -> None:
        """Listen. Raises OSError if the port is taken."""
        ...

    async def close(self) -> None:
        """Stop listening, and end every connection."""
        ...


@define(eq=False)
class Port:
    """An address, and what takes connections there. Its number is the real one once it is open."""

    host: str
    number: int
    _sockets: list[socket.socket] = field(factory=list, init=False)
    _servers: list[asyncio.Server] = field(factory=list, init=False)

    def share(self) -> None:
        """Open it before there is an event loop, for all processes that are forked from this one.

        Raises OSError if it is taken.
        """
        asyncio.run(self._bind())
        for one in self._sockets:
            one.listen(_BACKLOG)

    async def open(self, connect: Callable[[], asyncio.Protocol]) -> None:
        """Take connections. Raises OSError if it is taken."""
        listen = partial(asyncio.get_running_loop().create_server, connect, backlog=_BACKLOG)
        if self._sockets:
            self._servers = [await listen(sock=one) for one in self._sockets]
        else:
            self._servers = [await listen(self.host, self.number, reuse_address=True)]
        self.number = self._servers[0].sockets[0].getsockname()[1]

    def close(self) -> None:
        """Take no more connections."""
        for server in self._servers:
            server.close()

    @property
    def shared(self) -> bool:
        return bool(self._sockets)

    @property
    def url(self) -> str:
        """An address that works on this machine."""
        host = self.host
        everywhere = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "[::1]"}  # noqa: S104 - compared
        shown = everywhere.get(host, f"[{host}]" if ":" in host else host)
        return f"http://{shown}:{self.number}"

    @property
    def is_private(self) -> bool:
        """Whether only this machine reaches it."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    async def _bind(self) -> None:
        """Have asyncio choose the sockets, as it does without sharing."""
        server = await asyncio.get_running_loop().create_server(
            asyncio.Protocol, self.host, self.number, reuse_address=True, start_serving=False
        )
        self._sockets = [one.dup() for one in server.sockets]
        server.close()
