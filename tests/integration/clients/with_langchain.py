"""langchain-openai."""

from typing import Any

import deeds
from deeds import HELLO, QUESTION, Report, do
from langchain_core.messages import AnyMessage, HumanMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI

weather = tool(deeds.weather)


def model(url: str, pool: str) -> ChatOpenAI:
    return ChatOpenAI(model=pool, base_url=url, api_key="not-needed", max_retries=0)


def chat(url: str, pool: str) -> Any:
    return model(url, pool).invoke(HELLO).content


def stream(url: str, pool: str) -> list[Any]:
    return [chunk.content for chunk in model(url, pool).stream(HELLO) if chunk.content]


def tools(url: str, pool: str) -> Any:
    bound = model(url, pool).bind_tools([weather])
    messages: list[AnyMessage] = [HumanMessage(QUESTION)]
    while True:
        answer = bound.invoke(messages)
        if not answer.tool_calls:
            return answer.content
        messages.append(answer)
        messages += [weather.invoke(call) for call in answer.tool_calls]


def structured(url: str, pool: str) -> Any:
    """Ask by a schema, and by a function that has to be called: both have to give the same."""
    found = [
        model(url, pool).with_structured_output(Report, method=method).invoke(QUESTION).model_dump()
        for method in ("json_schema", "function_calling")
    ]
    assert found[0] == found[1]
    return found[0]


if __name__ == "__main__":
    do({"chat": chat, "stream": stream, "tools": tools, "structured": structured})
