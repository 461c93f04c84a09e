"""The real server process, over a fake vendor: what clients get, and how it ends."""

import gzip
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from proxy_process import (
    MESSAGES,
    POOL,
    many_pools,
    one_vendor,
    running_proxy,
)

from modelmesh.testing.fake_provider import FakeProvider

CHAT = "/v1/chat/completions"
JSON = {"content-type": "application/json"}


@pytest.fixture
async def vendor() -> AsyncIterator[FakeProvider]:
    async with FakeProvider() as running:
        yield running


# Case 39: the right status, and always an error as OpenAI words one


async def test_every_failure_of_a_vendor_has_its_status(vendor: FakeProvider) -> None:
    expected = {
        "status~code=400": (400, None),
        "status~code=401": (502, "upstream_auth"),
        "status~code=403": (502, "upstream_auth"),
        "status~code=404": (502, "upstream_model_not_found"),
        "status~code=429": (429, "rate_limit_exceeded"),
        "status~code=500": (502, "upstream_failed"),
        "status~code=503": (503, "overloaded"),
        "never-headers": (504, "upstream_timeout"),
        "close-before-headers": (502, "upstream_unreachable"),
        "null-body": (502, "upstream_bad_answer"),
        "redirect": (502, "upstream_bad_answer"),
    }
    seen = {}
    async with running_proxy(
        many_pools(vendor, *[f"{f}@{s}" for f in expected for s in "ps"])
    ) as proxy:
        for fault in expected:
            for label, stream in (("p", False), ("s", True)):
                came = await proxy.chat(model=f"{fault}@{label}", stream=stream)
                assert came.headers["content-type"] == "application/json"
                assert came.headers["x-request-id"].startswith("req_")
                assert came.error.keys() >= {"message", "type", "param", "code"}
                seen[fault, stream] = (came.status, came.error["code"])
    assert seen == {
        (fault, stream): told for fault, told in expected.items() for stream in (False, True)
    }


async def test_every_mistake_of_a_client_has_its_status(vendor: FakeProvider) -> None:
    body = {"model": POOL, "messages": MESSAGES}
    cases: list[tuple[str, str, dict[str, Any], int]] = [
        ("POST", CHAT, {"data": b"{", "headers": JSON}, 400),
        ("POST", CHAT, {"json": []}, 400),
        ("POST", CHAT, {"json": {"messages": MESSAGES}}, 400),
        ("POST", CHAT, {"json": {**body, "model": "nope"}}, 404),
        ("POST", CHAT, {"json": {**body, "model": "nope", "stream": True}}, 404),
        ("GET", CHAT, {}, 405),
        ("PATCH", "/v1/models", {}, 405),
        ("GET", "/v1/nope", {}, 404),
        ("GET", "/", {}, 404),
        ("GET", "/v1/models/no/such/model", {}, 404),
        ("POST", "/v1/embeddings", {"json": {}}, 501),
        ("POST", CHAT, {"data": b"[" * 3000, "headers": JSON}, 413),
        (
            "POST",
            CHAT,
            {"data": gzip.compress(b"[" * 3000), "headers": {**JSON, "content-encoding": "gzip"}},
            413,
        ),
        ("POST", CHAT, {"data": b"x", "headers": {**JSON, "content-encoding": "br"}}, 415),
    ]
    async with running_proxy(one_vendor(vendor, "ok", max_body=2000)) as proxy:
        for method, path, request, status in cases:
            came = await proxy.send(method, path, **request)
            assert came.status == status, (method, path)
            assert came.headers["content-type"] == "application/json"
            assert "x-request-id" in came.headers
            assert came.headers["x-should-retry"] == "false"
            assert came.error.keys() == {"message", "type", "param", "code"}
    assert vendor.received == []


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


# Answers


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
        for path in ("/v1/models", "/health", "/nowhere"):
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


# What is logged


async def test_neither_messages_nor_keys_are_logged(vendor: FakeProvider) -> None:
    config = many_pools(vendor, "ok", "stall-mid", "status~code=401", "html-200", "error-mid")
    for provider in config["providers"].values():
        provider["api_key"] = "canary-key"
    said = [{"role": "user", "content": "canary-prompt"}]
    async with running_proxy(
        config, flags=["--log-level", "DEBUG", "--token", "canary-token"]
    ) as proxy:
        headers = {"authorization": "Bearer canary-token"}
        for pool in config["pools"]:
            for stream in (False, True):
                if pool != "stall-mid":
                    came = await proxy.chat(headers, model=pool, messages=said, stream=stream)
                    assert "canary" not in came.text
        await proxy.send("POST", CHAT, data=b'{"canary-body', headers={**headers, **JSON})
        await proxy.get("/v1/models?key=canary-query", headers=headers)
        proxy.signal()
        assert await proxy.exit_code() == 0
        assert "/v1/models" in proxy.logs
        assert "canary" not in proxy.logs
