"""Case 39: every wrong request and every failure has its status, and an error in OpenAI's shape."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from openai import AsyncOpenAI
from proxy_process import MESSAGES, POOL, ProxyProcess, many_pools, running_proxy

from failures.expected_statuses import FAILURES, LIMIT, MISTAKES
from failures.raw_http import ask, chat
from modelmesh.testing.fake_provider import FakeProvider

pytestmark = pytest.mark.asyncio(loop_scope="module")

CHAT = "/chat/completions"
TOKEN = "a-token"
LIMITED = "status~code=429~retry-after=7@again"
BROKEN_STRATEGY = """
class Strategy:
    connector = "broken"
    def __init__(self, settings):
        pass
    def order(self, targets, turn):
        raise ZeroDivisionError(str(turn.request.body["messages"]))
"""


def pool_of(fault: str, *, stream: bool, sdk: bool = False) -> str:
    """Name the pool which fails so; each request has its own, where nothing failed before."""
    return f"{fault}@{'sdk' if sdk else 'raw'}-{'stream' if stream else 'plain'}"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def proxy(vendor: FakeProvider) -> AsyncIterator[ProxyProcess]:
    pools = [
        pool_of(fault, stream=stream, sdk=sdk)
        for fault in FAILURES
        for stream in (False, True)
        for sdk in (False, True)
    ]
    config = many_pools(vendor, POOL, LIMITED, *pools)
    for name in pools:
        if name.startswith("nobody-there"):
            nobody = {"connector": "openai-compatible", "base_url": "http://127.0.0.1:9/v1"}
            config["providers"][name] = nobody
        if name.startswith("broken"):
            config["pools"][name]["strategy"] = "broken"
    config["connectors"] = {"broken": "broken_strategy:Strategy"}
    config["proxy"] = {"token": TOKEN, "max_body": LIMIT}
    async with running_proxy(config, files={"broken_strategy.py": BROKEN_STRATEGY}) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sdk(proxy: ProxyProcess) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(base_url=f"{proxy.url}/v1", api_key=TOKEN, max_retries=0) as client:
        yield client


def check_shape(headers: Any, text: str) -> dict[str, Any]:
    """Return the error of a reply, which has to look as OpenAI's do."""
    assert headers["content-type"] == "application/json"
    assert headers["x-request-id"]
    error: dict[str, Any] = json.loads(text)["error"]
    assert isinstance(error["message"], str)
    assert error["message"]
    assert isinstance(error["type"], str)
    assert error["type"]
    assert isinstance(error["param"], str | None)
    assert isinstance(error["code"], str | None)
    assert error.keys() <= {"message", "type", "param", "code", "attempts"}
    return error


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("name", MISTAKES)
async def test_case_39_a_wrong_request_has_its_status(
    vendor: FakeProvider, proxy: ProxyProcess, name: str, stream: bool
) -> None:
    mistake = MISTAKES[name]
    vendor.reset()
    body = mistake.raw
    if body is None:
        body = json.dumps({"stream": stream, **mistake.body}).encode()
    headers = {
        "authorization": f"Bearer {TOKEN}",
        "content-type": "application/json",
        **mistake.headers,
    }
    reply = await proxy.send(mistake.method, f"/v1{mistake.path}", data=body, headers=headers)

    error = check_shape(reply.headers, reply.text)
    assert (reply.status, error["code"], error["param"]) == (
        mistake.status,
        mistake.code,
        mistake.param,
    )
    assert reply.headers["x-should-retry"] == "false"
    assert ("allow" in reply.headers) == (reply.status == 405)
    assert vendor.received == []


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("name", MISTAKES)
async def test_case_39_the_official_client_raises_what_it_raises_for_openais_own(
    sdk: AsyncOpenAI, name: str, stream: bool
) -> None:
    mistake = MISTAKES[name]
    body = mistake.raw
    if body is None:
        body = json.dumps({"stream": stream, **mistake.body}).encode()
    send: Any = sdk.post if mistake.method == "POST" else sdk.put
    with pytest.raises(mistake.error) as caught:
        await send(
            mistake.path,
            cast_to=object,
            content=body,
            options={"headers": {"content-type": "application/json", **mistake.headers}},
        )
    assert type(caught.value) is mistake.error
    assert (caught.value.status_code, caught.value.code) == (mistake.status, mistake.code)
    assert caught.value.request_id


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("fault", FAILURES)
async def test_case_39_a_failing_vendor_has_its_status_before_a_stream_begins_too(
    vendor: FakeProvider, proxy: ProxyProcess, fault: str, stream: bool
) -> None:
    expected, pool = FAILURES[fault], pool_of(fault, stream=stream)
    vendor.reset()
    key = {"authorization": f"Bearer {TOKEN}"}
    reply = await proxy.chat(key, model=pool, stream=stream)

    error = check_shape(reply.headers, reply.text)
    assert (reply.status, error["code"]) == (expected.status, expected.code)
    assert ("retry-after" in reply.headers) == (reply.status in {429, 503})
    assert int(reply.headers.get("retry-after", 1)) > 0
    asked_for = 0 if fault in ("broken", "nobody-there") else 1
    assert len(vendor.requests_for(pool)) == asked_for
    if fault == "broken":
        await proxy.says("ZeroDivisionError")
        assert MESSAGES[0]["content"] not in proxy.logs + reply.text
    else:
        (attempt,) = error["attempts"]
        assert attempt["target"] == f"{pool}/{pool}"
        await proxy.says(f"{pool}/{pool}: {attempt['cause']}")


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("fault", FAILURES)
async def test_case_39_the_official_client_raises_the_class_of_a_failure(
    sdk: AsyncOpenAI, fault: str, stream: bool
) -> None:
    expected, pool = FAILURES[fault], pool_of(fault, stream=stream, sdk=True)
    with pytest.raises(expected.error) as caught:
        await sdk.chat.completions.create(
            model=pool, messages=[{"role": "user", "content": "Hello!"}], stream=stream
        )
    assert type(caught.value) is expected.error
    assert (caught.value.status_code, caught.value.code) == (expected.status, expected.code)
    assert caught.value.request_id


async def test_case_39_a_limit_that_still_holds_is_told_without_asking(
    vendor: FakeProvider, proxy: ProxyProcess
) -> None:
    key = {"authorization": f"Bearer {TOKEN}"}
    await proxy.chat(key, model=LIMITED)
    vendor.reset()
    reply = await proxy.chat(key, model=LIMITED)
    assert reply.status == 429
    assert 0 < int(reply.headers["retry-after"]) <= 7
    assert vendor.received == []


async def test_case_39_a_method_that_is_not_taken_is_told_which_are(proxy: ProxyProcess) -> None:
    key = {"authorization": f"Bearer {TOKEN}"}
    told = {
        path: (await proxy.send("DELETE", path, headers=key)).headers["allow"]
        for path in ("/v1/chat/completions", "/v1/models", "/health")
    }
    assert told == {
        "/v1/chat/completions": "POST, OPTIONS",
        "/v1/models": "GET, HEAD, OPTIONS",
        "/health": "GET, HEAD, OPTIONS",
    }


async def test_case_39_what_is_no_http_gets_an_error_of_the_same_shape(
    proxy: ProxyProcess,
) -> None:
    for request in (b"NOT HTTP\r\n\r\n", chat(POOL, f"X-Long: {'x' * 9000}")):
        reply = await ask(proxy, request)
        assert (reply.status, reply.headers["content-type"]) == (400, "application/json")
        assert json.loads(reply.text)["error"]["type"] == "invalid_request_error"
