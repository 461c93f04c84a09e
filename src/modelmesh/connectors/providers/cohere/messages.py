"""A conversation's turns as Cohere's messages. https://docs.cohere.com/reference/chat."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from modelmesh.connectors.providers._conversation import (
    Assistant,
    Call,
    Result,
    System,
    Turn,
    User,
)
from modelmesh.connectors.providers._messages import FOREIGN, holds
from modelmesh.connectors.providers._parts import Media, Part, Text, plain
from modelmesh.connectors.providers._strict import faulty
from modelmesh.json_text import dumps

_SIGNATURES: Final = FOREIGN - {"tool_plan"}
"""Fields which tell that another vendor's model thought what is in `reasoning_content`."""

_NOTHING_CAME: Final = [{"type": "document", "document": {"data": {"output": ""}}}]
"""A call that came to nothing: an empty text would be refused."""


def messages_of(turns: Sequence[Turn], *, can_recall: bool) -> Iterator[dict[str, Any]]:
    """Give the messages; a model that `can_recall` gets its thoughts before tool calls again.

    Turns that say nothing are left out, for Cohere refuses them. Raises RequestError for what it
    cannot be shown: sound and files.
    """
    for number, turn in enumerate(turns):
        message = _message(turn, f"messages[{number}].content", can_recall=can_recall)
        if message is not None:
            yield message


def _message(turn: Turn, where: str, *, can_recall: bool) -> dict[str, Any] | None:
    match turn:
        case System():
            text = _text(turn.parts, where)
            return {"role": "system", "content": text} if text else None
        case User():
            shown = _shown(turn.parts, where)
            return {"role": "user", "content": shown} if shown else None
        case Result():
            came = _text(turn.parts, where) or _NOTHING_CAME
            return {"role": "tool", "tool_call_id": turn.call_id, "content": came}
        case Assistant():
            return _said(turn, where, can_recall=can_recall)


def _said(turn: Assistant, where: str, *, can_recall: bool) -> dict[str, Any] | None:
    """Return what the assistant said. Before calls text is refused, so there it is the plan.

    Thoughts take the plan's place in models that think (https://github.com/vercel/ai/issues/5794),
    unless another vendor's model thought them.
    """
    text = _text(turn.parts, where)
    if not turn.calls:
        return {"role": "assistant", "content": text} if text else None
    message = {"role": "assistant", "tool_calls": [_call(call) for call in turn.calls]}
    plan = _joined(_field(turn, "tool_plan"), text)
    own = can_recall and not holds(turn.fields, _SIGNATURES)
    thoughts = _field(turn, "reasoning_content") if own else ""
    if thoughts:
        return {**message, "content": [{"type": "thinking", "thinking": _joined(thoughts, plan)}]}
    return {**message, "tool_plan": plan} if plan else message


def _call(call: Call) -> dict[str, Any]:
    function = {"name": call.name, "arguments": dumps(call.arguments).decode()}
    return {"id": call.id, "type": "function", "function": function}


def _field(turn: Assistant, name: str) -> str:
    text = turn.fields.get(name)
    return text if isinstance(text, str) else ""


def _joined(*texts: str) -> str:
    return "\n\n".join(text for text in texts if text)


def _text(parts: Sequence[Part], where: str) -> str:
    if any(isinstance(part, Media) for part in parts):
        raise faulty(where, "has to be text here, for Cohere")
    return plain(parts)


def _shown(parts: Sequence[Part], where: str) -> str | list[dict[str, Any]]:
    """Return what the user says and shows."""
    if all(isinstance(part, Text) for part in parts):
        return plain(parts)
    return [_part(part, where) for part in parts]


def _part(part: Part, where: str) -> dict[str, Any]:
    if isinstance(part, Text):
        return {"type": "text", "text": part.text}
    if part.kind != "image":
        raise faulty(where, "has to be text and images, for Cohere")
    image = {"url": part.url or f"data:{part.media_type};base64,{part.data}"}
    given = part.fields.get("image_url")
    detail = given.get("detail") if isinstance(given, dict) else None
    return {"type": "image_url", "image_url": {**image, "detail": detail} if detail else image}
