"""What a running proxy replies is as its OpenAPI document says: plain, streamed, and failing."""

import gzip
import io
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from described import Described, events
from described_proxy import POOLS, config
from proxy_process import ProxyProcess, running_proxy

from modelmesh.config.schema import ENDPOINTS
from modelmesh.proxy.openapi import document
from modelmesh.testing.fake_provider import FakeProvider

pytestmark = pytest.mark.asyncio(loop_scope="module")

CHAT = "/v1/chat/completions"
SPEECH = "/v1/audio/speech"
HEARD = "/v1/audio/transcriptions"
IMAGES = "/v1/images/generations"
JSON = {"content-type": "application/json"}
FAULTS = {
    "status~code=400": 400,
    "status~code=409": 502,
    "status~code=413": 413,
    "status~code=422": 422,
    "status~code=401": 502,
    "status~code=403": 502,
    "status~code=404": 502,
    "status~code=429": 429,
    "status~code=402": 429,
    "status~code=500": 502,
    "status~code=503": 503,
    "empty-string-body": 502,
    "close-before-headers": 502,
    "never-headers": 504,
}
CUT = "cut-chunked"
EVERY_FAULT = [f"{one}@{endpoint}" for one in (*FAULTS, CUT) for endpoint in ENDPOINTS.values()]
OPERATIONS = [
    (method, path)
    for path, item in document()["paths"].items()
    for method in item
    if path != "/v1/mesh/events"  # which has no end
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def vendor() -> AsyncIterator[FakeProvider]:
    async with FakeProvider(models=[*POOLS.values()]) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def proxy(vendor: FakeProvider) -> AsyncIterator[ProxyProcess]:
    async with running_proxy(config(vendor.url, *EVERY_FAULT, max_body="1MiB")) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def locked(vendor: FakeProvider) -> AsyncIterator[ProxyProcess]:
    origins = {"origins": ["https://app.example"]}
    async with running_proxy(config(vendor.url, token="letmein", cors=origins)) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def described(proxy: ProxyProcess) -> Described:
    return Described((await proxy.get("/openapi.json")).json)


async def ask(
    proxy: ProxyProcess, told: Described, method: str, path: str, **request: Any
) -> tuple[int, Mapping[str, str], bytes]:
    """Send a request, hold its reply against the document and return it."""
    place = proxy.url + path.replace("{id}", "chat-completion")
    async with proxy.client.request(method, place, **request) as response:
        body = await response.read()
        told.check(method, path, response.status, response.headers, body)
        return response.status, response.headers, body


def shape(value: Any) -> Any:
    """Return which fields there are, and of what kinds."""
    if isinstance(value, dict):
        return {name: shape(each) for name, each in value.items()}
    if isinstance(value, list):
        return shape(value[0]) if value else None
    return float if isinstance(value, int | float) else type(value)


def examples(told: Mapping[str, Any]) -> Iterator[Any]:
    for content in told.get("content", {}).values():
        if "example" in content:
            yield content["example"]


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
async def test_what_an_example_asks_for_comes_and_is_like_the_example(
    proxy: ProxyProcess, described: Described, method: str, path: str
) -> None:
    told = described.operation(method, path)
    bodies = list(examples(told.get("requestBody", {}))) or [None]
    for body in bodies:
        request = {} if body is None else {"json": body}
        status, _, came = await ask(proxy, described, method, path, **request)
        assert status == 200
        for example in examples(told["responses"]["200"]):
            assert shape(json.loads(came)) == shape(example)


@pytest.mark.parametrize(
    ("path", "more"),
    [
        (CHAT, {"stream": True}),
        (CHAT, {"stream": True, "stream_options": {"include_usage": True}}),
        (SPEECH, {"stream_format": "sse"}),
        (HEARD, {"stream": True}),
        (HEARD, {"stream": True, "response_format": "diarized_json"}),
        (IMAGES, {"stream": True, "partial_images": 1}),
    ],
    ids=str,
)
async def test_a_stream_is_of_the_events_that_are_told(
    proxy: ProxyProcess, described: Described, path: str, more: dict[str, Any]
) -> None:
    (body,) = examples(described.operation("post", path)["requestBody"])
    status, headers, came = await ask(proxy, described, "POST", path, json={**body, **more})
    assert (status, headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
    assert len(events(came)) > 1


@pytest.mark.parametrize(
    ("path", "more"),
    [
        (CHAT, {"stream": True}),
        (SPEECH, {"stream_format": "sse"}),
        (HEARD, {"stream": True}),
        (IMAGES, {"stream": True, "partial_images": 1}),
    ],
    ids=str,
)
async def test_a_stream_that_breaks_off_ends_with_an_error_that_is_told(
    proxy: ProxyProcess, described: Described, path: str, more: dict[str, Any]
) -> None:
    (body,) = examples(described.operation("post", path)["requestBody"])
    body |= {"model": f"{CUT}@{ENDPOINTS[path]}", **more}
    _, _, came = await ask(proxy, described, "POST", path, json=body)
    assert "error" in json.loads(events(came)[-1]["data"])


@pytest.mark.parametrize("wanted", ["json", "text", "srt", "vtt", "verbose_json", "diarized_json"])
async def test_a_form_is_taken_and_answered_in_every_format(
    proxy: ProxyProcess, described: Described, wanted: str
) -> None:
    form = aiohttp.FormData({"model": "speech-to-text", "response_format": wanted})
    form.add_field("file", b"RIFF", filename="hello.wav", content_type="audio/wav")
    status, _, _ = await ask(proxy, described, "POST", HEARD, data=form)
    assert status == 200


async def test_a_body_may_be_compressed(proxy: ProxyProcess, described: Described) -> None:
    (body,) = examples(described.operation("post", CHAT)["requestBody"])
    packed = gzip.compress(json.dumps(body).encode())
    headers = {**JSON, "content-encoding": "gzip"}
    status, _, _ = await ask(proxy, described, "POST", CHAT, data=packed, headers=headers)
    assert status == 200


async def test_the_feed_has_the_events_that_are_told(
    proxy: ProxyProcess, described: Described
) -> None:
    async with proxy.client.get(f"{proxy.url}/v1/mesh/events") as response:
        await response.content.readline()
        await proxy.chat(model="chat-completion")
        lines = [await response.content.readline() for _ in range(4)]
        body = b"".join(lines)
        described.check("get", "/v1/mesh/events", response.status, response.headers, body)
    assert b"event: " in body


# What fails


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("path", ENDPOINTS)
async def test_a_vendors_failure_comes_as_told(
    proxy: ProxyProcess, described: Described, path: str, fault: str
) -> None:
    (body,) = examples(described.operation("post", path)["requestBody"])
    body["model"] = f"{fault}@{ENDPOINTS[path]}"
    attempts = []
    for _ in range(2):  # the second time the target is left alone
        status, headers, came = await ask(proxy, described, "POST", path, json=body)
        attempts.append(headers["x-modelmesh-attempts"])
        assert status == FAULTS[fault]
        assert ("retry-after" in headers) != ("x-should-retry" in headers)
        assert "attempts" in json.loads(came)["error"]
    assert attempts[0] == "1"


@pytest.mark.parametrize(
    ("method", "path", "request_", "status", "code"),
    [
        ("POST", CHAT, {"data": b"{", "headers": JSON}, 400, None),
        ("POST", CHAT, {"json": {"model": "chat-completion"}}, 400, None),
        ("POST", CHAT, {"json": {"model": "nope", "messages": [{}]}}, 404, "model_not_found"),
        ("POST", CHAT, {"data": io.BytesIO(bytes(1 << 21)), "headers": JSON}, 413, None),
        ("POST", CHAT, {"data": b"", "headers": {**JSON, "content-encoding": "br"}}, 415, None),
        ("POST", HEARD, {"json": {"model": "speech-to-text"}}, 400, None),
        ("POST", "/v1/embeddings", {"json": {"model": "chat-completion", "input": "a"}}, 400, "*"),
        ("POST", "/v1/mesh/explain", {"data": b"a", "headers": {"content-type": "a/b"}}, 415, None),
        ("POST", "/v1/mesh/explain", {"json": {"model": "nope"}}, 404, "model_not_found"),
        ("GET", "/v1/mesh/status", {"headers": {"via": "1.1 proxy"}}, 403, "local_only"),
        ("GET", "/", {"headers": {"via": "1.1 proxy"}}, 403, "local_only"),
    ],
)
async def test_what_the_proxy_refuses_is_told(  # noqa: PLR0917 - a row of the table
    proxy: ProxyProcess,
    described: Described,
    method: str,
    path: str,
    request_: dict[str, Any],
    status: int,
    code: str | None,
) -> None:
    came, _, body = await ask(proxy, described, method, path, **request_)
    assert came == status
    assert code == "*" or json.loads(body)["error"]["code"] == code


async def test_what_belongs_to_no_operation_is_told_as_well(
    proxy: ProxyProcess, described: Described
) -> None:
    for method, path, status in (("GET", "/nowhere", 404), ("DELETE", CHAT, 405)):
        came = await proxy.send(method, path)
        assert came.status == status
        told = described.document["components"]["responses"][f"{status}-anywhere"]
        described.check_reply(told, came.headers, came.text.encode())
    head, _, body = (await proxy.raw(b"NOT HTTP\r\n\r\n")).partition(b"\r\n\r\n")
    headers = dict(line.lower().split(": ", 1) for line in head.decode().split("\r\n")[1:])
    told = described.document["components"]["responses"]["400-anywhere"]
    described.check_reply(told, headers, body)


async def test_who_has_no_token_is_told_so_everywhere(locked: ProxyProcess) -> None:
    allowed = {"Authorization": "Bearer letmein"}
    told = Described((await locked.get("/openapi.json", headers=allowed)).json)
    for path, item in told.document["paths"].items():
        for method, operation in item.items():
            if path == "/v1/mesh/events":
                continue
            status, headers, _ = await ask(locked, told, method, path)
            needed = operation["security"] != []
            assert status == (401 if needed else 200), path
            assert headers.get("www-authenticate") == ("Bearer" if needed else None)


async def test_a_configuration_that_is_refused_is_told_with_its_mistakes(
    vendor: FakeProvider,
) -> None:
    async with running_proxy(config(vendor.url)) as proxy:
        told = Described((await proxy.get("/openapi.json")).json)
        assert (await ask(proxy, told, "POST", "/v1/mesh/reload"))[0] == 200
        proxy.rewrite("pols: {}")
        status, _, body = await ask(proxy, told, "POST", "/v1/mesh/reload")
    assert status == 422
    assert json.loads(body)["error"]["problems"]
