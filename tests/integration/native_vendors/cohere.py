"""Cohere's second API. https://docs.cohere.com/reference/chat."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from native_vendors.openai import question_of, results_of
from native_vendors.script import Heard, Saying, halves
from native_vendors.vendor import Failure, Json, Vendor

_FIELDS = {
    "system": {"role", "content"},
    "user": {"role", "content"},
    "assistant": {"role", "content", "tool_calls", "tool_plan", "citations"},
    "tool": {"role", "content", "tool_call_id"},
}
PLAN = "I will look it up."


class Cohere(Vendor):
    model = "command-a-plus-05-2026"
    connector = "cohere.api.v1"
    base = ""
    path = "/v2/chat"
    key_header = ("authorization", "Bearer {key}")
    overloaded = Failure(503, {"id": "c-1", "message": "the service is overloaded"})

    def error(self, status: int, message: str) -> Json:
        return {"id": f"c-{status}", "message": message}

    def complaints(self, body: Json) -> Iterator[str]:
        if body.get("model") != self.model:
            yield f"model '{body.get('model')}' not found"
        for number, message in enumerate(body["messages"]):
            known = _FIELDS.get(message["role"], set())
            if unknown := message.keys() - known:
                yield f"invalid request: messages[{number}] has unknown fields {sorted(unknown)}"
            if message["role"] == "assistant" and message.get("tool_calls"):
                kinds = [part["type"] for part in message.get("content") or []]
                if set(kinds) - {"thinking"}:
                    yield f"messages[{number}]: content beside tool_calls"

    def heard(self, body: Json) -> Heard:
        tools = [tool["function"] for tool in body.get("tools") or []]
        choice = body.get("tool_choice")
        form = body.get("response_format") or {}
        return Heard(
            question=question_of(body["messages"]),
            results=results_of(body["messages"]),
            tools={} if choice == "NONE" else {tool["name"]: tool["parameters"] for tool in tools},
            must_call=choice == "REQUIRED",
            schema=form.get("json_schema"),
            thinks=(body.get("thinking") or {}).get("type") == "enabled",
        )

    def said(self, saying: Saying, number: int) -> dict[str, Any]:
        message: dict[str, Any] = {"role": "assistant"}
        content = [{"type": "thinking", "thinking": saying.thought}] if saying.thought else []
        if saying.text:
            content.append({"type": "text", "text": saying.text})
        if content:
            message["content"] = content
        if saying.calls:
            message["tool_plan"] = PLAN
            message["tool_calls"] = [
                {
                    "id": call.id,
                    "type": "function",
                    "function": {"name": call.name, "arguments": json.dumps(call.arguments)},
                }
                for call in saying.calls
            ]
        tokens = {"input_tokens": 10.0, "output_tokens": 5.0}
        return {
            "id": f"c-{number}",
            "finish_reason": self.ending or ("TOOL_CALL" if saying.calls else "COMPLETE"),
            "message": message,
            "usage": {"billed_units": tokens, "tokens": tokens},
        }

    def framed(self, event: Json) -> bytes:
        return f"event: {event['type']}\n".encode() + super().framed(event)

    def streamed(self, said: dict[str, Any], _: Json) -> Sequence[Json]:
        message = said["message"]
        head = {"message": {"role": "assistant", "content": [], "tool_plan": "", "tool_calls": []}}
        events: list[Json] = [{"type": "message-start", "id": said["id"], "delta": head}]
        for index, part in enumerate(message.get("content") or []):
            events += _content(index, part)
        for half in halves(message.get("tool_plan") or ""):
            events.append({"type": "tool-plan-delta", "delta": {"message": {"tool_plan": half}}})
        for index, call in enumerate(message.get("tool_calls") or []):
            events += _call(index, call)
        ending = {"finish_reason": said["finish_reason"], "usage": said["usage"]}
        return [*events, {"type": "message-end", "id": said["id"], "delta": ending}]


def _content(index: int, part: Json) -> Iterator[Json]:
    kind = part["type"]
    start = {"message": {"content": {"type": kind, kind: ""}}}
    yield {"type": "content-start", "index": index, "delta": start}
    for half in halves(part[kind]):
        delta = {"message": {"content": {kind: half}}}
        yield {"type": "content-delta", "index": index, "delta": delta}
    yield {"type": "content-end", "index": index}


def _call(index: int, call: Json) -> Iterator[Json]:
    """Give a call; one without arguments streams none."""
    written = call["function"]["arguments"]
    head = {**call, "function": {"name": call["function"]["name"], "arguments": ""}}
    yield {"type": "tool-call-start", "index": index, "delta": {"message": {"tool_calls": head}}}
    for half in halves(written) if written != "{}" else []:
        delta = {"message": {"tool_calls": {"function": {"arguments": half}}}}
        yield {"type": "tool-call-delta", "index": index, "delta": delta}
    yield {"type": "tool-call-end", "index": index}
