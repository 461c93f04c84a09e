"""Where time and chance enter the library. Everything else takes `now`, a Clock or an rng."""

import asyncio
import math
import time
from contextlib import AbstractContextManager
from copy import copy
from random import Random, SystemRandom, getrandbits
from typing import Any, Final, Protocol, Self

from attrs import define, field

MINUTE: Final = 60.0
"""Seconds."""

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


@define(eq=False)
class SystemClock:
    _alarms: dict[asyncio.AbstractEventLoop, "_Alarm"] = field(factory=dict, init=False)

    now = staticmethod(time.monotonic)
    wall = staticmethod(time.time)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def timer(self) -> Timer:
        return _SystemTimer(self)

    def alarm(self) -> "_Alarm":
        """Return the alarm of the event loop that runs."""
        loop = asyncio.get_running_loop()
        alarm = self._alarms.get(loop)
        if alarm is None:
            for old in [one for one in self._alarms if one.is_closed()]:
                self._alarms.pop(old, None)
            alarm = self._alarms[loop] = _Alarm(loop)
        return alarm


@define(eq=False)
class _Alarm:
    """Wakes those whose moment has come, in one event loop.

    All of them share one call of the loop. Most moments are far away and never come, and later
    requests wait for later moments, so it is seldom set.
    """

    loop: asyncio.AbstractEventLoop
    _waiting: "set[_SystemTimer]" = field(factory=set, init=False)
    _rings: float = field(default=math.inf, init=False)
    _call: asyncio.TimerHandle | None = field(default=None, init=False)

    def watch(self, timer: "_SystemTimer") -> None:
        self._waiting.add(timer)
        if timer.when < self._rings:
            self._set(timer.when)

    def forget(self, timer: "_SystemTimer") -> None:
        self._waiting.discard(timer)

    def _set(self, when: float) -> None:
        if self._call is not None:
            self._call.cancel()
        self._rings = when
        self._call = self.loop.call_later(when - time.monotonic(), self._ring)

    def _ring(self) -> None:
        self._rings, self._call = math.inf, None
        now = time.monotonic()
        for timer in [one for one in self._waiting if one.when <= now]:
            self._waiting.remove(timer)
            timer.ring()
        if self._waiting:
            self._set(min(timer.when for timer in self._waiting))


@define(eq=False)
class _SystemTimer:
    """Cancels the task that waits within, as asyncio's timeouts do."""

    _clock: SystemClock
    when: float = field(default=math.inf, init=False)
    _alarm: _Alarm | None = field(default=None, init=False)
    _task: "asyncio.Task[Any] | None" = field(default=None, init=False)
    _cancelling: int = field(default=0, init=False)
    _passed: bool = field(default=False, init=False)

    def until(self, when: float) -> Self:
        self.when = when
        return self

    def move(self, when: float) -> None:
        self.when = when
        if self._alarm is not None and self._task is not None:
            self._alarm.watch(self)

    def ring(self) -> None:
        assert self._task is not None
        self._passed = True
        self._task.cancel()

    def __enter__(self) -> None:
        alarm = self._alarm = self._alarm or self._clock.alarm()
        task = self._task = asyncio.current_task(alarm.loop)
        assert task is not None, "a timer limits what a task awaits"
        self._cancelling = task.cancelling()
        if self.when < math.inf:
            alarm.watch(self)

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        task, self._task = self._task, None
        assert task is not None
        assert self._alarm is not None
        self._alarm.forget(self)
        if self._passed:
            self._passed = False
            if task.uncancel() <= self._cancelling and isinstance(error, asyncio.CancelledError):
                raise TimeoutError from error


def system_rng() -> Random:
    """Return the chance that production takes."""
    return _CHANCE


def twin(rng: Random) -> Random:
    """Return chance which draws as this one would next; where nobody knows that, the same one."""
    return rng if isinstance(rng, SystemRandom) else copy(rng)


def request_id() -> str:
    """Return a name that no other request has, in no process."""
    # Python seeds this generator anew in a forked child.
    return f"req_{getrandbits(128):032x}"
