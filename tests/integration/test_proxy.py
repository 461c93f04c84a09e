"""The real server process, over a fake vendor that answers: what clients get."""

import json
from collections.abc import AsyncIterator

import pytest
from proxy_process import POOL, one_vendor, running_proxy

from modelmesh.testing.fake_provider import FakeProvider

CHAT = "/v1/chat/completions"


@pytest.fixture
async def vendor() -> AsyncIterator[FakeProvider]:
    async with FakeProvider() as running:
        yield running


@pytest.mark.parametrize(
    "request_",
    [
        b"NOT HTTP\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 9000 + b"\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
    ],
)
async def test_what_is_not_http_is_refused_in_json_too(
    vendor: FakeProvider, request_: bytes
) -> None:
    async with running_proxy(one_vendor(vendor, "ok"), flags=["--log-level", "DEBUG"]) as proxy:
        head, _, body = (await proxy.raw(request_)).partition(b"\r\n\r\n")
        assert b" 400 " in head.partition(b"\r\n")[0]
        assert json.loads(body)["error"]["type"] == "invalid_request_error"
        proxy.signal()
        assert await proxy.exit_code() == 0
        assert "malformed request" in proxy.logs
        assert "xxxx" not in proxy.logs


async def test_an_answer_and_a_stream_come_through_with_who_gave_them(vendor: FakeProvider) -> None:
    async with running_proxy(one_vendor(vendor, "status~code=500", "ok")) as proxy:
        came = await proxy.chat(headers={"x-request-id": "mine"})
        assert came.json["choices"][0]["message"]["content"] == "Hello from ok"
        assert came.headers["x-request-id"] == "mine"
        assert came.headers["x-modelmesh-model"] == "ok"
        assert came.headers["x-modelmesh-provider"] == "fake"
        assert came.headers["x-modelmesh-attempts"] == "2"
        assert 0 <= float(came.headers["x-modelmesh-overhead-ms"]) < 1000

        came = await proxy.chat(stream=True)
        assert came.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert "content-length" not in came.headers
        assert came.events[-1] == "[DONE]"
        said = [
            json.loads(event)["choices"][0]["delta"].get("content") for event in came.events[:-1]
        ]
        assert "".join(filter(None, said)) == "Hello from ok"


async def test_a_silent_stream_is_kept_alive_by_comments_of_one_line(vendor: FakeProvider) -> None:
    config = one_vendor(vendor, "steady~chunks=2~gap=0.4", heartbeat=0.1)
    async with running_proxy(config) as proxy:
        came = await proxy.chat(stream=True)
    assert ": ping\n" in came.text
    assert ": ping\n\n" not in came.text
    assert came.text.endswith("data: [DONE]\n\n")


async def test_models_and_health_are_told(vendor: FakeProvider) -> None:
    async with running_proxy(one_vendor(vendor, "ok")) as proxy:
        assert [model["id"] for model in (await proxy.get("/v1/models")).json["data"]] == [POOL]
        assert (await proxy.get(f"/v1/models/{POOL}")).json["object"] == "model"
        health = (await proxy.get("/health")).json
        assert health.pop("uptime_seconds") > 0
        assert len(health.pop("config_version")) == 12
        assert health == {
            "running": True,
            "host": "127.0.0.1",
            "port": proxy.port,
            "active_connections": 0,
            "total_requests": 2,
        }
        assert (await proxy.send("HEAD", "/health")).status == 200


async def test_with_a_token_only_probes_of_life_open_without(vendor: FakeProvider) -> None:
    async with running_proxy(one_vendor(vendor, "ok"), flags=["--token", "my-secret"]) as proxy:
        for path in ("/v1/models", "/health", "/nowhere", "/v1/my-secret"):
            came = await proxy.get(path)
            assert (came.status, came.error["code"]) == (401, "invalid_api_key")
        assert (await proxy.chat()).status == 401
        assert [(await proxy.get(path)).status for path in ("/livez", "/readyz")] == [200, 200]
        key = {"authorization": "Bearer my-secret"}
        assert (await proxy.chat(headers=key)).status == 200
        assert (await proxy.get("/health", headers=key)).status == 200
        proxy.signal()
        assert await proxy.exit_code() == 0
        assert "my-secret" not in proxy.logs


async def test_a_browser_is_answered_before_it_sends_its_request(vendor: FakeProvider) -> None:
    asked = {
        "origin": "https://page",
        "access-control-request-method": "POST",
        "access-control-request-headers": "content-type",
    }
    async with running_proxy(one_vendor(vendor, "ok"), flags=["--token", "t"]) as proxy:
        came = await proxy.send("OPTIONS", CHAT, headers=asked)
        assert (came.status, came.text) == (204, "")
        assert came.headers["access-control-allow-origin"] == "*"
