"""What a request costs in Python alone: the real proxy, with both sockets replaced.

python -m benchmarks.alone [--opcodes]

One request at a time goes from its bytes to those of its answer. With `--opcodes` the bytecode
instructions are counted, file by file: a figure that no other load on the machine changes.
"""

import asyncio
import gc
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from ssl import SSLContext
from types import FrameType
from typing import Any, Final

import modelmesh
from benchmarks import answers
from benchmarks.doors import TOKEN
from benchmarks.gateways.modelmesh import configuration
from benchmarks.vendor import REPLIES
from modelmesh.proxy.direct.connection import Connection as Client
from modelmesh.proxy.server import ProxyServer
from modelmesh.transport import opening
from modelmesh.transport.address import Origin
from modelmesh.transport.connection import Connection as Vendor

_ROUNDS: Final = 200
_REQUESTS: Final = 150
COUNTED: Final = 5
_SHOWN: Final = 30
_SOURCE: Final = Path(modelmesh.__file__).parent


class Wire(asyncio.Transport):
    """One end of a socket that leads nowhere."""

    def is_closing(self) -> bool:
        return False

    def abort(self) -> None:
        pass

    def close(self) -> None:
        pass

    def write_eof(self) -> None:
        pass


class VendorsWire(Wire):
    """Answers what is written, in the loop's next round."""

    def __init__(self, connection: Vendor) -> None:
        super().__init__()
        self._connection = connection

    def write(self, _data: Any) -> None:
        loop = asyncio.get_running_loop()
        loop.call_soon(self._connection.data_received, REPLIES[answers.PLAIN])


class ClientsWire(Wire):
    """Notes that an answer came."""

    answered: "asyncio.Future[None]"

    def write(self, _data: Any) -> None:
        self.answered.set_result(None)


async def connect_nowhere(
    origin: Origin,  # noqa: ARG001 - where it leads is nowhere
    tls: SSLContext | None,  # noqa: ARG001 - as above
    connection: Vendor,
) -> None:
    connection.connection_made(VendorsWire(connection))


class Proxy:
    """The proxy's own connection, and a client at the other end of it. It keeps what its own."""

    def __init__(self, server: ProxyServer) -> None:
        responder = server._responder  # noqa: SLF001 - all of the server but its port
        self._connection = Client(self, responder, asyncio.get_running_loop())
        self._wire = ClientsWire()
        self._connection.connection_made(self._wire)
        body = answers.question(answers.PLAIN)
        head = (
            "POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\naccept: */*\r\n"
            f"authorization: Bearer {TOKEN}\r\ncontent-type: application/json\r\n"
            f"user-agent: benchmark\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        self._request = head.encode() + body

    def add(self, connection: Client) -> None:
        pass

    def forget(self, connection: Client) -> None:
        pass

    async def ask(self) -> None:
        self._wire.answered = asyncio.get_running_loop().create_future()
        self._connection.data_received(self._request)
        await self._wire.answered

    def leave(self) -> None:
        self._connection.connection_lost(None)


async def microseconds(proxy: Proxy) -> float:
    """Return the least CPU that a request takes."""
    gc.collect()
    gc.freeze()
    least = float("inf")
    for _ in range(_ROUNDS):
        before = time.process_time()
        for _ in range(_REQUESTS):
            await proxy.ask()
        least = min(least, (time.process_time() - before) / _REQUESTS)
    return least * 1e6


async def opcodes(proxy: Proxy) -> Counter[str]:
    """Return how many bytecode instructions a request takes, by file."""
    counted: Counter[str] = Counter()

    def traced(frame: FrameType, event: str, _argument: Any) -> Any:
        if event == "call":
            frame.f_trace_opcodes = True
        elif event == "opcode":
            counted[frame.f_code.co_filename] += 1
        return traced

    sys._getframe().f_trace_opcodes = True  # noqa: SLF001 - without it Python 3.12 counts nothing
    sys.settrace(traced)
    for _ in range(COUNTED):
        await proxy.ask()
    sys.settrace(None)
    return counted


async def main(*, counting: bool) -> None:
    opening.connect = connect_nowhere
    server = ProxyServer(config=configuration("http://127.0.0.1:9"), host="127.0.0.1", port=0)
    async with server:
        proxy = Proxy(server)
        for _ in range(COUNTED):
            await proxy.ask()
        if counting:
            counted = await opcodes(proxy)
            print(f"{counted.total() / COUNTED:,.0f} instructions for a request")
            for file, count in counted.most_common(_SHOWN):
                place = file.removeprefix(f"{_SOURCE}/")
                print(f"{count / COUNTED:8,.0f}  {place}")
        else:
            print(f"{await microseconds(proxy):.1f} µs of CPU for a request")
        proxy.leave()


if __name__ == "__main__":
    make: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop
    with suppress(ImportError):
        from uvloop import new_event_loop as make
    with asyncio.Runner(loop_factory=make) as runner:
        runner.run(main(counting="--opcodes" in sys.argv))
