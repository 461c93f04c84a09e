"""What a healthy vendor says, in OpenAI's shape: values only, and always the same ones."""

import json
import re
from collections.abc import Sequence
from typing import Any

from attrs import frozen

from modelmesh.testing.fake_wire import Exchange

CREATED = 1_700_000_000
DONE = b"data: [DONE]\n\n"

# Type and code of an error by status: https://platform.openai.com/docs/guides/error-codes
_ERRORS = {
    400: ("invalid_request_error", None),
    401: ("invalid_request_error", "invalid_api_key"),
    402: ("insufficient_quota", "insufficient_quota"),
    403: ("invalid_request_error", None),
    404: ("invalid_request_error", "model_not_found"),
    413: ("invalid_request_error", None),
    422: ("invalid_request_error", None),
    429: ("requests", "rate_limit_exceeded"),
}


@frozen(kw_only=True)
class Reply:
    """One answer, whichever way it was asked for."""

    id: str
    model: str
    streaming: bool
    message: dict[str, Any]
    # What the message is streamed as, after the role.
    deltas: Sequence[dict[str, Any]]
    usage: dict[str, Any]
    # The caller asked for a chunk with the usage at the end of the stream.
    usage_chunk: bool
    finish: str = "stop"

    def payloads(self) -> list[dict[str, Any]]:
        """Give the one completion, or the chunks of the stream."""
        if not self.streaming:
            choice = {"index": 0, "message": self.message, "finish_reason": self.finish}
            return [{**self._object("chat.completion", choice), "usage": self.usage}]
        role = {"role": "assistant", "content": ""}
        chunks = [self._chunk(delta) for delta in (role, *self.deltas)]
        chunks.append(self._chunk({}, self.finish))
        if self.usage_chunk:
            chunks = [{**chunk, "usage": None} for chunk in chunks]
            chunks.append({**self._object("chat.completion.chunk"), "usage": self.usage})
        return chunks

    def parts(self) -> list[bytes]:
        """Give the body in the pieces it is made of."""
        return body_parts(self.payloads(), streaming=self.streaming)

    def _chunk(self, delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return self._object("chat.completion.chunk", choice)

    def _object(self, kind: str, *choices: dict[str, Any]) -> dict[str, Any]:
        named = {"id": self.id, "object": kind, "created": CREATED, "model": self.model}
        return {**named, "choices": list(choices)}


def talk(
    exchange: Exchange,
    text: str = "",
    chunks: int = 0,
    *,
    prompt_tokens: int = 10,
    completion_tokens: int = 0,
) -> Reply:
    """Say `text`, or else who is answering, in so many deltas. See `reply` for the tokens."""
    said = pieces(text or f"Hello from {exchange.request.model}", chunks)
    return reply(
        exchange,
        {"content": "".join(said)},
        [{"content": piece} for piece in said],
        prompt_tokens=prompt_tokens,
        completion_tokens=completion_tokens,
    )


def reply(
    exchange: Exchange,
    message: dict[str, Any],
    deltas: Sequence[dict[str, Any]],
    *,
    finish: str = "stop",
    prompt_tokens: int = 10,
    completion_tokens: int = 0,
) -> Reply:
    """Reply with a message, streamed as `deltas`; each of them is a token unless told otherwise."""
    told = completion_tokens or len(deltas)
    options = exchange.request.json.get("stream_options")
    return Reply(
        id=f"chatcmpl-{exchange.number}",
        model=exchange.request.json["model"],
        streaming=exchange.request.streaming,
        message={"role": "assistant", "content": None, **message},
        deltas=deltas,
        finish=finish,
        usage={
            "prompt_tokens": prompt_tokens,
            "completion_tokens": told,
            "total_tokens": prompt_tokens + told,
            "prompt_tokens_details": {"cached_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0},
        },
        usage_chunk=isinstance(options, dict) and options.get("include_usage") is True,
    )


def pieces(text: str, count: int = 0) -> list[str]:
    """Split `text` into words; with a `count` into so many pieces, inventing words if needed."""
    words = re.findall(r"\s*\S+|\s+$", text)
    if not count:
        return words
    words += [f" {number}" for number in range(len(words) + 1, count + 1)]
    return [*words[: count - 1], "".join(words[count - 1 :])]


def encode(payload: object) -> bytes:
    return json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()


def event(payload: object) -> bytes:
    return b"data: %b\n\n" % encode(payload)


def body_parts(payloads: Sequence[object], *, streaming: bool) -> list[bytes]:
    """Write the events of a stream and its end marker, or the one JSON document."""
    if streaming:
        return [*map(event, payloads), DONE]
    return [encode(payload) for payload in payloads]


def error(
    status: int, *, message: str = "", kind: str = "", code: str = "", param: str | None = None
) -> dict[str, Any]:
    """Describe an error, by default as OpenAI does for this status; digits make a numeric code."""
    usual_kind, usual_code = _ERRORS.get(status, ("server_error", None))
    return {
        "error": {
            "message": message or "The fake provider fails, as it was asked to.",
            "type": kind or usual_kind,
            "param": param,
            "code": int(code) if code.isdigit() else code or usual_code,
        }
    }


def model_list(names: Sequence[str]) -> dict[str, Any]:
    described = {"object": "model", "created": CREATED, "owned_by": "fake"}
    return {"object": "list", "data": [{"id": name, **described} for name in names]}
