"""What a caller, a web page or a vendor may not make the server do."""

import asyncio
import json
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import pytest
import pytest_asyncio
from proxy_process import MESSAGES, POOL, ProxyProcess, many_pools, one_vendor, running_proxy

from failures.raw_http import ask, chat
from modelmesh.testing.fake_provider import Exchange, FakeProvider, Fault

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("fresh")]

CHAT = "/v1/chat/completions"
JSON = {"content-type": "application/json"}
REDIRECTS = (301, 302, 303, 307, 308)


async def send_elsewhere(exchange: Exchange, *, status: int) -> None:
    """Send the client to the address which the request's `user` is."""
    await exchange.answer(status, b"", {"location": exchange.request.json["user"]})


FAULTS: dict[str, Fault] = {
    f"to-{status}{label}": partial(send_elsewhere, status=status)
    for status in REDIRECTS
    for label in ("", "@s")
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def vendor() -> AsyncIterator[FakeProvider]:
    async with FakeProvider(faults=FAULTS) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def trap() -> AsyncIterator[FakeProvider]:
    """Listen where nobody has any business."""
    async with FakeProvider() as running:
        yield running
        assert running.connections == 0


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["direct", "aiohttp"])
async def proxy(
    vendor: FakeProvider, request: pytest.FixtureRequest
) -> AsyncIterator[ProxyProcess]:
    """Run the server with each of its transports."""
    config = many_pools(vendor, "ok", "set-cookie", *FAULTS)
    for fault in FAULTS:
        config["pools"][fault]["models"] = [fault, "ok"]
    for pool in config["pools"].values():
        pool["timeouts"] = {"first_token": 20}
    for name, provider in config["providers"].items():
        config["providers"][name] = {**provider, "api_key": f"key-of-{name}"}
    config["proxy"] = {"forward_headers": ["x-team", "x-hop"]}
    config["transport"] = request.param
    async with running_proxy(config) as running:
        yield running


# Case 44


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    "name", ["api_base", "base_url", "api_key", "headers", "extra_headers", "extra_body"]
)
async def test_case_44_a_request_cannot_say_where_it_goes_or_with_what(
    vendor: FakeProvider, trap: FakeProvider, proxy: ProxyProcess, name: str, stream: bool
) -> None:
    values: tuple[Any, ...] = (trap.url, {"api_base": trap.url}, {"authorization": "Bearer x"})
    for value in values:
        reply = await ask(proxy, chat("ok", stream=stream, **{name: value}))
        error = json.loads(reply.body)["error"]
        assert reply.status == 400
        assert (error["type"], error["param"]) == ("invalid_request_error", name)
    assert vendor.received == []


async def test_case_44_such_fields_mean_nothing_deeper_in_a_request(
    vendor: FakeProvider, trap: FakeProvider, proxy: ProxyProcess
) -> None:
    fields = {"api_base": trap.url, "base_url": trap.url, "api_key": "mine"}
    deep = {**fields, "extra_body": {**fields, "headers": {"authorization": "Bearer x"}}}
    reply = await proxy.chat(
        model="ok", metadata=deep, litellm_params=deep, messages=[{**MESSAGES[0], "x": deep}]
    )
    assert reply.status == 200
    (request,) = vendor.received
    assert request.key == "key-of-ok"
    assert request.path == "/v1/chat/completions"


async def test_case_44_a_model_is_a_name_and_never_an_address(
    vendor: FakeProvider, trap: FakeProvider, proxy: ProxyProcess
) -> None:
    for model in (trap.url, f"openai/{trap.url}", f"ok@{trap.url}", "../../ok", "ok?x=y", "ok\r\n"):
        reply = await proxy.chat(model=model)
        assert (reply.status, reply.error["code"]) == (404, "model_not_found")
    assert vendor.received == []


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("status", REDIRECTS)
async def test_case_44_a_vendor_that_sends_elsewhere_is_not_followed(
    vendor: FakeProvider, trap: FakeProvider, proxy: ProxyProcess, status: int, stream: bool
) -> None:
    pool = f"to-{status}@s" if stream else f"to-{status}"
    where = f"{trap.url}/chat/completions"
    reply = await proxy.chat(model=pool, user=where, stream=stream)
    assert reply.status == 200
    assert reply.headers["x-modelmesh-provider"] == "ok"
    assert [request.model for request in vendor.received] == [pool, "ok"]
    await proxy.says(f"{pool}/{pool}: bad_answer ({status})")


async def test_case_44_a_key_goes_to_the_vendor_it_belongs_to_and_nowhere_else(
    trap: FakeProvider,
) -> None:
    async with FakeProvider() as first, FakeProvider() as second:
        config = many_pools(first, "status~code=500", "ok")
        config["providers"] = {
            "status~code=500": {**config["providers"]["ok"], "api_key": "key-one"},
            "ok": {**config["providers"]["ok"], "base_url": second.url, "api_key": "key-two"},
            "idle": {**config["providers"]["ok"], "base_url": trap.url, "api_key": "key-three"},
        }
        config["models"]["idle"] = {"provider": "idle"}
        config["pools"] = {POOL: {"models": ["status~code=500", "ok"]}}
        async with running_proxy(config) as proxy:
            assert (await proxy.chat({"authorization": "Bearer the-clients"})).status == 200
        assert {request.key for request in first.received} == {"key-one"}
        assert {request.key for request in second.received} == {"key-two"}
        everything = [str(request.raw_headers) for request in first.received + second.received]
        assert not any("the-clients" in headers for headers in everything)


# Case 45

KEPT_BACK = {
    "Authorization": "Bearer the-clients",
    "Cookie": "session=the-clients",
    "X-Api-Key": "the-clients",
    "Api-Key": "the-clients",
    "X-Goog-Api-Key": "the-clients",
    "Proxy-Authorization": "Basic the-clients",
    "Proxy-Connection": "the-clients",
    "X-Forwarded-For": "the-clients",
    "X-Forwarded-Host": "the-clients",
    "X-Forwarded-Proto": "the-clients",
    "X-Real-Ip": "the-clients",
    "Forwarded": "for=the-clients",
    "Via": "1.1 the-clients",
    "Host": "the-clients",
    "Origin": "https://the-clients",
    "Referer": "https://the-clients",
    "User-Agent": "the-clients",
    "Accept-Language": "the-clients",
    "X-Anything": "the-clients",
}
PASSED_ON = {
    "X-Client-Request-Id": "one",
    "Idempotency-Key": "two",
    "Traceparent": "three",
    "Tracestate": "four",
    "Openai-Beta": "five",
    "Anthropic-Beta": "six",
    "X-Team": "seven",
}


async def test_case_45_only_a_short_list_of_a_clients_headers_reaches_vendors(
    vendor: FakeProvider, proxy: ProxyProcess
) -> None:
    lines = [f"{name}: {text}" for name, text in {**KEPT_BACK, **PASSED_ON}.items()]
    reply = await ask(
        proxy, chat("ok", *lines, "Connection: close, X-Foo, X-Hop", "X-Foo: foo", "X-Hop: hop")
    )
    assert reply.status == 200
    (request,) = vendor.received
    assert "the-clients" not in str(request.raw_headers)
    assert request.key == "key-of-ok"
    assert request.headers["host"] == f"127.0.0.1:{vendor.port}"
    assert {name: request.headers.get(name.lower()) for name in PASSED_ON} == PASSED_ON
    # A header that belongs to the connection stays there, though the configuration names it.
    assert not {"x-foo", "x-hop"} & request.headers.keys()
    assert "foo" not in request.headers.get("connection", "").lower()
    assert len(request.headers) == len(request.raw_headers)


async def test_case_45_a_header_the_configuration_names_is_passed_on(
    vendor: FakeProvider, proxy: ProxyProcess
) -> None:
    assert (await ask(proxy, chat("ok", "X-Hop: on"))).status == 200
    assert vendor.received[0].headers["x-hop"] == "on"


@pytest.mark.parametrize("name", ["X-Foo", "X-Team", "Traceparent", "Authorization"])
@pytest.mark.parametrize("text", ["a\rb", "a\0b", "a\r b", "a\n\0b"])
async def test_case_45_a_line_break_or_a_null_in_a_header_is_refused(
    vendor: FakeProvider, proxy: ProxyProcess, name: str, text: str
) -> None:
    reply = await ask(proxy, chat("ok", f"{name}: {text}"))
    assert (reply.status, reply.headers["content-type"]) == (400, "application/json")
    assert vendor.received == []


async def test_case_45_a_line_that_smuggles_a_header_in_smuggles_it_to_nobody(
    vendor: FakeProvider, proxy: ProxyProcess
) -> None:
    for end in ("\n", "\r\n"):
        await ask(proxy, chat("ok", f"X-Team: a{end}X-Smuggled: b"))
    assert all("x-smuggled" not in request.headers for request in vendor.received)


@pytest.mark.parametrize(
    "lines",
    [
        ["Content-Length: 5", "Transfer-Encoding: chunked"],
        ["Transfer-Encoding: chunked", "Content-Length: 5"],
        ["Content-Length: 5", "Content-Length: 6"],
        ["Content-Length: 5", "Content-Length: 5"],
        ["Content-Length: 5, 6"],
        ["Content-Length: -1"],
        ["Content-Length: 0x5"],
        ["Host: proxy", "Host: other"],
        ["Transfer-Encoding: identity, chunked", "Content-Length: 5"],
        ["Transfer-Encoding : chunked"],
    ],
    ids=" & ".join,
)
async def test_case_45_a_request_that_can_be_read_in_two_ways_is_refused(
    vendor: FakeProvider, proxy: ProxyProcess, lines: list[str]
) -> None:
    # The server closes by itself, so that nothing behind it is taken for another request.
    reply = await ask(proxy, chat("ok", "Connection: keep-alive", *lines))
    assert (reply.status, reply.headers["content-type"]) == (400, "application/json")
    assert json.loads(reply.body)["error"]["type"] == "invalid_request_error"
    assert vendor.received == []


# Case 47


@pytest.mark.parametrize("stream", [False, True])
async def test_case_47_a_vendors_cookie_goes_back_to_nobody(
    vendor: FakeProvider, proxy: ProxyProcess, stream: bool
) -> None:
    for tenant in ("one", "two", "one"):
        key = {"authorization": f"Bearer {tenant}"}
        reply = await proxy.chat(key, model="set-cookie", stream=stream)
        assert reply.status == 200
        assert "set-cookie" not in reply.headers
    assert len(vendor.received) == 3
    assert all("cookie" not in request.headers for request in vendor.received)


async def test_case_47_every_request_is_asked_anew(
    vendor: FakeProvider, proxy: ProxyProcess
) -> None:
    replies = [
        await proxy.chat({"authorization": f"Bearer {tenant}"}, model="ok", seed=1, temperature=0)
        for tenant in ("one", "two", "one")
    ]
    assert len(vendor.received) == 3
    assert len({reply.json["id"] for reply in replies}) == 3


async def test_case_47_answers_of_several_at_once_are_not_mixed_up() -> None:
    async with FakeProvider() as echoing, running_proxy(one_vendor(echoing, "echo")) as server:
        replies = await asyncio.gather(
            *(server.chat(user=f"tenant-{n}", stream=bool(n % 2)) for n in range(40))
        )
    for number, reply in enumerate(replies):
        assert reply.text.count("tenant-") == 1
        assert f'tenant-{number}\\"' in reply.text
