"""What type checkers see of a client. Checked, never run: see tests/unit/test_client_types.py."""

from pathlib import Path
from typing import Any, assert_type

from openai.types import (
    CompletionUsage,
    CreateEmbeddingResponse,
    ImageGenStreamEvent,
    ImagesResponse,
    Model,
)
from openai.types.audio import (
    Transcription,
    TranscriptionDiarized,
    TranscriptionStreamEvent,
    TranscriptionVerbose,
)
from openai.types.chat import ChatCompletion, ChatCompletionChunk, ChatCompletionMessageParam

import modelmesh
from modelmesh.resources.arriving import AsyncEventStream, EventStream
from modelmesh.resources.audio import AudioBytes, AudioStream
from modelmesh.resources.models import ModelList


def synchronous(stream: bool) -> None:
    with modelmesh.create("chat-completion", providers=["openai"]) as client:
        assert_type(client, modelmesh.MeshClient)
        messages = [{"role": "user", "content": "Hello!"}]
        answer = client.chat.completions.create(messages=messages, temperature=0.5, anything=1)
        assert_type(answer, ChatCompletion)
        assert_type(answer.choices[0].message.content, str | None)
        assert_type(answer.usage, CompletionUsage | None)
        assert_type(answer.to_dict()["id"], object)

        chunks = client.chat.completions.create(model="chat", messages=messages, stream=True)
        assert_type(chunks, EventStream[ChatCompletionChunk])
        with chunks:
            for chunk in chunks:
                assert_type(chunk, ChatCompletionChunk)
                assert_type(chunk.choices[0].delta.content, str | None)

        either = client.chat.completions.create(messages=messages, stream=stream)
        assert_type(either, ChatCompletion | EventStream[ChatCompletionChunk])

        assert_type(client.models.list(), ModelList)
        assert_type(client.models.list().data, list[Model])
        assert_type(client.models.retrieve("chat").owned_by, str)
        assert_type(client.pool_status(), dict[str, Any])
        assert_type(client.stats(), dict[str, Any])
        assert_type(client.explain("speech", model="any"), dict[str, Any])
        assert_type(client.active_providers(), list[str])
        assert_type(client.describe(), str)
        assert_type(client.rotate("chat"), str)
        assert_type(client.mesh, modelmesh.ModelMesh)


def embeddings(client: modelmesh.MeshClient) -> None:
    answer = client.embeddings.create(input=["a", "b"], dimensions=8, encoding_format="float")
    assert_type(answer, CreateEmbeddingResponse)
    assert_type(answer.data[0].embedding, list[float])
    client.embeddings.create(input=[[1, 2], [3]], model="embeddings")
    client.embeddings.create(model="embeddings")  # type: ignore[call-arg]  # no input


def speech(client: modelmesh.MeshClient) -> None:
    audio = client.audio.speech.create(input="Hello!", voice="alloy", response_format="wav")
    assert_type(audio, AudioBytes)
    assert_type(audio.content, bytes)
    asking = client.audio.speech.with_streaming_response
    with asking.create(input="Hello!", voice={"id": "own"}, model="speech") as arriving:
        assert_type(arriving, AudioStream)
        for piece in arriving.iter_bytes(1024):
            assert_type(piece, bytes)


def transcriptions(client: modelmesh.MeshClient, how: str, stream: bool) -> None:
    create, file = client.audio.transcriptions.create, Path("hello.wav")
    assert_type(create(file=file), Transcription)
    assert_type(create(file=("a.wav", b"RIFF"), response_format="json"), Transcription)
    assert_type(create(file=b"RIFF", response_format="verbose_json"), TranscriptionVerbose)
    assert_type(create(file=file, response_format="diarized_json"), TranscriptionDiarized)
    with file.open("rb") as opened:
        assert_type(create(file=opened, response_format="srt", language="en"), str)
    assert_type(create(file=file, stream=True), EventStream[TranscriptionStreamEvent])
    assert_type(
        create(file=("a", file, "audio/wav"), response_format=how, stream=stream),
        Transcription
        | TranscriptionDiarized
        | TranscriptionVerbose
        | str
        | EventStream[TranscriptionStreamEvent],
    )
    create(file="hello.wav")  # type: ignore[call-overload]  # a name is no file


def images(client: modelmesh.MeshClient, stream: bool) -> None:
    made = client.images.generate(prompt="a cat", size="1024x1024")
    assert_type(made, ImagesResponse)
    sketches = client.images.generate(prompt="a cat", stream=True, partial_images=2)
    assert_type(sketches, EventStream[ImageGenStreamEvent])
    either = client.images.generate(prompt="a cat", stream=stream)
    assert_type(either, ImagesResponse | EventStream[ImageGenStreamEvent])


def conversation() -> None:
    client = modelmesh.create(config=Path("modelmesh.yaml"))
    messages: list[ChatCompletionMessageParam] = [{"role": "user", "content": "Hello!"}]
    answer = client.chat.completions.create(messages=messages)
    client.chat.completions.create(messages=[*messages, answer.choices[0].message])


async def asynchronous() -> None:
    async with modelmesh.create_async(config={"providers": {}}) as client:
        assert_type(client, modelmesh.AsyncMeshClient)
        messages = [{"role": "user", "content": "Hello!"}]
        answer = await client.chat.completions.create(messages=messages, timeout=3)
        assert_type(answer, ChatCompletion)

        chunks = await client.chat.completions.create(messages=messages, stream=True)
        assert_type(chunks, AsyncEventStream[ChatCompletionChunk])
        async with chunks:
            async for chunk in chunks:
                assert_type(chunk, ChatCompletionChunk)

        embedded = await client.embeddings.create(input="a")
        assert_type(embedded, CreateEmbeddingResponse)
        assert_type(await client.audio.speech.create(input="a", voice="alloy"), AudioBytes)
        asking = client.audio.speech.with_streaming_response
        async with asking.create(input="a", voice="alloy") as arriving:
            async for piece in arriving.iter_bytes():
                assert_type(piece, bytes)
        hear = client.audio.transcriptions.create
        assert_type(await hear(file=b"RIFF"), Transcription)
        assert_type(await hear(file=b"RIFF", response_format="text"), str)
        events = await hear(file=b"RIFF", stream=True)
        assert_type(events, AsyncEventStream[TranscriptionStreamEvent])
        assert_type(await client.images.generate(prompt="a cat"), ImagesResponse)

        async for model in await client.models.list():
            assert_type(model, Model)
        assert_type(await client.describe(), str)
        assert_type(await client.stats(), dict[str, Any])
        assert_type(await client.explain(), dict[str, Any])


def mistakes(client: modelmesh.MeshClient) -> None:
    client.chat.completions.create()  # type: ignore[call-overload]  # no messages
    answer = client.chat.completions.create(messages=[{"role": "user", "content": "Hello!"}])
    _ = answer.choicez  # type: ignore[attr-defined]  # no such field
    modelmesh.create(pol="chat")  # type: ignore[call-arg]  # no such setting
    modelmesh.creat()  # type: ignore[attr-defined]  # no such name
