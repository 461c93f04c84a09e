"""One of several processes that share limits: it serves requests of its own making, and counts.

It is given a configuration, how many ask at once, and for how many seconds. On each line it reads
it prints what it has counted so far; at the end of its input it gives back its leases and ends.
"""

import asyncio
import json
import sys
import time
from collections import Counter
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
        transport = ScriptedTransport(_answer, SystemClock())
        self.mesh = ModelMesh(load(config, environ={}), transport=transport)
        self._ends = time.monotonic() + seconds

    async def ask(self) -> None:
        while time.monotonic() < self._ends:
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

    def report(self) -> str:
        keeper = self.mesh._keeper  # what the store was asked is nobody else's concern
        operations = keeper.operations if keeper else 0
        spent = [
            pool.standing(target).record.spent
            for pool in self.mesh._parts.pools.values()
            for target in pool.targets
        ]
        return json.dumps(
            {
                **self.counted,
                "operations": operations,
                "slowest": self.slowest,
                "spent": sum(spent),
                "state": self.mesh.pool_status(),
            }
        )


def _answer(_: HttpRequest) -> Reply:
    return reply(body=ANSWER)


def _tell(report: str) -> None:
    sys.stdout.write(report + "\n")
    sys.stdout.flush()


async def main() -> None:
    load = Load(json.loads(sys.argv[1]), float(sys.argv[3]))
    await load.mesh.start()
    asking = [asyncio.create_task(load.ask()) for _ in range(int(sys.argv[2]))]
    while await asyncio.to_thread(sys.stdin.readline):
        _tell(load.report())
    await asyncio.gather(*asking)
    await load.mesh.close()
    _tell(load.report())


asyncio.run(main())
