"""Case 27: what becomes of requests when the server is told to stop."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator

import pytest
from proxy_process import many_pools, one_vendor, running_proxy, until

from modelmesh.testing.fake_provider import FakeProvider


@pytest.fixture
async def vendor() -> AsyncIterator[FakeProvider]:
    async with FakeProvider() as running:
        yield running


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_an_idle_server_stops_at_once_and_well(vendor: FakeProvider, number: int) -> None:
    async with running_proxy(one_vendor(vendor, "ok")) as proxy:
        assert (await proxy.chat()).status == 200  # leaves an idle connection behind
        proxy.signal(number)
        assert await proxy.exit_code(within=1) == 0
        assert "Traceback" not in proxy.logs


async def test_a_stopping_server_takes_no_more_work_and_ends_what_it_has(
    vendor: FakeProvider,
) -> None:
    async with running_proxy(one_vendor(vendor, "steady~chunks=10~gap=0.1")) as proxy:
        streaming = asyncio.create_task(proxy.chat(stream=True))
        plain = asyncio.create_task(proxy.chat())
        await until(lambda: len(vendor.received) == 2)
        proxy.signal()
        await until(lambda: "stopping" in proxy.logs)
        assert (await proxy.get("/readyz")).status == 503
        assert (await proxy.get("/livez")).status == 200
        refused = await proxy.chat()
        assert (refused.status, refused.error["code"]) == (503, "shutting_down")
        assert refused.headers["connection"] == "close"
        assert refused.headers["retry-after"] == "1"
        assert (await streaming).events[-1] == "[DONE]"
        assert (await plain).status == 200
        assert await proxy.exit_code(within=1) == 0
        assert "Traceback" not in proxy.logs


async def test_what_has_not_ended_by_the_deadline_is_told_so(vendor: FakeProvider) -> None:
    config = many_pools(vendor, "stall-mid", "slow-body~gap=10")
    for pool in config["pools"].values():
        pool["timeouts"] = {"first_token": 60, "idle": 60}
    config["proxy"] = {"drain_timeout": 0.5}
    async with running_proxy(config) as proxy:
        streaming = asyncio.create_task(proxy.chat(model="stall-mid", stream=True))
        plain = asyncio.create_task(proxy.chat(model="slow-body~gap=10"))
        await until(lambda: len(vendor.received) == 2)
        await asyncio.sleep(0.1)
        proxy.signal()
        events = (await streaming).events
        assert json.loads(events[-1])["error"]["code"] == "shutting_down"
        assert all("error" not in json.loads(event) for event in events[:-1])
        assert ((await plain).status, (await plain).error["code"]) == (503, "shutting_down")
        assert await proxy.exit_code(within=2) == 0
        assert all(request.client_gone for request in vendor.received)
        assert "Traceback" not in proxy.logs


async def test_a_second_signal_ends_the_process_at_once(vendor: FakeProvider) -> None:
    async with running_proxy(one_vendor(vendor, "stall-mid")) as proxy:
        asking = asyncio.create_task(proxy.chat(stream=True))
        await until(lambda: vendor.received)
        proxy.signal()
        await until(lambda: "stopping" in proxy.logs)
        proxy.signal()
        assert await proxy.exit_code(within=0.5) == -signal.SIGTERM
        asking.cancel()
