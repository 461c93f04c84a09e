"""The calls of one choice, which vendors number, name and fill in their own ways.

A client puts a call together from pieces: `index` says which call a piece belongs to, the first
piece has the id and the name, and the arguments of all pieces together are the text of an object.
https://platform.openai.com/docs/api-reference/chat-streaming
"""

from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Any

from attrs import define, field

from modelmesh.json_text import dumps


@define(eq=False)
class _Call:
    """One call: its number among the calls, and the place and the id which its vendor gave it."""

    number: int
    id: str
    place: int | None
    vendor_id: str
    name: str
    filled: bool = False


@define(eq=False)
class Calls:
    """Mends pieces of calls in the order in which they come; `seed` is what made-up ids are of."""

    seed: str
    calls: list[_Call] = field(factory=list, init=False)

    def mended(self, pieces: Iterable[Any], *, last: bool) -> list[Any]:
        """Return pieces as OpenAI has them; with the last ones a call without arguments gets {}."""
        new = [self._piece(piece) for piece in pieces]
        return self._filled(new) if last else new

    def _piece(self, piece: Any) -> Any:
        function = piece.get("function") if isinstance(piece, dict) else None
        if not isinstance(function, dict):
            return piece  # a call of something else than a function
        call = self._known(piece, function)
        begins = call is None
        call = call or self._begin(piece, function)
        new = dict(function)
        if begins or "arguments" in new:
            new["arguments"] = _text(new.get("arguments"), begins=not call.filled)
            call.filled = call.filled or bool(new["arguments"].strip())
        if begins:
            kind = piece.get("type") or "function"
            return {**piece, "index": call.number, "id": call.id, "type": kind, "function": new}
        if new.get("name") in (call.name, "", None):
            new.pop("name", None)
        kept = {name: value for name, value in piece.items() if name != "id"}
        return {**kept, "index": call.number, "function": new}

    def _known(self, piece: Mapping[str, Any], function: Mapping[str, Any]) -> _Call | None:
        """Return the call a piece goes on with; None where it begins one.

        Some servers have one place for all calls, and then another id comes with the next name.
        """
        place, id_, name = _place(piece), _id(piece), function.get("name")
        for call in reversed(self.calls):
            if place is None:
                if call.vendor_id == id_ if id_ else not name:
                    return call
            elif call.place == place:
                return None if name and id_ and id_ != call.vendor_id else call
        return None

    def _begin(self, piece: Mapping[str, Any], function: Mapping[str, Any]) -> _Call:
        number, id_ = len(self.calls), _id(piece)
        unique = (
            id_ if id_ and all(call.id != id_ for call in self.calls) else self._made_up(number)
        )
        name = function.get("name")
        call = _Call(number, unique, _place(piece), id_, name if isinstance(name, str) else "")
        self.calls.append(call)
        return call

    def _made_up(self, number: int) -> str:
        return "call_" + sha256(f"{self.seed}/{number}".encode()).hexdigest()[:24]

    def _filled(self, pieces: Sequence[Any]) -> list[Any]:
        empty = {call.number for call in self.calls if not call.filled}
        new = []
        for piece in reversed(pieces):
            if isinstance(piece, dict) and piece.get("index") in empty and "function" in piece:
                empty.remove(piece["index"])
                new.append({**piece, "function": {**piece["function"], "arguments": "{}"}})
            else:
                new.append(piece)
        return new[::-1] + [
            {"index": number, "function": {"arguments": "{}"}} for number in sorted(empty)
        ]


def numbered(message: Any) -> Any:
    """Give each call of a whole message a place of its own."""
    calls = message.get("tool_calls") if isinstance(message, dict) else None
    if not isinstance(calls, list):
        return message
    placed = [{**c, "index": n} if isinstance(c, dict) else c for n, c in enumerate(calls)]
    return {**message, "tool_calls": placed}


def unnumbered(message: dict[str, Any], said: Any) -> dict[str, Any]:
    """Take the places away again from those calls of a whole message which came without."""
    if not isinstance(message.get("tool_calls"), list):
        return message
    calls = [
        {name: value for name, value in new.items() if name != "index" or "index" in old}
        if isinstance(old, dict)
        else old
        for new, old in zip(message["tool_calls"], said["tool_calls"], strict=True)
    ]
    return {**message, "tool_calls": calls}


def _text(arguments: Any, *, begins: bool) -> str:
    """Return arguments as text; those that begin with null are none."""
    if arguments is None or (begins and arguments == "null"):
        return ""
    return arguments if isinstance(arguments, str) else dumps(arguments).decode()


def _place(piece: Mapping[str, Any]) -> int | None:
    place = piece.get("index")
    return place if isinstance(place, int) else None


def _id(piece: Mapping[str, Any]) -> str:
    """Return the id a vendor gave; Mistral's older models write "null" for none."""
    id_ = piece.get("id")
    return id_ if isinstance(id_, str) and id_ != "null" else ""
