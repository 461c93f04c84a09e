"""The official `openai` SDK for Python against the real proxy."""

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any

import openai
import pytest
from openai import APIStatusError, AsyncOpenAI
from openai.types.chat import ChatCompletionMessageParam
from proxy_process import ProxyProcess, running_proxy
from pydantic import BaseModel

from modelmesh.testing.fake_answers import talk
from modelmesh.testing.fake_provider import FakeProvider
from modelmesh.testing.fake_wire import Exchange

HELLO: list[ChatCompletionMessageParam] = [{"role": "user", "content": "Hello!"}]
WEATHER: Any = {
    "type": "function",
    "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}},
}


async def in_json(exchange: Exchange) -> None:
    """Answer as a model that follows a JSON schema."""
    await exchange.deliver(talk(exchange, '{"name": "Ada", "age": 36}', 1).parts())


@pytest.fixture
async def vendor() -> AsyncIterator[FakeProvider]:
    async with FakeProvider(faults={"in-json": in_json}) as running:
        yield running


@pytest.fixture
async def proxy(vendor: FakeProvider) -> AsyncIterator[ProxyProcess]:
    models = {
        "good": ["ok"],
        "failing-over": ["status~code=503", "ok~text=second"],
        "tools": ["tool-calls~calls=2"],
        "in-json": ["in-json"],
        "refusing": ["status~code=400"],
        "limited": ["status~code=429~retry-after=30"],
        "down": ["status~code=500"],
        "cut": ["cut-chunked"],
    }
    config = {
        "providers": {"fake": {"connector": "openai-compatible", "base_url": vendor.url}},
        "models": {fault: {"provider": "fake"} for faults in models.values() for fault in faults},
        "pools": {
            pool: {"models": faults, "retry": {"max_attempts": 1}}
            for pool, faults in models.items()
        },
        "proxy": {"token": "a-token"},
    }
    async with running_proxy(config) as running:
        yield running


@pytest.fixture
async def client(proxy: ProxyProcess) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(base_url=f"{proxy.url}/v1", api_key="a-token") as sdk:
        yield sdk


async def test_a_chat_is_answered(client: AsyncOpenAI) -> None:
    response = await client.chat.completions.create(model="good", messages=HELLO)
    assert response.choices[0].message.content == "Hello from ok"
    assert response.model == "ok"
    assert response.usage is not None
    assert response.usage.total_tokens > 0


async def test_a_stream_is_answered(client: AsyncOpenAI) -> None:
    stream = await client.chat.completions.create(
        model="good", messages=HELLO, stream=True, stream_options={"include_usage": True}
    )
    chunks = [chunk async for chunk in stream]
    said = [chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices]
    assert "".join(said) == "Hello from ok"
    assert chunks[-1].usage is not None


async def test_the_streaming_helper_puts_an_answer_together(client: AsyncOpenAI) -> None:
    async with client.chat.completions.stream(model="good", messages=HELLO) as stream:
        final = await stream.get_final_completion()
    assert final.choices[0].message.content == "Hello from ok"


async def test_failover_is_not_seen(client: AsyncOpenAI, vendor: FakeProvider) -> None:
    raw = await client.chat.completions.with_raw_response.create(
        model="failing-over", messages=HELLO
    )
    assert raw.parse().choices[0].message.content == "second"
    assert raw.headers["x-modelmesh-attempts"] == "2"
    assert raw.headers["x-modelmesh-model"] == "ok~text=second"
    assert raw.headers["x-request-id"]
    assert [request.model for request in vendor.received] == ["status~code=503", "ok~text=second"]


@pytest.mark.parametrize("stream", [False, True])
async def test_the_trail_tells_of_every_attempt(client: AsyncOpenAI, stream: bool) -> None:
    raw = await client.chat.completions.with_raw_response.create(
        model="failing-over", messages=HELLO, stream=stream
    )
    first, last = raw.headers["x-modelmesh-trail"].split(", ")
    assert re.fullmatch(r"[^;,]+/status~code=503;(server_error|overloaded);503;\d+\.\d", first)
    assert re.fullmatch(r"[^;,]+/ok~text=second;ok;-;\d+\.\d", last)
    parsed: Any = raw.parse()
    assert not stream or [chunk async for chunk in parsed]


async def test_the_trail_of_an_error_is_that_in_its_body(client: AsyncOpenAI) -> None:
    with pytest.raises(APIStatusError) as failed:
        await client.chat.completions.create(model="down", messages=HELLO)
    told = failed.value.response.headers["x-modelmesh-trail"].split(", ")
    attempts = failed.value.response.json()["error"]["attempts"]
    assert told == [
        f"{one['target']};{one['cause']};{one['status']};{one['milliseconds']}" for one in attempts
    ]
    assert attempts


async def test_tools_are_called_in_both_ways(client: AsyncOpenAI) -> None:
    response = await client.chat.completions.create(model="tools", messages=HELLO, tools=[WEATHER])
    calls = response.choices[0].message.tool_calls
    assert calls is not None
    assert [call.type for call in calls] == ["function", "function"]
    async with client.chat.completions.stream(
        model="tools", messages=HELLO, tools=[WEATHER]
    ) as stream:
        final = await stream.get_final_completion()
    streamed = final.choices[0].message.tool_calls
    assert streamed is not None
    assert [call.function.arguments for call in streamed] == ['{"city":"Paris"}'] * 2


async def test_an_answer_is_parsed_into_a_class(client: AsyncOpenAI) -> None:
    class Person(BaseModel):
        name: str
        age: int

    parsed = await client.chat.completions.parse(
        model="in-json", messages=HELLO, response_format=Person
    )
    assert parsed.choices[0].message.parsed == Person(name="Ada", age=36)


async def test_models_are_listed_and_retrieved(client: AsyncOpenAI) -> None:
    listed = [model.id async for model in client.models.list()]
    assert "good" in listed
    assert (await client.models.retrieve("good")).owned_by == "modelmesh"
    with pytest.raises(openai.NotFoundError):
        await client.models.retrieve("nothing")


@pytest.mark.parametrize(
    ("model", "error", "requests"),
    [
        ("refusing", openai.BadRequestError, 1),
        ("nothing", openai.NotFoundError, 0),
        ("down", openai.InternalServerError, 1),
    ],
)
async def test_an_error_is_of_its_class_and_is_not_asked_for_again(
    client: AsyncOpenAI,
    vendor: FakeProvider,
    model: str,
    error: type[openai.APIStatusError],
    requests: int,
) -> None:
    with pytest.raises(error) as caught:
        await client.chat.completions.create(model=model, messages=HELLO)
    assert caught.value.request_id
    assert len(vendor.received) == requests


async def test_a_wrong_token_is_told(proxy: ProxyProcess) -> None:
    async with AsyncOpenAI(base_url=f"{proxy.url}/v1", api_key="another") as stranger:
        with pytest.raises(openai.AuthenticationError, match="Invalid token"):
            await stranger.models.list()


async def test_a_limit_is_told_with_its_end(client: AsyncOpenAI, vendor: FakeProvider) -> None:
    patient = client.with_options(max_retries=0)
    with pytest.raises(openai.RateLimitError) as caught:
        await patient.chat.completions.create(model="limited", messages=HELLO)
    assert 0 < int(caught.value.response.headers["retry-after"]) <= 30
    assert len(vendor.received) == 1


async def test_a_stream_that_breaks_off_raises(client: AsyncOpenAI) -> None:
    stream = await client.chat.completions.create(model="cut", messages=HELLO, stream=True)
    chunks = aiter(stream)
    assert (await anext(chunks)).choices[0].delta.role == "assistant"
    with pytest.raises(openai.APIError, match="broke off"):
        [chunk async for chunk in chunks]


async def test_the_synchronous_client_does_the_same(proxy: ProxyProcess) -> None:
    def ask() -> tuple[str | None, str]:
        with openai.OpenAI(base_url=f"{proxy.url}/v1", api_key="a-token") as sdk:
            response = sdk.chat.completions.create(model="good", messages=HELLO)
            stream = sdk.chat.completions.create(model="good", messages=HELLO, stream=True)
            said = [chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices]
            return response.choices[0].message.content, "".join(said)

    assert await asyncio.to_thread(ask) == ("Hello from ok", "Hello from ok")
