"""Conversations in OpenAI's shape for Cohere, and what it is sent for them."""

import json
from collections.abc import Sequence
from typing import Any

from modelmesh.connectors.providers.cohere import Provider
from modelmesh.types import HttpRequest, Request, Secret

USER = {"role": "user", "content": "Hello"}
MODEL, THINKER = "command-a-03-2025", "command-a-reasoning-08-2025"


def cohere(base_url: str | None = None) -> Provider:
    return Provider("cohere", base_url=base_url)


def asking(**parameters: Any) -> Request:
    return Request(id="r-1", model="pool", body={"model": "pool", "messages": [USER], **parameters})


def request(model: str = MODEL, drop: Sequence[str] = (), **parameters: Any) -> HttpRequest:
    asked = asking(**parameters)
    return cohere().request(asked, model=model, key=Secret("k"), drop=frozenset(drop))


def sent(model: str = MODEL, drop: Sequence[str] = (), **parameters: Any) -> Any:
    body = json.loads(request(model, drop, **parameters).body)
    assert body.pop("model") == model
    assert body.pop("stream") is bool(parameters.get("stream"))
    return body


def told(*messages: Any, model: str = MODEL, **parameters: Any) -> Any:
    return sent(model, messages=list(messages), **parameters)["messages"]


def call(id_: str, name: str, arguments: Any = "{}") -> dict[str, Any]:
    return {"id": id_, "type": "function", "function": {"name": name, "arguments": arguments}}


def message(**fields: Any) -> dict[str, Any]:
    return {"role": "assistant", **fields}


def text(*texts: str) -> list[dict[str, str]]:
    return [{"type": "text", "text": one} for one in texts]


CALLS = [call("f_1", "f", '{"a":1}'), call("g_2", "g")]
RESULTS = [
    {"role": "tool", "tool_call_id": "f_1", "content": "one"},
    {"role": "tool", "tool_call_id": "g_2", "content": text("t", "wo")},
]
