"""The page that is opened from disk, in a real browser, in front of a running proxy."""

import json
from pathlib import Path
from typing import Any

import pytest
from chromium import Tab, chromium, needs_chromium
from proxy_process import many_pools, running_proxy

from modelmesh.testing.fake_provider import FakeProvider

pytestmark = [needs_chromium, pytest.mark.asyncio(loop_scope="module")]

PAGE = (Path(__file__).parents[2] / "examples/proxy-test/index.html").as_uri()
SECRET = "a-token-of-the-tests"
NO_ANSWER_YET = "document.querySelector('#send').disabled"


async def ask(tab: Tab, **settings: str | bool) -> Any:
    """Fill in the form, send it, and return what is answered."""
    for id_, value in settings.items():
        what = "checked" if isinstance(value, bool) else "value"
        await tab.run(f"document.querySelector('#{id_}').{what} = {json.dumps(value)}")
    await tab.click("#send")
    await tab.until(f"!({NO_ANSWER_YET})")
    return await tab.run("document.querySelector('#answer').textContent")


def config(vendor: FakeProvider, **proxy: Any) -> dict[str, Any]:
    return {**many_pools(vendor, "ok", "cut-chunked", "status~code=503"), "proxy": proxy}


@pytest.mark.parametrize("stream", [True, False])
async def test_a_page_from_disk_is_answered(vendor: FakeProvider, *, stream: bool) -> None:
    async with running_proxy(config(vendor)) as proxy, chromium() as browser:
        tab = await browser.open(PAGE)
        assert await ask(tab, proxy=proxy.url, pool="ok", stream=stream) == "Hello from ok"
        assert await tab.text("#about") == "ok at ok"
        assert vendor.received[-1].json.get("stream", False) is stream
        assert tab.asked_elsewhere(proxy.url) == [PAGE]


async def test_as_it_is_it_asks_what_a_proxy_serves_without_a_configuration() -> None:
    async with running_proxy(None, flags=["--demo"]) as proxy, chromium() as browser:
        tab = await browser.open(PAGE)
        assert await ask(tab, proxy=proxy.url) == "Hello from limited-model"


async def test_it_takes_the_token_and_offers_the_pools(vendor: FakeProvider) -> None:
    async with running_proxy(config(vendor, token=SECRET)) as proxy, chromium() as browser:
        tab = await browser.open(PAGE)
        assert "401" in await ask(tab, proxy=proxy.url, pool="ok")
        assert await ask(tab, proxy=proxy.url, token=SECRET) == "Hello from ok"
        await tab.click("#pool")
        await tab.until("document.querySelectorAll('#pools option').length === 3")


async def test_it_tells_what_went_wrong(vendor: FakeProvider) -> None:
    async with running_proxy(config(vendor)) as proxy, chromium() as browser:
        tab = await browser.open(PAGE)
        told = await ask(tab, proxy=proxy.url, pool="status~code=503", stream=False)
        assert told.startswith("503: Routing error")
        assert "404" in await ask(tab, pool="nobody")
        cut = await ask(tab, pool="cut-chunked", stream=True)
        assert cut == "Hello from\nthe vendor's reply broke off"
        assert "cannot be reached" in await ask(tab, proxy="http://127.0.0.1:1")
        assert await tab.run("document.querySelector('#answer').className") == "failed"
