"""instructor, in each of its ways to get an object."""

from collections.abc import Iterable
from typing import Any

import instructor
from deeds import HELLO, QUESTION, Report, do, weather
from openai import OpenAI
from pydantic import BaseModel


class Weather(BaseModel):
    """Tell the weather in a city."""

    city: str


def client(url: str, mode: instructor.Mode = instructor.Mode.TOOLS) -> Any:
    sdk = OpenAI(base_url=url, api_key="not-needed", max_retries=0)
    return instructor.from_openai(sdk, mode=mode)


def says(text: str) -> list[Any]:
    return [{"role": "user", "content": text}]


def chat(url: str, pool: str) -> Any:
    answer = client(url).create(model=pool, response_model=None, messages=says(HELLO))
    return answer.choices[0].message.content


def stream(url: str, pool: str) -> list[str]:
    chunks = client(url).create(model=pool, response_model=None, messages=says(HELLO), stream=True)
    deltas = [chunk.choices[0].delta.content for chunk in chunks if chunk.choices]
    return [text for text in deltas if text]


def tools(url: str, pool: str) -> Any:
    """Have calls made at once read as objects, and ask on with what came of them."""
    answers: list[Any] = []
    caller = client(url, instructor.Mode.PARALLEL_TOOLS)
    caller.on("completion:response", answers.append)
    read = caller.create(model=pool, response_model=Iterable[Weather], messages=says(QUESTION))
    results = [weather(call.city) for call in read]
    message = answers[0].choices[0].message
    messages = [*says(QUESTION), message.to_dict()]
    for call, result in zip(message.tool_calls, results, strict=True):
        messages.append({"role": "tool", "tool_call_id": call.id, "content": result})
    answer = client(url).create(model=pool, response_model=None, messages=messages)
    return answer.choices[0].message.content


def structured(url: str, pool: str) -> Any:
    modes = instructor.Mode
    found = [
        client(url, mode)
        .create(model=pool, response_model=Report, messages=says(QUESTION), max_retries=0)
        .model_dump()
        for mode in (modes.TOOLS, modes.JSON_SCHEMA)
    ]
    *_, last = client(url).create_partial(
        model=pool, response_model=Report, messages=says(QUESTION), max_retries=0
    )
    assert found[0] == found[1] == last.model_dump()
    return found[0]


if __name__ == "__main__":
    do({"chat": chat, "stream": stream, "tools": tools, "structured": structured})
