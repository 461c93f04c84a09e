"""`GET /metrics` of the real server, of one worker and of several."""

import asyncio
import os
import signal
from collections import defaultdict
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as plain
from proxy_process import ProxyProcess, one_vendor, running_proxy, until
from test_workers import TWO, children, only, streaming, workers

from modelmesh.testing.fake_provider import FakeProvider

ALONE = {"connection": "close"}
METRICS = {"connector": "modelmesh.prometheus.v1"}


@pytest.fixture
async def vendor() -> AsyncIterator[FakeProvider]:
    async with FakeProvider() as running:
        yield running


def observed(vendor: FakeProvider, *faults: str, section: str = "statistics") -> dict[str, Any]:
    return {**one_vendor(vendor, *faults), "observability": {section: METRICS}}


def found(folder: Path, pattern: str) -> list[Path]:
    return list(folder.glob(pattern))


async def gone(worker: int, proxy: ProxyProcess) -> None:
    await until(lambda: worker not in children(proxy))


async def scraped(proxy: ProxyProcess, in_flight: int = 0) -> dict[str, float]:
    """Return the sums over all labels, by name, once no more requests are in flight."""
    async with asyncio.timeout(5):
        while True:
            reply = await proxy.get("/metrics", headers=ALONE)
            assert reply.status == 200
            sums: dict[str, float] = defaultdict(float)
            for family in plain(reply.text):
                for sample in family.samples:
                    sums[sample.name] += sample.value
            if sums["modelmesh_requests_in_flight"] == in_flight:
                return sums
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("section", ["routing", "logging", "statistics"])
async def test_requests_are_counted_whichever_section_names_it(
    vendor: FakeProvider, section: str
) -> None:
    config = observed(vendor, "status~code=500", "ok", section=section)
    async with running_proxy(config) as proxy:
        for _ in range(3):
            assert (await proxy.chat()).status == 200
        assert (await proxy.chat(model="nothing")).status == 404
        stream = await proxy.chat(stream=True)
        assert stream.events[-1] == "[DONE]"
        sums = await scraped(proxy)
    assert sums["modelmesh_requests_total"] == 5
    assert sums["modelmesh_request_duration_seconds_count"] == 5
    assert sums["modelmesh_request_first_token_seconds_count"] == 1
    assert sums["modelmesh_attempts_total"] >= 5
    assert sums["modelmesh_tokens_total"] > 0
    assert sums["modelmesh_config_info"] == sums["modelmesh_build_info"] == 1


async def test_both_formats_are_given_by_what_is_accepted(vendor: FakeProvider) -> None:
    async with running_proxy(observed(vendor, "ok")) as proxy:
        await proxy.chat(stream=True)
        wanted = {"accept": "application/openmetrics-text;version=1.0.0,text/plain;q=0.5"}
        reply = await proxy.get("/metrics", headers=wanted)
        assert reply.headers["content-type"].startswith("application/openmetrics-text")
        assert list(openmetrics(reply.text))
        reply = await proxy.get("/metrics")
        assert reply.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"


async def test_without_metrics_it_is_said_how_to_have_them(vendor: FakeProvider) -> None:
    async with running_proxy(one_vendor(vendor, "ok")) as proxy:
        reply = await proxy.get("/metrics")
        assert reply.status == 404
        assert METRICS["connector"] in reply.error["message"]


async def test_any_of_two_workers_tells_the_sums_of_both(vendor: FakeProvider) -> None:
    async with running_proxy(observed(vendor, "ok", "status~code=500"), flags=TWO) as proxy:
        first, second = await workers(proxy)
        for worker, count in ((first, 2), (second, 3)):
            with only(worker, proxy):
                for _ in range(count):
                    assert (await proxy.chat(ALONE)).status == 200
                await scraped(proxy)
        told = []
        for worker in (first, second):
            with only(worker, proxy):
                told.append(await scraped(proxy))
    assert told[0] == told[1]
    assert told[0]["modelmesh_requests_total"] == 5
    assert told[0]["modelmesh_request_duration_seconds_count"] == 5
    assert told[0]["modelmesh_config_info"] == 1
    assert told[0]["modelmesh_target_ready"] == 2


async def test_what_is_in_flight_at_one_worker_all_of_them_tell(vendor: FakeProvider) -> None:
    async with running_proxy(observed(vendor, "stall-mid"), flags=TWO) as proxy:
        first, second = await workers(proxy)
        stream = await streaming(first, proxy, vendor)
        with only(second, proxy):
            assert await scraped(proxy, in_flight=1)
        stream.cancel()


async def test_a_worker_that_dies_leaves_its_sums_and_nothing_in_flight(
    vendor: FakeProvider, tmp_path: Path
) -> None:
    config = observed(vendor, "stall-mid", "ok")
    config["pools"]["other"] = {"models": ["ok"]}
    env = {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    (tmp_path / "counter_9.db").write_bytes(b"of an earlier server")
    async with running_proxy(config, flags=TWO, env=env) as proxy:
        for died in range(1, 4):
            worker, _ = await workers(proxy)
            with only(worker, proxy):
                assert (await proxy.chat(ALONE, model="other")).status == 200
                await scraped(proxy)
            stream = await streaming(worker, proxy, vendor)
            os.kill(worker, signal.SIGKILL)
            await asyncio.gather(stream, return_exceptions=True)
            await gone(worker, proxy)
            await workers(proxy)
            sums = await scraped(proxy)
            assert sums["modelmesh_requests_total"] == died
        assert {file.stem.rpartition("_")[2] for file in found(tmp_path, "*.db")} == {"1", "2"}


async def test_a_folder_of_its_own_goes_with_the_server(
    vendor: FakeProvider, tmp_path: Path
) -> None:
    config, env = observed(vendor, "ok"), {"TMPDIR": str(tmp_path)}
    async with running_proxy(config, flags=TWO, env=env) as proxy:
        await workers(proxy)
        await proxy.chat(ALONE)
        assert found(tmp_path, "modelmesh-metrics-*/counter_*.db")
        proxy.signal()
        assert await proxy.exit_code() == 0
    assert found(tmp_path, "modelmesh-metrics-*") == []


async def test_processes_without_metrics_have_no_folder(
    vendor: FakeProvider, tmp_path: Path
) -> None:
    env = {"TMPDIR": str(tmp_path)}
    async with running_proxy(one_vendor(vendor, "ok"), flags=TWO, env=env) as proxy:
        await workers(proxy)
        assert found(tmp_path, "modelmesh-metrics-*") == []
