"""Reading a stream of chunks in OpenAI's shape. The chunks' bytes pass through as they are."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from modelmesh.connectors.providers._errors import Sign, failure_in_stream
from modelmesh.connectors.providers._said import tells_of_failure
from modelmesh.connectors.providers._usage import usage_of
from modelmesh.errors import ErrorKind, ProviderError
from modelmesh.json_text import loads
from modelmesh.types import Chunk, Event

_DONE: Final = b"[DONE]"
_CONTENT: Final = (
    "content",
    "tool_calls",
    "reasoning",
    "reasoning_content",
    "reasoning_details",
    "refusal",
    "audio",
    "function_call",
)
# What must be looked at even in the middle of a stream: an error, an end, usage. Null is none.
_NOTABLE: Final = re.compile(
    rb'"(?:error|usage|finish_reason|detail|errors|message|object)"\s*:\s*+'
    rb'(?!null\b|"chat\.completion\.chunk")'
)

_BROKEN: Final = {
    "error": ErrorKind.SERVER_ERROR,
    "insufficient_system_resource": ErrorKind.OVERLOADED,
}
"""Reasons to finish which mean that a vendor gave up (OpenRouter, Mistral; DeepSeek)."""


class Decoder:
    """Decodes one stream.

    Until something of the answer has come every chunk is read. After that only chunks are which
    may tell of an error, the end or usage; the others count as content unread.
    """

    def __init__(self, own: Iterable[Sign] = ()) -> None:
        self._own = own
        self._flowing = False

    def feed(self, event: Event) -> Sequence[Chunk]:
        """Return the chunk an event stands for, or none; raise ProviderError for a failure."""
        payload = event.data.replace(b"\n", b" ").strip()
        if self._flowing and _passes(event.name, payload):
            return (Chunk(payload=payload, content=True),)
        if not payload or payload.startswith(b":"):
            return ()
        if payload == _DONE:
            return (Chunk(finished=True),)
        body = self._read(event.name, payload)
        chunk = Chunk(
            payload=payload,
            content=_has_content(body),
            finished=any(choice.get("finish_reason") for choice in choices_of(body)),
            usage=usage_of(body),
        )
        self._flowing = self._flowing or chunk.content
        return (chunk,)

    def _read(self, name: str, payload: bytes) -> Mapping[str, Any]:
        try:
            body = loads(payload)
        except (ValueError, RecursionError):
            body = None
        if name == "error" or (isinstance(body, dict) and tells_of_failure(body)):
            raise failure_in_stream(payload, own=self._own)
        if not isinstance(body, dict):
            raise ProviderError(ErrorKind.BAD_ANSWER, "the stream holds something that is no JSON")
        raise_if_broken(body, self._own)
        return body


def choices_of(body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the choices in an answer or a chunk, as far as they are objects."""
    choices = body.get("choices")
    return [c for c in choices if isinstance(c, dict)] if isinstance(choices, list) else []


def raise_if_broken(body: Mapping[str, Any], own: Iterable[Sign] = ()) -> None:
    """Raise ProviderError if a choice has an error, or ended because its vendor gave up."""
    for choice in choices_of(body):
        if choice.get("error"):
            raise failure_in_stream(json.dumps({"error": choice["error"]}).encode(), own=own)
        reason = choice.get("finish_reason")
        if isinstance(reason, str) and reason in _BROKEN:
            raise ProviderError(_BROKEN[reason], f"the vendor gave up: finish_reason {reason!r}")


def _passes(name: str, payload: bytes) -> bool:
    whole = payload.startswith(b"{") and payload.endswith(b"}")
    return whole and name != "error" and not _NOTABLE.search(payload)


def _has_content(body: Mapping[str, Any]) -> bool:
    for choice in choices_of(body):
        delta = choice.get("delta")
        if isinstance(delta, dict) and any(delta.get(name) for name in _CONTENT):
            return True
        if choice.get("message") or choice.get("text"):
            return True
    return False
