"""HTTP/1.1 with as little as it takes: asyncio's protocols, and httptools to read replies.

No task is started for a request, and nothing is awaited but the connection and what it brings.
"""

import asyncio
import ssl
from functools import cache, partial

from attrs import field, frozen

from modelmesh.transport import opening
from modelmesh.transport.address import Origin, find
from modelmesh.transport.connection import Stale
from modelmesh.transport.connections import Connections
from modelmesh.transport.head import head
from modelmesh.transport.limits import PER_HOST
from modelmesh.transport.reply import DirectReply
from modelmesh.types import HttpRequest

_Places = dict[Origin, Connections]


@frozen(eq=False)
class DirectTransport:
    """Sends requests over connections of its own, from any event loop.

    `tls` replaces the usual trust: the authorities that the system knows.
    """

    per_host: int = PER_HOST
    tls: ssl.SSLContext | None = None
    _loops: dict[asyncio.AbstractEventLoop, _Places] = field(factory=dict, init=False, repr=False)

    async def send(self, request: HttpRequest, *, connect: float) -> DirectReply:
        address = find(request.url)
        written = head(request, address)
        connections = self._connections(address.origin)
        connection = connections.idle() or await connections.open(connect)
        try:
            return await connection.ask(written, request.body)
        except Stale:
            connection = await connections.replace(connect)
            return await connection.ask(written, request.body)

    async def close(self) -> None:
        here = asyncio.get_running_loop()
        loops = dict(self._loops)
        self._loops.clear()
        for loop, places in loops.items():
            if loop is here:
                await _end(places)
            elif loop.is_running():
                elsewhere = asyncio.run_coroutine_threadsafe(_end(places), loop)
                await asyncio.wait({asyncio.wrap_future(elsewhere)}, timeout=1.0)

    def _connections(self, origin: Origin) -> Connections:
        loop = asyncio.get_running_loop()
        try:
            return self._loops[loop][origin]
        except KeyError:
            places = self._loops.get(loop) or self._begin(loop)
            tls = (self.tls or _usual_tls()) if origin.secure else None
            made = Connections(partial(opening.connect, origin, tls), self.per_host)
            return places.setdefault(origin, made)

    def _begin(self, loop: asyncio.AbstractEventLoop) -> _Places:
        for old in [one for one in self._loops if one.is_closed()]:
            self._loops.pop(old, None)
        return self._loops.setdefault(loop, {})


async def _end(places: _Places) -> None:
    for connections in places.values():
        connections.close()
    await asyncio.sleep(0)  # sockets are closed in the loop's next round


@cache
def _usual_tls() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context
