"""Anthropic's streams as chunks in OpenAI's shape.

A stream is complete with `message_stop`, not before. Only then the client is told why the answer
ended. Events of a kind that is not known are passed over, as Anthropic asks its clients to do.

https://platform.claude.com/docs/en/build-with-claude/streaming
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from attrs import define, field

from modelmesh.connectors.providers._errors import Sign
from modelmesh.connectors.providers._fields import object_in
from modelmesh.connectors.providers._stream import told_in
from modelmesh.connectors.providers._writing import Ending, StreamWriter
from modelmesh.connectors.providers.anthropic.answer import (
    ENDINGS,
    THOUGHTS,
    annotations,
    refusal_of,
    usage_of,
    wants_json,
)
from modelmesh.connectors.providers.anthropic.request import ANSWER_TOOL
from modelmesh.json_text import dumps
from modelmesh.types import Chunk, Event, Request

_GROWING: Final[Mapping[str, str]] = {
    "text_delta": "text",
    "thinking_delta": "thinking",
    "signature_delta": "signature",
    "input_json_delta": "partial_json",
}
"""The deltas which make a field of a block longer, and the field."""


@define
class _Block:
    """A block which is still open: its fields so far, and the call it is, if it is one."""

    fields: dict[str, Any]
    start: int
    call: int | None = None

    @property
    def kind(self) -> str:
        return str(self.fields.get("type"))


@define(eq=False)
class Decoder:
    """Decodes one stream."""

    _request: Request
    _wall: float
    _signs: Iterable[Sign] = ()
    _writer: StreamWriter = field(init=False)
    _blocks: dict[int, _Block] = field(factory=dict, init=False)
    _counts: dict[str, Any] = field(factory=dict, init=False)
    # What was told of the end: why it came, and of a refusal.
    _told: dict[str, Any] = field(factory=dict, init=False)
    _text_size: int = field(default=0, init=False)
    # How many entries each list of the message has; clients put them together by their index.
    _listed: dict[str, int] = field(factory=dict, init=False)
    _answered: bool = field(default=False, init=False)
    _over: bool = field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        self._writer = StreamWriter(
            self._wall, self._request, id=self._request.id, model=self._request.model
        )

    def feed(self, event: Event) -> Sequence[Chunk]:
        """Return the chunks an event stands for; raise ProviderError for a failure."""
        if self._over or not event.data.strip():
            return ()
        body = told_in(event.name, event.data, self._signs, _fails)
        kinds: Mapping[Any, Callable[[Mapping[str, Any]], Sequence[Chunk]]] = {
            "message_start": self._begin,
            "content_block_start": self._open,
            "content_block_delta": self._grow,
            "content_block_stop": self._close,
            "message_delta": self._note,
            "message_stop": self._end,
        }
        kind = body.get("type")
        return kinds[kind](body) if isinstance(kind, str) and kind in kinds else ()

    def _begin(self, body: Mapping[str, Any]) -> Sequence[Chunk]:
        """Begin the message. One that goes on with a program of the model's may come whole."""
        message = object_in(body.get("message"))
        self._writer.id = str(message.get("id") or self._writer.id)
        self._writer.model = str(message.get("model") or self._writer.model)
        self._counts |= _given(object_in(message.get("usage")))
        self._told |= _given(message)
        chunks = [Chunk(usage=usage_of(self._counts))]
        blocks = message.get("content")
        for block in blocks if isinstance(blocks, list) else ():
            chunks += [*self._open({"content_block": block}), *self._close({})]
        return chunks

    def _note(self, body: Mapping[str, Any]) -> Sequence[Chunk]:
        self._told |= _given(object_in(body.get("delta")))
        self._counts |= _given(object_in(body.get("usage")))
        return ()

    def _open(self, body: Mapping[str, Any]) -> Sequence[Chunk]:
        """Begin a block. Some come with their first words."""
        block = _Block(dict(object_in(body.get("content_block"))), self._text_size)
        self._blocks[_index(body)] = block
        match block.kind:
            case "text":
                return self._said(block, str(block.fields.get("text") or ""))
            case "thinking":
                return self._thought(str(block.fields.get("thinking") or ""))
            case "tool_use":
                block.fields["partial_json"] = ""
                if wants_json(self._request) and block.fields.get("name") == ANSWER_TOOL:
                    return []
                id_, name = str(block.fields.get("id")), str(block.fields.get("name"))
                block.call, chunk = self._writer.call(id_, name)
                return [chunk]
        return ()

    def _grow(self, body: Mapping[str, Any]) -> Sequence[Chunk]:
        block, delta = self._blocks.get(_index(body)), object_in(body.get("delta"))
        if block is None or block.kind not in ("text", "tool_use", *THOUGHTS):
            return ()
        kind = delta.get("type")
        if kind == "citations_delta":
            block.fields.setdefault("cited", []).append(delta.get("citation"))
        name = _GROWING.get(kind) if isinstance(kind, str) else None
        piece = delta.get(name) if name else None
        if not name or not isinstance(piece, str) or not piece:
            return ()
        block.fields[name] = (block.fields.get(name) or "") + piece
        match kind:
            case "text_delta":
                return self._said(block, piece)
            case "thinking_delta":
                return self._thought(piece)
            case "input_json_delta":
                return self._argued(block, piece)
        return ()

    def _said(self, block: _Block, piece: str) -> list[Chunk]:
        if block.kind != "text" or not piece:
            return []
        self._text_size += len(piece)
        return [self._writer.text(piece)]

    def _thought(self, piece: str) -> list[Chunk]:
        return [self._writer.delta({"reasoning_content": piece})] if piece else []

    def _argued(self, block: _Block, piece: str) -> list[Chunk]:
        """Write a piece of a tool's input, which is the answer itself if the tool is for that."""
        if block.call is not None:
            return self._writer.arguments(block.call, piece)
        return [] if self._answered else [self._writer.text(piece)]

    def _close(self, body: Mapping[str, Any]) -> Sequence[Chunk]:
        block = self._blocks.pop(_index(body), None)
        if block is None:
            return ()
        match block.kind:
            case "tool_use":
                return self._complete(block)
            case "text":
                cited = annotations(block.fields.get("cited"), block.start, self._text_size)
                return [self._entry("annotations", note) for note in cited]
            case kind if kind in THOUGHTS:
                return [self._entry("thinking_blocks", block.fields)]
        return ()

    def _complete(self, block: _Block) -> list[Chunk]:
        """End a tool's input. One that came in no pieces came whole at the beginning, or is {}."""
        chunks: list[Chunk] = []
        if not block.fields["partial_json"]:
            whole = dumps(block.fields.get("input") or {}).decode()
            chunks = self._argued(block, whole)
        self._answered = self._answered or block.call is None
        return chunks

    def _entry(self, name: str, entry: Mapping[str, Any]) -> Chunk:
        index = self._listed.get(name, 0)
        self._listed[name] = index + 1
        return self._writer.delta({name: [{"index": index, **entry}]})

    def _end(self, _: Mapping[str, Any]) -> list[Chunk]:
        self._over = True
        refusal = refusal_of(self._told)
        chunks = [self._writer.delta({"refusal": refusal})] if refusal else []
        self._writer.finish(Ending.of(self._told.get("stop_reason"), ENDINGS))
        return [*chunks, *self._writer.end(usage_of(self._counts))]


def _fails(body: Mapping[str, Any]) -> bool:
    return body.get("type") == "error"


def _index(body: Mapping[str, Any]) -> int:
    index = body.get("index")
    return index if isinstance(index, int) else 0


def _given(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
