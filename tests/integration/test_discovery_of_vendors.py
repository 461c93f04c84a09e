"""A real server, and real vendors whose lists change and that come and go."""

import asyncio
from collections.abc import Callable
from typing import Any

from chromium import needs_chromium
from page_in_browser import opened
from proxy_process import POOL, ProxyProcess, one_vendor, running_proxy

from modelmesh.testing.fake_provider import FakeProvider

NEW = "llama-next"


async def targets(proxy: ProxyProcess) -> dict[str, str]:
    """Return how each target of the pool fares."""
    status = (await proxy.get("/v1/mesh/status")).json
    return {each["target"]: each["state"] for each in status["pools"][POOL]["targets"]}


async def until(proxy: ProxyProcess, holds: Callable[[dict[str, str]], bool]) -> None:
    async with asyncio.timeout(20):
        while not holds(await targets(proxy)):  # noqa: ASYNC110 - another process knows no event
            await asyncio.sleep(0.05)


def with_capability(config: dict[str, Any], **discovery: Any) -> dict[str, Any]:
    pools = {POOL: {"capability": "chat-completion", "retry": {"max_attempts": 1}}}
    return {**config, "pools": pools, "discovery": discovery}


async def test_a_model_that_a_vendor_lists_is_served_until_it_is_not_listed_any_more() -> None:
    sync = {"enabled": True, "interval": "200ms", "auto_register": True}
    async with FakeProvider(models=["ok"]) as vendor:
        config = with_capability(one_vendor(vendor, "ok", expose_models=True), sync=sync)
        async with running_proxy(config) as proxy:
            assert (await proxy.chat(model=NEW)).status == 404
            vendor.models.append(NEW)
            await until(proxy, lambda told: f"fake/{NEW}" in told)
            answered = await proxy.chat(model=NEW)
            assert (answered.status, answered.headers["x-modelmesh-model"]) == (200, NEW)
            vendor.models.clear()  # an empty list is none
            await asyncio.sleep(0.5)
            assert f"fake/{NEW}" in await targets(proxy)
            vendor.models.append("other")
            await until(proxy, lambda told: f"fake/{NEW}" not in told)
            assert await targets(proxy) == {"fake/ok": "ready", "fake/other": "ready"}
            await proxy.says("provider fake does not list ok; still served")
            assert (await proxy.chat()).headers["x-modelmesh-model"] == "ok"
            assert (await proxy.chat(model=NEW)).status == 404


async def test_a_dead_vendor_is_out_of_traffic_before_a_request_fails_and_comes_back() -> None:
    health = {"enabled": True, "interval": "100ms", "timeout": "1s", "failure_threshold": 2}
    async with FakeProvider() as first, FakeProvider() as second:
        config = with_capability(one_vendor(first, "ok"), health=health)
        config["providers"]["spare"] = {**config["providers"]["fake"], "base_url": second.url}
        config["models"]["ok@spare"] = {**config["models"]["ok"], "provider": "spare"}
        async with running_proxy(config) as proxy:
            assert (await proxy.chat()).headers["x-modelmesh-provider"] == "fake"
            await first.stop()
            await until(proxy, lambda told: told["fake/ok"] == "left alone")
            for _ in range(3):
                reply = await proxy.chat()
                told = [reply.headers[f"x-modelmesh-{name}"] for name in ("provider", "attempts")]
                assert (reply.status, told) == (200, ["spare", "1"])
            status = (await proxy.get("/v1/mesh/status")).json
            dead, alive = (each["availability"] for each in status["pools"][POOL]["targets"])
            assert dead < 1 == alive
            await first.start()
            await until(proxy, lambda told: told["fake/ok"] == "ready")
            asked = len(first.requests_for("ok"))
            await second.stop()
            assert (await proxy.chat()).headers["x-modelmesh-provider"] == "fake"
            assert len(first.requests_for("ok")) == asked + 1


@needs_chromium
async def test_the_page_tells_of_models_that_are_new_and_of_those_that_are_gone() -> None:
    async with FakeProvider(models=["other"]) as vendor:
        sync = {"enabled": True, "interval": "200ms", "auto_register": True}
        config = with_capability(one_vendor(vendor, "ok"), sync=sync)
        async with opened(config) as page:
            told = "document.querySelector('#events').innerText"
            await page.tab.until(f"/fake does not list 1 model/.test({told})")
            await page.tab.until(f"/ok; still served: ok/.test({told})")
            vendor.models.append(NEW)
            await page.tab.until(f"/fake has 1 new model\\s+{NEW}/.test({told})")
