"""The clock of production. Its waits are real and short; the long ones never come to pass."""

import asyncio

import pytest

from modelmesh.clock import SystemClock, Timer

LONG = 3600.0
SHORT = 0.01


@pytest.fixture
def clock() -> SystemClock:
    return SystemClock()


@pytest.fixture
def timer(clock: SystemClock) -> Timer:
    return clock.timer()


async def for_ever() -> None:
    await asyncio.get_running_loop().create_future()


async def wait(timer: Timer, clock: SystemClock, seconds: float) -> None:
    with timer.until(clock.now() + seconds):
        await for_ever()


async def test_what_is_done_in_time_is_left_in_peace(clock: SystemClock, timer: Timer) -> None:
    with timer.until(clock.now() + LONG):
        await asyncio.sleep(0)


async def test_a_wait_ends_when_its_moment_comes(clock: SystemClock, timer: Timer) -> None:
    began = clock.now()
    with pytest.raises(TimeoutError):
        await wait(timer, clock, SHORT)
    assert clock.now() - began >= SHORT


async def test_a_moment_that_has_passed_ends_the_wait(clock: SystemClock, timer: Timer) -> None:
    with pytest.raises(TimeoutError):
        await wait(timer, clock, -1.0)


async def test_a_limit_moves_further_away(clock: SystemClock, timer: Timer) -> None:
    with timer.until(clock.now() + SHORT):
        await asyncio.sleep(0)
    with timer.until(clock.now() + LONG):
        await asyncio.sleep(SHORT * 3)


async def test_a_limit_moves_nearer(clock: SystemClock, timer: Timer) -> None:
    with timer.until(clock.now() + LONG):
        await asyncio.sleep(0)
    with pytest.raises(TimeoutError):
        await wait(timer, clock, SHORT)


async def test_a_limit_serves_again_after_it_was_reached(clock: SystemClock, timer: Timer) -> None:
    for _ in range(3):
        with pytest.raises(TimeoutError):
            await wait(timer, clock, SHORT)
    with timer.until(clock.now() + LONG):
        await asyncio.sleep(SHORT)


async def test_between_two_waits_nothing_is_ended(clock: SystemClock, timer: Timer) -> None:
    with timer.until(clock.now() + SHORT):
        await asyncio.sleep(0)
    await asyncio.sleep(SHORT * 3)
    with timer.until(clock.now() + LONG):
        await asyncio.sleep(0)


async def test_an_error_within_is_the_error(clock: SystemClock, timer: Timer) -> None:
    with pytest.raises(ValueError, match="mine"), timer.until(clock.now() + LONG):
        raise ValueError("mine")


async def test_another_cancellation_stays_one(clock: SystemClock, timer: Timer) -> None:
    waiting = asyncio.create_task(wait(timer, clock, LONG))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_a_cancellation_at_the_same_moment_is_not_swallowed(
    clock: SystemClock, timer: Timer
) -> None:
    async def late() -> None:
        with timer.until(clock.now() - 1):
            await for_ever()

    waiting = asyncio.create_task(late())
    await asyncio.sleep(0)
    asyncio.get_running_loop().call_later(0, waiting.cancel)
    with pytest.raises((asyncio.CancelledError, TimeoutError)):
        await waiting
    assert waiting.cancelled() or waiting.cancelling()
