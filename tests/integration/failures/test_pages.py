"""Case 46: what web pages may do, through the browsers of those who visit them."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from proxy_process import MESSAGES, POOL, ProxyProcess, one_vendor, running_proxy

from modelmesh.testing.fake_provider import FakeProvider

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("fresh")]

CHAT = "/v1/chat/completions"
PAGE = "https://page.example"
EVIL = "https://evil.example"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def open_to_all(vendor: FakeProvider) -> AsyncIterator[ProxyProcess]:
    """Serve everybody, as without any settings."""
    async with running_proxy(one_vendor(vendor, "ok")) as running:
        yield running


def access(headers: Any) -> dict[str, str]:
    """Return what a reply tells a browser about pages of other origins."""
    return {
        name.lower().removeprefix("access-control-"): text
        for name, text in headers.items()
        if name.lower().startswith("access-control-")
    }


async def test_case_46_any_page_may_use_an_open_server_and_never_with_credentials(
    open_to_all: ProxyProcess,
) -> None:
    for method, path in (("GET", "/v1/models"), ("POST", CHAT), ("OPTIONS", CHAT), ("GET", "/no")):
        reply = await open_to_all.send(method, path, headers={"origin": EVIL})
        told = access(reply.headers)
        assert told["allow-origin"] == "*"
        assert "allow-credentials" not in told


async def test_case_46_a_preflight_is_answered_without_a_vendor(
    vendor: FakeProvider, open_to_all: ProxyProcess
) -> None:
    asked = {
        "origin": PAGE,
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,content-type,x-stainless-os",
    }
    reply = await open_to_all.send("OPTIONS", CHAT, headers=asked)
    assert (reply.status, reply.text) == (204, "")
    told = access(reply.headers)
    assert "POST" in told["allow-methods"]
    assert {"authorization", "content-type", "x-stainless-os"} <= set(
        told["allow-headers"].replace(" ", "").split(",")
    )
    assert vendor.received == []


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def restricted(vendor: FakeProvider) -> AsyncIterator[ProxyProcess]:
    """Serve the pages of one origin, and ask for no token."""
    config = one_vendor(vendor, "ok", cors={"origins": [PAGE]})
    async with running_proxy(config) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def guarded(vendor: FakeProvider) -> AsyncIterator[ProxyProcess]:
    """Ask for a token, and serve the pages of one origin."""
    config = one_vendor(vendor, "ok", cors={"origins": [PAGE]}, token="the-right-one")
    async with running_proxy(config) as running:
        yield running


@pytest.mark.parametrize("origin", [EVIL, "null", f"{PAGE}.evil.example", "http://page.example"])
async def test_case_46_a_page_of_another_origin_is_kept_out(
    vendor: FakeProvider, restricted: ProxyProcess, origin: str
) -> None:
    reply = await restricted.chat({"origin": origin})
    assert reply.status == 403
    assert reply.headers["content-type"] == "application/json"
    assert vendor.received == []
    for method, path in (("POST", CHAT), ("GET", "/v1/models"), ("OPTIONS", CHAT)):
        reply = await restricted.send(method, path, headers={"origin": origin})
        assert "allow-origin" not in access(reply.headers)
        assert "Origin" in reply.headers["vary"]


async def test_case_46_a_page_of_the_configured_origin_and_no_page_at_all_are_served(
    restricted: ProxyProcess,
) -> None:
    allowed = await restricted.chat({"origin": PAGE})
    assert allowed.status == 200
    assert access(allowed.headers)["allow-origin"] == PAGE
    assert "allow-credentials" not in access(allowed.headers)
    assert (await restricted.chat()).status == 200


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""]
)
async def test_case_46_what_a_page_can_send_without_asking_is_not_taken(
    vendor: FakeProvider, restricted: ProxyProcess, guarded: ProxyProcess, kind: str
) -> None:
    body = json.dumps({"model": POOL, "messages": MESSAGES}).encode()
    key = {"authorization": "Bearer the-right-one"}
    for server in (restricted, guarded):
        reply = await server.send("POST", CHAT, data=body, headers={**key, "content-type": kind})
        assert (reply.status, reply.headers["content-type"]) == (415, "application/json")
    assert vendor.received == []


@pytest.mark.parametrize(
    "given",
    [
        None,
        "Bearer ",
        "Bearer the-right-on",
        "Bearer the-right-one-and-more",
        "Bearer The-Right-One",
        "Basic the-right-one",
        "the-right-one",
        f"Bearer {'x' * 4000}",
        "Bearer thé-right-one",
    ],
)
async def test_case_46_nothing_but_the_whole_token_opens(
    vendor: FakeProvider, guarded: ProxyProcess, given: str | None
) -> None:
    reply = await guarded.chat({"authorization": given} if given else None)
    assert (reply.status, reply.error["code"]) == (401, "invalid_api_key")
    assert vendor.received == []
    assert (await guarded.chat({"authorization": "Bearer the-right-one"})).status == 200


async def test_case_46_with_the_token_an_origin_decides_only_what_a_browser_shows(
    guarded: ProxyProcess,
) -> None:
    key = {"authorization": "Bearer the-right-one"}
    reply = await guarded.chat({**key, "origin": EVIL})
    assert reply.status == 200
    assert "allow-origin" not in access(reply.headers)


@pytest.mark.parametrize(
    ("settings", "warned"),
    [({}, 1), ({"token": "t"}, 0), ({"cors": {"origins": [PAGE]}}, 0)],
)
async def test_case_46_a_server_open_to_everybody_says_so_once(
    vendor: FakeProvider, settings: dict[str, Any], warned: int
) -> None:
    config = one_vendor(vendor, "ok", **settings)
    for host, count in (("0.0.0.0", warned), ("127.0.0.1", 0)):
        async with running_proxy(config, flags=["--host", host]) as proxy:
            assert (await proxy.get("/livez")).status == 200
            proxy.signal()
            assert await proxy.exit_code() == 0
            assert proxy.logs.count("WARNING") == count
