"""The least that Python can do: bytes from one socket to another, and where a message ends.

python -m benchmarks.gateways.floor PORT VENDOR_PORT
"""

import asyncio
import platform
import sys

from benchmarks.doors import Door
from benchmarks.programs import Program
from benchmarks.pythons import module
from benchmarks.wire import Incoming


def available() -> str:
    return f"asyncio protocols, Python {platform.python_version()}"


def start(port: int, vendor_url: str) -> tuple[Door, Program]:
    return Door(port=port), module(__name__, port, vendor_url)


class Client(asyncio.Protocol):
    """A client's connection. It borrows a connection to the vendor for each request."""

    def __init__(self, idle: "list[Vendor]", vendor_port: int) -> None:
        self._idle = idle
        self._vendor_port = vendor_port
        self._vendor: Vendor | None = None
        self._waiting: list[bytes] = []
        self._incoming = Incoming()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        if self._incoming.complete:
            self._incoming = Incoming()
        self._incoming.feed(data)
        if self._vendor is None and self._idle:
            self._vendor = self._idle.pop()
            self._vendor.client = self
        if self._vendor:
            self._vendor.transport.write(data)
        else:
            self._waiting.append(data)
            if len(self._waiting) == 1:
                self._connecting = asyncio.ensure_future(self._connect())

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        _, vendor = await loop.create_connection(Vendor, "127.0.0.1", self._vendor_port)
        self._vendor = vendor
        vendor.client = self
        vendor.transport.writelines(self._waiting)
        self._waiting.clear()

    def heard(self, data: bytes, *, complete: bool) -> None:
        """Pass on what the vendor says; give the connection back after the last of it."""
        self.transport.write(data)
        if complete and self._vendor:
            self._vendor.client = None
            self._idle.append(self._vendor)
            self._vendor = None

    def connection_lost(self, _: Exception | None) -> None:
        if self._vendor:
            self._vendor.transport.abort()


class Vendor(asyncio.Protocol):
    """A connection to the vendor."""

    def __init__(self) -> None:
        self.client: Client | None = None
        self._incoming = Incoming()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self._incoming.feed(data)
        complete = self._incoming.complete
        if complete:
            self._incoming = Incoming()
        if self.client:
            self.client.heard(data, complete=complete)

    def connection_lost(self, _: Exception | None) -> None:
        if self.client:
            self.client.transport.abort()


async def serve(port: int, vendor_port: int) -> None:
    idle: list[Vendor] = []
    server = await asyncio.get_running_loop().create_server(
        lambda: Client(idle, vendor_port), "127.0.0.1", port, backlog=4096
    )
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), int(sys.argv[2].rpartition(":")[2])))
