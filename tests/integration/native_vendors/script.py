"""What the vendors say, whatever wire they speak: the script by which each of them answers.

A question with tools is answered by calling every tool, once for each town in the question. Results
are told back town by town, so that one which went astray shows. JSON is filled in by its schema.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from attrs import field, frozen

TOWNS: Final = ("Oslo", "Rome", "Bern")
DEGREES: Final = 7

Schema = Mapping[str, Any]


@frozen(kw_only=True)
class Call:
    """A call of one of the client's functions."""

    id: str
    name: str
    arguments: Mapping[str, Any]

    @property
    def subject(self) -> str:
        """What it is about: the town, or else the function."""
        return str(self.arguments.get("city", self.name))


@frozen(kw_only=True)
class Heard:
    """What a vendor read in a request, out of its own wire.

    Attributes:
        question: the user's last words.
        results: the last words of all, if they are what came of calls: each call and its result.
        tools: schemas by the names of the functions that may be called.
        must_call: a call is asked for, whatever was said.
        at_once: several calls may be made in one turn.
        schema: of the JSON that is asked for.
        thinks: the model is to think before it speaks.

    """

    question: str
    results: Sequence[tuple[Call, str]] = ()
    tools: Mapping[str, Schema] = field(factory=dict)
    must_call: bool = False
    at_once: bool = True
    schema: Schema | None = None
    thinks: bool = False


@frozen(kw_only=True)
class Saying:
    """One turn of the assistant: what it thought, if it did, then its words or its calls."""

    thought: str = ""
    text: str = ""
    calls: Sequence[Call] = ()


def answer(heard: Heard, speaker: str, thought: str, number: int) -> Saying:
    """Say what comes next; `number` makes the ids of calls differ from those of other turns."""
    thought = thought if heard.thinks else ""
    calls = tuple(_calls(heard, number))
    if calls:
        return Saying(thought=thought, calls=calls if heard.at_once else calls[:1])
    if heard.schema is not None:
        text = json.dumps(_filled(heard.schema, _towns(heard.question)[0]))
    elif heard.results:
        text = ", ".join(sorted(f"{call.subject}: {result}" for call, result in heard.results))
    else:
        text = f"Hello from {speaker}."
    return Saying(thought=thought, text=text)


def halves(text: str) -> list[str]:
    """Return a text in two pieces, of which neither is empty."""
    middle = len(text) // 2
    return [piece for piece in (text[:middle], text[middle:]) if piece]


def _calls(heard: Heard, number: int) -> Iterator[Call]:
    chosen = list(heard.tools)
    if heard.must_call:
        # What a client adds to its own tools, to be answered by, comes last.
        chosen = chosen[-1:] if heard.results else chosen[:1]
    elif heard.results:
        return
    for name in chosen:
        about = _towns(heard.question) if heard.tools[name].get("properties") else [""]
        for town in about:
            arguments = _filled(heard.tools[name], town)
            yield Call(id=f"{name}_{number}_{town or 'now'}", name=name, arguments=arguments)


def _towns(question: str) -> list[str]:
    return [town for town in TOWNS if town in question] or [TOWNS[0]]


def _filled(schema: Schema, town: str, names: Mapping[str, Schema] | None = None) -> Any:
    """Return something that fits a schema; `names` are its definitions."""
    names = names if names is not None else schema.get("$defs", {})
    if "$ref" in schema:
        return _filled(names[schema["$ref"].rpartition("/")[2]], town, names)
    if "anyOf" in schema:
        return _filled(schema["anyOf"][0], town, names)
    if schema.get("type") == "object":
        inner = schema.get("properties", {})
        return {name: _filled(one, town, names) for name, one in inner.items()}
    return DEGREES if schema.get("type") == "integer" else town
