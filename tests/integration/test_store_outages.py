"""A store that is away takes nobody along: case 20."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from moody_store import Mood, MoodyStore
from proxy_process import ProxyProcess, running_proxy, until
from redis_server import RedisServer, needs_redis, running_redis
from sharing import PATIENT, WHOLE, limited, running, total

from modelmesh.testing.fake_provider import FakeProvider

AT_ONCE = 64
REQUESTS = 10_000
MEBIBYTE = 1 << 20
# Far longer than a store that is well takes on a busy machine, and what silence costs.
NOTICED = {"timeout": 2.0}
# Who waits for a store without an end is found by this, a busy machine is not.
SOON = 15.0
AWAY, BACK = "does not answer", "answers again"
AMPLE = 10**8

Act = Callable[[], Awaitable[object]]


@pytest.fixture
async def store() -> AsyncIterator[MoodyStore]:
    async with MoodyStore() as running_store:
        yield running_store


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    with running_redis(tmp_path) as server:
        yield server


def kept_in(url: str, failure: str = "", **settings: Any) -> dict[str, Any]:
    """Return a store that is given up after a while only where it fails by saying nothing."""
    patience = NOTICED if failure in ("silent", "paused") else PATIENT
    return {"connector": "redis.redis.v1", "url": url, **patience, **settings}


async def outage(storage: dict[str, Any], rule: str, fail: Act, mend: Act) -> None:
    """Have a store fail under load, and see who waits for it, and what it comes to."""
    config = limited({**storage, "on_failure": rule}, rate_limits={"rpd": AMPLE})
    config["pools"]["chat"]["max_wait"] = 20
    async with running(config, at_once=AT_ONCE, seconds=WHOLE) as (worker,):
        await worker.until(lambda told: told.get("admitted", 0) > 500)
        await fail()
        refuses = rule == "refuse"
        # What is left of a lease is used up before anybody is refused.
        away = await worker.until(
            lambda told: told["away"] and bool(told.get("refused 503")) is refuses
        )
        later = await worker.until(lambda told: told["dealt"] >= away["dealt"] + REQUESTS)
        await mend()
        back = await worker.until(lambda told: not told["away"])
        await worker.until(lambda told: told["admitted"] > back["admitted"] + 500)
        end = await worker.stop()

    # Those who wait just then wait once, and nobody does who comes after them.
    assert end["in vain"] <= AT_ONCE
    assert later["waited"] == away["waited"]
    assert end["slowest"] < SOON
    assert (later["peak"] - away["peak"]) / MEBIBYTE < 10
    refused = later.get("refused 503", 0) - away.get("refused 503", 0)
    admitted = later["dealt"] - away["dealt"] - refused
    # Those who were admitted before may have had their answers after.
    assert admitted <= AT_ONCE if refuses else refused == 0
    assert "refused 429" not in end
    assert (worker.logs.count(AWAY), worker.logs.count(BACK)) == (1, 1)
    assert len(worker.logs.splitlines()) == 2


@pytest.mark.parametrize(
    ("mood", "rule"),
    [("silent", "refuse"), ("silent", "allow"), ("failing", "allow"), ("refusing", "refuse")],
)
async def test_case_20_a_store_that_is_away_is_waited_for_by_those_who_wait_just_then(
    store: MoodyStore, mood: Mood, rule: str
) -> None:
    await outage(kept_in(store.url, mood), rule, lambda: store.be(mood), lambda: store.be("well"))


@needs_redis
@pytest.mark.parametrize(("failure", "rule"), [("stopped", "allow"), ("paused", "refuse")])
async def test_case_20_so_it_is_with_a_real_redis(
    redis: RedisServer, failure: str, rule: str
) -> None:
    async def fail() -> None:
        redis.pause() if failure == "paused" else redis.stop()

    async def mend() -> None:
        redis.resume() if failure == "paused" else redis.start()

    await outage(kept_in(redis.url, failure), rule, fail, mend)


async def test_case_20_a_database_that_can_only_be_read_is_away_all_the_time(
    tmp_path: Path,
) -> None:
    path = tmp_path / "state.db"
    config = limited({"path": str(path), **NOTICED}, rate_limits={"rpd": AMPLE})
    async with running(config, at_once=4, seconds=WHOLE) as (worker,):
        await worker.until(lambda told: told.get("admitted"))
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        away = await worker.until(lambda told: told["away"])
        # As often as it is tried again: were it taken for well, it would be found away anew.
        await worker.until(lambda told: told["operations"] > away["operations"] + 3)
        other.execute("ROLLBACK")
        other.close()
        await worker.until(lambda told: not told["away"])
        await worker.stop()
    assert (worker.logs.count(AWAY), worker.logs.count(BACK)) == (1, 1)


@needs_redis
async def test_case_20_a_store_that_is_flushed_is_told_again(redis: RedisServer) -> None:
    config = limited(kept_in(redis.url, on_failure="refuse"), rate_limits={"rpd": 1500})
    async with running(config, count=2, at_once=16, seconds=WHOLE) as workers:
        await workers[0].until(lambda told: told.get("admitted", 0) >= 150)
        redis.ask("FLUSHALL")
        async with asyncio.timeout(60):
            while total([await one.report() for one in workers], "admitted") < 1500:  # noqa: ASYNC110 - other processes
                await asyncio.sleep(0.1)
        # Who got too much would go on.
        await asyncio.sleep(2)
        reports = [await one.stop() for one in workers]
    assert total(reports, "admitted") == 1500


# What a client of the proxy sees


POOLS = ("counted", "paid", "dear")


def three_pools(vendor: FakeProvider, store: MoodyStore, failure: str) -> dict[str, Any]:
    """Return a configuration with a pool under a limit of requests, and two under budgets.

    One of these is smaller than a request.
    """
    usual = {"connector": "openai-compatible", "base_url": vendor.url}
    model = {"model": "ok", "capabilities": ["chat-completion"], "pricing": {"per_request": 0.01}}
    return {
        "providers": {
            "counted": {**usual, "rate_limits": {"rpd": AMPLE}},
            "paid": {**usual, "budget": {"daily_limit": 1000}},
            "dear": {**usual, "budget": {"daily_limit": 0.001}},
        },
        "models": {name: {**model, "provider": name} for name in POOLS},
        "pools": {name: {"models": [name], "max_wait": 0} for name in POOLS},
        "storage": kept_in(store.url, failure),
    }


async def statuses(proxy: ProxyProcess, pool: str, count: int = 20) -> set[int]:
    replies = await asyncio.gather(*(proxy.chat(model=pool) for _ in range(count)))
    return {reply.status for reply in replies}


@pytest.mark.parametrize("mood", ["silent", "failing", "refusing"])
async def test_case_20_a_server_starts_without_its_store_and_money_waits_for_it(
    store: MoodyStore, mood: Mood
) -> None:
    await store.be(mood)
    async with (
        FakeProvider() as vendor,
        running_proxy(three_pools(vendor, store, mood)) as proxy,
    ):
        assert await statuses(proxy, "counted") == {200}
        assert await statuses(proxy, "paid") == {503}
        refused = await proxy.chat(model="paid")
        assert int(refused.headers["retry-after"]) > 0
        # What no store can help is told as ever.
        assert await statuses(proxy, "dear", 1) == {400}
        for path in ("/health", "/livez", "/readyz"):
            assert (await proxy.get(path)).status == 200
        await store.be("well")
        await proxy.says(BACK)
        # With the first one there is enough for some more, which can be spent whatever happens.
        assert await statuses(proxy, "paid", 1) == {200}
        await store.be(mood)
        assert await statuses(proxy, "paid", 4) == {200}
        assert await statuses(proxy, "counted") == {200}
        await until(lambda: proxy.logs.count(AWAY) == 2, within=20)
        assert proxy.logs.count(BACK) == 1
        assert "Traceback" not in proxy.logs
