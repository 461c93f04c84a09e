"""Vendors that speak by a wire of their own, asked over the real server by the official SDK."""

import base64
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

import openai
import pytest
import pytest_asyncio
from openai import AsyncOpenAI
from proxy_process import ProxyProcess, running_proxy

from modelmesh.testing.fake_provider import FakeProvider
from modelmesh.testing.fake_speech import sound
from modelmesh.testing.fake_wire import EVENTS, Exchange

pytestmark = pytest.mark.asyncio(loop_scope="module")

SAMPLES = sound("pcm")
# Of each vendor what its addresses have in them, and a model.
VENDORS: Mapping[str, tuple[str, str]] = {
    "elevenlabs.tts.v1": ("/v1/text-to-speech/", "eleven_flash_v2_5"),
    "deepgram.stt.v1": ("/v1/speak", "aura-2"),
    "azure.speech.v1": ("/cognitiveservices/v1", "neural"),
    "xai.api.v1": ("/tts", "grok-tts"),
    "google.gemini.v1": (":streamGenerateContent", "gemini-3.8-flash-tts"),
}


async def speak(exchange: Exchange) -> None:
    """Answer as the vendor whose address is asked, or refuse for want of quota."""
    path = exchange.request.path
    if "key" in exchange.request.headers.get("xi-api-key", ""):
        detail = {"status": "quota_exceeded", "message": "No credits are left."}
        await exchange.answer(401, json.dumps({"detail": detail}).encode())
        return
    await exchange.begin(
        headers={"content-type": EVENTS if ":stream" in path else "audio/x-of-its-own"}
    )
    for part in (SAMPLES[:500], SAMPLES[500:]):
        await exchange.send(_gemini(part) if ":stream" in path else part)
    if ":stream" in path:
        await exchange.send(_gemini(b"", finishReason="STOP"))
    await exchange.end()


def _gemini(samples: bytes, **more: str) -> bytes:
    inline = {"mimeType": "audio/L16;rate=24000", "data": base64.b64encode(samples).decode()}
    parts = [{"inlineData": inline}] if samples else []
    usage = {"promptTokenCount": 1, "candidatesTokenCount": 1, "totalTokenCount": 2}
    said = {"candidates": [{"content": {"parts": parts}, **more}], "usageMetadata": usage}
    return f"data: {json.dumps(said)}\n\n".encode()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def vendor() -> AsyncIterator[FakeProvider]:
    # Some say nowhere which model they are asked for.
    models = ["", *(model for _, model in VENDORS.values())]
    async with FakeProvider(faults=dict.fromkeys(models, speak)) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def proxy(vendor: FakeProvider) -> AsyncIterator[ProxyProcess]:
    address = vendor.url.removesuffix("/v1")
    providers: dict[str, Any] = {id_: {"base_url": address} for id_ in VENDORS}
    providers["broke"] = {
        "connector": "elevenlabs.tts.v1",
        "base_url": address,
        "api_key": "the-key-of-somebody-poor",
    }
    models = {id_: {"provider": id_, "model": model} for id_, (_, model) in VENDORS.items()}
    models["poor"] = {"provider": "broke", "model": "eleven_flash_v2_5"}
    config = {
        "providers": providers,
        "models": {id_: {**m, "capabilities": ["text-to-speech"]} for id_, m in models.items()},
        "pools": {
            **{id_: {"models": [id_]} for id_ in models},
            "two": {"models": ["poor", "deepgram.stt.v1"]},
            "mixed": {"models": ["google.gemini.v1", "deepgram.stt.v1"]},
        },
    }
    async with running_proxy(config) as running:
        yield running


@pytest.mark.parametrize("pool", VENDORS)
async def test_a_vendor_of_its_own_wire_speaks(
    client: AsyncOpenAI, vendor: FakeProvider, pool: str
) -> None:
    response = await client.audio.speech.with_raw_response.create(
        model=pool, input="Hello.", voice="alloy", response_format="pcm"
    )
    assert response.content == SAMPLES
    assert response.headers["content-type"] == "audio/pcm"
    assert VENDORS[pool][0] in vendor.received[-1].path


@pytest.mark.parametrize("pool", VENDORS)
async def test_a_vendor_that_knows_no_events_is_heard_in_some(
    proxy: ProxyProcess, pool: str
) -> None:
    asked = {"model": pool, "input": "Hi", "voice": "alloy", "stream_format": "sse"}
    reply = await proxy.send("POST", "/v1/audio/speech", json={**asked, "response_format": "pcm"})
    *told, done, end = reply.events
    assert end == "[DONE]"
    assert json.loads(done)["type"] == "speech.audio.done"
    heard = [base64.b64decode(json.loads(one)["audio"]) for one in told]
    assert b"".join(heard) == SAMPLES


async def test_quota_that_is_used_up_makes_the_next_vendor_speak(client: AsyncOpenAI) -> None:
    response = await client.audio.speech.with_raw_response.create(
        model="two", input="Hello.", voice="alloy"
    )
    assert response.content == SAMPLES
    assert response.headers["x-modelmesh-provider"] == "deepgram.stt.v1"
    assert response.headers["x-modelmesh-attempts"] == "2"


async def test_who_does_not_make_a_format_is_passed_by(client: AsyncOpenAI) -> None:
    response = await client.audio.speech.with_raw_response.create(
        model="mixed", input="Hello.", voice="alloy", response_format="mp3"
    )
    assert response.headers["content-type"] == "audio/mpeg"
    assert response.headers["x-modelmesh-attempts"] == "1"
    with pytest.raises(openai.BadRequestError) as refused:
        await client.audio.speech.create(
            model="google.gemini.v1", input="Hello.", voice="alloy", response_format="mp3"
        )
    assert refused.value.param == "response_format"


async def test_a_hint_that_is_left_out_is_told_of(client: AsyncOpenAI) -> None:
    response = await client.audio.speech.with_raw_response.create(
        model="deepgram.stt.v1", input="Hello.", voice="alloy", instructions="Whisper.", speed=3.0
    )
    assert response.headers["x-modelmesh-dropped-params"] == "instructions, speed"
