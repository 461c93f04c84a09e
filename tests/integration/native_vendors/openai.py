"""OpenAI's chat completions, read strictly. https://platform.openai.com/docs/api-reference/chat."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from native_vendors.script import Call, Heard, Saying, halves
from native_vendors.vendor import Failure, Json, Vendor

_FIELDS = {
    "developer": {"role", "content", "name"},
    "system": {"role", "content", "name"},
    "user": {"role", "content", "name"},
    # What its own SDK echoes is taken as well.
    "assistant": {
        *("role", "content", "name", "tool_calls", "refusal", "audio"),
        *("annotations", "function_call"),
    },
    "tool": {"role", "content", "tool_call_id"},
}
_CALL = {"id", "type", "function"}


class OpenAI(Vendor):
    model = "gpt-6.1-sol"
    connector = "openai.llm.v1"
    base = "/v1"
    path = "/v1/chat/completions"
    key_header = ("authorization", "Bearer {key}")
    overloaded = Failure(
        503,
        {
            "error": {
                "message": "Overloaded",
                "type": "server_error",
                "code": "server_is_overloaded",
            }
        },
    )

    @property
    def end(self) -> bytes:
        return b"data: [DONE]\n\n"

    def error(self, status: int, message: str) -> Json:
        kinds = {"message": message, "type": "invalid_request_error", "param": None}
        return {"error": {**kinds, "code": "invalid_api_key" if status == 401 else None}}

    def complaints(self, body: Json) -> Iterator[str]:
        if body.get("model") != self.model:
            yield f"The model `{body.get('model')}` does not exist or you do not have access to it."
        for number, message in enumerate(body["messages"]):
            known = _FIELDS.get(message["role"], set())
            for name in sorted(message.keys() - known):
                yield f"Unknown parameter: 'messages[{number}].{name}'."
            for place, call in enumerate(message.get("tool_calls") or []):
                for name in sorted(call.keys() - _CALL):
                    yield f"Unknown parameter: 'messages[{number}].tool_calls[{place}].{name}'."
            if message["role"] == "user" and not message.get("content"):
                yield f"Invalid value for 'content': messages[{number}]"

    def heard(self, body: Json) -> Heard:
        choice = body.get("tool_choice") or "auto"
        tools = {t["function"]["name"]: t["function"] for t in body.get("tools") or []}
        if isinstance(choice, dict):
            tools = {choice["function"]["name"]: tools[choice["function"]["name"]]}
        form = (body.get("response_format") or {}).get("json_schema") or {}
        nothing = {"type": "object"}
        return Heard(
            question=question_of(body["messages"]),
            results=results_of(body["messages"]),
            tools={
                name: tool.get("parameters") or nothing
                for name, tool in tools.items()
                if choice != "none"
            },
            must_call=choice == "required" or isinstance(choice, dict),
            at_once=body.get("parallel_tool_calls") is not False,
            schema=form.get("schema"),
        )

    def said(self, saying: Saying, number: int) -> dict[str, Any]:
        message: dict[str, Any] = {"role": "assistant", "content": saying.text or None}
        if saying.calls:
            message["tool_calls"] = [
                {
                    "id": f"call_{call.id}",
                    "type": "function",
                    "function": {"name": call.name, "arguments": json.dumps(call.arguments)},
                }
                for call in saying.calls
            ]
        reason = self.ending or ("tool_calls" if saying.calls else "stop")
        return {
            "id": f"chatcmpl-{number}",
            "object": "chat.completion",
            "created": 1_700_000_000,
            "model": self.model,
            "choices": [{"index": 0, "message": message, "finish_reason": reason}],
            "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
        }

    def streamed(self, said: dict[str, Any], body: Json) -> Sequence[Json]:
        (choice,) = said["choices"]
        named = {**said, "object": "chat.completion.chunk", "usage": None}
        deltas: list[Json] = [{"role": "assistant", "content": ""}]
        deltas += [{"content": half} for half in halves(choice["message"]["content"] or "")]
        for index, call in enumerate(choice["message"].get("tool_calls") or []):
            function = {"name": call["function"]["name"], "arguments": ""}
            deltas.append({"tool_calls": [{**call, "index": index, "function": function}]})
            deltas += [
                {"tool_calls": [{"index": index, "function": {"arguments": half}}]}
                for half in halves(call["function"]["arguments"])
            ]
        open_ = [{"index": 0, "delta": delta, "finish_reason": None} for delta in deltas]
        last = {"index": 0, "delta": {}, "finish_reason": choice["finish_reason"]}
        chunks = [{**named, "choices": [one]} for one in (*open_, last)]
        counted = {**named, "choices": [], "usage": said["usage"]}
        wanted = (body.get("stream_options") or {}).get("include_usage") is True
        return [*chunks, *([counted] if wanted else [])]


def question_of(messages: Sequence[Json]) -> str:
    """Return the user's last words."""
    said = [text_of(message["content"]) for message in messages if message["role"] == "user"]
    return said[-1] if said else ""


def results_of(messages: Sequence[Json]) -> list[tuple[Call, str]]:
    """Return the results with which a conversation ends, with their calls."""
    made = {
        call["id"]: Call(
            id=call["id"],
            name=call["function"]["name"],
            arguments=json.loads(call["function"]["arguments"]),
        )
        for message in messages
        for call in message.get("tool_calls") or []
    }
    ends = len(messages)
    while messages[ends - 1]["role"] == "tool":
        ends -= 1
    return [(made[one["tool_call_id"]], text_of(one["content"])) for one in messages[ends:]]


def text_of(content: Any) -> str:
    """Return a content as a text, which may be spelled as parts."""
    if isinstance(content, str):
        return content
    return " ".join(part.get("text", "") for part in content or [])
