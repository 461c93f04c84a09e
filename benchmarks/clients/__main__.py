"""Ask as often as there is time for, check every answer, and tell what a call cost.

python -m benchmarks.clients NAME VENDOR_URL (sync | IN_FLIGHT) SECONDS
"""

import asyncio
import importlib
import json
import sys
import time
from collections.abc import Awaitable, Callable
from types import ModuleType

from benchmarks import answers


async def at_once(module: ModuleType, url: str, in_flight: int, seconds: float) -> dict[str, float]:
    """Keep so many calls in flight."""
    async with module.asking(url) as ask:
        await _calls(ask, in_flight, seconds / 2)
        before, begun = time.process_time(), time.perf_counter()
        count = await _calls(ask, in_flight, seconds)
        return _figures(count, before, begun)


async def _calls(ask: Callable[[], Awaitable[str]], in_flight: int, seconds: float) -> int:
    until = time.perf_counter() + seconds

    async def repeat() -> int:
        count = 0
        while not count or time.perf_counter() < until:
            _check(await ask())
            count += 1
        return count

    return sum(await asyncio.gather(*(repeat() for _ in range(in_flight))))


def one_by_one(module: ModuleType, url: str, seconds: float) -> dict[str, float]:
    """Call again and again."""
    with module.asking_sync(url) as ask:
        for _ in range(20):
            _check(ask())
        before, begun = time.process_time(), time.perf_counter()
        count = 0
        while time.perf_counter() < begun + seconds:
            _check(ask())
            count += 1
        return _figures(count, before, begun)


def _check(text: str) -> None:
    if text != answers.TEXT:
        raise ValueError(f"another text: {text!r}")


def _figures(count: int, cpu_before: float, begun: float) -> dict[str, float]:
    spent = time.process_time() - cpu_before
    return {"cpu_us": spent * 1e6 / count, "per_second": count / (time.perf_counter() - begun)}


if __name__ == "__main__":
    _, name, vendor_url, way, duration = sys.argv
    client = importlib.import_module(f"benchmarks.clients.{name}")
    if way == "sync":
        told = one_by_one(client, vendor_url, float(duration))
    else:
        told = asyncio.run(at_once(client, vendor_url, int(way), float(duration)))
    print(json.dumps(told), flush=True)
