"""Where time and chance enter the library. Everything else takes `now`, a Clock or an rng."""

import asyncio
import time
from random import Random, SystemRandom
from typing import Protocol


class Clock(Protocol):
    def now(self) -> float:
        """Seconds on a clock that never jumps."""
        ...

    def wall(self) -> float:
        """Seconds since 1970, for what people and vendors date by the calendar."""
        ...

    async def sleep(self, seconds: float) -> None: ...


class SystemClock:
    def now(self) -> float:
        return time.monotonic()

    def wall(self) -> float:
        return time.time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def system_rng() -> Random:
    """Return the chance that production takes."""
    return SystemRandom()
