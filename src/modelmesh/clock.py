"""Where time and chance enter the library. Everything else takes `now`, a Clock or an rng."""

import asyncio
import math
import time
from contextlib import AbstractContextManager
from random import Random, SystemRandom
from typing import Any, Final, Protocol, Self

# Seconds between two rings of an alarm for a moment that is further away.
_ROUND: Final = 10.0
_CHANCE: Final = SystemRandom()


class Clock(Protocol):
    def now(self) -> float:
        """Seconds on a clock that never jumps."""
        ...

    def wall(self) -> float:
        """Seconds since 1970, for what people and vendors date by the calendar."""
        ...

    async def sleep(self, seconds: float) -> None: ...

    def timer(self) -> "Timer":
        """Return a limit for waits that follow one another, as those for the pieces of an answer.

        Setting it again costs next to nothing.
        """
        ...


class Timer(Protocol):
    def until(self, when: float) -> AbstractContextManager[Any]:
        """Limit what is awaited within to a moment on the clock.

        It is used as `with`, which raises TimeoutError when the moment comes.
        """
        ...

    def move(self, when: float) -> None:
        """Move the moment of the limit one is within."""
        ...

    def close(self) -> None:
        """Have no more limits."""
        ...


class SystemClock:
    def now(self) -> float:
        return time.monotonic()

    def wall(self) -> float:
        return time.time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def timer(self) -> Timer:
        return _SystemTimer()


class _SystemTimer:
    """Cancels the task that waits within, as asyncio's timeouts do.

    The alarm in the event loop rings every few seconds and is seldom set again: most moments that
    are named are far away, and never come.
    """

    __slots__ = ("_alarm", "_cancelling", "_passed", "_rings", "_task", "_when")

    def __init__(self) -> None:
        self._alarm: asyncio.TimerHandle | None = None
        self._rings = math.inf
        self._when = math.inf
        self._task: asyncio.Task[Any] | None = None
        self._cancelling = 0
        self._passed = False

    def until(self, when: float) -> Self:
        self._when = when
        return self

    def move(self, when: float) -> None:
        self._when = when
        if when < self._rings:
            self._set()

    def close(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def __enter__(self) -> None:
        task = self._task = asyncio.current_task()
        assert task is not None, "a timer limits what a task awaits"
        self._cancelling = task.cancelling()
        if self._alarm is None or self._when < self._rings:
            self._set()

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        task, self._task = self._task, None
        if self._passed:
            self._passed = False
            assert task is not None
            if task.uncancel() <= self._cancelling and isinstance(error, asyncio.CancelledError):
                raise TimeoutError from error

    def _set(self) -> None:
        self.close()
        now = time.monotonic()
        self._rings = min(self._when, now + _ROUND)
        loop = asyncio.get_running_loop()
        self._alarm = loop.call_later(self._rings - now, self._ring)

    def _ring(self) -> None:
        self._alarm = None
        if self._task is None:
            return
        if time.monotonic() < self._when:
            self._set()
        else:
            self._passed = True
            self._task.cancel()


def system_rng() -> Random:
    """Return the chance that production takes."""
    return _CHANCE


def request_id() -> str:
    """Return a name that no other request has, in no process."""
    return f"req_{_CHANCE.getrandbits(128):032x}"
