"""Anthropic's provider, requests for it, and replies as Anthropic gives them."""

import json
from typing import Any, Final

from modelmesh import sse
from modelmesh.connectors.providers.anthropic import Provider
from modelmesh.types import Answer, Chunk, HttpReply, Request, Secret

WALL: Final = 1_790_000_000.5
NEW: Final = "claude-haiku-5-5"
"""Thinks by effort, takes no sampling, can be held to a schema."""
ALWAYS: Final = "claude-sonnet-5-5"
"""Always thinks, so it cannot be made to call a tool."""
BUDGET: Final = "claude-haiku-4-5"
"""Thinks by a budget, takes sampling and a prefill."""
OLD: Final = "claude-3-haiku-20240307"
"""Neither thinks nor can be held to a schema."""

USER: Final = {"role": "user", "content": "How is the weather in Oslo?"}
WEATHER: Final = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {"type": "object", "properties": {"place": {"type": "string"}}},
    },
}
FORMAT: Final = {
    "type": "json_schema",
    "json_schema": {
        "name": "city",
        "schema": {
            "type": "object",
            "properties": {"name": {"type": "string"}},
            "required": ["name"],
            "additionalProperties": False,
        },
    },
}


def anthropic(**settings: Any) -> Provider:
    return Provider("claude", **settings)


def asking(*messages: Any, model: str = "pool", **body: Any) -> Request:
    said = list(messages) or [USER]
    return Request(id="r-1", model=model, body={"model": model, "messages": said, **body})


def sent(*messages: Any, to: str = NEW, **body: Any) -> Any:
    """Return the body which is sent to a model, without what it lacks."""
    request, provider = asking(*messages, **body), anthropic()
    drop = provider.lacks(request, to)
    made = provider.request(request, model=to, key=Secret("sk-canary"), drop=drop)
    return json.loads(made.body)


def lacked(to: str = NEW, **body: Any) -> frozenset[str]:
    return anthropic().lacks(asking(**body), to)


def call(id_: str, name: str = "weather", arguments: Any = '{"place":"Oslo"}') -> dict[str, Any]:
    return {"id": id_, "type": "function", "function": {"name": name, "arguments": arguments}}


def calling(*calls: Any, content: Any = None, **more: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": content, "tool_calls": list(calls), **more}


def result(id_: str, content: Any = "rain") -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": id_, "content": content}


def message(*content: Any, stop: str | None = "end_turn", **more: Any) -> dict[str, Any]:
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": NEW,
        "content": list(content),
        "stop_reason": stop,
        "usage": {
            "input_tokens": 10,
            "cache_creation_input_tokens": 3,
            "cache_read_input_tokens": 5,
            "output_tokens": 7,
            "output_tokens_details": {"thinking_tokens": 2},
        },
        **more,
    }


def text(words: str, **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": words, **more}


def use(id_: str, tool: str = "weather", /, **arguments: Any) -> dict[str, Any]:
    return {"type": "tool_use", "id": id_, "name": tool, "input": arguments}


def answered(body: Any, request: Request | None = None) -> Answer:
    reply = HttpReply(status=200, headers={}, body=json.dumps(body).encode())
    return anthropic().chat_answer(reply, request=request or asking(), model="real", wall=WALL)


def events(*bodies: Any) -> bytes:
    lines = (f"event: {body['type']}\ndata: {json.dumps(body)}\n\n" for body in bodies)
    return "".join(lines).encode()


def streamed(body: Any) -> list[dict[str, Any]]:
    """Return the events by which Anthropic streams a message."""
    head = {**body, "content": [], "stop_reason": None}
    said: list[dict[str, Any]] = [{"type": "message_start", "message": head}]
    for index, block in enumerate(body["content"]):
        start, deltas = _pieces(block)
        said.append({"type": "content_block_start", "index": index, "content_block": start})
        said += [{"type": "content_block_delta", "index": index, "delta": d} for d in deltas]
        said.append({"type": "content_block_stop", "index": index})
    told = {"stop_reason": body["stop_reason"], "stop_details": body.get("stop_details")}
    usage = {"output_tokens": body["usage"]["output_tokens"]}
    said.append({"type": "message_delta", "delta": told, "usage": usage})
    return [*said, {"type": "message_stop"}]


def _pieces(block: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    match block["type"]:
        case "text":
            cited = [
                {"type": "citations_delta", "citation": c} for c in block.get("citations") or ()
            ]
            halves = [{"type": "text_delta", "text": half} for half in _halves(block["text"])]
            return {"type": "text", "text": ""}, [*cited, *halves]
        case "thinking":
            halves = [
                {"type": "thinking_delta", "thinking": half} for half in _halves(block["thinking"])
            ]
            sign = {"type": "signature_delta", "signature": block["signature"]}
            return {"type": "thinking", "thinking": "", "signature": ""}, [*halves, sign]
        case "tool_use" | "server_tool_use":
            written = json.dumps(block["input"]) if block["input"] else ""
            halves = [
                {"type": "input_json_delta", "partial_json": half} for half in _halves(written)
            ]
            return {**block, "input": {}}, [
                {"type": "input_json_delta", "partial_json": ""},
                *halves,
            ]
    return block, []


def _halves(words: str) -> list[str]:
    middle = len(words) // 2
    return [half for half in (words[:middle], words[middle:]) if half]


def heard(body: Any, request: Request | None = None) -> list[Chunk]:
    """Return the chunks of a stream: of a message, of events, or of bytes."""
    if isinstance(body, dict):
        body = streamed(body)
    raw = body if isinstance(body, bytes) else events(*body)
    split = sse.Decoder()
    decoder = anthropic().decoder(request=request or asking(stream=True), model="real", wall=WALL)
    return [chunk for event in [*split.feed(raw), *split.end()] for chunk in decoder.feed(event)]


def gathered(chunks: list[Chunk]) -> dict[str, Any]:
    """Put the message of a stream together, as clients do, and its reason to finish."""
    whole: dict[str, Any] = {"content": None, "finish_reason": None}
    calls: dict[int, Any] = {}
    for chunk in (json.loads(chunk.payload) for chunk in chunks if chunk.payload):
        for choice in chunk["choices"]:
            whole["finish_reason"] = choice["finish_reason"] or whole["finish_reason"]
            for name, value in choice["delta"].items():
                if name == "tool_calls":
                    for piece in value:
                        made = calls.setdefault(piece["index"], {"arguments": ""})
                        made.setdefault("id", piece.get("id"))
                        made.setdefault("name", piece["function"].get("name"))
                        made["arguments"] += piece["function"].get("arguments", "")
                elif isinstance(value, list):
                    whole.setdefault(name, []).extend(value)
                elif name != "role":
                    whole[name] = (whole.get(name) or "") + value
    return {**whole, "calls": [calls[index] for index in sorted(calls)]}
