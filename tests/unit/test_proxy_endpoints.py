"""The endpoints without a web server, over a mesh whose vendor is scripted."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from proxy_calls import (
    ANSWER,
    BODY,
    CHAT,
    CHUNK,
    JSON,
    LAST,
    ScriptedReply,
    ScriptedVendor,
    ask,
    endpoints,
    error,
    streaming,
    text,
)

from modelmesh.config.schema import Proxy
from modelmesh.proxy.gate import Gate

# Chat


async def test_an_answer_goes_out_with_the_very_bytes_of_the_vendor() -> None:
    came = await ask(endpoints())
    assert (came.status, came.body) == (200, ANSWER)
    assert came.headers["x-modelmesh-model"] == "org/real"
    assert came.headers["x-modelmesh-provider"] == "fake"
    assert came.headers["x-modelmesh-attempts"] == "1"
    assert float(came.headers["x-modelmesh-overhead-ms"]) >= 0
    assert "x-modelmesh-dropped-params" not in came.headers


async def test_a_stream_goes_out_as_events_and_ends_with_done() -> None:
    came = await ask(endpoints(streaming(CHUNK, LAST, b"[DONE]")), body={**BODY, "stream": True})
    assert came.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert came.headers["cache-control"] == "no-cache, no-transform"
    assert came.headers["x-accel-buffering"] == "no"
    expected = f"data: {CHUNK.decode()}\n\ndata: {LAST.decode()}\n\ndata: [DONE]\n\n"
    assert await text(came) == expected


async def test_a_stream_that_breaks_off_ends_with_one_error_and_no_done() -> None:
    came = await ask(endpoints(streaming(CHUNK)), body={**BODY, "stream": True})
    first, last, rest = (await text(came)).split("\n\n")
    assert (first, rest) == (f"data: {CHUNK.decode()}", "")
    assert json.loads(last.removeprefix("data: "))["error"]["code"] == "stream_incomplete"


async def test_an_error_before_the_first_byte_of_a_stream_is_plain_json() -> None:
    vendor = ScriptedVendor(ScriptedReply(400, JSON, (b'{"error":{"message":"no"}}',)))
    came = await ask(endpoints(vendor), body={**BODY, "stream": True})
    assert (came.status, came.stream) == (400, None)
    assert came.headers["x-should-retry"] == "false"
    assert error(came)["type"] == "invalid_request_error"


async def test_a_rate_limit_says_when_to_come_back_in_whole_seconds() -> None:
    limited = ScriptedReply(429, {**JSON, "retry-after": "7.2"}, (b'{"error":{"message":"no"}}',))
    served = endpoints(ScriptedVendor(limited))
    came = await ask(served, body={**BODY, "model": "chat"})
    assert (came.status, came.headers["retry-after"]) == (429, "8")
    assert "x-should-retry" not in came.headers


async def test_a_bug_is_told_without_details(caplog: pytest.LogCaptureFixture) -> None:
    def broken() -> Mapping[str, Any]:
        raise KeyError("canary")

    came = await ask(endpoints(status=broken), "GET", "/health")
    assert (came.status, error(came)["code"]) == (500, "internal_error")
    assert b"KeyError" not in came.body
    assert "KeyError" in caplog.text
    assert "in broken" in caplog.text
    assert "KeyError: 'canary'" not in caplog.text


# Headers


async def test_only_listed_headers_go_to_the_vendor() -> None:
    vendor = ScriptedVendor()
    kept = {"traceparent": "00-1", "openai-beta": "x", "idempotency-key": "k", "x-team": "search"}
    dropped = {
        "authorization": "Bearer client",
        "cookie": "a=b",
        "host": "evil",
        "x-api-key": "client",
        "proxy-authorization": "client",
        "x-forwarded-for": "1.2.3.4",
        "x-session-id": "client",
    }
    served = endpoints(vendor, forward_headers=("X-Team",))
    await ask(served, headers={**JSON, **kept, **dropped})
    [sent] = vendor.requests
    assert sent.headers.items() >= kept.items()
    assert not {"cookie", "host", "x-api-key", "x-forwarded-for"} & sent.headers.keys()
    assert "client" not in " ".join(sent.headers.values())


@pytest.mark.parametrize("name", ["Authorization", "cookie", "Host", "Content-Length"])
def test_headers_that_are_never_forwarded_cannot_be_configured_to_be(name: str) -> None:
    with pytest.raises(ValueError, match="forward_headers must not name headers which carry"):
        Proxy(forward_headers=("x-team", name))


@pytest.mark.parametrize("text", ["a\rb", "a\nb", "a\0b"])
async def test_a_header_with_a_line_break_is_refused(text: str) -> None:
    assert (await ask(endpoints(), headers={**JSON, "traceparent": text})).status == 400


@pytest.mark.parametrize(
    ("headers", "named"),
    [
        ({"x-request-id": "mine-1"}, "mine-1"),
        ({"x-client-request-id": "mine-2"}, "mine-2"),
        ({"x-request-id": "two words"}, "req_fresh"),
        ({"x-request-id": "x" * 129}, "req_fresh"),
        ({}, "req_fresh"),
    ],
)
async def test_every_reply_names_its_request(headers: dict[str, str], named: str) -> None:
    for path in (CHAT, "/nowhere"):
        came = await ask(endpoints(), path=path, headers={**JSON, **headers})
        assert came.headers["x-request-id"] == named


# Routes


async def test_models_are_listed_and_found_even_with_slashes_in_their_names() -> None:
    served = endpoints()
    listed = json.loads((await ask(served, "GET", "/v1/models")).body)
    assert listed["object"] == "list"
    assert {model["id"] for model in listed["data"]} >= {"chat", "org/real"}
    found = json.loads((await ask(served, "GET", "/v1/models/org/real")).body)
    assert (found["id"], found["object"]) == ("org/real", "model")


async def test_a_model_that_does_not_exist_is_not_found() -> None:
    for came in (
        await ask(endpoints(), "GET", "/v1/models/nope"),
        await ask(endpoints(), body={**BODY, "model": "nope"}),
    ):
        assert (came.status, error(came)["code"]) == (404, "model_not_found")
        assert "there are: " in error(came)["message"]
    came = await ask(endpoints(), "GET", "/v1/models/chatt")
    assert "did you mean 'chat'?" in error(came)["message"]


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("GET", CHAT, "POST, OPTIONS"),
        ("DELETE", "/v1/models/chat", "GET, HEAD, OPTIONS"),
        ("POST", "/health", "GET, HEAD, OPTIONS"),
    ],
)
async def test_a_wrong_method_is_told_the_right_ones(method: str, path: str, allow: str) -> None:
    came = await ask(endpoints(), method, path)
    assert (came.status, came.headers["allow"]) == (405, allow)
    assert error(came)["code"] == "method_not_allowed"


@pytest.mark.parametrize("path", ["/", "/v1", "/v1/nope", "/V1/models", "/v1/models/"])
async def test_there_is_nothing_at_an_unknown_path(path: str) -> None:
    assert (await ask(endpoints(page=False), "GET", path)).status == 404


@pytest.mark.parametrize(
    ("path", "hint"),
    [
        ("/embeddings", "did you mean /v1/embeddings?"),
        ("/v1/chat/completions/", "did you mean /v1/chat/completions?"),
        ("/v1/models/", "did you mean /v1/models?"),
        ("/x", "there are: /v1/chat/completions, /v1/embeddings"),
    ],
)
async def test_whoever_asks_at_a_wrong_path_is_told_the_right_one(path: str, hint: str) -> None:
    assert hint in error(await ask(endpoints(), path=path))["message"]


async def test_only_the_endpoints_configured_are_served() -> None:
    served = endpoints(endpoints=("/v1/models",))
    came = await ask(served)
    assert came.status == 404
    assert error(came)["message"].startswith(
        "There is nothing at /v1/chat/completions; there are: "
    )
    assert CHAT not in error(came)["message"].partition(";")[2]
    for path in ("/v1/models", "/v1/models/chat", "/health", "/livez", "/readyz"):
        assert (await ask(served, "GET", path)).status == 200


# Draining


async def test_a_draining_server_takes_no_more_work_but_says_it_lives() -> None:
    gate = Gate()
    gate.drain(10)
    served = endpoints(gate=gate)
    for path, status in ((CHAT, 503), ("/v1/models", 503), ("/readyz", 503), ("/livez", 200)):
        came = await ask(served, "POST" if path == CHAT else "GET", path)
        assert came.status == status
        if status == 503:
            assert came.headers["connection"] == "close"
            assert came.headers["retry-after"] == "1"
