"""Two real proxies behind a real nginx with our configuration, and a real Redis between them."""

import asyncio
import json
import re
import shutil
import socket
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from proxy_process import MESSAGES, POOL, ProxyProcess, one_vendor, running_proxy
from redis_server import needs_redis, running_redis
from sharing import PATIENT

from modelmesh.testing.fake_provider import FakeProvider

WRITTEN = (Path(__file__).parents[2] / "deploy/nginx.conf").read_text()
GAP = 0.3
CHUNKS = 6
OFF = "proxy_buffering off;"

pytestmark = pytest.mark.skipif(not shutil.which("nginx"), reason="there is no nginx")


def replaced(text: str, old: str, new: str) -> str:
    assert text.count(old) == 1, old
    return text.replace(old, new)


def configuration(folder: Path, port: int, upstreams: list[str]) -> str:
    """Return ours with what has to differ here: where it listens, writes and sends requests.

    Debian's nginx is older than `resolve`, and here nobody is found by name.
    """
    text = replaced(WRITTEN, "listen 8080;", f"listen 127.0.0.1:{port};")
    text = replaced(text, "resolver 127.0.0.11 valid=5s;", "")
    servers = " ".join(f"server {place};" for place in upstreams)
    text = replaced(text, "server modelmesh-proxy:8080 resolve;", servers)
    return re.sub("/tmp/|/dev/std", f"{folder}/", text)


@asynccontextmanager
async def running_nginx(
    folder: Path, upstreams: list[str], buffering: str = OFF
) -> AsyncIterator[str]:
    """Run nginx before these; gives its address."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    text = replaced(configuration(folder, port, upstreams), OFF, buffering)
    (folder / "nginx.conf").write_text(text)
    flags = ("-p", folder, "-c", folder / "nginx.conf", "-g", "daemon off; user root;")
    process = await asyncio.create_subprocess_exec("nginx", *flags, stderr=asyncio.subprocess.PIPE)
    try:
        async with asyncio.timeout(10):
            while process.returncode is None:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                except OSError:
                    await asyncio.sleep(0.02)
                else:
                    writer.close()
                    break
        assert process.returncode is None, await process.stderr.read() if process.stderr else ""
        yield f"http://127.0.0.1:{port}"
    finally:
        if process.returncode is None:
            process.terminate()
        await process.communicate()


def place(proxy: ProxyProcess) -> str:
    return f"127.0.0.1:{proxy.port}"


async def chat(client: aiohttp.ClientSession, url: str, **body: Any) -> tuple[int, str]:
    asked = {"model": POOL, "messages": MESSAGES, **body}
    async with client.post(f"{url}/v1/chat/completions", json=asked) as response:
        return response.status, await response.text()


async def arrivals(url: str) -> list[float]:
    """Return when the events of a stream arrive, in seconds since the first."""
    body = {"model": POOL, "messages": MESSAGES, "stream": True}
    async with (
        aiohttp.ClientSession() as client,
        client.post(f"{url}/v1/chat/completions", json=body) as response,
    ):
        assert response.status == 200
        assert "x-modelmesh-trail" in response.headers
        times = [
            time.monotonic()
            async for line in response.content
            if line.startswith(b"data: {") and json.loads(line[6:])["choices"]
        ]
    return [at - times[0] for at in times]


@pytest.fixture
async def vendor() -> AsyncIterator[FakeProvider]:
    async with FakeProvider() as running:
        yield running


async def test_a_stream_arrives_piece_by_piece(vendor: FakeProvider, tmp_path: Path) -> None:
    config = one_vendor(vendor, f"steady~chunks={CHUNKS}~gap={GAP}")
    async with running_proxy(config) as proxy, running_nginx(tmp_path, [place(proxy)]) as url:
        times = await arrivals(url)
    assert len(times) >= CHUNKS
    assert times[-1] > (CHUNKS - 2) * GAP
    apart = [later - sooner for sooner, later in pairwise(times)]
    assert sum(pause > GAP / 10 for pause in apart) >= CHUNKS - 2


@needs_redis
async def test_two_replicas_share_a_limit_and_both_are_asked(
    vendor: FakeProvider, tmp_path: Path
) -> None:
    async with AsyncExitStack() as stack:
        redis = stack.enter_context(running_redis(tmp_path))
        config = one_vendor(vendor, "ok")
        config["providers"]["fake"]["rate_limits"] = {"rpd": 30}
        config["pools"][POOL]["max_wait"] = 0
        config["storage"] = {"connector": "redis.redis.v1", "url": redis.url, **PATIENT}
        proxies = [await stack.enter_async_context(running_proxy(config)) for _ in range(2)]
        url = await stack.enter_async_context(running_nginx(tmp_path, list(map(place, proxies))))
        client = await stack.enter_async_context(aiohttp.ClientSession())
        replies = [await chat(client, url) for _ in range(45)]
        health = [(await proxy.get("/health")).json["total_requests"] for proxy in proxies]
    assert [status for status, _ in replies].count(200) == 30 == len(vendor.received)
    assert {status for status, _ in replies} == {200, 429}
    assert min(health) >= 15
    assert sum(health) == 45


async def test_who_is_not_there_is_passed_by(vendor: FakeProvider, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        nobody = f"127.0.0.1:{free.getsockname()[1]}"
    async with (
        running_proxy(one_vendor(vendor, "ok")) as proxy,
        running_nginx(tmp_path, [nobody, place(proxy)]) as url,
        aiohttp.ClientSession() as client,
    ):
        assert [(await chat(client, url))[0] for _ in range(6)] == [200] * 6


async def test_a_request_that_was_sent_is_never_sent_to_another_one(
    vendor: FakeProvider, tmp_path: Path
) -> None:
    async with AsyncExitStack() as stack:
        config = one_vendor(vendor, "status~code=500")
        proxies = [await stack.enter_async_context(running_proxy(config)) for _ in range(2)]
        url = await stack.enter_async_context(running_nginx(tmp_path, list(map(place, proxies))))
        client = await stack.enter_async_context(aiohttp.ClientSession())
        status, _ = await chat(client, url)
    assert status >= 500
    assert len(vendor.received) == 1


async def test_nobody_looks_inside_through_it_without_a_token(
    vendor: FakeProvider, tmp_path: Path
) -> None:
    async with (
        running_proxy(one_vendor(vendor, "ok")) as proxy,
        running_nginx(tmp_path, [place(proxy)]) as url,
        aiohttp.ClientSession() as client,
    ):
        assert (await proxy.get("/v1/mesh/status")).status == 200
        async with client.get(f"{url}/v1/mesh/status") as response:
            assert response.status == 403


async def test_a_body_that_the_proxy_takes_gets_through(
    vendor: FakeProvider, tmp_path: Path
) -> None:
    """It is larger than what nginx takes if nobody says otherwise, a mebibyte."""
    async with (
        running_proxy(one_vendor(vendor, "ok")) as proxy,
        running_nginx(tmp_path, [place(proxy)]) as url,
        aiohttp.ClientSession() as client,
    ):
        asked = {"model": POOL, "messages": [{"role": "user", "content": "x" * (2 << 20)}]}
        body = BytesIO(json.dumps(asked).encode())
        headers = {"content-type": "application/json"}
        async with client.post(
            f"{url}/v1/chat/completions", data=body, headers=headers
        ) as response:
            assert response.status == 200


async def test_with_buffers_pieces_would_come_together(
    vendor: FakeProvider, tmp_path: Path
) -> None:
    """So the first test can fail. Without gzip nginx lets small pieces through all the same."""
    config = one_vendor(vendor, f"steady~chunks={CHUNKS}~gap={GAP}")
    on = "proxy_ignore_headers X-Accel-Buffering; gzip on; gzip_types text/event-stream;"
    async with (
        running_proxy(config) as proxy,
        running_nginx(tmp_path, [place(proxy)], on) as url,
    ):
        times = await arrivals(url)
    assert times[-1] < GAP
