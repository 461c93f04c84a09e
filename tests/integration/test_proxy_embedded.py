"""The server inside another program: from synchronous code, in an event loop, mounted."""

import asyncio
import json
import threading
import time
import urllib.request
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from attrs.exceptions import FrozenInstanceError
from proxy_process import MESSAGES, POOL, one_vendor

from modelmesh.config.load import load
from modelmesh.errors import ConfigError
from modelmesh.mesh import ModelMesh
from modelmesh.proxy import ProxyServer
from modelmesh.testing.fake_provider import FakeProvider

LOCAL: dict[str, Any] = {"host": "127.0.0.1", "port": 0}


@pytest.fixture
async def vendor() -> AsyncIterator[FakeProvider]:
    async with FakeProvider() as running:
        yield running


@pytest.fixture
def config(vendor: FakeProvider) -> dict[str, Any]:
    return one_vendor(vendor, "ok")


def get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=5) as response:
        return json.load(response)


async def chat(client: aiohttp.ClientSession, url: str, **more: Any) -> str:
    body = {"model": POOL, "messages": MESSAGES, **more}
    async with client.post(f"{url}/v1/chat/completions", json=body) as response:
        assert response.status == 200
        return await response.text()


def test_synchronous_code_starts_asks_and_stops_it() -> None:
    server = ProxyServer(config=offline(), token=None, **LOCAL)
    assert not server.get_status().running
    server.start(block=False)
    status = server.get_status()
    assert (status.running, status.host, status.active_connections) == (True, "127.0.0.1", 0)
    assert [model["id"] for model in get(f"{server.url}/v1/models")["data"]] == [POOL]
    assert server.get_status().total_requests == 1
    assert server.get_status().uptime_seconds > 0
    server.stop()
    assert not server.get_status().running
    with pytest.raises(OSError, match="refused"):
        get(f"{server.url}/v1/models")
    server.stop()


def offline() -> dict[str, Any]:
    """Return a configuration whose vendor is not there, nor asked."""
    return {
        "providers": {
            "fake": {"connector": "openai-compatible", "base_url": "http://127.0.0.1:9/v1"}
        },
        "models": {"some": {"provider": "fake", "capabilities": ["chat-completion"]}},
        "pools": {POOL: {"models": ["some"]}},
    }


def test_a_status_cannot_be_changed() -> None:
    status = ProxyServer(config=offline()).get_status()
    with pytest.raises(FrozenInstanceError):
        setattr(status, "running", True)  # noqa: B010 - that it is frozen is what is tested


def test_a_server_serves_once() -> None:
    server = ProxyServer(config=offline(), **LOCAL)
    server.start(block=False)
    server.stop()
    with pytest.raises(RuntimeError, match="create a new one"):
        server.start(block=False)


def test_a_taken_port_is_told_to_whoever_starts_it() -> None:
    first = ProxyServer(config=offline(), **LOCAL)
    first.start(block=False)
    try:
        second = ProxyServer(config=offline(), host="127.0.0.1", port=first.get_status().port)
        with pytest.raises(OSError, match="in use"):
            second.start(block=False)
        assert not second.get_status().running
    finally:
        first.stop()


def test_a_blocking_start_returns_when_another_thread_stops_it() -> None:
    server = ProxyServer(config=offline(), **LOCAL)
    serving = threading.Thread(target=server.start)
    serving.start()
    while not server.get_status().running:
        time.sleep(0.01)
    server.stop()
    serving.join(timeout=5)
    assert not serving.is_alive()


def test_arguments_go_before_the_configuration() -> None:
    config = {**offline(), "proxy": {"host": "127.0.0.2", "port": 7}}
    told = ProxyServer(config=config).get_status()
    assert (told.host, told.port) == ("127.0.0.2", 7)
    told = ProxyServer(config=config, host="127.0.0.3", port=8).get_status()
    assert (told.host, told.port) == ("127.0.0.3", 8)
    told = ProxyServer(config=offline()).get_status()
    assert (told.host, told.port) == ("0.0.0.0", 8080)


def test_a_wrong_configuration_is_told_before_anything_starts() -> None:
    with pytest.raises(ConfigError, match="prot"):
        ProxyServer(config={**offline(), "proxy": {"prot": 1}})
    with pytest.raises(TypeError, match="not both"):
        ProxyServer(ModelMesh(load(offline(), environ={})), config=offline())


async def test_it_serves_in_the_loop_of_its_host(config: dict[str, Any]) -> None:
    mesh = ModelMesh(load(config, environ={}))
    async with ProxyServer(mesh, **LOCAL) as server, aiohttp.ClientSession() as client:
        assert "Hello from ok" in await chat(client, server.url)
        assert server.get_status().running
    assert not server.get_status().running


async def test_it_does_not_block_an_event_loop() -> None:
    with pytest.raises(RuntimeError, match="await serve"):
        ProxyServer(config=offline(), **LOCAL).start()


async def test_it_serves_until_it_is_stopped_from_its_own_loop(config: dict[str, Any]) -> None:
    server = ProxyServer(config=config, **LOCAL)
    opened = asyncio.Event()
    serving = asyncio.create_task(server.serve(opened=opened.set))
    await opened.wait()
    server.stop()
    async with asyncio.timeout(5):
        await serving


@asynccontextmanager
async def hosted(app: web.Application) -> AsyncIterator[str]:
    """Run an application of somebody else's; give its URL."""
    runner = web.AppRunner(app, handler_cancellation=True)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield f"http://127.0.0.1:{site.port}"
    finally:
        await runner.cleanup()


async def test_it_is_mounted_in_another_application(config: dict[str, Any]) -> None:
    host = web.Application()
    host.add_subapp("/ai", ProxyServer(config=config).app)
    async with hosted(host) as url, aiohttp.ClientSession() as client:
        assert "Hello from ok" in await chat(client, f"{url}/ai")
        assert (await chat(client, f"{url}/ai", stream=True)).endswith("data: [DONE]\n\n")
        async with client.get(f"{url}/ai/v1/models/{POOL}") as response:
            assert (await response.json())["id"] == POOL
        async with client.get(f"{url}/ai/openapi.json") as response:
            assert (await response.json())["servers"] == [{"url": f"{url}/ai"}]


async def test_who_mounts_it_can_look_inside_and_stops_in_spite_of_who_does(
    config: dict[str, Any],
) -> None:
    host = web.Application()
    host.add_subapp("/ai", ProxyServer(config=config).app)
    async with aiohttp.ClientSession() as client:
        async with hosted(host) as url:
            for path, kind in (("/ai/", "text/html"), ("/ai/v1/mesh/status", "application/json")):
                async with client.get(url + path) as response:
                    assert (response.status, response.content_type) == (200, kind)
                async with client.get(url + path, headers={"host": "evil.example"}) as response:
                    assert response.status == 403
            feed = await client.get(f"{url}/ai/v1/mesh/events")
        assert b": ping" in await feed.read()


async def test_a_body_which_the_host_application_decompressed_is_taken(
    config: dict[str, Any],
) -> None:
    packed = zlib.compress(json.dumps({"model": POOL, "messages": MESSAGES}).encode())
    headers = {"content-type": "application/json", "content-encoding": "deflate"}
    path = "/v1/chat/completions"
    async with (
        hosted(ProxyServer(config=config).app) as url,
        aiohttp.ClientSession() as client,
        client.post(url + path, data=packed, headers=headers) as response,
    ):
        assert response.status == 200
