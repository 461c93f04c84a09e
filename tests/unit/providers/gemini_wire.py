"""Conversations in OpenAI's shape for Gemini, what it is sent for them, and what it says."""

import json
from collections.abc import Sequence
from typing import Any

from modelmesh.connectors.providers.gemini import Provider
from modelmesh.types import Answer, Chunk, Event, HttpReply, HttpRequest, Request, Secret

USER = {"role": "user", "content": "Hello"}
SECOND, THIRD = "gemini-2.5-flash", "gemini-3.8-flash"
WALL = 1_790_000_000.0
NOTHING: frozenset[str] = frozenset()


def gemini(base_url: str | None = None) -> Provider:
    return Provider("gemini", base_url=base_url)


def asking(**parameters: Any) -> Request:
    return Request(id="r-1", model="pool", body={"model": "pool", "messages": [USER], **parameters})


def request(model: str = THIRD, drop: Sequence[str] = (), **parameters: Any) -> HttpRequest:
    asked = asking(**parameters)
    return gemini().request(asked, model=model, key=Secret("k"), drop=frozenset(drop))


def sent(model: str = THIRD, drop: Sequence[str] = (), **parameters: Any) -> Any:
    return json.loads(request(model, drop, **parameters).body)


def told(*messages: Any, model: str = THIRD) -> Any:
    return sent(model, messages=list(messages))["contents"]


def config(model: str = THIRD, **parameters: Any) -> Any:
    return sent(model, **parameters).get("generationConfig", {})


def lacks(model: str = THIRD, **parameters: Any) -> set[str]:
    return set(gemini().lacks(asking(**parameters), model))


def call(id_: str, name: str, arguments: Any = "{}", **fields: Any) -> dict[str, Any]:
    function = {"name": name, "arguments": arguments}
    return {"id": id_, "type": "function", "function": function, **fields}


def result(id_: str, content: Any) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": id_, "content": content}


def signed(signature: str) -> dict[str, Any]:
    return {"extra_content": {"google": {"thought_signature": signature}}}


def tool(name: str, **parameters: Any) -> dict[str, Any]:
    schema = {"parameters": {"type": "object", "properties": parameters}} if parameters else {}
    return {"type": "function", "function": {"name": name, **schema}}


def reply(body: Any, status: int = 200) -> HttpReply:
    return HttpReply(status=status, headers={}, body=json.dumps(body).encode())


def candidate(*parts: Any, reason: str | None = "STOP", **fields: Any) -> dict[str, Any]:
    ending = {"finishReason": reason} if reason else {}
    return {"content": {"role": "model", "parts": list(parts)}, **ending, **fields}


def said(*candidates: Any, **fields: Any) -> dict[str, Any]:
    named = {"responseId": "abc", "modelVersion": "gemini-3.8-flash"}
    return {"candidates": list(candidates), **named, **fields}


COUNTED = {"usageMetadata": {"promptTokenCount": 5, "candidatesTokenCount": 3}}


def whole(body: Any, **parameters: Any) -> Answer:
    return gemini().chat_answer(reply(body), request=asking(**parameters), model="real", wall=WALL)


def choice(*parts: Any, **fields: Any) -> Any:
    return json.loads(whole(said(candidate(*parts, **fields))).body)["choices"][0]


def heard(*bodies: Any, **parameters: Any) -> list[Chunk]:
    decoder = gemini().decoder(request=asking(stream=True, **parameters), model="real", wall=WALL)
    events = [Event("", json.dumps(body).encode()) for body in bodies]
    return [chunk for event in events for chunk in decoder.feed(event)]


def payloads(chunks: Sequence[Chunk]) -> list[Any]:
    return [json.loads(chunk.payload) for chunk in chunks if chunk.payload]


def deltas(chunks: Sequence[Chunk]) -> list[Any]:
    return [one["choices"][0]["delta"] for one in payloads(chunks) if one["choices"]]
