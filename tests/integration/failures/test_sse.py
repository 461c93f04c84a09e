"""Streams as vendors write them, and the one way in which clients get them."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Sequence
from functools import partial
from pathlib import Path

import pytest
import pytest_asyncio
from openai import AsyncOpenAI
from proxy_process import ProxyProcess, many_pools, running_proxy, until

from failures.raw_http import ask, chat, connected
from failures.sound_stream import payloads, said
from modelmesh.testing.fake_answers import DONE, pieces, talk
from modelmesh.testing.fake_provider import Exchange, FakeProvider, Fault

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("fresh")]

VARIANTS = {
    "ok": "Hello from ok",
    "crlf": "Hello from crlf",
    "cr": "Hello from cr",
    "bom": "Hello from bom",
    "no-space": "Hello from no-space",
    "multi-line-data": "Hello from multi-line-data",
    "no-final-blank-line": "Hello from no-final-blank-line",
    "no-done": "Hello from no-done",
    "split-utf8": "Hello \N{WAVING HAND SIGN} from split-utf8 \N{WORLD MAP}",
    "usage-in-stream": "Hello from usage-in-stream",
    "adorned-lf": "\N{WAVING HAND SIGN} Grüße",
    "adorned-crlf": "\N{WAVING HAND SIGN} Grüße",
    "adorned-cr": "\N{WAVING HAND SIGN} Grüße",
}
MEBIBYTE = 1 << 20


def adorned(line_end: str) -> bytes:
    """Write a stream with all that is allowed, what gateways put in, and no mark of its end."""
    role, first, last = (
        {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": c}
        for c in (
            [{"index": 0, "delta": {"role": "assistant"}, "finish_reason": None}],
            [{"index": 0, "delta": {"content": "\N{WAVING HAND SIGN}"}, "finish_reason": None}],
            [{"index": 0, "delta": {"content": " Grüße"}, "finish_reason": "stop"}],
        )
    )
    lines = [
        f"\N{BYTE ORDER MARK}data: {json.dumps(role)}",
        "",
        ": a comment",
        "retry: 10",
        "",
        "data: : OPENROUTER PROCESSING",
        "",
        "event: message",
        "id: 7",
        *(f"data:{line}" for line in json.dumps(first, ensure_ascii=False, indent=1).split("\n")),
        ": another one",
        "",
        f"data: {json.dumps(last, ensure_ascii=False)}",
    ]
    return line_end.join([*lines, ""]).encode()


async def cut(exchange: Exchange, *, line_end: str, places: Sequence[int] = ()) -> None:
    """Send the adorned stream in pieces: cut at these places, by default at every one."""
    stream = adorned(line_end)
    await exchange.begin()
    ends = [*(places or range(1, len(stream))), len(stream)]
    for start, end in zip([0, *ends], ends, strict=False):
        await exchange.send(stream[start:end])
        await exchange.sleep(0.01 if places else 0.0005)
    await exchange.end()


async def cut_in_two(exchange: Exchange) -> None:
    """Cut where the request's seed says, so that each place gets its turn."""
    await cut(exchange, line_end="\r\n", places=[exchange.request.json["seed"]])


async def huge_event_after_text(exchange: Exchange, *, mebibytes: int = 33) -> None:
    """Say something, then begin an event of so many MiB, and never end it before."""
    await exchange.begin()
    for part in talk(exchange, "Hello").parts()[:2]:
        await exchange.send(part)
    await exchange.send(b'data: {"choices":[{"delta":{"content":"')
    for _ in range(mebibytes):
        await exchange.send(b"x" * MEBIBYTE)
    await exchange.silence()


FAULTS: dict[str, Fault] = {
    "adorned-lf": partial(cut, line_end="\n"),
    "adorned-crlf": partial(cut, line_end="\r\n"),
    "adorned-cr": partial(cut, line_end="\r"),
    "cut-in-two": cut_in_two,
    "huge-event-after-text": huge_event_after_text,
    "endless-event": partial(huge_event_after_text, mebibytes=400),
}
OTHERS = ["huge-line", f"huge-line~bytes={33 << 20}"]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def vendor() -> AsyncIterator[FakeProvider]:
    async with FakeProvider(faults=FAULTS) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["direct", "aiohttp"])
async def proxy(
    vendor: FakeProvider, request: pytest.FixtureRequest
) -> AsyncIterator[ProxyProcess]:
    """Run the server with each of its transports."""
    config = many_pools(vendor, *dict.fromkeys([*VARIANTS, *FAULTS, *OTHERS]))
    for pool in config["pools"].values():
        pool["timeouts"] = {"first_token": 20, "idle": 20}
    config["transport"] = request.param
    async with running_proxy(config) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sdk(proxy: ProxyProcess) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(base_url=f"{proxy.url}/v1", api_key="any", max_retries=0) as client:
        yield client


def peak_memory(proxy: ProxyProcess) -> int:
    """Tell the most memory that the process ever had, in bytes."""
    status = Path(f"/proc/{proxy.process.pid}/status").read_text()
    return next(
        int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM")
    )


@pytest.mark.parametrize("variant", VARIANTS)
async def test_case_28_a_stream_comes_out_in_one_form_however_it_was_written(
    vendor: FakeProvider, proxy: ProxyProcess, variant: str
) -> None:
    reply = await ask(proxy, chat(variant, stream=True))

    assert reply.status == 200
    chunks = payloads(reply.text)
    (*deltas, end) = [chunk["choices"][0] for chunk in chunks]
    assert deltas.pop(0)["delta"]["role"] == "assistant"
    # An answer of the fake vendor's ends with a chunk without text.
    words = [*deltas, end] if variant.startswith("adorned") else deltas
    assert [choice["delta"]["content"] for choice in words] == pieces(VARIANTS[variant])
    assert [choice["finish_reason"] for choice in (*deltas, end)] == [*[None] * len(deltas), "stop"]
    assert len({chunk["id"] for chunk in chunks}) == 1
    (request,) = vendor.received
    assert request.client_gone is None
    assert f" {variant}/{variant}: " not in proxy.logs  # where failures are noted


@pytest.mark.parametrize("variant", VARIANTS)
async def test_case_28_the_official_client_reads_every_one(sdk: AsyncOpenAI, variant: str) -> None:
    stream = await sdk.chat.completions.create(
        model=variant, messages=[{"role": "user", "content": "Hello!"}], stream=True
    )
    chunks = [chunk.model_dump() async for chunk in stream]
    assert said(chunks) == VARIANTS[variant]


async def test_case_28_a_stream_may_be_cut_at_any_byte(
    vendor: FakeProvider, proxy: ProxyProcess
) -> None:
    async def text_of(seed: int) -> str:
        return (await proxy.chat(model="cut-in-two", seed=seed, stream=True)).text

    places = range(1, len(adorned("\r\n")))
    came = []
    for first in range(0, len(places), 50):
        came += await asyncio.gather(*map(text_of, places[first : first + 50]))

    assert len(came) > 400
    assert {said(payloads(stream)) for stream in came} == {"\N{WAVING HAND SIGN} Grüße"}
    assert len(set(came)) == 1
    assert len(vendor.received) == len(came)


async def test_case_30_an_event_of_8_mib_comes_through_whole(
    vendor: FakeProvider, proxy: ProxyProcess
) -> None:
    reply = await ask(proxy, chat("huge-line", stream=True))

    text = said(payloads(reply.text))
    assert len(text) == 8 * MEBIBYTE
    assert hashlib.sha256(text.encode()).digest() == hashlib.sha256(b"x" * len(text)).digest()
    assert len(vendor.received) == 1


async def test_case_30_an_event_beyond_the_limit_ends_the_stream_with_an_error(
    vendor: FakeProvider, proxy: ProxyProcess
) -> None:
    reply = await ask(proxy, chat("huge-event-after-text", stream=True))

    assert reply.status == 200
    role, hello, error, end = reply.text.split("\n\n")
    assert end == ""
    assert said([json.loads(one.removeprefix("data: ")) for one in (role, hello)]) == "Hello"
    assert json.loads(error.removeprefix("data: "))["error"]["code"] == "upstream_bad_answer"
    (request,) = vendor.received
    await until(lambda: request.client_gone)
    await proxy.says("huge-event-after-text/huge-event-after-text: bad_answer")
    again = await proxy.chat(model="ok")
    assert again.status == 200


async def test_case_30_one_that_comes_before_any_text_is_a_plain_error(proxy: ProxyProcess) -> None:
    reply = await ask(proxy, chat(f"huge-line~bytes={33 << 20}", stream=True))
    assert reply.status == 502
    assert json.loads(reply.text)["error"]["code"] == "upstream_bad_answer"


async def test_case_30_an_event_without_end_takes_no_memory_without_end(
    vendor: FakeProvider, proxy: ProxyProcess
) -> None:
    async with connected(proxy) as (reader, writer):
        writer.write(chat("endless-event", stream=True))
        came = await reader.read()

    assert b"upstream_bad_answer" in came
    (request,) = vendor.received
    await until(lambda: request.client_gone)
    assert DONE not in came
    assert peak_memory(proxy) < 300 * MEBIBYTE
