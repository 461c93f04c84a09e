"""Requests in flight and their last moment. No time passes here but a turn or two of the loop."""

import asyncio

import pytest

from modelmesh.proxy.errors import ShuttingDown
from modelmesh.proxy.gate import Gate


async def stay(gate: Gate) -> None:
    with gate.admit():
        await asyncio.Event().wait()


async def turn() -> None:
    await asyncio.sleep(0)


async def test_requests_are_counted_in_and_out() -> None:
    gate = Gate()
    with gate.admit():
        with gate.admit():
            assert (gate.in_flight, gate.total) == (2, 2)
        assert (gate.in_flight, gate.total) == (1, 2)
    assert (gate.in_flight, gate.total) == (0, 2)


async def test_a_request_that_fails_is_counted_out() -> None:
    gate = Gate()
    with pytest.raises(KeyError), gate.admit():
        raise KeyError
    assert gate.in_flight == 0


async def test_a_timeout_of_the_requests_own_is_not_taken_for_the_last_moment() -> None:
    gate = Gate()
    with pytest.raises(TimeoutError), gate.admit():
        raise TimeoutError


async def test_at_the_last_moment_a_request_is_told_so() -> None:
    gate = Gate()
    staying = asyncio.create_task(stay(gate))
    await turn()
    gate.drain(0)
    with pytest.raises(ShuttingDown):
        await staying
    assert gate.in_flight == 0


async def test_a_request_that_comes_after_the_last_moment_is_told_at_once() -> None:
    gate = Gate()
    gate.drain(0)
    with pytest.raises(ShuttingDown):
        await stay(gate)
    with pytest.raises(ShuttingDown):
        await stay(gate)
    assert gate.in_flight == 0


async def test_a_cancelled_request_is_not_told_anything() -> None:
    gate = Gate()
    staying = asyncio.create_task(stay(gate))
    await turn()
    staying.cancel()
    with pytest.raises(asyncio.CancelledError):
        await staying
    assert gate.in_flight == 0


async def test_it_is_emptied_when_the_last_request_has_left() -> None:
    gate = Gate()
    await gate.emptied(60)
    staying = [asyncio.create_task(stay(gate)) for _ in range(2)]
    await turn()
    emptied = asyncio.create_task(gate.emptied(60))
    for task in staying:
        assert not emptied.done()
        task.cancel()
        await asyncio.wait([task])
    await emptied


async def test_waiting_for_it_to_be_emptied_has_an_end() -> None:
    gate = Gate()
    staying = asyncio.create_task(stay(gate))
    await turn()
    await gate.emptied(0)
    assert gate.in_flight == 1
    staying.cancel()
