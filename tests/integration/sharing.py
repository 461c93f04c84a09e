"""Processes that share limits, and what they tell of themselves. See `limited_worker`."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from attrs import define, field

_PROGRAM = Path(__file__).with_name("limited_worker.py")

Report = Mapping[str, Any]

WHOLE = 600.0
"""Seconds of load which is stopped as soon as all is seen."""

PATIENT = {"timeout": 30.0}
"""Settings of a store that is well, which is not taken for away however busy the machine is."""


def limited(storage: Mapping[str, Any], **limits: Any) -> dict[str, Any]:
    """Return a configuration with a pool `chat`, each request to which costs a cent."""
    vendor = {"connector": "openai-compatible", "base_url": "http://vendor.test/v1"}
    model = {"provider": "ours", "pricing": {"per_request": 0.01}}
    return {
        "providers": {"ours": {**vendor, **limits}},
        "models": {"some": {**model, "capabilities": ["chat-completion"]}},
        "pools": {"chat": {"models": ["some"], "max_wait": 0}},
        "storage": storage,
    }


@define(eq=False)
class Worker:
    """One of the processes. Once it has ended, `logs` is all that it logged."""

    process: asyncio.subprocess.Process
    logs: str = field(default="", init=False)

    async def report(self, word: str = "") -> Report:
        assert self.process.stdin
        self.process.stdin.write(f"{word}\n".encode())
        return await self._line()

    async def until(self, holds: Callable[[Report], object]) -> Report:
        """Wait for a report that is as it should be; return it."""
        while not holds(told := await self.report()):  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.01)
        return told

    async def stop(self) -> Report:
        """Let it ask nothing more, and come to its end; return its last report."""
        await self.report("stop")
        return await self.end()

    async def end(self) -> Report:
        """Let it come to its end; return its last report."""
        assert self.process.stdin
        assert self.process.stderr
        self.process.stdin.close()
        told = await self._line()
        self.logs = (await self.process.stderr.read()).decode()
        assert await self.process.wait() == 0
        return told

    async def _line(self) -> Report:
        assert self.process.stdout
        told: Report = json.loads(await self.process.stdout.readline())
        return told


@asynccontextmanager
async def running(
    config: Mapping[str, Any], *, count: int = 1, at_once: int = 64, seconds: float = 3.0
) -> AsyncIterator[list[Worker]]:
    """Run so many of them, each of which asks for so long."""
    command = (sys.executable, str(_PROGRAM), json.dumps(config), str(at_once), str(seconds))
    pipe = asyncio.subprocess.PIPE
    workers = [
        Worker(await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, stderr=pipe))
        for _ in range(count)
    ]
    try:
        yield workers
    finally:
        for one in workers:
            if one.process.returncode is None:
                one.process.kill()
                await one.process.wait()


def total(reports: Sequence[Report], name: str) -> int:
    return sum(report.get(name, 0) for report in reports)
