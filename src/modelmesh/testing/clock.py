"""A clock that tests move."""

import asyncio
import math
from contextvars import ContextVar, Token
from typing import Self

from attrs import define, field


class FakeClock:
    """A clock which waits for nobody: whoever sleeps moves it, and no real time passes.

    A sleep that would cross the nearest limit around it ends there, as it would in
    production:

        clock = FakeClock()
        with pytest.raises(TimeoutError):
            with clock.timer().until(clock.now() + 3):
                await clock.sleep(60)
        assert clock.now() == 3
    """

    def __init__(self, now: float = 0.0, *, wall: float = 1_800_000_000.0) -> None:
        self._now = now
        self._wall_at_zero = wall - now

    def now(self) -> float:
        """Return the seconds on this clock."""
        return self._now

    def wall(self) -> float:
        """Return the seconds since 1970."""
        return self._wall_at_zero + self._now

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._now += seconds

    async def sleep(self, seconds: float) -> None:
        """Move the clock on by so much, or to the nearest limit around it."""
        awake = self._now + max(seconds, 0)
        # Others may run, and cancel this, as they may in production.
        await asyncio.sleep(0)
        nearest = min(_deadlines.get(), key=lambda deadline: deadline.when, default=None)
        if nearest and nearest.when < awake:
            self._now = max(self._now, nearest.when)
            nearest.passed = True
            raise asyncio.CancelledError
        if awake == math.inf:
            raise AssertionError("this would wait for ever: no limit is around it")
        self._now = max(self._now, awake)

    def timer(self) -> "_Timer":
        """Return a limit for waits that follow one another."""
        return _Timer()


class _Timer:
    _deadline: "_Deadline"

    def until(self, when: float) -> "_Deadline":
        self._deadline = _Deadline(when)
        return self._deadline

    def move(self, when: float) -> None:
        self._deadline.when = when


@define(eq=False)
class _Deadline:
    """Cancels what sleeps within, and calls that a timeout on the way out, as asyncio does."""

    when: float
    passed: bool = field(default=False, init=False)
    _around: "Token[tuple[_Deadline, ...]] | None" = field(default=None, init=False)

    def __enter__(self) -> Self:
        self._around = _deadlines.set((*_deadlines.get(), self))
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        assert self._around is not None
        _deadlines.reset(self._around)
        if self.passed and isinstance(error, asyncio.CancelledError):
            raise TimeoutError from error


# Each task has its own, outermost first.
_deadlines: ContextVar[tuple[_Deadline, ...]] = ContextVar("deadlines", default=())
