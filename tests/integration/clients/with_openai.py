"""OpenAI's own SDK."""

import json
from typing import Any

from deeds import HELLO, QUESTION, Report, do, weather
from openai import OpenAI, pydantic_function_tool
from pydantic import BaseModel


class Weather(BaseModel):
    """Tell the weather in a city."""

    city: str


def client(url: str) -> OpenAI:
    return OpenAI(base_url=url, api_key="not-needed", max_retries=0)


def says(text: str) -> list[Any]:
    return [{"role": "user", "content": text}]


def chat(url: str, pool: str) -> str | None:
    answer = client(url).chat.completions.create(model=pool, messages=says(HELLO))
    return answer.choices[0].message.content


def stream(url: str, pool: str) -> list[str]:
    chunks = client(url).chat.completions.create(model=pool, messages=says(HELLO), stream=True)
    deltas = [chunk.choices[0].delta.content for chunk in chunks if chunk.choices]
    return [text for text in deltas if text]


def tools(url: str, pool: str) -> str | None:
    """Loop until the model calls nothing any more; its messages go back as they came."""
    messages = says(QUESTION)
    tool = pydantic_function_tool(Weather, name="weather")
    while True:
        answer = client(url).chat.completions.create(
            model=pool, messages=messages, tools=[tool], reasoning_effort="low"
        )
        message = answer.choices[0].message
        calls: Any = message.tool_calls  # of functions, since there is no other tool
        if not calls:
            return message.content
        messages.append(message)
        for call in calls:
            result = weather(**json.loads(call.function.arguments))
            messages.append({"role": "tool", "tool_call_id": call.id, "content": result})


def structured(url: str, pool: str) -> Any:
    answer = client(url).chat.completions.parse(
        model=pool, messages=says(QUESTION), response_format=Report
    )
    report = answer.choices[0].message.parsed
    return report and report.model_dump()


if __name__ == "__main__":
    do({"chat": chat, "stream": stream, "tools": tools, "structured": structured})
