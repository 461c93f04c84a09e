"""pydantic-ai."""

import asyncio
from typing import Any

from deeds import HELLO, QUESTION, Report, do, weather
from pydantic_ai import Agent, NativeOutput
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider


def model(url: str, pool: str) -> OpenAIChatModel:
    return OpenAIChatModel(pool, provider=OpenAIProvider(base_url=url, api_key="not-needed"))


def chat(url: str, pool: str) -> str:
    return str(Agent(model(url, pool)).run_sync(HELLO).output)


def stream(url: str, pool: str) -> list[str]:
    async def pieces() -> list[str]:
        async with Agent(model(url, pool)).run_stream(HELLO) as answer:
            return [text async for text in answer.stream_text(delta=True, debounce_by=None)]

    return asyncio.run(pieces())


def tools(url: str, pool: str) -> str:
    return str(Agent(model(url, pool), tools=[weather]).run_sync(QUESTION).output)


def structured(url: str, pool: str) -> Any:
    """Ask by a function that has to be called, and by a schema; both have to give the same."""
    by_call = Agent(model(url, pool), output_type=Report).run_sync(QUESTION).output
    native = NativeOutput(Report)
    by_schema = Agent(model(url, pool), output_type=native).run_sync(QUESTION).output
    assert by_call == by_schema
    return by_call.model_dump()


if __name__ == "__main__":
    do({"chat": chat, "stream": stream, "tools": tools, "structured": structured})
