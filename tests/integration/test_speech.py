"""Speech over the real server, on both fronts and by both transports."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import openai
import pytest
import pytest_asyncio
from openai import AsyncOpenAI
from proxy_process import WIRES, ProxyProcess, running_proxy, until

from modelmesh.testing.fake_provider import FakeProvider
from modelmesh.testing.fake_speech import FORMATS, USAGE, sound

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATH = "/v1/audio/speech"
TEXT = "Good morning."
POOLS = {
    "good": ["ok"],
    "slow": ["ok~gap=0.2"],
    "endless": ["ok~chunks=200~gap=0.05"],
    "failing-over": ["status~code=503", "empty-stream", "html-200", "error-200", "ok"],
    "silent": ["empty-stream"],
    "page": ["html-200"],
    "refusing": ["status~code=400"],
    "cut": ["cut-chunked"],
    "short": ["cut-length"],
    "reset": ["reset-mid"],
    "broken": ["error-mid"],
    "stalling": ["stall-mid"],
    "mute": ["never-headers"],
}


@pytest.fixture(autouse=True)
def fresh(vendor: FakeProvider) -> None:
    vendor.reset()


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=WIRES, ids="-".join)
async def proxy(
    vendor: FakeProvider, request: pytest.FixtureRequest
) -> AsyncIterator[ProxyProcess]:
    front, transport = request.param
    served = {"provider": "fake", "capabilities": ["text-to-speech"]}
    config = {
        "transport": transport,
        "providers": {"fake": {"connector": "openai-compatible", "base_url": vendor.url}},
        "models": {fault: served for faults in POOLS.values() for fault in faults},
        "pools": {
            name: {
                "models": faults,
                "retry": {"max_attempts": 1},
                "timeouts": {"idle": "0.4s" if name == "stalling" else "20s", "first_token": "20s"},
            }
            for name, faults in POOLS.items()
        },
        "proxy": {"front": front},
    }
    async with running_proxy(config) as running:
        yield running


async def arriving(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    """Give what arrives until the end, or until it breaks off."""
    async for piece in response.content.iter_any():
        yield piece


def asking(model: str, **more: Any) -> dict[str, Any]:
    return {"model": model, "input": TEXT, "voice": "alloy", **more}


@pytest.mark.parametrize("wanted", FORMATS)
async def test_each_format_arrives_whole_and_says_what_it_is(
    client: AsyncOpenAI, vendor: FakeProvider, wanted: Any
) -> None:
    response = await client.audio.speech.with_raw_response.create(
        model="good", input=TEXT, voice="alloy", response_format=wanted
    )
    assert response.content == sound(wanted)
    assert response.headers["content-type"] == FORMATS[wanted][0]
    assert response.headers["x-modelmesh-model"] == "ok"
    assert vendor.received[0].json["model"] == "ok"


async def test_everything_that_was_asked_for_reaches_the_vendor_byte_for_byte(
    proxy: ProxyProcess, vendor: FakeProvider
) -> None:
    more = {"speed": 1.25, "instructions": "Cheerful.", "response_format": "wav", "x_new": [1.0]}
    asked = json.dumps(asking("good", **more), indent=1)
    async with proxy.client.post(
        proxy.url + PATH, data=asked, headers={"content-type": "application/json"}
    ) as response:
        assert await response.read() == sound("wav")
    assert vendor.received[0].body.decode() == asked.replace('"good"', '"ok"')


async def test_the_sdk_streams_into_a_file(client: AsyncOpenAI, tmp_path: Path) -> None:
    path = tmp_path / "speech.mp3"
    async with client.audio.speech.with_streaming_response.create(
        model="good", input=TEXT, voice="alloy"
    ) as response:
        await response.stream_to_file(path)
    assert path.read_bytes() == sound()


async def test_the_first_bytes_arrive_before_the_vendor_has_sent_the_last(
    proxy: ProxyProcess, vendor: FakeProvider
) -> None:
    async with proxy.client.post(proxy.url + PATH, json=asking("slow")) as response:
        pieces = arriving(response)
        first = await anext(pieces)
        assert not vendor.received[0].finished
        rest = [piece async for piece in pieces]
    assert vendor.received[0].finished
    assert first + b"".join(rest) == sound()


async def test_speech_comes_as_events_where_they_are_asked_for(proxy: ProxyProcess) -> None:
    reply = await proxy.send("POST", PATH, json=asking("good", stream_format="sse"))
    assert reply.headers["content-type"].startswith("text/event-stream")
    *told, end = reply.events
    *deltas, done = map(json.loads, told)
    assert end == "[DONE]"
    assert {delta["type"] for delta in deltas} == {"speech.audio.delta"}
    assert b"".join(base64.b64decode(delta["audio"]) for delta in deltas) == sound()
    assert done == {"type": "speech.audio.done", "usage": USAGE}


async def test_what_is_no_speech_makes_the_next_target_speak(
    client: AsyncOpenAI, vendor: FakeProvider
) -> None:
    response = await client.audio.speech.with_raw_response.create(
        model="failing-over", input=TEXT, voice="alloy"
    )
    assert response.content == sound()
    assert response.headers["x-modelmesh-attempts"] == "5"
    assert [request.model for request in vendor.received] == POOLS["failing-over"]


@pytest.mark.parametrize("pool", ["silent", "page"])
@pytest.mark.parametrize("more", [{}, {"stream_format": "sse"}], ids=["bytes", "events"])
async def test_an_answer_without_sound_is_a_bad_gateway(
    proxy: ProxyProcess, pool: str, more: dict[str, str]
) -> None:
    reply = await proxy.send("POST", PATH, json=asking(pool, **more))
    assert reply.status == 502
    assert reply.error["code"] == "upstream_bad_answer"


async def test_a_refusal_of_the_vendors_reaches_the_client(client: AsyncOpenAI) -> None:
    with pytest.raises(openai.BadRequestError):
        await client.audio.speech.create(model="refusing", input=TEXT, voice="alloy")


@pytest.mark.parametrize("pool", ["cut", "short", "reset", "broken", "stalling"])
async def test_sound_that_breaks_off_never_ends_as_if_it_were_whole(
    proxy: ProxyProcess, pool: str
) -> None:
    had = bytearray()

    async def listen() -> None:
        async with proxy.client.post(proxy.url + PATH, json=asking(pool)) as response:
            assert response.status == 200
            async for piece in arriving(response):
                had.extend(piece)

    with pytest.raises(aiohttp.ClientPayloadError):
        await listen()
    assert 0 < len(had) < len(sound())
    assert sound().startswith(had)


async def test_an_old_client_sees_a_reset_where_sound_breaks_off(proxy: ProxyProcess) -> None:
    sent = json.dumps(asking("stalling")).encode()
    head = f"POST {PATH} HTTP/1.0\r\nContent-Type: application/json\r\nContent-Length: {len(sent)}"
    with pytest.raises(ConnectionResetError):
        await proxy.raw(f"{head}\r\n\r\n".encode() + sent)


@pytest.mark.parametrize("pool", ["cut", "short", "reset", "broken", "stalling"])
async def test_events_that_break_off_end_with_an_error(proxy: ProxyProcess, pool: str) -> None:
    reply = await proxy.send("POST", PATH, json=asking(pool, stream_format="sse"))
    *deltas, end = map(json.loads, reply.events)
    assert len(deltas) == 2
    assert end["error"]["type"]


@pytest.mark.parametrize("more", [{}, {"stream_format": "sse"}], ids=["bytes", "events"])
async def test_a_client_that_leaves_ends_the_vendors_work(
    proxy: ProxyProcess, vendor: FakeProvider, more: dict[str, str]
) -> None:
    async with proxy.client.post(proxy.url + PATH, json=asking("endless", **more)) as response:
        await anext(arriving(response))
        response.close()
    await until(lambda: vendor.received[0].client_gone)
    assert not vendor.received[0].finished


async def test_a_client_that_leaves_before_it_hears_anything_ends_the_vendors_work(
    proxy: ProxyProcess, vendor: FakeProvider
) -> None:
    asked = asyncio.create_task(proxy.send("POST", PATH, json=asking("mute")))
    await until(lambda: vendor.received)
    asked.cancel()
    await until(lambda: vendor.received[0].client_gone)


async def test_many_speak_at_once(client: AsyncOpenAI) -> None:
    async def speak(wanted: Any) -> bytes:
        response = await client.audio.speech.create(
            model="good", input=TEXT, voice="alloy", response_format=wanted
        )
        return response.content

    formats = list(FORMATS) * 5
    assert await asyncio.gather(*map(speak, formats)) == [sound(each) for each in formats]


async def test_an_empty_text_is_refused_before_anybody_is_asked(
    proxy: ProxyProcess, vendor: FakeProvider
) -> None:
    reply = await proxy.send("POST", PATH, json=asking("good", input=""))
    assert (reply.status, reply.error["param"]) == (400, "input")
    assert vendor.received == []
