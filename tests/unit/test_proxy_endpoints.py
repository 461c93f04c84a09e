"""The endpoints without a web server, over a mesh whose vendor is scripted."""

import gzip
import json
import zlib
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from typing import Any

import pytest
from attrs import define, field
from hypothesis import given
from hypothesis import strategies as st

from modelmesh.clock import SystemClock
from modelmesh.config.schema import Auth, Cors, MeshConfig, Model, Pool, Provider, Proxy
from modelmesh.mesh import ModelMesh
from modelmesh.proxy.bodies import parse
from modelmesh.proxy.endpoints import Endpoints, Incoming, Outgoing
from modelmesh.proxy.errors import Refused
from modelmesh.proxy.gate import Gate
from modelmesh.types import HttpRequest, Secret, TransportReply

CHAT = "/v1/chat/completions"
JSON = {"content-type": "application/json"}
BODY: dict[str, Any] = {"model": "chat", "messages": [{"role": "user", "content": "Hello!"}]}
ANSWER = b"""{"id":"x","object":"chat.completion","created":1,"model":"real","choices":[{"index":0,
"message":{"role":"assistant","content":"Hi"},"finish_reason":"stop"}]}"""
CHUNK = b'{"id":"x","choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":null}]}'
LAST = b'{"id":"x","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}'


@define
class ScriptedReply:
    status: int
    headers: Mapping[str, str]
    pieces: tuple[bytes, ...]

    async def read(self) -> bytes:
        return b"".join(self.pieces)

    async def chunks(self) -> AsyncIterator[bytes]:
        for piece in self.pieces:
            yield piece

    async def close(self, *, drain: bool = False) -> None:
        pass


@define
class ScriptedVendor:
    """A transport that answers every request alike, and keeps the requests."""

    reply: ScriptedReply = field(factory=lambda: ScriptedReply(200, JSON, (ANSWER,)))
    requests: list[HttpRequest] = field(factory=list)

    async def send(self, request: HttpRequest, *, connect: float) -> TransportReply:
        assert connect > 0
        self.requests.append(request)
        return self.reply

    async def close(self) -> None:
        pass


def streaming(*payloads: bytes) -> ScriptedVendor:
    pieces = tuple(b"data: %b\n\n" % payload for payload in payloads)
    return ScriptedVendor(ScriptedReply(200, {"content-type": "text/event-stream"}, pieces))


def running() -> Mapping[str, Any]:
    return {"running": True}


def endpoints(
    vendor: ScriptedVendor | None = None,
    gate: Gate | None = None,
    status: Callable[[], Mapping[str, Any]] = running,
    **settings: Any,
) -> Endpoints:
    proxy = Proxy(**settings)
    config = MeshConfig(
        providers={"fake": Provider(connector="openai-compatible", base_url="http://fake/v1")},
        models={"org/real": Model(provider="fake", capabilities=("chat-completion",))},
        pools={"chat": Pool(models=("org/real",), max_wait=0.0)},
        proxy=Proxy(expose_models=True),
    )
    return Endpoints(
        ModelMesh(config, transport=vendor or ScriptedVendor()),
        proxy,
        gate=gate or Gate(),
        clock=SystemClock(),
        ids=lambda: "req_fresh",
        status=status,
    )


async def ask(
    served: Endpoints,
    method: str = "POST",
    path: str = CHAT,
    body: Any = BODY,
    headers: Mapping[str, str] | None = None,
) -> Outgoing:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    sent = JSON if headers is None else headers

    async def pieces() -> AsyncIterator[bytes]:
        for place in range(0, len(raw), 1000):
            yield raw[place : place + 1000]

    call = Incoming(
        id=served.request_id(sent), method=method, path=path, headers=sent, body=pieces()
    )
    return await served.handle(call)


def error(outgoing: Outgoing) -> dict[str, Any]:
    described: dict[str, Any] = json.loads(outgoing.body)["error"]
    assert outgoing.headers["content-type"] == "application/json"
    assert described.keys() >= {"message", "type", "param", "code"}
    return described


async def text(outgoing: Outgoing) -> str:
    assert outgoing.stream is not None
    pieces = [piece async for piece in outgoing.stream]
    await outgoing.close()
    return b"".join(pieces).decode()


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


# Bodies


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b"", None),
        (b"{", None),
        (b"\xff", None),
        (b'{"model": NaN}', None),
        (b"[" * 100_000, None),
        ([], None),
        ("text", None),
        ({"messages": BODY["messages"]}, "model"),
        ({**BODY, "model": ""}, "model"),
        ({**BODY, "model": 3}, "model"),
        ({"model": "chat"}, "messages"),
        ({**BODY, "messages": []}, "messages"),
        ({**BODY, "stream": "true"}, "stream"),
        ({**BODY, "api_base": "http://evil"}, "api_base"),
        ({**BODY, "base_url": None}, "base_url"),
        ({**BODY, "api_key": "x"}, "api_key"),
        ({**BODY, "headers": {}}, "headers"),
        ({**BODY, "extra_headers": {}}, "extra_headers"),
        ({**BODY, "extra_body": {}}, "extra_body"),
    ],
)
async def test_a_body_without_sense_is_refused_before_any_vendor_hears_of_it(
    body: Any, param: str | None
) -> None:
    vendor = ScriptedVendor()
    came = await ask(endpoints(vendor), body=body)
    assert (came.status, error(came)["param"]) == (400, param)
    assert vendor.requests == []


@pytest.mark.parametrize("body", [b"", b"model=chat"])
async def test_a_body_of_another_type_is_refused_naming_the_header(body: bytes) -> None:
    came = await ask(endpoints(), body=body, headers={"content-type": "text/plain"})
    assert came.status == 400
    assert "Content-Type: application/json" in error(came)["message"]


async def test_json_of_another_type_is_taken_where_the_proxy_is_open_to_all() -> None:
    assert (await ask(endpoints(), headers={})).status == 200


async def test_a_null_stream_is_a_plain_request() -> None:
    assert (await ask(endpoints(), body={**BODY, "stream": None})).stream is None


def raw_deflate(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(body) + packer.flush()


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [("gzip", gzip.compress), ("deflate", zlib.compress), ("deflate", raw_deflate)],
)
async def test_a_compressed_body_is_understood(encoding: str, pack: Any) -> None:
    packed = pack(json.dumps(BODY).encode())
    came = await ask(endpoints(), body=packed, headers={**JSON, "content-encoding": encoding})
    assert came.status == 200


@pytest.mark.parametrize(
    "body", [b"not compressed", gzip.compress(b"x" * 100)[:-9], gzip.compress(b"{}") + b"more"]
)
async def test_a_badly_compressed_body_is_refused(body: bytes) -> None:
    came = await ask(endpoints(), body=body, headers={**JSON, "content-encoding": "gzip"})
    assert came.status == 400


async def test_a_body_is_limited_after_decompression() -> None:
    bomb = gzip.compress(b"[" * 100_000)
    served = endpoints(max_body=10_000)
    came = await ask(served, body=bomb, headers={**JSON, "content-encoding": "gzip"})
    assert (len(bomb) < 10_000, came.status) == (True, 413)


async def test_a_body_is_limited_while_it_is_read() -> None:
    assert (await ask(endpoints(max_body=10_000), body=b"[" * 20_000)).status == 413


async def test_a_body_announced_too_large_is_not_read() -> None:
    came = await ask(endpoints(max_body=1000), headers={**JSON, "content-length": "1001"})
    assert came.status == 413


async def test_an_unknown_compression_is_refused() -> None:
    came = await ask(endpoints(), headers={**JSON, "content-encoding": "br"})
    assert came.status == 415


@given(st.binary())
def test_whatever_the_body_it_is_an_object_or_refused(raw: bytes) -> None:
    with suppress(Refused):
        assert isinstance(parse(raw, JSON), dict)


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
    assert (await ask(endpoints(), "GET", path)).status == 404


@pytest.mark.parametrize(
    "path",
    ["/v1/embeddings", "/v1/audio/speech", "/v1/audio/transcriptions", "/v1/images/generations"],
)
async def test_endpoints_of_a_later_version_say_so(path: str) -> None:
    came = await ask(endpoints(), path=path)
    assert (came.status, error(came)["code"]) == (501, "not_implemented")


async def test_only_the_endpoints_configured_are_served() -> None:
    served = endpoints(endpoints=("/v1/models",))
    assert (await ask(served)).status == 404
    for path in ("/v1/models", "/v1/models/chat", "/health", "/livez", "/readyz"):
        assert (await ask(served, "GET", path)).status == 200


# Tokens


GUARDED: dict[str, Any] = {"auth": Auth(tokens=(Secret("one"), Secret("two")))}


@pytest.mark.parametrize("token", ["Bearer one", "bearer two", "Bearer three"])
async def test_any_of_the_tokens_opens(token: str) -> None:
    served = endpoints(**GUARDED, token=Secret("three"))
    assert (await ask(served, headers={**JSON, "authorization": token})).status == 200


@pytest.mark.parametrize("token", [None, "", "Bearer", "Bearer ", "Bearer on", "Basic one", "one"])
@pytest.mark.parametrize("path", [CHAT, "/v1/models", "/health", "/nowhere"])
async def test_without_a_right_token_nothing_opens(token: str | None, path: str) -> None:
    headers = JSON if token is None else {**JSON, "authorization": token}
    came = await ask(endpoints(**GUARDED), path=path, headers=headers, body=b"never read")
    assert (came.status, error(came)["code"]) == (401, "invalid_api_key")
    assert came.headers["www-authenticate"] == "Bearer"
    assert error(came)["message"].startswith("Invalid token")


async def test_probes_of_life_need_no_token_and_say_nothing_else() -> None:
    for path in ("/livez", "/readyz"):
        came = await ask(endpoints(**GUARDED), "GET", path, headers={})
        assert (came.status, json.loads(came.body)) == (200, {"status": "ok"})


async def test_auth_that_is_on_without_tokens_lets_nobody_in() -> None:
    served = endpoints(auth=Auth(enabled=True))
    assert (await ask(served, headers={**JSON, "authorization": "Bearer "})).status == 401


async def test_auth_that_is_off_asks_for_no_token() -> None:
    served = endpoints(auth=Auth(enabled=False, tokens=(Secret("one"),)))
    assert (await ask(served)).status == 200


# Web pages


PAGE = {**JSON, "origin": "https://page"}


async def test_by_default_any_web_page_may_use_the_proxy_without_credentials() -> None:
    for path in (CHAT, "/nowhere"):
        came = await ask(endpoints(), path=path, headers=PAGE)
        assert came.headers["access-control-allow-origin"] == "*"
        assert "x-modelmesh-provider" in came.headers["access-control-expose-headers"]
        assert "access-control-allow-credentials" not in came.headers


async def test_a_preflight_is_answered_without_a_token() -> None:
    headers = {
        "origin": "https://page",
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization, x-stainless-lang",
    }
    came = await ask(endpoints(**GUARDED), "OPTIONS", headers=headers, body=b"")
    assert (came.status, came.body) == (204, b"")
    assert came.headers["access-control-allow-origin"] == "*"
    assert "POST" in came.headers["access-control-allow-methods"]
    assert came.headers["access-control-allow-headers"] == "authorization, x-stainless-lang"


RESTRICTED: dict[str, Any] = {"cors": Cors(origins=("https://page",))}


async def test_a_page_of_a_configured_origin_may_read_the_reply() -> None:
    came = await ask(endpoints(**RESTRICTED), headers=PAGE)
    assert (came.status, came.headers["access-control-allow-origin"]) == (200, "https://page")
    assert came.headers["vary"] == "Origin"


async def test_a_foreign_page_may_neither_act_nor_read() -> None:
    vendor, foreign = ScriptedVendor(), {**JSON, "origin": "https://evil"}
    served = endpoints(vendor, **RESTRICTED)
    for came, status in (
        (await ask(served, headers=foreign), 403),
        (await ask(served, "GET", "/v1/models", headers=foreign), 200),
        (await ask(served, "OPTIONS", headers=foreign), 204),
    ):
        assert came.status == status
        assert "access-control-allow-origin" not in came.headers
    assert vendor.requests == []


async def test_a_token_lets_a_foreign_page_act_but_not_read() -> None:
    served = endpoints(**RESTRICTED, **GUARDED)
    headers = {**JSON, "origin": "https://evil", "authorization": "Bearer one"}
    came = await ask(served, headers=headers)
    assert (came.status, "access-control-allow-origin" in came.headers) == (200, False)


async def test_without_cors_no_page_may_act() -> None:
    came = await ask(endpoints(cors=Cors(enabled=False)), headers=PAGE)
    assert (came.status, "access-control-allow-origin" in came.headers) == (403, False)


@pytest.mark.parametrize("settings", [GUARDED, RESTRICTED])
async def test_where_not_everybody_may_act_the_body_must_be_declared_json(
    settings: dict[str, Any],
) -> None:
    headers = {"content-type": "text/plain", "authorization": "Bearer one"}
    assert (await ask(endpoints(**settings), headers=headers)).status == 415


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
