"""Anthropic's Messages API. https://platform.claude.com/docs/en/api/messages.

https://platform.claude.com/docs/en/build-with-claude/extended-thinking#preserving-thinking-blocks
"""

import json
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

from native_vendors.script import Call, Heard, Saying, halves
from native_vendors.vendor import Failure, Json, Vendor

_THOUGHTS = ("thinking", "redacted_thinking")


def blocks(message: Json) -> list[Any]:
    """Return the content of a message as blocks, which may be spelled as a text."""
    content = message["content"]
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def thoughts(message: Json) -> list[Any]:
    return [block for block in blocks(message) if block["type"] in _THOUGHTS]


class Anthropic(Vendor):
    model = "claude-haiku-5-5"
    connector = "anthropic.claude.v1"
    base = "/v1"
    path = "/v1/messages"
    key_header = ("x-api-key", "{key}")
    prefill = False
    schemas = True
    overloaded = Failure(
        529, {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    )

    @property
    def _pairs(self) -> list[list[str]]:
        """The thoughts of each turn."""
        return [self.issued[start : start + 2] for start in range(0, len(self.issued), 2)]

    @property
    def states(self) -> Sequence[str]:
        told = map(json.loads, self.issued)
        return [block.get("signature") or block["data"] for block in told] + [self.thought]

    def error(self, status: int, message: str) -> Json:
        kinds = {401: "authentication_error", 404: "not_found_error"}
        kind = kinds.get(status, "invalid_request_error")
        return {"type": "error", "error": {"type": kind, "message": message}}

    def complaints(self, body: Json) -> Iterator[str]:
        if body.get("model") != self.model:
            yield f"model: {body.get('model')}"
        if not body["messages"]:
            yield "messages: at least one message is required"
        for name in ("temperature", "top_p", "top_k"):
            if name in body:
                yield f"{name}: Extra inputs are not permitted"
        if not self.schemas and "output_config" in body:
            yield "output_config: Extra inputs are not permitted"
        if not self.prefill and body["messages"][-1]["role"] == "assistant":
            yield "This model does not support assistant message prefill."
        for number, message in enumerate(body["messages"]):
            yield from (f"messages.{number}.{why}" for why in self._odd_thoughts(message))
        yield from _unanswered(body["messages"])

    def _odd_thoughts(self, message: Json) -> Iterator[str]:
        """Thoughts come back as they went out, all of them, first, or not at all."""
        found = thoughts(message)
        told = [json.dumps(block, sort_keys=True) for block in found]
        for number, block in enumerate(told):
            if block not in self.issued:
                yield f"content.{number}: Invalid `signature` in `thinking` block"
        if found and blocks(message)[: len(found)] != found:
            yield "content: thoughts come after something else"
        if any(block in told for block in self.issued) and told not in self._pairs:
            yield "content: `thinking` or `redacted_thinking` blocks cannot be modified."
        self.returned |= set(told)

    def heard(self, body: Json) -> Heard:
        choice = body.get("tool_choice") or {"type": "auto"}
        tools = {tool["name"]: tool["input_schema"] for tool in body.get("tools") or []}
        if choice["type"] == "tool":
            tools = {choice["name"]: tools[choice["name"]]}
        form = (body.get("output_config") or {}).get("format") or {}
        return Heard(
            question=_question(body["messages"]),
            results=_results(body["messages"]),
            tools={} if choice["type"] == "none" else tools,
            must_call=choice["type"] in ("any", "tool"),
            at_once=not choice.get("disable_parallel_tool_use"),
            schema=form.get("schema"),
            thinks=(body.get("thinking") or {}).get("type") in ("enabled", "adaptive"),
        )

    def said(self, saying: Saying, number: int) -> dict[str, Any]:
        content = self._thoughts(saying.thought, number) if saying.thought else []
        if saying.text:
            content.append({"type": "text", "text": saying.text})
        for call in saying.calls:
            use = {"id": f"toolu_{call.id}", "name": call.name, "input": call.arguments}
            content.append({"type": "tool_use", **use})
        return {
            "id": f"msg_{number}",
            "type": "message",
            "role": "assistant",
            "model": self.model,
            "content": content,
            "stop_reason": self.ending or ("tool_use" if saying.calls else "end_turn"),
            "stop_sequence": None,
            "usage": {"input_tokens": 10, "output_tokens": 5},
        }

    def _thoughts(self, thought: str, number: int) -> list[Any]:
        told = [
            {"type": "thinking", "thinking": thought, "signature": f"Er/{number}+\u00e9=="},
            {"type": "redacted_thinking", "data": f"Em/{number}+redacted=="},
        ]
        self.issued += [json.dumps(block, sort_keys=True) for block in told]
        return told

    def framed(self, event: Json) -> bytes:
        return f"event: {event['type']}\n".encode() + super().framed(event)

    def streamed(self, said: dict[str, Any], _: Json) -> Sequence[Json]:
        start = {**said, "content": [], "stop_reason": None}
        events: list[Json] = [{"type": "message_start", "message": start}, {"type": "ping"}]
        for index, block in enumerate(said["content"]):
            opened, deltas = _pieces(block)
            events.append({"type": "content_block_start", "index": index, "content_block": opened})
            events += [{"type": "content_block_delta", "index": index, "delta": d} for d in deltas]
            events.append({"type": "content_block_stop", "index": index})
        ending = {"stop_reason": said["stop_reason"], "stop_sequence": None}
        usage = {"output_tokens": said["usage"]["output_tokens"]}
        events.append({"type": "message_delta", "delta": ending, "usage": usage})
        return [*events, {"type": "message_stop"}]


class AnthropicWithBudget(Anthropic):
    """One of its models which think by a budget: they go on from their thoughts or not at all."""

    model = "claude-haiku-4-5"
    prefill = True

    def complaints(self, body: Json) -> Iterator[str]:
        yield from super().complaints(body)
        before, last = [{"content": []}, *body["messages"]][-2:]
        results = any(block["type"] == "tool_result" for block in blocks(last))
        if body.get("thinking") and results and not thoughts(before):
            yield "Expected `thinking` or `redacted_thinking`, but found `tool_use`."


class AnthropicOfOld(Anthropic):
    """One of its models which cannot be held to a schema."""

    model = "claude-3-haiku-20240307"
    prefill = True
    schemas = False


def _pieces(block: Json) -> tuple[Json, Sequence[Json]]:
    match block["type"]:
        case "text":
            texts = [{"type": "text_delta", "text": half} for half in halves(block["text"])]
            return {"type": "text", "text": ""}, texts
        case "thinking":
            half = [{"type": "thinking_delta", "thinking": t} for t in halves(block["thinking"])]
            sign = {"type": "signature_delta", "signature": block["signature"]}
            return {"type": "thinking", "thinking": "", "signature": ""}, [*half, sign]
        case "tool_use":
            written = json.dumps(block["input"]) if block["input"] else ""
            parts = [
                {"type": "input_json_delta", "partial_json": p} for p in ["", *halves(written)]
            ]
            return {**block, "input": {}}, parts
    return block, []


def _unanswered(messages: Sequence[Json]) -> Iterator[str]:
    for number, (message, after) in enumerate(pairwise([*messages, {"content": []}])):
        made = [block["id"] for block in blocks(message) if block["type"] == "tool_use"]
        answered = [b["tool_use_id"] for b in blocks(after) if b["type"] == "tool_result"]
        if missing := [id_ for id_ in made if id_ not in answered]:
            yield (
                f"messages.{number}: `tool_use` ids were found without `tool_result` blocks "
                f"immediately after: {', '.join(missing)}. Each `tool_use` block must have a "
                "corresponding `tool_result` block in the next message."
            )


def _results(messages: Sequence[Json]) -> list[tuple[Call, str]]:
    made = {
        block["id"]: Call(id=block["id"], name=block["name"], arguments=block["input"])
        for message in messages
        for block in blocks(message)
        if block["type"] == "tool_use"
    }
    results = [block for block in blocks(messages[-1]) if block["type"] == "tool_result"]
    return [(made[block["tool_use_id"]], _text(block)) for block in results]


def _question(messages: Sequence[Json]) -> str:
    said = [_text(message) for message in messages if message["role"] == "user"]
    return next((text for text in reversed(said) if text), "")


def _text(of: Json) -> str:
    found = blocks(of) if of.get("content") else []
    return " ".join(block["text"] for block in found if block["type"] == "text")
