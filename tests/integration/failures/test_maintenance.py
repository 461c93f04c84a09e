"""A maintenance window: nobody is asked in it, and clients are told until when it lasts."""

import time
from typing import Any

import pytest

from failures.scenes import Pools, Scene

pytestmark = pytest.mark.asyncio(loop_scope="module")

HOUR = 3600
NOW = time.time()


def window(begins: int, ends: int) -> dict[str, Any]:
    """Return a window between so many hours from now, UTC."""
    start, end = (time.strftime("%H:%M", time.gmtime(NOW + at * HOUR)) for at in (begins, ends))
    return {"maintenance_window": {"start": start, "end": end}}


POOLS = Pools()
POOLS.add("one", "ok", "ok", providers={"a": window(-6, 6)})
POOLS.add("past", "ok", "ok", providers={"a": window(6, -6)})
POOLS.add("all", "ok", "ok", providers={"a": window(-6, 8), "b": window(-8, 6)})
POOLS.add("pool", "ok", deactivation=window(-6, 6))
POOLS.add("provider", "ok", provider_deactivation=window(-6, 6))


async def test_a_provider_in_maintenance_is_not_asked_and_another_answers(scene: Scene) -> None:
    for _ in range(3):
        assert (await scene.ask("one")).status == 200
    assert scene.asked("one") == "bbb"
    assert await scene.notes("one") == []


async def test_outside_its_window_it_is_asked(scene: Scene) -> None:
    assert (await scene.ask("past")).status == 200
    assert scene.asked("past") == "a"


@pytest.mark.parametrize("pool", ["all", "pool", "provider"])
async def test_where_all_are_in_maintenance_clients_are_told_until_when(
    scene: Scene, pool: str
) -> None:
    came = await scene.ask(pool)
    assert (came.status, came.error["code"]) == (503, "overloaded")
    assert "it is in maintenance, " in came.error["message"]
    assert 5 * HOUR < int(came.headers["retry-after"]) <= 6 * HOUR
    assert scene.asked(pool) == ""
    assert await scene.notes(pool) == []
