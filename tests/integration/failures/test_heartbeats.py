"""Case 29: signs of life in a silent stream, which no client stumbles over."""

import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from openai import AsyncOpenAI
from proxy_process import ProxyProcess, many_pools, running_proxy, until

from failures.raw_http import ask, chat
from failures.sound_stream import payloads, said
from modelmesh.testing.fake_answers import event, talk
from modelmesh.testing.fake_provider import Exchange, FakeProvider, Fault

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("fresh")]


async def pausing(exchange: Exchange) -> None:
    """Name events, pause between them, and pause within one."""
    parts = talk(exchange, "Hello after a while", 2).parts()
    await exchange.begin()
    for number, part in enumerate(parts):
        await exchange.send(b"id: %d\n" % number)
        half = len(part) // 2
        await exchange.send(part[:half])
        await exchange.sleep(0.3 if number in (1, 2) else 0)
        await exchange.send(part[half:])
        await exchange.sleep(0.3 if number in (1, 2) else 0)
    await exchange.end()


async def slow_refusal(exchange: Exchange) -> None:
    """Begin a stream, say nothing for a while, then say why."""
    await exchange.begin()
    await exchange.sleep(0.7)
    await exchange.send(event({"error": {"message": "no", "code": "rate_limit_exceeded"}}))
    await exchange.end()


FAULTS: dict[str, Fault] = {"pausing": pausing, "slow-refusal": slow_refusal}
LATE = "slow-first-token~delay=0.7"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def vendor() -> AsyncIterator[FakeProvider]:
    async with FakeProvider(faults=FAULTS) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def proxy(vendor: FakeProvider) -> AsyncIterator[ProxyProcess]:
    config = many_pools(vendor, *FAULTS, LATE, "stall-mid")
    for pool in config["pools"].values():
        pool["timeouts"] = {"first_token": 20, "idle": 20}
    config["pools"]["stall-mid"]["timeouts"]["idle"] = 1
    config["proxy"] = {"heartbeat": "200ms"}
    async with running_proxy(config) as running:
        yield running


async def test_case_29_silence_is_filled_with_comments_between_events_only(
    vendor: FakeProvider, proxy: ProxyProcess
) -> None:
    reply = await ask(proxy, chat("pausing", stream=True))

    assert reply.text.count(": ping\n") >= 2
    events = reply.text.replace(": ping\n", "")
    assert said(payloads(events)) == "Hello after a while"
    assert "id:" not in events.replace('"id":', "")
    # Each comment stands where an event has ended.
    assert all(part == "" or part.endswith("\n\n") for part in reply.text.split(": ping\n"))
    assert len(vendor.received) == 1


async def test_case_29_the_official_client_does_not_stumble_over_them(proxy: ProxyProcess) -> None:
    async with AsyncOpenAI(base_url=f"{proxy.url}/v1", api_key="any", max_retries=0) as sdk:
        stream = await sdk.chat.completions.create(
            model="pausing", messages=[{"role": "user", "content": "Hello!"}], stream=True
        )
        chunks = [chunk.model_dump() async for chunk in stream]
    assert said(chunks) == "Hello after a while"
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"


async def test_case_29_nothing_is_sent_before_there_is_content(
    vendor: FakeProvider, proxy: ProxyProcess
) -> None:
    late = await ask(proxy, chat(LATE, stream=True))
    refused = await ask(proxy, chat("slow-refusal", stream=True))

    assert late.text.startswith("data: ")
    assert said(payloads(late.text)) == f"Hello from {LATE}"
    assert (refused.status, refused.headers["content-type"]) == (429, "application/json")
    assert json.loads(refused.text)["error"]["code"] == "rate_limit_exceeded"
    assert len(vendor.received) == 2


async def test_case_29_comments_of_ours_do_not_hide_a_vendor_that_fell_silent(
    vendor: FakeProvider, proxy: ProxyProcess
) -> None:
    reply = await ask(proxy, chat("stall-mid", stream=True))

    *_, last, end = reply.text.split("\n\n")
    assert end == ""
    assert json.loads(last.rpartition("data: ")[2])["error"]["code"] == "stream_incomplete"
    assert reply.text.count(": ping\n") >= 2
    (request,) = vendor.received
    await until(lambda: request.client_gone)
    await proxy.says("stall-mid/stall-mid: stream_incomplete")
