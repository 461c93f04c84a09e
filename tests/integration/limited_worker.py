"""One of several processes that share limits: it serves requests of its own making, and counts.

It is given a configuration, how many ask at once, and for how many seconds, unless it reads `stop`
before. On each line it reads it prints what it has counted so far: requests admitted, refused,
dealt with, how often one waited for the store, and how often in vain; the slowest in seconds, the
most memory it had in bytes. At the end of its input it gives back its leases and ends.
"""

import asyncio
import json
import resource
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from modelmesh.clock import SystemClock
from modelmesh.config.load import load
from modelmesh.errors import MeshError
from modelmesh.mesh import ModelMesh
from modelmesh.testing.transport import Reply, ScriptedTransport, reply
from modelmesh.types import HttpRequest, Request

BODY = {"model": "chat", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 10}
MESSAGE = {"role": "assistant", "content": "hello"}
ANSWER = {
    "id": "c1",
    "choices": [{"index": 0, "message": MESSAGE, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 2, "completion_tokens": 10, "total_tokens": 12},
}


class Load:
    """Requests without end, so many at once."""

    def __init__(self, config: dict[str, Any], seconds: float) -> None:
        self.counted: Counter[str] = Counter()
        self.slowest = 0.0
        self._transport = ScriptedTransport(_answer, SystemClock())
        self.mesh = ModelMesh(load(config, environ={}), transport=self._transport)
        self._ends = time.monotonic() + seconds
        keeper = self.mesh._serving.keeper  # what the store was asked is nobody else's concern
        assert keeper
        self._keeper = keeper
        self._sharing = keeper._sharing
        self._sharing.refill = self._waiting(self._sharing.refill)

    async def ask(self) -> None:
        while time.monotonic() < self._ends:
            self._transport.requests.clear()
            began = time.monotonic()
            try:
                answer = await self.mesh.send(Request(id="r", model="chat", body=BODY))
            except MeshError as error:
                self.slowest = max(self.slowest, time.monotonic() - began)
                self.counted[f"refused {error.status}"] += 1
                await asyncio.sleep(0.03)
            else:
                self.slowest = max(self.slowest, time.monotonic() - began)
                await answer.close()
                self.counted["admitted"] += 1
                await asyncio.sleep(0.002)

    def stop(self) -> None:
        """Ask nothing more."""
        self._ends = 0.0

    def report(self) -> str:
        spent = [
            pool.standing(target).record.spent
            for pool in self.mesh._serving.parts.pools.values()
            for target in pool.targets
        ]
        return json.dumps(
            {
                **self.counted,
                "operations": self._keeper.operations,
                "away": self._sharing.away,
                "dealt": self.counted.total() - self.counted["waited"] - self.counted["in vain"],
                "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
                "slowest": self.slowest,
                "spent": sum(spent),
                "state": self.mesh.pool_status(),
            }
        )

    def _waiting(self, refill: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
        """Count the requests that wait for the store, and those that do so when it fails."""

        async def counting(wants: Sequence[Any]) -> None:
            self.counted["waited"] += 1
            await refill(wants)
            self.counted["in vain"] += self._sharing.away

        return counting


def _answer(_: HttpRequest) -> Reply:
    return reply(body=ANSWER)


def _tell(report: str) -> None:
    sys.stdout.write(report + "\n")
    sys.stdout.flush()


async def main() -> None:
    load = Load(json.loads(sys.argv[1]), float(sys.argv[3]))
    await load.mesh.start()
    asking = [asyncio.create_task(load.ask()) for _ in range(int(sys.argv[2]))]
    while line := await asyncio.to_thread(sys.stdin.readline):
        if line == "stop\n":
            load.stop()
        _tell(load.report())
    await asyncio.gather(*asking)
    await load.mesh.close()
    _tell(load.report())


asyncio.run(main())
