"""Decoding a stream of Gemini's. https://ai.google.dev/api/generate-content.

Each event is a piece of every candidate, and there is no end marker. A function call comes whole;
where Vertex AI was asked to stream its arguments, they are put together first.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from attrs import define, field

from modelmesh.connectors.providers._errors import Sign
from modelmesh.connectors.providers._fields import object_in, objects_in
from modelmesh.connectors.providers._writing import Ending, StreamWriter
from modelmesh.connectors.providers.gemini.answer import (
    Ids,
    called_in,
    id_of,
    image_of,
    logprobs_of,
    name_of,
    said_in,
)
from modelmesh.connectors.providers.gemini.arguments import Arguments
from modelmesh.connectors.providers.gemini.reply import (
    ENDINGS,
    FILTERED,
    Candidate,
    Json,
    candidates_of,
    is_blocked,
    told_in,
    usage_of,
)
from modelmesh.json_text import dumps
from modelmesh.stream import End
from modelmesh.types import Chunk, Event, Request
from modelmesh.usage import Usage


@define(eq=False)
class Decoder:
    """Decodes one stream.

    Older servers end every piece with STOP, and count only in the last or never. So that word ends
    a stream once there is a count, after a piece without it, or where nothing follows it. A stream
    that breaks off before is not whole.
    """

    _request: Request
    _wall: float
    _signs: Sequence[Sign]
    _writer: StreamWriter = field(init=False)
    _ids: Ids | None = field(default=None, init=False)
    _usage: Usage | None = field(default=None, init=False)
    # Of each candidate, why it ended.
    _reasons: dict[int, str | None] = field(factory=dict, init=False)
    # The candidates of which a piece came that told no reason.
    _went_on: set[int] = field(factory=set, init=False)
    # What its text was last signed with, told once, since clients join what comes in pieces.
    _signatures: dict[int, Any] = field(factory=dict, init=False)
    # The call whose arguments are still to come: its number, and what there is of them.
    _open: dict[int, tuple[int, Arguments]] = field(factory=dict, init=False)
    _images: Counter[int] = field(factory=Counter, init=False)
    _logprobs: dict[int, list[Json]] = field(factory=dict, init=False)
    _ended: bool = field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        self._writer = StreamWriter(self._wall, self._request)

    def feed(self, event: Event) -> Sequence[Chunk]:
        """Return the chunks an event stands for; raise ProviderError for a failure."""
        body = told_in(event, self._signs)
        if body is not None:
            return self._taken(body)
        return self._at_last() if isinstance(event, End) else ()

    def _taken(self, body: Json) -> Sequence[Chunk]:
        self._usage = usage_of(body) or self._usage
        if self._ended:
            return (Chunk(usage=self._usage),)
        if self._ids is None:
            self._writer.id = id_of(body, self._request)
            self._writer.model = name_of(body, self._request)
            self._ids = Ids(self._writer.id)
        candidates = candidates_of(body)
        chunks = [chunk for one in candidates for chunk in self._pieces(one, self._ids)]
        if is_blocked(body):
            self._block()
        self._ended = self._is_whole()
        return [*chunks, *self._writer.end(self._usage)] if self._ended else chunks

    def _at_last(self) -> Sequence[Chunk]:
        """End the answer where the stream ends, if each candidate told why it does."""
        if self._ended or not self._reasons or None in self._reasons.values():
            return ()
        self._ended = True
        return self._writer.end(self._usage)

    def _block(self) -> None:
        """Note that the prompt was refused, be it while it was being answered."""
        for index in [i for i, reason in self._reasons.items() if reason is None] or [0]:
            self._reasons[index] = FILTERED.reason
            self._writer.finish(FILTERED, index)

    def _is_whole(self) -> bool:
        reasons = self._reasons.values()
        if not reasons or None in reasons:
            return False
        if self._usage is not None or self._went_on.issuperset(self._reasons):
            return True
        return any(reason != "STOP" for reason in reasons)

    def _pieces(self, candidate: Candidate, ids: Ids) -> Iterator[Chunk]:
        index, writer = candidate.index, self._writer
        self._reasons.setdefault(index, None)
        self._logprobs.setdefault(index, []).extend(candidate.logprobs)
        for part in candidate.parts:
            if "functionCall" in part:
                yield from self._call(part, index, ids)
            elif fields := said_in(part):
                self._signatures[index] = fields.pop("extra_content", self._signatures.get(index))
                if "images" in fields:
                    fields["images"] = [image_of(fields["images"], self._images[index])]
                    self._images[index] += 1
                if fields:
                    yield writer.delta(fields, index)
        if reason := candidate.reason:
            yield from self._call_ends(index)
            self._reasons[index] = reason
            if signature := self._signatures.pop(index, None):
                yield writer.delta({"extra_content": signature}, index, content=False)
            more = logprobs_of(self._logprobs[index])
            writer.finish(Ending.of(reason, ENDINGS), index, more)
        else:
            self._went_on.add(index)

    def _call(self, part: Json, index: int, ids: Ids) -> Iterator[Chunk]:
        """Write a call that begins, if one does, and its arguments once they are whole."""
        function = object_in(part["functionCall"])
        if function.get("name"):
            yield from self._call_ends(index)
            call = called_in(part, ids)
            number, head = self._writer.call(call.id, call.name, index, fields=call.fields)
            yield head
            self._open[index] = (number, Arguments(object_in(function.get("args"))))
        if index in self._open:
            _, arguments = self._open[index]
            for piece in objects_in(function.get("partialArgs")):
                arguments.add(piece)
        if not function.get("willContinue"):
            yield from self._call_ends(index)

    def _call_ends(self, index: int) -> Iterator[Chunk]:
        if index in self._open:
            number, arguments = self._open.pop(index)
            whole = arguments.whole
            yield from self._writer.arguments(number, dumps(whole).decode() if whole else "", index)
            yield from self._writer.call_ends(number, index)
