"""The feed of events: what is kept, what is lost, and when nobody has to make any."""

import asyncio
import json
from itertools import count
from typing import Any

import pytest
from happened import began

from modelmesh.audience import Audience
from modelmesh.connectors.observability import record
from modelmesh.events import Event, RequestBegan, Rotated
from modelmesh.proxy.feed import KEPT, LISTENERS, WAITING, Feed, Listener, TooManyListeners
from modelmesh.proxy.streams import PING


def rotated(number: int = 1) -> Rotated:
    return Rotated(at=1_700_000_000.0, pool="chat", before="a", after=f"b{number}")


def feed(audience: Audience) -> Feed:
    runs = count(1)
    return Feed(audience, record=record, ids=lambda: f"run{next(runs)}")


@pytest.fixture
def audience() -> Audience:
    return Audience(lambda: 1.0)


def tell(audience: Audience, *events: Event) -> None:
    for event in events:
        told = audience.of_requests if isinstance(event, RequestBegan) else audience.of_changes
        assert told is not None
        told(event)


def parsed(piece: bytes) -> list[dict[str, Any]]:
    """Return events as a client reads them, comments left out."""
    assert piece.endswith(b"\n")
    blocks = [block for block in piece.decode().removeprefix(PING.decode()).split("\n\n") if block]
    found = []
    for block in blocks:
        lines = dict(line.split(": ", 1) for line in block.splitlines())
        found.append({**lines, "data": json.loads(lines["data"])})
    return found


async def heard(listener: Listener) -> list[dict[str, Any]]:
    return parsed(await anext(listener))


async def test_a_listener_is_greeted_and_told_what_changed_before(audience: Audience) -> None:
    told = feed(audience)
    tell(audience, rotated(1), rotated(2))
    first = await anext(told.listen())
    assert first.startswith(PING)
    assert [(event["event"], event["id"]) for event in parsed(first)] == [
        ("pool.rotated", "run1-1"),
        ("pool.rotated", "run1-2"),
    ]
    assert parsed(first)[1]["data"] == {
        "event": "pool.rotated",
        "time": "2023-11-14T22:13:20.000Z",
        "pool": "chat",
        "before": "a",
        "after": "b2",
    }


async def test_what_happens_then_is_told_as_it_happens(audience: Audience) -> None:
    listener = feed(audience).listen()
    assert await anext(listener) == PING
    waiting = asyncio.ensure_future(anext(listener))
    await asyncio.sleep(0)
    assert not waiting.done()
    tell(audience, rotated())
    assert [event["data"]["after"] for event in parsed(await waiting)] == ["b1"]


async def test_requests_are_made_for_the_feed_only_while_somebody_listens(
    audience: Audience,
) -> None:
    told = feed(audience)
    assert audience.of_requests is None
    listeners = [told.listen(), told.listen()]
    tell(audience, began())
    for listener in listeners:
        assert audience.of_requests is not None
        assert [event["event"] for event in await heard(listener)] == ["request.began"]
        await listener.close()
        await listener.close()
    assert audience.of_requests is None
    assert audience.of_changes is not None


async def test_only_changes_are_kept_and_only_the_last_hundred(audience: Audience) -> None:
    told = feed(audience)
    listening = told.listen()
    tell(audience, *(event for number in range(KEPT + 7) for event in (rotated(number), began())))
    await listening.close()
    kept = [event["data"]["after"] for event in await heard(told.listen())]
    assert kept == [f"b{number}" for number in range(7, KEPT + 7)]


@pytest.mark.parametrize(
    ("last", "told"),
    [("run1-2", ["b3"]), ("run1-3", []), ("run0-2", ["b1", "b2", "b3"]), ("x", ["b1", "b2", "b3"])],
)
async def test_who_comes_back_is_told_only_what_is_new_of_the_same_run(
    audience: Audience, last: str, told: list[str]
) -> None:
    again = feed(audience)
    tell(audience, rotated(1), rotated(2), rotated(3))
    assert [event["data"]["after"] for event in await heard(again.listen(last))] == told


async def test_who_is_too_slow_loses_the_oldest_and_is_told_how_many(audience: Audience) -> None:
    told = feed(audience)
    slow, quick = told.listen(), told.listen()
    for number in range(WAITING + 3):
        tell(audience, rotated(number))
        assert [event["data"]["after"] for event in await heard(quick)] == [f"b{number}"]
    lost, *rest = await heard(slow)
    assert (lost["event"], lost["data"]["count"]) == ("lost", 3)
    assert [event["data"]["after"] for event in rest] == [
        f"b{number}" for number in range(3, WAITING + 3)
    ]
    tell(audience, rotated(0))
    assert [event["event"] for event in await heard(slow)] == ["pool.rotated"]


async def test_a_comment_tells_that_the_feed_is_alive(audience: Audience) -> None:
    listener = feed(audience).listen(heartbeat=0.0)
    assert [await anext(listener) for _ in range(3)] == [PING] * 3


async def test_there_is_room_for_so_many_listeners_and_again_when_one_leaves(
    audience: Audience,
) -> None:
    told = feed(audience)
    listeners = [told.listen() for _ in range(LISTENERS)]
    with pytest.raises(TooManyListeners) as refused:
        told.listen()
    assert (refused.value.status, refused.value.retry_after) == (503, 5.0)
    await listeners[0].close()
    told.listen()


async def test_at_its_end_listeners_get_what_waits_and_nobody_is_told_any_more(
    audience: Audience,
) -> None:
    told = feed(audience)
    eager, waiting = told.listen(), told.listen()
    assert await anext(eager) == PING
    pending = asyncio.ensure_future(anext(eager))
    await asyncio.sleep(0)
    told.close()
    with pytest.raises(StopAsyncIteration):
        await pending
    assert [piece async for piece in waiting] == [PING]
    for listener in (eager, waiting):
        await listener.close()
    assert (audience.of_requests, audience.of_changes) == (None, None)
