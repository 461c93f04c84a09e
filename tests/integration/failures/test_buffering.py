"""Case 42: nothing waits on the way, and nobody on the way is asked to let it wait."""

import asyncio

import pytest
from proxy_process import POOL, one_vendor, running_proxy, until

from failures.raw_http import chat, connected
from modelmesh.testing.fake_answers import talk
from modelmesh.testing.fake_provider import Exchange, FakeProvider


class StepByStep:
    """A vendor that streams the next event only when it is told to."""

    def __init__(self) -> None:
        self.events: list[bytes] = []
        self.more = asyncio.Semaphore(0)

    async def __call__(self, exchange: Exchange) -> None:
        self.events = talk(exchange, chunks=5).parts()
        await exchange.begin()
        for event in self.events:
            await self.more.acquire()
            await exchange.send(event)
        await exchange.end()


@pytest.mark.parametrize("transport", ["direct", "aiohttp"])
async def test_case_42_every_event_is_passed_on_at_once(
    transport: str,
) -> None:
    steps = StepByStep()
    async with (
        FakeProvider(faults={"step-by-step": steps}) as vendor,
        running_proxy({**one_vendor(vendor, "step-by-step"), "transport": transport}) as proxy,
        connected(proxy) as (reader, writer),
    ):
        counted = {"stream": True, "stream_options": {"include_usage": True}}
        writer.write(chat(POOL, "Accept-Encoding: gzip", **counted))
        await until(lambda: vendor.received)
        steps.more.release()  # the role, and
        steps.more.release()  # the first text, with which the answer begins
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        # What was held back until the answer began goes out together, all else by itself.
        began, others = b"".join(steps.events[:2]), steps.events[2:]
        for event in [began, *others]:
            if event is not began:
                steps.more.release()  # only now the vendor says it
            size = int(await reader.readuntil(b"\r\n"), 16)
            chunk = await reader.readexactly(size)
            await reader.readexactly(2)
            assert chunk == event
        assert await reader.read() == b"0\r\n\r\n"

    lines = head.split("\r\n")
    assert "content-type: text/event-stream; charset=utf-8" in lines
    assert "cache-control: no-cache, no-transform" in lines
    assert "x-accel-buffering: no" in lines
    assert "transfer-encoding: chunked" in lines
    assert "content-length" not in head
    assert "content-encoding" not in head
    assert vendor.received[0].finished
