"""Where time and chance enter the library. Everything else takes `now`, a Clock or an rng."""

import asyncio
import time
from contextlib import AbstractAsyncContextManager
from random import Random, SystemRandom
from typing import Any, Protocol


class Clock(Protocol):
    def now(self) -> float:
        """Seconds on a clock that never jumps."""
        ...

    def wall(self) -> float:
        """Seconds since 1970, for what people and vendors date by the calendar."""
        ...

    async def sleep(self, seconds: float) -> None: ...

    def timeout_at(self, when: float | None) -> AbstractAsyncContextManager[Any]:
        """Limit what is awaited within to a moment on this clock; None: no limit.

        It is used as `async with`, which raises TimeoutError when the moment comes.
        """
        ...


class SystemClock:
    def now(self) -> float:
        return time.monotonic()

    def wall(self) -> float:
        return time.time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def timeout_at(self, when: float | None) -> AbstractAsyncContextManager[Any]:
        # By the difference, since an event loop may keep a clock of its own.
        return asyncio.timeout(None if when is None else when - self.now())


def system_rng() -> Random:
    """Return the chance that production takes."""
    return SystemRandom()
