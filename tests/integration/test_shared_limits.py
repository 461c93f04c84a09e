"""Limits that several processes share, on real stores: cases 19 and 20."""

import asyncio
import json
import sqlite3
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from proxy_process import POOL, one_vendor, running_proxy
from redis_server import RedisServer, needs_redis, running_redis

from modelmesh.testing.fake_provider import FakeProvider

WORKER = Path(__file__).with_name("limited_worker.py")
SQLITE = "sqlite"
REDIS = pytest.param("redis", marks=needs_redis)


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    with running_redis(tmp_path) as server:
        yield server


@pytest.fixture
def storage(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> dict[str, Any]:
    if kind == "redis":
        url = request.getfixturevalue("redis").url
        return {"connector": "redis.redis.v1", "url": url, "on_failure": "refuse"}
    return {"connector": "modelmesh.sqlite.v1", "path": str(tmp_path / "state.db")}


def limited(storage: dict[str, Any], **limits: Any) -> dict[str, Any]:
    vendor = {"connector": "openai-compatible", "base_url": "http://vendor.test/v1"}
    model = {"provider": "ours", "pricing": {"per_request": 0.01}}
    return {
        "providers": {"ours": {**vendor, **limits}},
        "models": {"some": {**model, "capabilities": ["chat-completion"]}},
        "pools": {"chat": {"models": ["some"], "max_wait": 0}},
        "storage": storage,
    }


class Worker:
    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    async def report(self) -> dict[str, Any]:
        assert self.process.stdin
        self.process.stdin.write(b"\n")
        return await self._line()

    async def end(self) -> dict[str, Any]:
        assert self.process.stdin
        self.process.stdin.close()
        told = await self._line()
        assert await self.process.wait() == 0
        return told

    async def _line(self) -> dict[str, Any]:
        assert self.process.stdout
        told: dict[str, Any] = json.loads(await self.process.stdout.readline())
        return told


@asynccontextmanager
async def running(
    config: dict[str, Any], *, count: int = 1, at_once: int = 64, seconds: float = 3.0
) -> AsyncIterator[list[Worker]]:
    given = (json.dumps(config), str(at_once), str(seconds))
    pipe = asyncio.subprocess.PIPE
    workers = [
        Worker(
            await asyncio.create_subprocess_exec(
                sys.executable, str(WORKER), *given, stdin=pipe, stdout=pipe
            )
        )
        for _ in range(count)
    ]
    try:
        yield workers
    finally:
        for one in workers:
            if one.process.returncode is None:
                one.process.kill()
                await one.process.wait()


def total(reports: list[dict[str, Any]], name: str) -> int:
    return sum(report.get(name, 0) for report in reports)


@pytest.mark.parametrize("kind", [SQLITE, REDIS])
async def test_four_processes_admit_exactly_a_thousand(storage: dict[str, Any]) -> None:
    config = limited(storage, rate_limits={"rpd": 1000})
    async with running(config, count=4) as workers:
        reports = await asyncio.gather(*(one.end() for one in workers))
    assert total(reports, "admitted") == 1000
    assert total(reports, "refused 429") > 0
    requests = 1000 + total(reports, "refused 429")
    assert total(reports, "operations") / requests < 0.1


@pytest.mark.parametrize("kind", [SQLITE, REDIS])
async def test_a_budget_is_spent_but_for_a_request_a_worker(storage: dict[str, Any]) -> None:
    config = limited(storage, budget={"daily_limit": 1.00})
    async with running(config, count=4, at_once=16, seconds=2.0) as workers:
        reports = await asyncio.gather(*(one.end() for one in workers))
    spent = total(reports, "spent") / 1e9
    assert 1.00 - 4 * 0.01 <= spent <= 1.00
    assert total(reports, "admitted") == round(spent / 0.01)


@pytest.mark.parametrize("kind", [SQLITE, REDIS])
async def test_nothing_is_counted_twice_or_lost_over_a_kill(storage: dict[str, Any]) -> None:
    config = limited(storage, rate_limits={"rpd": 200})
    async with running(config, at_once=4, seconds=60) as (first,):
        while (await first.report()).get("admitted", 0) < 40:  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.005)
        before = (await first.report())["admitted"]
        first.process.kill()
        await first.process.wait()
    async with running(config, at_once=8, seconds=1.0) as (second,):
        after = (await second.end())["admitted"]
    # What it admitted after its last report is not known, and what was left of its lease is lost.
    assert before + after <= 200
    assert before + after >= 200 - 200 // 8 - 40


@pytest.mark.parametrize("kind", [SQLITE, REDIS])
async def test_what_is_left_of_leases_comes_back_on_a_clean_stop(storage: dict[str, Any]) -> None:
    config = limited(storage, rate_limits={"rpd": 50})
    admitted = []
    for _ in range(6):
        async with running(config, at_once=1, seconds=0.03) as (worker,):
            admitted.append((await worker.end()).get("admitted", 0))
    async with running(config, at_once=4, seconds=0.5) as (worker,):
        admitted.append((await worker.end()).get("admitted", 0))
    assert sum(admitted) == 50
    assert admitted[0] < 50


def test_the_database_is_readable_by_others_while_it_is_in_use(tmp_path: Path) -> None:
    """It is plain SQLite in WAL mode."""
    path = tmp_path / "state.db"
    config = limited({"path": str(path)}, budget={"daily_limit": 1.00})

    async def serve() -> None:
        async with running(config, at_once=1, seconds=0.2) as (worker,):
            await worker.end()

    asyncio.run(serve())
    with sqlite3.connect(path) as database:
        assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        ((amount,),) = database.execute("SELECT sum(amount) FROM held").fetchall()
    assert 0 < amount <= 10**9
    database.close()


async def test_two_workers_of_one_server_share_a_limit_by_default(tmp_path: Path) -> None:
    async with FakeProvider() as vendor:
        config = one_vendor(vendor, "ok")
        config["providers"]["fake"]["rate_limits"] = {"rpd": 20}
        config["pools"][POOL]["max_wait"] = 0
        config["storage"] = {"path": str(tmp_path / "state.db")}
        async with running_proxy(config, flags=("--workers", "2")) as proxy:
            # Each request has a connection of its own, so both workers get some.
            asked = [proxy.chat({"connection": "close"}) for _ in range(60)]
            replies = await asyncio.gather(*asked)
            assert f"state is kept in SQLite, {tmp_path / 'state.db'}" in proxy.logs
        assert [reply.status for reply in replies].count(200) == 20 == len(vendor.received)
        refused = next(reply for reply in replies if reply.status != 200)
        assert refused.status == 429
        assert int(refused.headers["retry-after"]) > 0
        assert "20 requests a day" in refused.error["message"]


@needs_redis
@pytest.mark.parametrize("kind", ["redis"])
@pytest.mark.parametrize("failure", ["stopped", "paused"])
@pytest.mark.parametrize("rule", ["allow", "refuse"])
async def test_a_dead_store_costs_its_timeout_once(
    storage: dict[str, Any], redis: RedisServer, failure: str, rule: str
) -> None:
    limits = {"rate_limits": {"rpd": 10**7}}
    config = limited({**storage, "on_failure": rule}, **limits)
    config["pools"]["chat"]["max_wait"] = 20
    async with running(config, at_once=8, seconds=3.0) as (worker,):
        while not (await worker.report()).get("admitted"):  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.01)
        redis.pause() if failure == "paused" else redis.stop()
        await asyncio.sleep(1.0)
        during = await worker.report()
        redis.resume() if failure == "paused" else redis.start()
        await asyncio.sleep(0.7)
        back = await worker.report()
        end = await worker.end()
    assert end["slowest"] < 0.05 + 0.15
    assert end["admitted"] > back["admitted"] > during["admitted"]
    assert ("refused 503" in end) == (rule == "refuse")
    assert "refused 429" not in end


@needs_redis
@pytest.mark.parametrize("kind", ["redis"])
async def test_a_store_that_is_flushed_is_told_again(
    storage: dict[str, Any], redis: RedisServer
) -> None:
    config = limited(storage, rate_limits={"rpd": 1500})
    async with running(config, count=2, at_once=16, seconds=5.0) as workers:
        while (await workers[0].report()).get("admitted", 0) < 150:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.01)
        redis.ask("FLUSHALL")
        reports = await asyncio.gather(*(one.end() for one in workers))
    assert total(reports, "admitted") == 1500
