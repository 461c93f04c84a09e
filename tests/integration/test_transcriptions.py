"""Transcriptions over the real server, with OpenAI's SDK, on both fronts and by both transports."""

import base64
import hashlib
import io
import json
import random
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import openai
import pytest
import pytest_asyncio
from openai import AsyncOpenAI
from proxy_process import WIRES, ProxyProcess, running_proxy

from modelmesh.proxy import forms
from modelmesh.proxy.uploads import MAX_UPLOAD
from modelmesh.testing.fake_provider import FakeProvider, Received
from modelmesh.testing.fake_transcriptions import SAID, SRT, USAGE, VTT
from modelmesh.types import Upload

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATH = "/v1/audio/transcriptions"
# What looks like the end of a part, and whatever else a byte can be.
AUDIO = b"RIFF\r\n--modelmesh-\r\n\r\n" + bytes(range(256)) + b"--\r\n"
TEXT = "".join(SAID)
FAILING = ["status~code=503", "empty-stream", "html-200", "error-200", "empty-object", "ok"]
POOLS = {
    "good": ["ok"],
    "whole": ["whole"],
    "timed": ["timed"],
    # What has failed once is left alone, so each test has targets of its own.
    **{pool: [f"{fault}@{pool}" for fault in FAILING] for pool in ("plain", "streamed", "large")},
    "nothing": ["empty-object"],
    "page": ["html-200"],
    "refusing": ["status~code=400"],
    "cut": ["cut-chunked"],
    "early": ["done-early"],
    "broken": ["error-mid"],
    "stalling": ["stall-mid"],
}


@pytest.fixture(autouse=True)
def fresh(vendor: FakeProvider) -> None:
    vendor.reset()


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=WIRES, ids="-".join)
async def proxy(
    vendor: FakeProvider, request: pytest.FixtureRequest
) -> AsyncIterator[ProxyProcess]:
    front, transport = request.param
    served = {"provider": "fake", "capabilities": ["speech-to-text"]}
    config = {
        "transport": transport,
        "providers": {
            "fake": {"connector": "openai-compatible", "base_url": vendor.url},
            "groq": {"connector": "groq.api.v1", "base_url": vendor.url, "api_key": "k"},
        },
        "models": {
            **{fault: served for faults in POOLS.values() for fault in faults},
            "subtitled": {**served, "provider": "groq", "model": "timed"},
        },
        "pools": {
            name: {
                "models": faults,
                "retry": {"max_attempts": 1},
                "timeouts": {"idle": "0.4s" if name == "stalling" else "20s", "first_token": "20s"},
            }
            for name, faults in {**POOLS, "subtitled": ["subtitled"]}.items()
        },
        "proxy": {"front": front, "token": "a-token"},
    }
    async with running_proxy(config) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def client(proxy: ProxyProcess) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(base_url=f"{proxy.url}/v1", api_key="a-token", max_retries=0) as sdk:
        yield sdk


def received(request: Received) -> forms.Form:
    """Return the form which a vendor was sent."""
    return forms.parse(request.body, request.headers["content-type"])


def sha256_of(request: Received) -> str:
    return hashlib.sha256(received(request).files["file"].content).hexdigest()


async def post(proxy: ProxyProcess, **sent: Any) -> tuple[int, Any]:
    headers = {"authorization": "Bearer a-token", **sent.pop("headers", {})}
    async with proxy.client.post(proxy.url + PATH, headers=headers, **sent) as response:
        return response.status, json.loads(await response.read())


def form(model: str, content: bytes = AUDIO, **fields: str) -> aiohttp.FormData:
    filled = aiohttp.FormData({"model": model, **fields})
    file = io.BytesIO(content)
    filled.add_field("file", file, filename="speech.wav", content_type="audio/wav")
    return filled


async def test_a_transcript_is_what_the_sdk_makes_of_it(
    client: AsyncOpenAI, vendor: FakeProvider
) -> None:
    said = await client.audio.transcriptions.create(model="good", file=("a.wav", AUDIO))
    assert said.text == TEXT
    assert said.usage is not None
    assert said.usage.to_dict() == USAGE
    sent = received(vendor.received[0])
    assert sent.fields == {"model": "ok"}
    assert sent.files["file"] == Upload(name="a.wav", content_type="audio/x-wav", content=AUDIO)


@pytest.mark.parametrize(("wanted", "text"), [("text", f"{TEXT}\n"), ("srt", SRT), ("vtt", VTT)])
async def test_a_text_comes_as_a_text(client: AsyncOpenAI, wanted: Any, text: str) -> None:
    response = await client.audio.transcriptions.with_raw_response.create(
        model="good", file=("a.wav", AUDIO), response_format=wanted
    )
    assert response.headers["content-type"] == "text/plain; charset=utf-8"
    assert response.parse() == text


@pytest.mark.parametrize(("wanted", "text"), [("srt", SRT), ("vtt", VTT), ("text", f"{TEXT}\n")])
async def test_subtitles_are_written_for_a_vendor_that_has_none(
    client: AsyncOpenAI, vendor: FakeProvider, wanted: Any, text: str
) -> None:
    said: Any = await client.audio.transcriptions.create(
        model="subtitled", file=("a.wav", AUDIO), response_format=wanted
    )
    assert said == text
    asked = "json" if wanted == "text" else "verbose_json"
    assert received(vendor.received[0]).fields == {"model": "timed", "response_format": asked}


async def test_what_only_some_vendors_have_is_asked_of_no_other(
    client: AsyncOpenAI, vendor: FakeProvider
) -> None:
    with pytest.raises(openai.BadRequestError, match="response_format"):
        await client.audio.transcriptions.create(
            model="subtitled", file=("a.wav", AUDIO), response_format="diarized_json"
        )
    assert vendor.received == []


async def test_segments_and_speakers_are_told(client: AsyncOpenAI) -> None:
    verbose = await client.audio.transcriptions.create(
        model="good", file=("a.wav", AUDIO), response_format="verbose_json"
    )
    assert [segment.text for segment in verbose.segments or ()] == list(SAID)
    assert verbose.duration == 2.5
    diarized = await client.audio.transcriptions.create(
        model="good", file=("a.wav", AUDIO), response_format="diarized_json"
    )
    assert [(line.speaker, line.text) for line in diarized.segments] == [("A", t) for t in SAID]


async def test_every_parameter_reaches_the_vendor(
    client: AsyncOpenAI, vendor: FakeProvider
) -> None:
    await client.audio.transcriptions.create(
        model="good",
        file=("a.wav", AUDIO, "audio/wav"),
        language="en",
        prompt="Zürich „naïve“",
        temperature=0.25,
        response_format="verbose_json",
        timestamp_granularities=["word", "segment"],
        include=["logprobs"],
        chunking_strategy={"type": "server_vad", "threshold": 0.5},
        extra_body={"x_new": "1"},
    )
    assert received(vendor.received[0]).fields == {
        "model": "ok",
        "language": "en",
        "prompt": "Zürich „naïve“",
        "temperature": "0.25",
        "response_format": "verbose_json",
        "timestamp_granularities": ["word", "segment"],
        "include": ["logprobs"],
        "chunking_strategy": {"type": "server_vad", "threshold": "0.5"},
        "x_new": "1",
    }


async def test_a_transcript_is_streamed(client: AsyncOpenAI, vendor: FakeProvider) -> None:
    stream = await client.audio.transcriptions.create(
        model="good", file=("a.wav", AUDIO), stream=True
    )
    events = [event async for event in stream]
    deltas = [event.delta for event in events if event.type == "transcript.text.delta"]
    assert deltas == list(SAID)
    assert events[-1].type == "transcript.text.done"
    assert events[-1].to_dict()["usage"] == USAGE
    assert received(vendor.received[0]).fields == {"model": "ok", "stream": "true"}


async def test_a_transcript_that_comes_whole_is_a_stream_all_the_same(client: AsyncOpenAI) -> None:
    stream = await client.audio.transcriptions.create(
        model="whole", file=("a.wav", AUDIO), stream=True
    )
    told = [event.to_dict() async for event in stream]
    assert told == [
        {"type": "transcript.text.delta", "delta": TEXT},
        {"type": "transcript.text.done", "text": TEXT, "usage": USAGE},
    ]


@pytest.mark.parametrize("pool", ["cut", "early", "broken", "stalling"])
async def test_a_stream_that_breaks_off_never_ends_as_if_it_were_whole(
    client: AsyncOpenAI, pool: str
) -> None:
    stream = await client.audio.transcriptions.create(
        model=pool, file=("a.wav", AUDIO), stream=True
    )
    assert (await anext(stream)).type == "transcript.text.delta"
    with pytest.raises(openai.APIError):
        await anext(stream)


@pytest.mark.parametrize("pool", ["plain", "streamed"])
async def test_every_attempt_gets_the_same_bytes(
    client: AsyncOpenAI, vendor: FakeProvider, pool: str
) -> None:
    response = await client.audio.transcriptions.with_raw_response.create(
        model=pool, file=("a.wav", AUDIO), stream=pool == "streamed"
    )
    assert response.headers["x-modelmesh-attempts"] == "6"
    assert [request.model for request in vendor.received] == POOLS[pool]
    assert {sha256_of(request) for request in vendor.received} == {
        hashlib.sha256(AUDIO).hexdigest()
    }


async def test_the_largest_file_there_may_be_arrives_byte_for_byte_at_both_vendors(
    proxy: ProxyProcess, vendor: FakeProvider
) -> None:
    largest = random.Random(0).randbytes(MAX_UPLOAD)
    status, body = await post(proxy, data=form("large", largest))
    assert (status, body["text"]) == (200, TEXT)
    first, *_, last = vendor.received
    assert sha256_of(first) == sha256_of(last) == hashlib.sha256(largest).hexdigest()


async def test_a_larger_file_is_refused(proxy: ProxyProcess, vendor: FakeProvider) -> None:
    status, body = await post(proxy, data=form("good", bytes(MAX_UPLOAD + 1)))
    assert (status, body["error"]["param"]) == (413, "file")
    assert vendor.received == []


async def test_json_with_the_file_in_base64_is_a_form_to_the_vendor(
    proxy: ProxyProcess, vendor: FakeProvider
) -> None:
    told = base64.b64encode(AUDIO).decode()
    for file in (told, f"data:audio/wav;base64,{told}"):
        status, body = await post(proxy, json={"model": "good", "file": file, "language": "en"})
        assert (status, body["text"]) == (200, TEXT)
    plain, named = map(received, vendor.received)
    assert plain.files["file"].content == named.files["file"].content == AUDIO
    assert named.files["file"].name == "audio.wav"
    assert named.fields == {"model": "ok", "language": "en"}


@pytest.mark.parametrize(
    ("sent", "status", "words"),
    [
        ({"json": {"model": "good"}}, 400, "`file` must be the audio"),
        ({"data": aiohttp.FormData({"model": "good"}, default_to_multipart=True)}, 400, "`file`"),
        ({"json": {"model": "good", "file": "no base64!"}}, 400, "neither base64"),
        ({"data": b"x", "headers": {"content-type": "audio/wav"}}, 415, "multipart/form-data"),
        ({"data": b"x", "headers": {"content-type": "multipart/form-data"}}, 400, "boundary"),
        (
            {"data": b"--b\r\n", "headers": {"content-type": "multipart/form-data; boundary=b"}},
            400,
            "ends before its last boundary",
        ),
    ],
    ids=["no-file", "form-without-file", "no-base64", "audio", "no-boundary", "cut"],
)
async def test_what_is_no_request_is_refused_and_says_why(
    proxy: ProxyProcess, vendor: FakeProvider, sent: dict[str, Any], status: int, words: str
) -> None:
    got, body = await post(proxy, **sent)
    assert got == status
    assert words in body["error"]["message"]
    assert vendor.received == []


@pytest.mark.parametrize("pool", ["nothing", "page"])
async def test_an_answer_without_a_transcript_is_a_bad_gateway(
    proxy: ProxyProcess, pool: str
) -> None:
    for wanted in ("json", "text", "srt"):
        status, body = await post(proxy, data=form(pool, response_format=wanted))
        assert (status, body["error"]["code"]) == (502, "upstream_bad_answer")


async def test_a_refusal_of_the_vendors_reaches_the_client(client: AsyncOpenAI) -> None:
    with pytest.raises(openai.BadRequestError):
        await client.audio.transcriptions.create(model="refusing", file=("a.wav", AUDIO))
