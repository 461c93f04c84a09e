"""Answers of vendors who speak OpenAI's wire with an accent, put as OpenAI would have put them.

- `id`, `created` and `model` stay what they were at first;
- the role is in the first delta of each choice and in no other;
- content is a text, and what a model thought is `reasoning_content`, whatever its vendor calls it;
- calls are numbered, have an id each, and arguments which are the text of an object;
- each choice finishes once, for a reason OpenAI has a word for, and nothing comes after it;
- figures of usage are in OpenAI's places, and a stream's usage comes once, in a chunk of its own.

Nothing is read for this that need not be, and what is as it should be passes as the bytes it came
as. Fields which OpenAI does not have stay.
"""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from attrs import define, field

from modelmesh.connectors.providers._errors import Sign
from modelmesh.connectors.providers._glance import TIERS
from modelmesh.connectors.providers._mending_calls import Calls, numbered, unnumbered
from modelmesh.connectors.providers._stream import Decoder, choices_of, has_content, notable
from modelmesh.connectors.providers._usage import counts_of, restated, usage_of, wants_usage
from modelmesh.connectors.providers._writing import Ending
from modelmesh.json_text import dumps
from modelmesh.types import Chunk, Request

Object = Mapping[str, Any]

FINISHES: Final[Mapping[str, str]] = MappingProxyType(
    {word: word for word in ("stop", "length", "tool_calls", "content_filter", "function_call")}
)
"""Why an answer ends: a vendor's word, and OpenAI's for it. These are OpenAI's own."""

_ROLE: Final = {"role": "assistant"}
_THOUGHTS: Final = "reasoning_details"
_LISTS: Final = frozenset({"annotations", _THOUGHTS})
_DELTA: Final = b'"delta"'
_ODD: Final = notable(
    rb"|annotations|role|tool_calls|reasoning(?:_details)?", otherwise=rb'|content"\s*:\s*\['
)


def mended_answer(
    body: Object, *, finishes: Mapping[str, str], request: Request, wall: float
) -> Any:
    """Return a whole answer as OpenAI would have sent it; `finishes` are as `FINISHES`."""
    choices = []
    for place, choice in enumerate(choices_of(body)):
        number = choice.get("index")
        said = _Choice(Calls(f"{request.id}/{place}"))
        ending = Ending.of(choice.get("finish_reason"), finishes)
        message = {"content": None, **said.mended(numbered(choice.get("message")), ending)}
        new = {
            **choice,
            "index": number if isinstance(number, int) else place,
            "message": unnumbered(message, choice.get("message")),
        }
        choices.append({**new, **ending.fields(called=bool(said.calls.calls), legacy=False)})
    names = _names(body, "chat.completion", request, wall)
    return _object(body, names, choices, body.get("usage"))


class MendingDecoder(Decoder):
    """Decodes one stream of such a vendor."""

    def __init__(
        self,
        signs: Iterable[Sign],
        *,
        choices: int,
        finishes: Mapping[str, str],
        request: Request,
        wall: float,
    ) -> None:
        super().__init__(signs, choices=choices)
        self._notable = self._is_odd
        self._finishes = finishes
        self._request = request
        self._wall = wall
        self._asked = wants_usage(request.body)
        self._told = False
        self._said: dict[int, _Choice] = {}
        self._names: Object = {}
        # What a chunk begins with, or holds, if it bears the stream's names and has a delta.
        self._head = b""
        self._marks: tuple[bytes, ...] = ()
        # Chunks which came before there was any name.
        self._held: list[Object] = []
        self._usage: Object | None = None

    def _is_odd(self, payload: bytes) -> object:
        """Whether an event in the middle of a stream has to be read."""
        if not payload.startswith(self._head) or self._choices > 1:
            return True
        for mark in self._marks:
            if mark not in payload:
                return True
        return _ODD.search(payload, len(self._head))

    def _chunks(self, payload: bytes, body: Object) -> Sequence[Chunk]:
        if not self._names and not choices_of(body):
            self._held.append(body)
            return ()
        if not self._names:
            self._names = _names(body, "chat.completion.chunk", self._request, self._wall)
            self._head, self._marks = _head_or_marks(self._names, payload)
        before = [Chunk(payload=dumps({**held, **self._names})) for held in self._held]
        self._held = []
        return [*before, *self._mended(payload, body)]

    def _at_done(self) -> Sequence[Chunk]:
        """End what the vendor left open; a stream which never said anything stays as it is."""
        left = [item for item in sorted(self._said.items()) if not item[1].ended]
        ends = [self._end(number, said) for number, said in left if self._flowing]
        return [*ends, *self._usage_chunk(), Chunk(finished=True)]

    def _mended(self, payload: bytes, body: Object) -> list[Chunk]:
        """Return the chunks for what an event says; usage waits for the end of all choices."""
        choices = [new for choice in choices_of(body) if (new := self._choice(choice))]
        ends = any(choice.get("finish_reason") for choice in choices)
        counts = counts_of(body)
        new = _object(body, self._names, choices, body.get("usage"))
        if counts:
            self._usage = {**new, "choices": [], "usage": restated(counts)}
        if counts and (self._asked or not ends):
            new.pop("usage", None)
        content = any(map(has_content, choices))
        self._flowing = self._flowing or content
        usage, finished = usage_of(body), self._ended_all
        told = self._usage_chunk(payload, body)
        # There is nothing in it but usage, or it comes after the end.
        if not choices and (counts or choices_of(body) or finished):
            return told or [Chunk(finished=finished, usage=usage)]
        shown = payload if new == body else dumps(new)
        chunk = Chunk(payload=shown, content=content, finished=finished, usage=usage)
        return [chunk, *told]

    def _choice(self, choice: Object) -> dict[str, Any] | None:
        """Return a choice of a chunk; None for one that has finished and says no more."""
        number = choice.get("index")
        number = number if isinstance(number, int) else 0
        if number not in self._said:
            self._said[number] = _Choice(Calls(f"{self._request.id}/{number}"))
        said, reason = self._said[number], choice.get("finish_reason")
        ending = Ending.of(reason, self._finishes) if reason and not said.ended else None
        delta = said.mended(choice.get("delta"), ending)
        for name in _LISTS & delta.keys():
            delta[name] = said.placed(name, delta[name])
        if said.ended and not has_content({"delta": delta}):
            return None
        new = {**choice, "index": number, "delta": delta}
        if ending:
            said.ended = True
            new |= ending.fields(called=bool(said.calls.calls), legacy=False)
        elif reason is not None:
            new["finish_reason"] = None
        return new

    @property
    def _ended_all(self) -> bool:
        ended = sum(said.ended for said in self._said.values())
        return ended >= max(self._choices, len(self._said))

    def _end(self, number: int, said: "_Choice") -> Chunk:
        """Return the end of a choice which the vendor gave none."""
        ending = Ending.of(None, self._finishes)
        delta = said.mended(None, ending)
        said.ended = True
        fields = ending.fields(called=bool(said.calls.calls), legacy=False)
        choice = {"index": number, "delta": delta, **fields}
        return Chunk(payload=dumps({**self._names, "choices": [choice]}))

    def _usage_chunk(self, payload: bytes = b"", body: Object | None = None) -> list[Chunk]:
        """Return the chunk with the usage, once it is its turn and if the client asked for it."""
        if not (self._asked and self._usage and self._ended_all) or self._told:
            return []
        self._told = True
        shown = payload if self._usage == body else dumps(self._usage)
        return [Chunk(payload=shown, finished=True, usage=usage_of(self._usage))]


@define(eq=False)
class _Choice:
    """What one choice has said so far."""

    calls: Calls
    began: bool = False
    ended: bool = False
    _places: dict[str, dict[Any, int]] = field(factory=dict)

    def mended(self, said: Any, ending: Ending | None) -> dict[str, Any]:
        """Return a message, or the next piece of one; `ending` is there with the last."""
        message = dict(said) if isinstance(said, dict) else {}
        if not self.began:
            message = {**_ROLE, **message, **_ROLE}
            self.began = True
        elif message.get("role") is not None:
            del message["role"]
        _put_in_texts(message)
        pieces = message.get("tool_calls")
        pieces = pieces if isinstance(pieces, list) else ()
        new = self.calls.mended(pieces, last=ending is not None)
        if new:
            message["tool_calls"] = new
        return message

    def placed(self, name: str, pieces: Any) -> Any:
        """Give pieces of a list a place each, by which OpenAI's SDKs put it together.

        Thoughts of a type go on in theirs, and every annotation is one of its own.
        """
        if not isinstance(pieces, list):
            return pieces
        return [
            {**one, "index": self._place(name, one)}
            if isinstance(one, dict) and not isinstance(one.get("index"), int)
            else one
            for one in pieces
        ]

    def _place(self, name: str, piece: Object) -> int:
        places = self._places.setdefault(name, {})
        kind = str(piece.get("type")) if name == _THOUGHTS else len(places)
        return places.setdefault(kind, len(places))


def _put_in_texts(message: dict[str, Any]) -> None:
    """Make content a text, and give thoughts the name they have with most vendors."""
    content, thoughts = message.get("content"), message.get("reasoning")
    if isinstance(content, list):
        message["content"] = _text(content, "text") or None
        thoughts = _text(content, "thinking") or thoughts
    if thoughts and isinstance(thoughts, str) and not message.get("reasoning_content"):
        message["reasoning_content"] = thoughts


def _text(parts: Any, kind: str) -> str:
    """Join the texts of the parts of a kind (https://docs.mistral.ai/capabilities/reasoning)."""
    if not isinstance(parts, list):
        return parts if isinstance(parts, str) else ""
    fitting = [p for p in parts if isinstance(p, dict) and p.get("type") == kind]
    return "".join(_text(part.get(kind), "text") for part in fitting)


def _object(body: Object, names: Object, choices: Sequence[Object], counts: Any) -> dict[str, Any]:
    """Return an answer or a chunk with these names and choices."""
    new = {**body, **names, "choices": list(choices)}
    if isinstance(counts, dict):
        new["usage"] = restated(counts)
    if new.get("service_tier") not in TIERS:
        del new["service_tier"]  # a word only its vendor knows
    return new


def _names(body: Object, kind: str, request: Request, wall: float) -> Object:
    """Return what every chunk of a stream says of itself; what is missing is made up."""
    created = body.get("created")
    return {
        "id": body.get("id") or f"chatcmpl-{request.id}",
        "object": kind,
        "created": int(created if isinstance(created, int | float) else wall),
        "model": body.get("model") or request.model,
    }


def _head_or_marks(names: Object, payload: bytes) -> tuple[bytes, tuple[bytes, ...]]:
    """Return what a stream's chunks begin with, up to the delta, or else what is in them.

    Nearly all vendors write the names first, and the others next to each other, so that few bytes
    need be looked for.
    """
    marks = tuple(_mark(name, names[name], payload) for name in ("id", "created", "model"))
    begin = min(payload.find(mark) for mark in marks)
    end = max(payload.find(mark) + len(mark) for mark in marks)
    delta = payload.find(_DELTA)
    if 0 <= begin < end <= delta and not _ODD.search(payload[:delta]):
        return payload[: delta + len(_DELTA)], ()
    if begin >= 0 and not begin <= delta < end:
        return b"", (payload[begin:end], _DELTA)
    return b"", (*marks, _DELTA)


def _mark(name: str, value: Any, payload: bytes) -> bytes:
    """Return the bytes a name is written with; if it is written otherwise, no chunk has them."""
    tight, loose = (b'"%b":%b%b' % (name.encode(), gap, dumps(value)) for gap in (b"", b" "))
    return loose if loose in payload else tight
