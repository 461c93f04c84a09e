"""A conversation's turns as Anthropic's messages, of which there are only the user's and its own.

The rules, for what OpenAI's shape allows and Anthropic's does not:

- System messages at the beginning become `system`. A later one stays where it is if the model takes
  one there, which is between the user's turn and the assistant's; else it becomes part of the
  user's turn, between `<system>` tags.
- Turns of the same role that follow each other become one. The results of calls come first in it.
- Texts without anything but white space are left out, since they are refused.
- A conversation that begins with the assistant gets a user's turn before it. One that ends with an
  answer to be continued gets a user's turn behind it which asks for that, unless the model
  continues answers by itself.
- Ids of calls are made to fit and to be there once only; those that do already stay as they are.

https://platform.claude.com/docs/en/api/messages
"""

import base64
import binascii
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from attrs import define, evolve, field

from modelmesh.connectors.providers._conversation import Assistant, Call, Result, System, Turn, User
from modelmesh.connectors.providers._parts import Media, Part, Text
from modelmesh.connectors.providers.anthropic.model import Model
from modelmesh.errors import RequestError
from modelmesh.values import value

Block = Mapping[str, Any]

BEGIN: Final = "Begin."
"""What the user says before a conversation that begins with the assistant."""
GO_ON: Final = "Go on exactly where you stopped."
"""What the user says after an answer that a model does not continue by itself."""

_UNFIT: Final = re.compile(r"[^a-zA-Z0-9_-]")
_THOUGHTS: Final = {"thinking": ("thinking", "signature"), "redacted_thinking": ("data",)}
"""The fields of the blocks which hold thoughts, the last one being what only Anthropic can read."""


@value
class _Message:
    role: str
    content: tuple[Block, ...]

    def written(self) -> dict[str, Any]:
        results = [block for block in self.content if block["type"] == "tool_result"]
        others = [block for block in self.content if block["type"] != "tool_result"]
        return {"role": self.role, "content": [*results, *others]}


@define
class _Ids:
    """Gives calls ids which Anthropic takes: letters, digits, `_` and `-`, each once."""

    _given: dict[str, str] = field(factory=dict)

    def of_call(self, id_: str) -> str:
        fit = plain = _UNFIT.sub("_", id_)
        number = 1
        while fit in self._given.values():
            number += 1
            fit = f"{plain}_{number}"
        self._given[id_] = fit
        return fit

    def of_result(self, id_: str) -> str:
        """Return the id of the last call which the client knows by this one."""
        return self._given.get(id_) or _UNFIT.sub("_", id_)


def messages_of(
    turns: Sequence[Turn], model: Model, *, thinks: bool
) -> tuple[list[Block], list[dict[str, Any]]]:
    """Return what goes into `system`, and the messages; `thinks` is whether thinking is on.

    Raises RequestError where nothing at all is said, or what Anthropic cannot be told.
    """
    begins = next((n for n, turn in enumerate(turns) if not isinstance(turn, System)), len(turns))
    system = [block for turn in turns[:begins] for block in _blocks(turn.parts)]
    said = _merged(_messages(turns[begins:]))
    said = _merged(_with_system_in_place(said, model))
    if not said:
        # Somebody has to say something, so here the instructions are what the user says.
        system, said = [], _merged([_Message("user", tuple(system))])
    if not said:
        raise RequestError("messages have no words, which Anthropic refuses", param="messages")
    if said[0].role == "assistant":
        said = [_Message("user", (_text(BEGIN),)), *said]
    return system, [message.written() for message in _ended(said, model, thinks=thinks)]


def thoughts_in(message: Mapping[str, Any]) -> list[Block]:
    """Return the thoughts of Anthropic's in an assistant's message; others' are left out."""
    blocks = message.get("thinking_blocks")
    found: list[Block] = []
    for block in blocks if isinstance(blocks, list) else ():
        kind = block.get("type") if isinstance(block, dict) else None
        names = _THOUGHTS.get(kind, ()) if isinstance(kind, str) else ()
        if names and all(isinstance(block.get(name), str) for name in names) and block[names[-1]]:
            # All but the index, which the pieces of a stream have for clients' sake.
            found.append({name: value for name, value in block.items() if name != "index"})
    return found


def _messages(turns: Iterable[Turn]) -> Iterator[_Message]:
    ids = _Ids()
    for turn in turns:
        match turn:
            case System():
                yield _Message("system", tuple(_blocks(turn.parts)))
            case User():
                yield _Message("user", tuple(_blocks(turn.parts)))
            case Assistant():
                texts = _blocks([part for part in turn.parts if isinstance(part, Text)])
                calls = (_call(call, ids) for call in turn.calls)
                yield _Message("assistant", (*thoughts_in(turn.fields), *texts, *calls))
            case Result():
                yield _Message("user", (_result(turn, ids),))


def _call(call: Call, ids: _Ids) -> Block:
    id_ = ids.of_call(call.id)
    return {"type": "tool_use", "id": id_, "name": call.name, "input": call.arguments}


def _result(result: Result, ids: _Ids) -> Block:
    content = list(_blocks(result.parts))
    head = {"type": "tool_result", "tool_use_id": ids.of_result(result.call_id)}
    return {**head, "content": content} if content else head


def _merged(messages: Iterable[_Message]) -> list[_Message]:
    merged: list[_Message] = []
    for message in messages:
        if not message.content:
            continue
        if merged and merged[-1].role == message.role:
            merged[-1] = evolve(merged[-1], content=merged[-1].content + message.content)
        else:
            merged.append(message)
    return merged


def _with_system_in_place(messages: Sequence[_Message], model: Model) -> Iterator[_Message]:
    for number, message in enumerate(messages):
        before = messages[number - 1].role if number else ""
        after = messages[number + 1].role if number + 1 < len(messages) else "assistant"
        in_place = model.later_system and before == "user" and after == "assistant"
        if message.role != "system" or in_place:
            yield message
        else:
            yield _Message("user", (_text("<system>"), *message.content, _text("</system>")))


def _ended(messages: Sequence[_Message], model: Model, *, thinks: bool) -> Sequence[_Message]:
    """Return the messages with an end which the model takes."""
    *others, last = messages
    if last.role != "assistant" or last.content[-1]["type"] == "tool_use":
        return messages
    if not model.prefill or thinks:
        return [*messages, _Message("user", (_text(GO_ON),))]
    # White space at the very end is refused, and so are thoughts in an answer to be continued.
    texts = [block for block in last.content if block["type"] == "text"]
    if not texts:
        return others
    end = {**texts[-1], "text": texts[-1]["text"].rstrip()}
    return [*others, _Message("assistant", (*texts[:-1], end))]


def _blocks(parts: Iterable[Part]) -> Iterator[Block]:
    for part in parts:
        if isinstance(part, Text) and not part.text.strip():
            continue
        block = _text(part.text) if isinstance(part, Text) else _media(part)
        cached = part.fields.get("cache_control")
        yield {**block, "cache_control": cached} if cached else block


def _text(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def _media(media: Media) -> dict[str, Any]:
    if media.kind == "audio":
        raise RequestError("Anthropic's models do not listen to sound", param="messages")
    image = media.kind == "image" or media.media_type.startswith("image/")
    named = {"title": media.filename} if media.filename and not image else {}
    return {"type": "image" if image else "document", "source": _source(media), **named}


def _source(media: Media) -> dict[str, Any]:
    if media.url:
        return {"type": "url", "url": media.url}
    if media.file_id:
        return {"type": "file", "file_id": media.file_id}
    if media.media_type == "text/plain":
        return {"type": "text", "media_type": "text/plain", "data": _decoded(media.data)}
    return {"type": "base64", "media_type": media.media_type, "data": media.data}


def _decoded(data: str) -> str:
    try:
        return base64.b64decode(data, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise RequestError("a file is not text in base64", param="messages") from None
