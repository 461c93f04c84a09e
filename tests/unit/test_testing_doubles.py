"""The clock and the transport of unit tests behave as production's do, in no time."""

import asyncio
import math
from collections.abc import AsyncIterator

import pytest
from wire import whole

from modelmesh.clock import Clock, SystemClock
from modelmesh.errors import ErrorKind, TransportError
from modelmesh.testing.clock import FakeClock
from modelmesh.testing.transport import (
    ScriptedTransport,
    cut,
    fail,
    pause,
    reply,
    silence,
    stream,
    until,
)
from modelmesh.transport.protocol import Transport, TransportReply
from modelmesh.types import HttpRequest

HERE = HttpRequest(url="http://vendor.test/v1/chat/completions", headers={}, body=b"{}")
ELSEWHERE = HttpRequest(url="http://other.test/v1/chat/completions", headers={}, body=b"{}")


async def send(transport: Transport, request: HttpRequest = HERE) -> TransportReply:
    return await transport.send(request, connect=5.0)


async def next_piece(clock: Clock, pieces: AsyncIterator[bytes], within: float) -> bytes:
    with clock.timer().until(clock.now() + within):
        return await anext(pieces)


# The clocks


def test_a_fake_clock_stands_until_it_is_moved() -> None:
    clock = FakeClock(now=5.0, wall=1000.0)
    clock.advance(2.5)
    assert (clock.now(), clock.wall()) == (7.5, 1002.5)


async def test_sleeping_moves_a_fake_clock() -> None:
    clock = FakeClock()
    await clock.sleep(3600)
    assert clock.now() == 3600


async def test_two_that_sleep_at_once_wake_at_the_same_time() -> None:
    clock = FakeClock()
    await asyncio.gather(clock.sleep(5), clock.sleep(5))
    assert clock.now() == 5


async def test_a_sleep_beyond_the_deadline_times_out_at_it() -> None:
    clock = FakeClock()
    with pytest.raises(TimeoutError), clock.timer().until(3):
        await clock.sleep(60)
    assert clock.now() == 3


async def test_a_sleep_up_to_the_deadline_is_in_time() -> None:
    clock = FakeClock()
    with clock.timer().until(3):
        await clock.sleep(3)
    assert clock.now() == 3


async def test_the_nearest_of_nested_deadlines_ends_the_wait_where_it_was_set() -> None:
    clock = FakeClock()
    timed_out = []
    try:
        with clock.timer().until(2):
            try:
                with clock.timer().until(9):
                    await clock.sleep(60)
            except TimeoutError:
                timed_out.append("inner")
    except TimeoutError:
        timed_out.append("outer")
    assert (clock.now(), timed_out) == (2, ["outer"])


async def test_an_inner_deadline_leaves_the_outer_one_standing() -> None:
    clock = FakeClock()
    timed_out = []
    try:
        with clock.timer().until(9):
            try:
                with clock.timer().until(2):
                    await clock.sleep(60)
            except TimeoutError:
                timed_out.append(clock.now())
            await clock.sleep(60)
    except TimeoutError:
        timed_out.append(clock.now())
    assert timed_out == [2, 9]


async def test_a_deadline_that_is_over_limits_nothing_later() -> None:
    clock = FakeClock()
    with clock.timer().until(3):
        pass
    await clock.sleep(60)
    assert clock.now() == 60


async def test_a_deadline_that_has_passed_ends_the_next_wait_and_leaves_the_time() -> None:
    clock = FakeClock(now=10)
    with pytest.raises(TimeoutError), clock.timer().until(4):
        await clock.sleep(1)
    assert clock.now() == 10


async def test_the_deadlines_of_one_task_are_not_those_of_another() -> None:
    clock = FakeClock()

    async def limited() -> None:
        with clock.timer().until(1):
            await clock.sleep(math.inf)

    ended = await asyncio.gather(limited(), clock.sleep(50), return_exceptions=True)
    assert [type(end) for end in ended] == [TimeoutError, type(None)]


async def test_no_deadline_is_none() -> None:
    clock = FakeClock()
    with clock.timer().until(math.inf):
        await clock.sleep(60)
    assert clock.now() == 60


async def test_waiting_for_ever_without_a_deadline_is_a_mistake_in_the_test() -> None:
    with pytest.raises(AssertionError, match="for ever"):
        await FakeClock().sleep(math.inf)


async def test_cancelling_a_sleeper_is_no_timeout() -> None:
    clock = FakeClock()

    async def sleeps() -> None:
        with clock.timer().until(100):
            await clock.sleep(1)

    task = asyncio.create_task(sleeps())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert clock.now() == 0


async def test_the_system_clocks_deadline_passes_too() -> None:
    clock = SystemClock()
    with pytest.raises(TimeoutError), clock.timer().until(clock.now() + 0.001):
        await asyncio.get_running_loop().create_future()


async def test_the_system_clock_waits_without_a_deadline() -> None:
    clock = SystemClock()
    with clock.timer().until(math.inf):
        await clock.sleep(0)


# The scripted transport


async def test_each_request_gets_the_next_reply_of_the_script() -> None:
    transport = ScriptedTransport([reply(500), reply(200, {"fine": True})], FakeClock())
    first, second = await send(transport, HERE), await send(transport, ELSEWHERE)
    assert (first.status, await whole(first)) == (500, b"")
    assert (second.status, await whole(second)) == (200, b'{"fine": true}')
    assert second.headers["content-type"] == "application/json"
    assert transport.requests == [HERE, ELSEWHERE]


async def test_a_function_may_choose_the_reply_by_the_request() -> None:
    transport = ScriptedTransport(lambda request: reply(body=request.url.encode()), FakeClock())
    answered = await send(transport, ELSEWHERE)
    assert await whole(answered) == ELSEWHERE.url.encode()


async def test_a_request_beyond_the_script_fails_the_test() -> None:
    transport = ScriptedTransport([], FakeClock())
    with pytest.raises(AssertionError, match="no reply for request 1"):
        await send(transport)


async def test_a_stream_comes_in_pieces_and_takes_its_time() -> None:
    clock = FakeClock()
    transport = ScriptedTransport([stream([b"one", pause(3), b"two"], after=1)], clock)
    streamed = await send(transport)
    assert clock.now() == 1
    came = [(piece, clock.now()) async for piece in streamed.chunks()]
    assert came == [(b"one", 1), (b"two", 4)]
    assert streamed.headers["content-type"] == "text/event-stream"


async def test_a_cut_breaks_a_stream_off_after_what_came_before() -> None:
    transport = ScriptedTransport([stream([b"one", cut()])], FakeClock())
    pieces = (await send(transport)).chunks()
    assert await anext(pieces) == b"one"
    with pytest.raises(TransportError) as failed:
        await anext(pieces)
    assert failed.value.kind is ErrorKind.STREAM_INCOMPLETE


async def test_a_failure_comes_instead_of_a_reply() -> None:
    transport = ScriptedTransport([fail(ErrorKind.UNREACHABLE, "refused")], FakeClock())
    with pytest.raises(TransportError, match="refused") as failed:
        await send(transport)
    assert (failed.value.kind, transport.open) == (ErrorKind.UNREACHABLE, 0)


async def test_silence_lasts_until_the_nearest_deadline() -> None:
    clock = FakeClock()
    transport = ScriptedTransport([silence(), stream([b"one", silence()])], clock)
    with pytest.raises(TimeoutError), clock.timer().until(30):
        await send(transport)
    assert clock.now() == 30
    pieces = (await send(transport)).chunks()
    assert await next_piece(clock, pieces, within=5) == b"one"
    with pytest.raises(TimeoutError):
        await next_piece(clock, pieces, within=5)
    assert clock.now() == 35


async def test_a_wait_that_timed_out_is_taken_up_where_it_was() -> None:
    clock = FakeClock()
    transport = ScriptedTransport([stream([pause(10), b"one"])], clock)
    pieces = (await send(transport)).chunks()
    for _ in range(3):
        with pytest.raises(TimeoutError):
            await next_piece(clock, pieces, within=3)
    assert await next_piece(clock, pieces, within=3) == b"one"
    assert clock.now() == 10


async def test_a_wait_for_a_signal_is_ended_by_the_test() -> None:
    signal = asyncio.Event()
    transport = ScriptedTransport([until(signal), stream([until(signal), b"one"])], FakeClock())
    waiting = asyncio.create_task(send(transport))
    await asyncio.sleep(0)
    assert not waiting.done()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    pieces = (await send(transport)).chunks()
    signal.set()
    assert await anext(pieces) == b"one"


async def test_replies_that_are_not_closed_are_counted_and_each_closes_once() -> None:
    transport = ScriptedTransport([reply(), reply()], FakeClock())
    first, second = await send(transport), await send(transport)
    assert transport.open == 2
    await first.close()
    await first.close(drain=True)
    assert transport.open == 1
    await second.close()
    assert transport.open == 0


async def test_a_closed_transport_tells_so() -> None:
    transport = ScriptedTransport([], FakeClock())
    assert not transport.closed
    await transport.close()
    assert transport.closed
