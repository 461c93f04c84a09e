"""What the clients have beside chat, against a vendor on a real socket, and beside OpenAI's SDK."""

import asyncio
import io
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import openai
import pytest
from proxy_process import soon

from modelmesh import MeshClient, MeshError, RoutingError, create, create_async
from modelmesh.proxy import forms
from modelmesh.testing.fake_embeddings import vector
from modelmesh.testing.fake_images import IMAGE
from modelmesh.testing.fake_provider import FakeProvider, Received
from modelmesh.testing.fake_speech import sound
from modelmesh.testing.fake_transcriptions import SAID

WAV = ("hello.wav", b"RIFF")
DELTA = "transcript.text.delta"
MODELS = {
    "sound": "ok",
    "base64": "base64-only",
    "backwards": "backwards",
    "down": "status~code=503",
    "mute": "never-headers",
    "stalled": "stall-mid",
    "cut": "cut-chunked",
}
# What asks for a capability, and the model which answers where OpenAI's key is all there is.
USUAL = {
    "text-embeddings": ("embeddings", "text-embedding-3-small"),
    "text-to-speech": ("speech", "gpt-4o-mini-tts"),
    "text-to-image": ("images", "gpt-image-2"),
    "speech-to-text": ("transcriptions", "gpt-transcribe"),
}


@pytest.fixture
def vendor() -> Iterator[FakeProvider]:
    """A vendor whose loop is on a thread of its own, so that tests may block theirs."""
    with FakeProvider(models=[model for _, model in USUAL.values()]) as running:
        yield running


def _config(vendor: FakeProvider) -> dict[str, Any]:
    able = ["text-embeddings", "text-to-speech", "speech-to-text", "text-to-image"]
    alone = {pool: {"models": [pool], "retry": {"max_attempts": 1}} for pool in MODELS}
    return {
        "providers": {"fake": {"connector": "openai-compatible", "base_url": vendor.url}},
        "models": {
            id_: {
                "provider": "fake",
                "model": fault,
                "capabilities": able,
                "embedding_space": "one",
            }
            for id_, fault in MODELS.items()
        },
        "pools": {**alone, "two": {"models": ["down", "sound"]}},
    }


@pytest.fixture
def client(vendor: FakeProvider) -> Iterator[MeshClient]:
    with create(config=_config(vendor), pool="sound") as made:
        yield made


@pytest.fixture
async def asynchronous(vendor: FakeProvider) -> AsyncIterator[Any]:
    async with create_async(config=_config(vendor), pool="sound") as made:
        yield made


@pytest.fixture
def sdk(vendor: FakeProvider) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=vendor.url, api_key="sk-x", max_retries=0) as made:
        yield made


def _form(request: Received) -> forms.Form:
    return forms.parse(request.body, request.headers["content-type"])


def _both(client: MeshClient, sdk: openai.OpenAI, pool: str) -> Iterator[tuple[Any, str]]:
    """Give our client and OpenAI's, and what each calls the same model."""
    yield client, pool
    yield sdk, MODELS[pool]


@pytest.mark.parametrize("pool", ["sound", "base64"])
@pytest.mark.parametrize("more", [{}, {"encoding_format": "float"}, {"dimensions": 4}], ids=str)
def test_embeddings_are_what_openais_sdk_gives(
    client: MeshClient, sdk: openai.OpenAI, pool: str, more: dict[str, Any]
) -> None:
    ours, theirs = (
        one.embeddings.create(input=["a", "b"], model=model, **more)
        for one, model in _both(client, sdk, pool)
    )

    size = more.get("dimensions", 8)
    assert [row.embedding for row in ours.data] == [vector("a", size), vector("b", size)]
    # Where floats are asked for by name and base64 comes, OpenAI's leaves it as it is.
    if not (pool == "base64" and "encoding_format" in more):
        assert ours.to_dict() == theirs.to_dict()


def test_embeddings_come_in_the_order_of_their_texts(client: MeshClient) -> None:
    answer = client.embeddings.create(input=["a", "b", "c"], model="backwards")

    assert [row.embedding for row in answer.data] == [vector("a"), vector("b"), vector("c")]


def test_speech_is_what_openais_sdk_gives(
    client: MeshClient, sdk: openai.OpenAI, tmp_path: Path
) -> None:
    asked = {"input": "Hello!", "voice": "alloy", "response_format": "opus"}
    ours, theirs = (
        one.audio.speech.create(model=model, **asked) for one, model in _both(client, sdk, "sound")
    )
    ours.write_to_file(tmp_path / "hello.opus")

    assert ours.content == theirs.content == sound("opus")
    assert ours.content_type == theirs.response.headers["content-type"]
    assert (tmp_path / "hello.opus").read_bytes() == sound("opus")


def test_speech_that_arrives_is_what_openais_sdk_gives(
    client: MeshClient, sdk: openai.OpenAI, tmp_path: Path
) -> None:
    for number, (one, model) in enumerate(_both(client, sdk, "sound")):
        speech = one.audio.speech.with_streaming_response
        with speech.create(input="Hello!", voice="alloy", model=model) as audio:
            audio.stream_to_file(tmp_path / str(number), chunk_size=100)
        with speech.create(input="Hello!", voice="alloy", model=model) as audio:
            pieces = list(audio.iter_bytes(100))
        assert (tmp_path / str(number)).read_bytes() == b"".join(pieces) == sound()
        assert {len(piece) for piece in pieces[:-1]} == {100}


def test_speech_is_heard_before_it_ends_and_the_vendor_sees_it_left(
    client: MeshClient, vendor: FakeProvider
) -> None:
    with client.audio.speech.with_streaming_response.create(
        input="Hello!", voice="alloy", model="stalled"
    ) as audio:
        assert sound().startswith(next(audio.iter_bytes()))

    (request,) = vendor.received
    assert soon(lambda: request.client_gone is not None)


def test_speech_that_is_cut_off_is_an_error(client: MeshClient) -> None:
    with pytest.raises(MeshError) as cut:
        client.audio.speech.create(input="Hello!", voice="alloy", model="cut")

    assert cut.value.code == "stream_incomplete"


@pytest.mark.parametrize(
    "how", ["json", "verbose_json", "diarized_json", "text", "srt", "vtt", None]
)
def test_a_transcript_is_what_openais_sdk_gives(
    client: MeshClient, sdk: openai.OpenAI, how: str | None
) -> None:
    asked = {"file": WAV, **({"response_format": how} if how else {})}
    ours, theirs = (
        one.audio.transcriptions.create(model=model, **asked)
        for one, model in _both(client, sdk, "sound")
    )

    if isinstance(theirs, str):
        assert ours == theirs
    else:
        assert theirs.to_dict().items() <= ours.to_dict().items()
        assert ours.text == "".join(SAID)


def test_a_transcripts_events_are_what_openais_sdk_gives(
    client: MeshClient, sdk: openai.OpenAI
) -> None:
    ours, theirs = (
        [
            event.to_dict()
            for event in one.audio.transcriptions.create(model=model, file=WAV, stream=True)
        ]
        for one, model in _both(client, sdk, "sound")
    )

    assert [event["type"] for event in ours] == [DELTA, DELTA, "transcript.text.done"]
    assert ours == theirs


CONTENT = bytes(range(256)) * 40
FILES: dict[str, Callable[[Path], Any]] = {
    "path": lambda path: path,
    "open-file": lambda path: io.BytesIO(path.read_bytes()),
    "bytes": lambda _: CONTENT,
    "name": lambda path: ("hällo.mp3", path),
    "quoted-name": lambda _: ('a "b" \\c.mp3', CONTENT),
    "type": lambda _: ("a", CONTENT, "audio/ogg"),
    "no-type": lambda _: ("a.flac", CONTENT, None),
}


@pytest.mark.parametrize("way", FILES)
def test_a_vendor_gets_the_form_that_openais_sdk_sends(
    client: MeshClient, sdk: openai.OpenAI, vendor: FakeProvider, tmp_path: Path, way: str
) -> None:
    path = tmp_path / "hello.wav"
    path.write_bytes(CONTENT)
    said: dict[str, Any] = {
        "language": "en",
        "temperature": 0.5,
        "timestamp_granularities": ["word", "segment"],
        "chunking_strategy": {"type": "server_vad", "threshold": 0.25},
        "response_format": "verbose_json",
    }
    for one, model in _both(client, sdk, "sound"):
        one.audio.transcriptions.create(file=FILES[way](path), model=model, **said)

    ours, theirs = map(_form, vendor.received)
    assert ours.files["file"].content == CONTENT
    assert ours == theirs


@pytest.mark.parametrize("more", [{}, {"n": 2, "size": "1024x1024"}], ids=str)
def test_images_are_what_openais_sdk_gives(
    client: MeshClient, sdk: openai.OpenAI, more: dict[str, Any]
) -> None:
    ours, theirs = (
        one.images.generate(prompt="A lighthouse.", model=model, **more)
        for one, model in _both(client, sdk, "sound")
    )

    assert [image.b64_json for image in ours.data] == [IMAGE] * more.get("n", 1)
    assert ours.to_dict() == theirs.to_dict()


def test_an_images_sketches_are_what_openais_sdk_gives(
    client: MeshClient, sdk: openai.OpenAI
) -> None:
    ours, theirs = (
        [
            event.to_dict()
            for event in one.images.generate(
                prompt="A lighthouse.", model=model, stream=True, partial_images=2
            )
        ]
        for one, model in _both(client, sdk, "sound")
    )

    assert len(ours) == 3
    assert ours == theirs


CALLS: dict[str, Callable[..., Any]] = {
    "embeddings": lambda one, **more: one.embeddings.create(input="a", **more),
    "speech": lambda one, **more: one.audio.speech.create(input="a", voice="alloy", **more),
    "transcriptions": lambda one, **more: one.audio.transcriptions.create(file=WAV, **more),
    "images": lambda one, **more: one.images.generate(prompt="a", **more),
}


@pytest.mark.parametrize("call", CALLS)
def test_the_next_target_answers_where_the_first_is_down(
    client: MeshClient, vendor: FakeProvider, call: str
) -> None:
    CALLS[call](client, model="two")

    assert [request.model for request in vendor.received] == ["status~code=503", "ok"]


@pytest.mark.parametrize("call", CALLS)
def test_a_timeout_is_for_the_whole_call(
    client: MeshClient, vendor: FakeProvider, call: str
) -> None:
    started = time.monotonic()

    with pytest.raises(RoutingError) as failed:
        CALLS[call](client, model="mute", timeout=0.3)

    assert 0.25 < time.monotonic() - started < 20
    assert failed.value.status == 504
    (request,) = vendor.received
    assert soon(lambda: request.client_gone is not None)


def test_threads_share_a_client(client: MeshClient, vendor: FakeProvider) -> None:
    def ask(number: int) -> bool:
        content = bytes([number]) * 5000
        if number % 2:
            asked = client.audio.transcriptions.create(file=content)
            return bool(asked.text == "".join(SAID))
        audio = client.audio.speech.create(input=str(number), voice="alloy")
        return audio.content == sound()

    with ThreadPoolExecutor(10) as threads:
        assert all(threads.map(ask, range(40)))
    heard = [
        _form(request).files["file"].content
        for request in vendor.received
        if "transcriptions" in request.path
    ]
    assert sorted(heard) == [bytes([number]) * 5000 for number in range(1, 40, 2)]


async def test_the_asynchronous_client_does_the_same(asynchronous: Any, tmp_path: Path) -> None:
    one = asynchronous
    embedded = await one.embeddings.create(input="a")
    audio = await one.audio.speech.create(input="a", voice="alloy")
    heard = await one.audio.transcriptions.create(file=WAV)
    made = await one.images.generate(prompt="a")
    async with one.audio.speech.with_streaming_response.create(input="a", voice="alloy") as speech:
        await speech.stream_to_file(tmp_path / "a.mp3")
    heard_events = await one.audio.transcriptions.create(file=WAV, stream=True)

    assert embedded.data[0].embedding == vector("a")
    assert audio.content == (tmp_path / "a.mp3").read_bytes() == sound()
    assert heard.text == "".join(SAID)
    assert made.data[0].b64_json == IMAGE
    assert [event.delta async for event in heard_events if event.type == DELTA] == list(SAID)


async def test_a_vendor_sees_asynchronous_speech_left(
    asynchronous: Any, vendor: FakeProvider
) -> None:
    async with asynchronous.audio.speech.with_streaming_response.create(
        input="a", voice="alloy", model="stalled"
    ) as speech:
        async for piece in speech.iter_bytes():
            assert sound().startswith(piece)
            break

    (request,) = vendor.received
    assert await asyncio.to_thread(soon, lambda: request.client_gone is not None)


@pytest.mark.parametrize("capability", USUAL)
def test_with_a_key_alone_a_capability_is_served(
    vendor: FakeProvider, monkeypatch: pytest.MonkeyPatch, capability: str
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-x")
    monkeypatch.setenv("OPENAI_BASE_URL", vendor.url)
    call, model = USUAL[capability]
    with create(capability, providers=["openai"]) as client:
        assert client.explain()["targets"][0]["eligible"]
        CALLS[call](client)

    assert [request.model for request in vendor.received] == [model]
