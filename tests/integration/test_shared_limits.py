"""Limits that several processes share, on real stores: case 19."""

import asyncio
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from proxy_process import POOL, one_vendor, running_proxy
from redis_server import RedisServer, needs_redis, running_redis
from sharing import PATIENT, WHOLE, limited, running, total

from modelmesh.testing.fake_provider import FakeProvider

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
        return {"connector": "redis.redis.v1", "url": url, "on_failure": "refuse", **PATIENT}
    return {"connector": "modelmesh.sqlite.v1", "path": str(tmp_path / "state.db"), **PATIENT}


@pytest.mark.parametrize("kind", [SQLITE, REDIS])
async def test_case_19_four_processes_admit_exactly_a_thousand(storage: dict[str, Any]) -> None:
    config = limited(storage, rate_limits={"rpd": 1000})
    async with running(config, count=4) as workers:
        reports = await asyncio.gather(*(one.end() for one in workers))
    assert total(reports, "admitted") == 1000
    assert total(reports, "refused 429") > 0
    requests = 1000 + total(reports, "refused 429")
    assert total(reports, "operations") / requests < 0.1


@pytest.mark.parametrize("kind", [SQLITE, REDIS])
async def test_case_19_a_budget_is_spent_but_for_a_request_a_worker(
    storage: dict[str, Any],
) -> None:
    config = limited(storage, budget={"daily_limit": 1.00})
    async with running(config, count=4, at_once=16, seconds=2.0) as workers:
        reports = await asyncio.gather(*(one.end() for one in workers))
    spent = total(reports, "spent") / 1e9
    assert 1.00 - 4 * 0.01 <= spent <= 1.00
    assert total(reports, "admitted") == round(spent / 0.01)


@pytest.mark.parametrize("kind", [SQLITE, REDIS])
async def test_case_19_nothing_is_counted_twice_or_lost_over_a_kill(
    storage: dict[str, Any],
) -> None:
    config = limited(storage, rate_limits={"rpd": 200})
    async with running(config, at_once=4, seconds=WHOLE) as (first,):
        await first.until(lambda told: told.get("admitted", 0) >= 40)
        await first.report("stop")
        before = (await first.report())["admitted"]
        first.process.kill()
        await first.process.wait()
    async with running(config, at_once=8, seconds=3.0) as (second,):
        after = (await second.end())["admitted"]
    # Four may have been admitted after its last report, and what was left of its lease is lost.
    assert before + after <= 200
    assert before + after >= 200 - 200 // 8 - 4


@pytest.mark.parametrize("kind", [SQLITE, REDIS])
async def test_case_19_what_is_left_of_leases_comes_back_on_a_clean_stop(
    storage: dict[str, Any],
) -> None:
    config = limited(storage, rate_limits={"rpd": 50})
    admitted = []
    for _ in range(6):
        async with running(config, at_once=1, seconds=0.03) as (worker,):
            admitted.append((await worker.end()).get("admitted", 0))
    async with running(config, at_once=4, seconds=3.0) as (worker,):
        admitted.append((await worker.end()).get("admitted", 0))
    assert sum(admitted) == 50
    assert admitted[0] < 50


def test_the_database_is_readable_by_others_while_it_is_in_use(tmp_path: Path) -> None:
    """It is plain SQLite in WAL mode."""
    path = tmp_path / "state.db"
    config = limited({"path": str(path), **PATIENT}, budget={"daily_limit": 1.00})

    async def serve() -> None:
        async with running(config, at_once=1, seconds=WHOLE) as (worker,):
            await worker.until(lambda told: told.get("admitted"))
            await worker.stop()

    asyncio.run(serve())
    with sqlite3.connect(path) as database:
        assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        ((amount,),) = database.execute("SELECT sum(amount) FROM held").fetchall()
    assert 0 < amount <= 10**9
    database.close()


async def test_case_19_two_workers_of_one_server_share_a_limit_by_default(tmp_path: Path) -> None:
    async with FakeProvider() as vendor:
        config = one_vendor(vendor, "ok")
        config["providers"]["fake"]["rate_limits"] = {"rpd": 20}
        config["pools"][POOL]["max_wait"] = 0
        config["storage"] = {"path": str(tmp_path / "state.db"), **PATIENT}
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
