"""What type checkers see of a client. Checked, never run: see tests/unit/test_client_types.py."""

from pathlib import Path
from typing import Any, assert_type

from openai.types import CompletionUsage, Model
from openai.types.chat import ChatCompletion, ChatCompletionChunk, ChatCompletionMessageParam

import modelmesh
from modelmesh.resources.arriving import AsyncEventStream, EventStream
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
        assert_type(client.active_providers(), list[str])
        assert_type(client.describe(), str)
        assert_type(client.rotate("chat"), str)
        assert_type(client.mesh, modelmesh.ModelMesh)


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

        async for model in await client.models.list():
            assert_type(model, Model)
        assert_type(await client.describe(), str)


def mistakes(client: modelmesh.MeshClient) -> None:
    client.chat.completions.create()  # type: ignore[call-overload]  # no messages
    answer = client.chat.completions.create(messages=[{"role": "user", "content": "Hello!"}])
    _ = answer.choicez  # type: ignore[attr-defined]  # no such field
    modelmesh.create(pol="chat")  # type: ignore[call-arg]  # no such setting
    modelmesh.creat()  # type: ignore[attr-defined]  # no such name
