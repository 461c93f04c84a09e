"""Cohere's streams in OpenAI's shape. https://docs.cohere.com/v2/docs/streaming."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from modelmesh.connectors.providers._errors import Sign
from modelmesh.connectors.providers._fields import object_in, text_in
from modelmesh.connectors.providers._stream import told_in
from modelmesh.connectors.providers._writing import StreamWriter
from modelmesh.connectors.providers.cohere.answer import (
    billed_in,
    ending_of,
    logprobs_of,
    usage_of,
)
from modelmesh.errors import ErrorKind, ProviderError
from modelmesh.types import Chunk, Event, Request

_DONE: Final = b"[DONE]"

_Write = Callable[[Mapping[str, Any]], Sequence[Chunk]]


class Decoder:
    """Decodes one stream. The plan for tool calls is not taken for a part of the answer.

    Plain clients do not show it, so where nothing but a plan has come another target may still
    take over.
    """

    def __init__(self, request: Request, wall: float, signs: Iterable[Sign]) -> None:
        self._signs = signs
        self._writer = StreamWriter(wall, request, id=request.id, model=request.model)
        # The writer's numbers of the calls, by Cohere's.
        self._calls: dict[str, int] = {}
        self._writers: Mapping[str, _Write] = {
            "message-start": self._begin,
            "content-start": self._content,
            "content-delta": self._content,
            "tool-plan-delta": self._plan,
            "tool-call-start": self._call,
            "tool-call-delta": self._call,
            "tool-call-end": self._call_ends,
            "citation-start": self._citation,
            "message-end": self._end,
        }

    def feed(self, event: Event) -> Sequence[Chunk]:
        """Return the chunks an event stands for; raise ProviderError for a failure."""
        payload = event.data.strip()
        if not payload or payload == _DONE:
            return ()
        body = told_in(event.name, payload, self._signs, _fails)
        write = self._writers.get(text_in(body.get("type")))
        return write(body) if write else ()

    def _begin(self, body: Mapping[str, Any]) -> Sequence[Chunk]:
        self._writer.id = text_in(body.get("id")) or self._writer.id
        return ()

    def _content(self, body: Mapping[str, Any]) -> Sequence[Chunk]:
        content = object_in(_piece(body).get("content"))
        text, thought = text_in(content.get("text")), text_in(content.get("thinking"))
        more = logprobs_of([object_in(body.get("logprobs"))])
        chunks = [self._writer.delta({"reasoning_content": thought})] if thought else []
        return [*chunks, self._writer.delta({"content": text}, more=more)] if text else chunks

    def _plan(self, body: Mapping[str, Any]) -> Sequence[Chunk]:
        plan = text_in(_piece(body).get("tool_plan"))
        return [self._writer.delta({"tool_plan": plan}, content=False)] if plan else ()

    def _citation(self, body: Mapping[str, Any]) -> Sequence[Chunk]:
        citation = object_in(_piece(body).get("citations"))
        return [self._writer.delta({"citations": [citation]}, content=False)] if citation else ()

    def _call(self, body: Mapping[str, Any]) -> Sequence[Chunk]:
        """Write the beginning of a call, which has an id and may have arguments, or a piece."""
        call = object_in(_piece(body).get("tool_calls"))
        function, id_ = object_in(call.get("function")), text_in(call.get("id"))
        chunks = []
        if id_:
            number, chunk = self._writer.call(id_, text_in(function.get("name")))
            self._calls[str(body.get("index"))] = number
            chunks.append(chunk)
        piece = text_in(function.get("arguments"))
        return [*chunks, *self._writer.arguments(self._number(body), piece)]

    def _call_ends(self, body: Mapping[str, Any]) -> Sequence[Chunk]:
        return self._writer.call_ends(self._number(body))

    def _number(self, body: Mapping[str, Any]) -> int:
        number = self._calls.get(str(body.get("index")))
        if number is None:
            raise ProviderError(ErrorKind.BAD_ANSWER, "the stream goes on with a call not begun")
        return number

    def _end(self, body: Mapping[str, Any]) -> Sequence[Chunk]:
        delta = object_in(body.get("delta"))
        self._writer.finish(ending_of(delta, self._signs))
        counts = object_in(delta.get("usage"))
        return self._writer.end(usage_of(counts), billed_in(counts))


def _fails(body: Mapping[str, Any]) -> bool:
    return body.get("type") in (None, "error")


def _piece(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the piece of the message which an event brings."""
    return object_in(object_in(body.get("delta")).get("message"))
