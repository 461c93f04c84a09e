"""Case 27: a server that is told to stop."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator

import pytest
from proxy_process import many_pools, one_vendor, running_proxy, until

from failures.raw_http import ask, chat
from modelmesh.testing.fake_provider import FakeProvider

SLOW = "slow-body~gap=10"


@pytest.fixture
async def vendor() -> AsyncIterator[FakeProvider]:
    async with FakeProvider() as running:
        yield running


async def test_case_27_what_is_under_way_ends_well_and_nothing_new_begins(
    vendor: FakeProvider,
) -> None:
    config = one_vendor(vendor, "steady~chunks=15~gap=0.1", drain_timeout=20)
    async with running_proxy(config) as proxy:
        streaming = asyncio.create_task(proxy.chat(stream=True))
        plain = asyncio.create_task(proxy.chat())
        await until(lambda: len(vendor.received) == 2)
        proxy.signal()
        await proxy.says("stopping")
        ready, lives = await proxy.get("/readyz"), await proxy.get("/livez")
        refused = [await ask(proxy, chat("chat", stream=stream)) for stream in (False, True)]
        assert not streaming.done()

        assert (ready.status, lives.status) == (503, 200)
        for reply in refused:
            assert reply.status == 503
            assert reply.headers["content-type"] == "application/json"
            assert reply.headers["connection"] == "close"
            assert int(reply.headers["retry-after"]) > 0
            assert json.loads(reply.text)["error"]["code"] == "shutting_down"
        assert (await streaming).events[-1] == "[DONE]"
        assert (await plain).status == 200
        assert await proxy.exit_code(within=20) == 0
        assert len(vendor.received) == 2
        assert all(request.finished for request in vendor.received)
        assert "Traceback" not in proxy.logs


async def test_case_27_what_has_not_ended_by_the_deadline_is_told_of_it(
    vendor: FakeProvider,
) -> None:
    config = many_pools(vendor, "stall-mid", "never-headers", SLOW)
    for pool in config["pools"].values():
        pool["timeouts"] = {"first_token": 60, "idle": 60}
    config["proxy"] = {"drain_timeout": "500ms"}
    async with running_proxy(config) as proxy:
        streaming = asyncio.create_task(proxy.chat(model="stall-mid", stream=True))
        waiting = [
            asyncio.create_task(proxy.chat(model="never-headers", stream=True)),
            asyncio.create_task(proxy.chat(model=SLOW)),
        ]
        await until(lambda: len(vendor.received) == 3)
        await asyncio.sleep(0.2)  # so that the stream has begun
        proxy.signal()
        assert await proxy.exit_code(within=20) == 0

        *text, end = (await streaming).events
        assert json.loads(end)["error"]["code"] == "shutting_down"
        assert text
        assert all("error" not in json.loads(event) for event in text)
        for reply in await asyncio.gather(*waiting):
            assert (reply.status, reply.error["code"]) == (503, "shutting_down")
        await until(lambda: all(request.client_gone for request in vendor.received))
        assert "Traceback" not in proxy.logs


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_case_27_an_idle_server_ends_at_once(vendor: FakeProvider, number: int) -> None:
    async with running_proxy(one_vendor(vendor, "ok")) as proxy:
        assert (await proxy.chat()).status == 200  # and both its connections are kept
        proxy.signal(number)
        assert await proxy.exit_code(within=20) == 0
        assert "Traceback" not in proxy.logs


async def test_case_27_a_second_signal_ends_it_at_once(vendor: FakeProvider) -> None:
    async with running_proxy(one_vendor(vendor, "stall-mid", drain_timeout=60)) as proxy:
        streaming = asyncio.create_task(proxy.chat(stream=True))
        await until(lambda: vendor.received)
        proxy.signal()
        await proxy.says("stopping")
        proxy.signal()
        assert await proxy.exit_code(within=20) == -signal.SIGTERM
        await until(lambda: vendor.received[0].client_gone)
        streaming.cancel()
