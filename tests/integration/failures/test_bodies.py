"""What is in bodies: their size, images, and how they are compressed and framed."""

import gzip
import hashlib
import json
import random
from collections.abc import AsyncIterator
from io import BytesIO
from typing import Any

import pytest
import pytest_asyncio
from proxy_process import POOL, ProxyProcess, many_pools, one_vendor, running_proxy

from failures.raw_http import RawReply, ask, chat
from modelmesh.testing.fake_answers import encode, error, talk
from modelmesh.testing.fake_provider import Exchange, FakeProvider, Fault

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("fresh")]

CHAT = "/v1/chat/completions"
JSON = {"content-type": "application/json"}
FORM = {"content-type": "multipart/form-data; boundary=b"}
MEBIBYTE = 1 << 20
PICTURE = "data:image/png;base64,iVBORw0KGgo="
OWN_HEADERS = {
    "access-control-allow-origin",
    "access-control-expose-headers",
    "cache-control",
    "connection",
    "content-length",
    "content-type",
    "date",
    "retry-after",
    "server",
    "transfer-encoding",
    "x-accel-buffering",
    "x-modelmesh-attempts",
    "x-modelmesh-config",
    "x-modelmesh-model",
    "x-modelmesh-overhead-ms",
    "x-modelmesh-provider",
    "x-modelmesh-trail",
    "x-request-id",
    "x-should-retry",
}
"""Every header that a reply of the proxy's may have."""

CHATTER = {
    "server": "vendor/1",
    "set-cookie": "session=1",
    "keep-alive": "timeout=5",
    "trailer": "x-later",
    "x-internal": "secret",
    "x-request-id": "the-vendors",
    "access-control-allow-origin": "https://evil.example",
    "access-control-allow-credentials": "true",
    "x-modelmesh-model": "forged",
    "cache-control": "public",
    "content-disposition": "attachment",
}


async def chatter(exchange: Exchange) -> None:
    """Answer well, with headers which are nobody else's business."""
    await exchange.deliver(talk(exchange).parts(), headers=CHATTER)


async def chatter_401(exchange: Exchange) -> None:
    """Refuse with such headers."""
    await exchange.answer(401, encode(error(401)), CHATTER)


async def brotli(exchange: Exchange) -> None:
    """Answer in a coding that nobody asked for."""
    await exchange.deliver([b"whatever"], headers={"content-encoding": "br"})


async def bad_gzip(exchange: Exchange) -> None:
    """Say that an answer is compressed which is not."""
    await exchange.deliver(talk(exchange).parts(), headers={"content-encoding": "gzip"})


FAULTS: dict[str, Fault] = {
    "chatter": chatter,
    "chatter-401": chatter_401,
    "brotli": brotli,
    "bad-gzip": bad_gzip,
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def vendor() -> AsyncIterator[FakeProvider]:
    async with FakeProvider(faults={**FAULTS, **{f"{n}@s": FAULTS[n] for n in FAULTS}}) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["direct", "aiohttp"])
async def proxy(
    vendor: FakeProvider, request: pytest.FixtureRequest
) -> AsyncIterator[ProxyProcess]:
    """Run the server with each of its transports."""
    failing = ["gzip-gzip", "gzip-gzip@s", "brotli", "brotli@s", "bad-gzip", "bad-gzip@s"]
    config = many_pools(vendor, "ok", "ok@blind", "gzip", "chatter", "chatter-401")
    for pool in config["pools"].values():
        pool["timeouts"] = {"first_token": 20}
    config["models"]["ok@blind"]["features"] = {"vision": False}
    more = many_pools(vendor, *failing)
    for part in ("providers", "models"):
        config[part] |= more[part]
    for fault in failing:
        config["pools"][fault] = {"models": [fault, "ok"]}
    config["transport"] = request.param
    async with running_proxy(config) as running:
        yield running


def question(size: int, model: str = "ok") -> bytes:
    return json.dumps(
        {"model": model, "messages": [{"role": "user", "content": "x" * size}]}
    ).encode()


async def in_pieces(body: bytes) -> AsyncIterator[bytes]:
    for place in range(0, len(body), MEBIBYTE):
        yield body[place : place + MEBIBYTE]


# Case 40


async def test_case_40_a_body_of_30_mib_arrives_whole(
    vendor: FakeProvider, proxy: ProxyProcess
) -> None:
    body = question(30 * MEBIBYTE)
    for sent in (BytesIO(body), in_pieces(body)):
        assert (await proxy.send("POST", CHAT, data=sent, headers=JSON)).status == 200
    hashes = [request.sha256 for request in vendor.received]
    assert hashes == [hashlib.sha256(body).hexdigest()] * 2


@pytest.mark.parametrize("kind", [JSON, FORM], ids=["json", "multipart"])
async def test_case_40_a_body_of_65_mib_is_refused_however_it_comes(
    vendor: FakeProvider, proxy: ProxyProcess, kind: dict[str, str]
) -> None:
    body = b" " * (65 * MEBIBYTE)
    packed = gzip.compress(body, 1)
    assert len(packed) < MEBIBYTE
    sent: list[tuple[Any, dict[str, str]]] = [
        (BytesIO(body), kind),
        (in_pieces(body), kind),
        (packed, {**kind, "content-encoding": "gzip"}),
    ]
    for data, headers in sent:
        reply = await proxy.send("POST", CHAT, data=data, headers=headers)
        assert reply.status == 413
        assert reply.headers["content-type"] == "application/json"
        assert reply.error["type"] == "invalid_request_error"
        assert reply.headers["x-request-id"]
    assert vendor.received == []
    assert (await proxy.chat(model="ok")).status == 200


async def test_case_40_the_second_target_gets_the_whole_body_too() -> None:
    body = random.Random(1).randbytes(MEBIBYTE).hex()
    async with FakeProvider(faults={"m": chatter_401}) as first, FakeProvider(models=["m"]) as good:
        config = one_vendor(first, "m")
        config["providers"]["good"] = {"connector": "openai-compatible", "base_url": good.url}
        config["models"]["m2"] = {"provider": "good", "model": "m"}
        config["pools"][POOL]["models"] = ["m", "m2"]
        async with running_proxy(config) as proxy:
            said = json.dumps(
                {"model": POOL, "messages": [{"role": "user", "content": body}]}
            ).encode()
            assert (await proxy.send("POST", CHAT, data=BytesIO(said), headers=JSON)).status == 200
        (refused,), (answered,) = first.received, good.received
    assert refused.sha256 == answered.sha256
    assert answered.json["messages"][0]["content"] == body


async def test_case_40_an_images_address_is_passed_on_and_never_fetched(
    vendor: FakeProvider, proxy: ProxyProcess
) -> None:
    async with FakeProvider() as web:
        urls = [f"{web.url}/cat.png", "http://169.254.169.254/latest/meta-data", PICTURE]
        parts = [{"type": "image_url", "image_url": {"url": url}} for url in urls]
        said = [{"role": "user", "content": parts}]
        for stream in (False, True):
            assert (await proxy.chat(model="ok", messages=said, stream=stream)).status == 200
        assert web.connections == 0
    assert [request.json["messages"] for request in vendor.received] == [said, said]


async def test_case_40_a_model_that_sees_nothing_is_asked_for_no_image(
    vendor: FakeProvider, proxy: ProxyProcess
) -> None:
    parts = [{"type": "image_url", "image_url": {"url": PICTURE}}]
    reply = await proxy.chat(model="ok@blind", messages=[{"role": "user", "content": parts}])
    assert (reply.status, reply.error["type"]) == (400, "invalid_request_error")
    assert "vision" in reply.error["message"]
    assert vendor.received == []
    assert (await proxy.chat(model="ok@blind")).status == 200


# Case 41


def check_framing(reply: RawReply, *, stream: bool) -> None:
    """See that the headers describe the body that is really there."""
    assert "content-encoding" not in reply.headers
    assert ("content-length" in reply.headers) is not stream
    assert ("transfer-encoding" in reply.headers) is stream
    if stream:
        assert reply.text.endswith("data: [DONE]\n\n")
    else:
        assert int(reply.headers["content-length"]) == len(reply.body)
        assert json.loads(reply.body)["choices"]


@pytest.mark.parametrize("stream", [False, True])
async def test_case_41_a_compressed_answer_comes_out_plain(
    vendor: FakeProvider, proxy: ProxyProcess, stream: bool
) -> None:
    reply = await ask(proxy, chat("gzip", "Accept-Encoding: gzip, br", stream=stream))
    assert reply.status == 200
    check_framing(reply, stream=stream)
    assert "Hello" in reply.text
    (request,) = vendor.received
    if stream:
        assert request.headers["accept-encoding"] == "identity"
    else:
        assert "br" not in request.headers["accept-encoding"]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("fault", ["gzip-gzip", "brotli", "bad-gzip"])
async def test_case_41_what_cannot_be_decoded_fails_over(
    vendor: FakeProvider, proxy: ProxyProcess, fault: str, stream: bool
) -> None:
    pool = f"{fault}@s" if stream else fault
    reply = await ask(proxy, chat(pool, stream=stream))
    assert reply.status == 200
    check_framing(reply, stream=stream)
    assert reply.headers["x-modelmesh-provider"] == "ok"
    assert [request.model for request in vendor.received] == [pool, "ok"]
    await proxy.says(f"{pool}/{pool}: bad_answer")
    again = await proxy.chat(model=pool)
    assert again.headers["x-modelmesh-attempts"] == "1"  # it is left alone


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("model", "status"), [("chatter", 200), ("chatter-401", 502)])
async def test_case_41_headers_of_vendors_are_not_passed_on(
    proxy: ProxyProcess, model: str, status: int, stream: bool
) -> None:
    reply = await ask(proxy, chat(model, "X-Request-Id: mine", stream=stream))
    assert reply.status == status
    assert reply.headers.keys() <= OWN_HEADERS
    assert reply.headers["x-request-id"] == "mine"
    assert reply.headers["access-control-allow-origin"] == "*"
    told = set(reply.headers.values())
    assert not told & (set(CHATTER.values()) - {"*"})
