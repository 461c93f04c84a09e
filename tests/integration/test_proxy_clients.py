"""The real server process and its clients: what they send, and those that leave."""

import asyncio
import gzip
import json
import socket
from collections.abc import AsyncIterator
from io import BytesIO

import pytest
from proxy_process import (
    MESSAGES,
    POOL,
    one_vendor,
    running_proxy,
    until,
)

from modelmesh.testing.fake_provider import FakeProvider

CHAT = "/v1/chat/completions"
JSON = {"content-type": "application/json"}


@pytest.fixture
async def vendor() -> AsyncIterator[FakeProvider]:
    async with FakeProvider() as running:
        yield running


# Bodies


async def test_a_body_of_30_mib_is_taken_and_one_of_65_is_not(vendor: FakeProvider) -> None:
    def sized(mebibytes: int) -> BytesIO:
        said = [{"role": "user", "content": "x" * (mebibytes << 20)}]
        return BytesIO(json.dumps({"model": POOL, "messages": said}).encode())

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(65):
            yield b"[" * (1 << 20)

    async with running_proxy(one_vendor(vendor, "ok")) as proxy:
        assert (await proxy.send("POST", CHAT, data=sized(30), headers=JSON)).status == 200
        assert (await proxy.send("POST", CHAT, data=sized(65), headers=JSON)).status == 413
        assert (await proxy.send("POST", CHAT, data=pieces(), headers=JSON)).status == 413
    assert [len(request.body) >> 20 for request in vendor.received] == [30]


async def test_a_gzipped_body_is_taken(vendor: FakeProvider) -> None:
    body = gzip.compress(json.dumps({"model": POOL, "messages": MESSAGES}).encode())
    headers = {**JSON, "content-encoding": "gzip"}
    async with running_proxy(one_vendor(vendor, "ok")) as proxy:
        assert (await proxy.send("POST", CHAT, data=body, headers=headers)).status == 200
    assert vendor.received[0].json["messages"] == MESSAGES


async def test_a_client_that_waits_is_told_to_go_on_once_it_may(vendor: FakeProvider) -> None:
    body = json.dumps({"model": POOL, "messages": MESSAGES}).encode()
    head = (
        b"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
        b"Expect: 100-continue\r\nConnection: close\r\nContent-Length: %d\r\n" % len(body)
    )
    async with running_proxy(one_vendor(vendor, "ok"), flags=["--token", "t"]) as proxy:
        came = await proxy.raw(head + b"Authorization: Bearer t\r\n\r\n" + body)
        assert came.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK")
        assert (await proxy.raw(head + b"\r\n" + body)).startswith(b"HTTP/1.1 401")


# Clients that leave, or take nothing


@pytest.mark.parametrize("fault", ["never-headers", "stall-mid"])
@pytest.mark.parametrize("stream", [False, True])
async def test_a_client_that_leaves_takes_the_vendors_request_with_it(
    vendor: FakeProvider, fault: str, stream: bool
) -> None:
    async with running_proxy(one_vendor(vendor, fault), flags=["--log-level", "DEBUG"]) as proxy:
        asking = asyncio.create_task(proxy.chat(stream=stream))
        await until(lambda: vendor.received)
        await asyncio.sleep(0.1)
        asking.cancel()
        await until(lambda: vendor.received[0].client_gone, within=20)
        await until(lambda: "client_cancelled" in proxy.logs)
        assert (await proxy.get("/health")).json["active_connections"] == 0


async def test_a_client_that_takes_nothing_is_given_up(vendor: FakeProvider) -> None:
    huge = one_vendor(vendor, "huge-line~bytes=20000000", write_timeout=0.3)
    body = json.dumps({"model": POOL, "messages": MESSAGES, "stream": True}).encode()
    head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(
        body
    )
    async with running_proxy(huge, flags=["--log-level", "DEBUG"]) as proxy:
        stuck = socket.create_connection(("127.0.0.1", proxy.port))
        with stuck:
            stuck.sendall(head + body)
            await until(lambda: "client_cancelled" in proxy.logs, within=20)
            assert (await proxy.get("/health")).json["active_connections"] == 0
