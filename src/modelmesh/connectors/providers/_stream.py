"""Reading a stream of chunks in OpenAI's shape. The chunks' bytes pass through as they are."""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from modelmesh.connectors.providers._error_body import tells_of_failure
from modelmesh.connectors.providers._errors import Sign, failure_in_stream
from modelmesh.connectors.providers._usage import usage_of
from modelmesh.errors import ErrorKind, ProviderError
from modelmesh.json_text import read_object
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


def notable(keys: bytes = b"", *, otherwise: bytes = b"") -> re.Pattern[bytes]:
    """Return the pattern of what must be looked at even in the middle of a stream.

    That is an error, an end, usage, and further `keys`, unless they are null. What follows a
    quotation mark may fit `otherwise`, too.
    """
    keys = rb"error|usage|finish_reason|detail|errors|message|object" + keys
    usual = rb'(?:%b)"\s*:\s*+(?!null\b|"chat\.completion\.chunk")' % keys
    return re.compile(rb'"(?:%b%b)' % (usual, otherwise))


_NOTABLE: Final = notable()

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

    def __init__(
        self, signs: Iterable[Sign] = (), *, choices: int = 1, shows_usage: bool = True
    ) -> None:
        """`choices` is how many answers were asked for, each of which has an end.

        A chunk with nothing but usage is shown to those who asked for it.
        """
        self._signs = signs
        self._shows_usage = shows_usage
        self._choices = choices
        self._ended: set[str] = set()
        self._notable: Callable[[bytes], object] = _NOTABLE.search
        self._flowing = False

    def feed(self, event: Event) -> Sequence[Chunk]:
        """Return the chunks an event stands for, or none; raise ProviderError for a failure."""
        payload = event.data.replace(b"\n", b" ").strip()
        whole = payload.startswith(b"{") and payload.endswith(b"}") and event.name != "error"
        if self._flowing and whole and not self._notable(payload):
            return (Chunk(payload=payload, content=True),)
        if not payload or payload.startswith(b":"):
            return ()
        if payload == _DONE:
            return self._at_done()
        return self._chunks(payload, self._read(event.name, payload))

    def _chunks(self, payload: bytes, body: Mapping[str, Any]) -> Sequence[Chunk]:
        """Return the chunks for an event that was read."""
        choices = choices_of(body)
        ends = [str(choice.get("index")) for choice in choices if choice.get("finish_reason")]
        self._ended.update(ends)
        usage = usage_of(body)
        chunk = Chunk(
            payload=payload if choices or not usage or self._shows_usage else b"",
            content=any(map(has_content, choices)),
            finished=bool(ends) and len(self._ended) >= self._choices,
            usage=usage,
        )
        self._flowing = self._flowing or chunk.content
        return (chunk,)

    def _at_done(self) -> Sequence[Chunk]:
        """Return the chunks for the end marker."""
        return (Chunk(finished=True),)

    def _read(self, name: str, payload: bytes) -> Mapping[str, Any]:
        body = told_in(name, payload, self._signs)
        raise_if_broken(body, self._signs)
        return body


def told_in(
    name: str,
    payload: bytes,
    signs: Iterable[Sign],
    fails: Callable[[Mapping[str, Any]], bool] = tells_of_failure,
) -> Mapping[str, Any]:
    """Return the object which an event holds. Raises ProviderError for an error, or for none.

    `fails` tells an error by its object.
    """
    body = read_object(payload)
    if name == "error" or (body is not None and fails(body)):
        raise failure_in_stream(payload, signs=signs)
    if body is None:
        raise ProviderError(ErrorKind.BAD_ANSWER, "the stream contains something that is not JSON")
    return body


def choices_of(body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the choices in an answer or a chunk, as far as they are objects."""
    choices = body.get("choices")
    return [c for c in choices if isinstance(c, dict)] if isinstance(choices, list) else []


def raise_if_broken(body: Mapping[str, Any], signs: Iterable[Sign]) -> None:
    """Raise ProviderError if a choice has an error, or ended because its vendor gave up.

    Groq has a field of its own for why a stream stopped early (`XGroq` in its SDK).
    """
    for part in (body.get("x_groq"), *choices_of(body)):
        if isinstance(part, dict) and part.get("error"):
            raise failure_in_stream(json.dumps({"error": part["error"]}).encode(), signs=signs)
    for choice in choices_of(body):
        reason = choice.get("finish_reason")
        if isinstance(reason, str) and reason in _BROKEN:
            raise ProviderError(_BROKEN[reason], f"the vendor gave up: finish_reason {reason!r}")


def has_content(choice: Mapping[str, Any]) -> bool:
    """Whether a choice of a chunk brings something of the answer."""
    delta = choice.get("delta")
    if isinstance(delta, dict) and any(delta.get(name) for name in _CONTENT):
        return True
    return bool(choice.get("message") or choice.get("text"))
