"""What was said, as OpenTelemetry's conventions have it, of events that may be shown. Pure.

https://github.com/open-telemetry/semantic-conventions-genai, v0.1.0, docs/gen-ai:
gen-ai-input-messages.json and gen-ai-output-messages.json. Pictures and sound are only named.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from modelmesh.json_text import dumps

Part = dict[str, Any]


def asked(body: Mapping[str, Any]) -> str:
    """Return the messages of a request as JSON; empty where nothing is said in it."""
    said = body.get("messages")
    if not isinstance(said, list):
        words = body.get("prompt") or body.get("input")
        said = [{"role": "user", "content": words}] if words else []
    return _json([_message(one) for one in said if isinstance(one, Mapping)])


def answered(text: str) -> str:
    """Return an answer as JSON; empty where there is none to show."""
    return _json([_message({"role": "assistant", "content": text})] if text else [])


def _message(one: Mapping[str, Any]) -> dict[str, Any]:
    role = str(one.get("role", "user"))
    if role == "tool":
        told = {"type": "tool_call_response", "id": one.get("tool_call_id")}
        return {"role": role, "parts": [{**told, "response": one.get("content")}]}
    return {"role": role, "parts": [*_parts(one.get("content")), *_calls(one.get("tool_calls"))]}


def _parts(content: Any) -> Iterator[Part]:
    for one in content if isinstance(content, list) else [content]:
        text = one.get("text") if isinstance(one, Mapping) else one
        if isinstance(text, str):
            yield {"type": "text", "content": text}
        elif isinstance(one, Mapping):
            yield {"type": "generic", "generic_type": str(one.get("type"))}


def _calls(calls: Any) -> Iterator[Part]:
    for one in calls if isinstance(calls, list) else []:
        if isinstance(one, Mapping) and isinstance(function := one.get("function"), Mapping):
            told = {"type": "tool_call", "id": one.get("id"), "name": function.get("name")}
            yield {**told, "arguments": function.get("arguments")}


def _json(messages: list[dict[str, Any]]) -> str:
    return dumps(messages).decode() if messages else ""
