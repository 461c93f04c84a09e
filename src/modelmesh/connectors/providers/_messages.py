"""What a vendor does not take within the messages of a conversation, and the messages without it.

A client sends back what an answer held, so a conversation carries the state of every vendor that
had a part in it: what a model thought, signatures, plans. Each vendor gets back its own. To others
it is worthless, and some refuse the request for it.
"""

import operator
import re
from base64 import b32encode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from itertools import count
from types import MappingProxyType
from typing import Any, Final

from attrs import field

from modelmesh.values import value

STATE: Final = frozenset(
    {
        "extra_content",
        "reasoning",
        "reasoning_content",
        "reasoning_details",
        "thinking_blocks",
        "tool_plan",
    }
)
"""Fields in which vendors hand out state; `extra_content` is that of a single call as well."""

FOREIGN: Final = frozenset({"extra_content", "thinking_blocks", "tool_plan"})
"""Those of vendors with an API of their own, which nobody else can read."""

SPOKEN: Final = frozenset({"role", "content", "tool_calls"})
"""What an assistant's message consists of; answers have more, which some vendors refuse back."""

_THOUGHTS: Final = frozenset({"reasoning", "reasoning_content", "reasoning_details"})

_TURNS: Final = frozenset({"user", "assistant"})
_NINE: Final = re.compile(r"[a-zA-Z0-9]{9}")
_NO_IDS: Final[Mapping[str, str]] = MappingProxyType({})


@value(kw_only=True)
class Messages:
    """What a vendor takes and refuses.

    Attributes:
        takes: the fields that a role's messages may have; other roles' may have any.
        refuses: fields which no message may have, and no call in it.
        needs: fields which an assistant's message must have, and what stands in for each.
        takes_null: whether an assistant's message may have fields which are null.
        developer: whether the role is known; else what a developer says, the system says.
        short_ids: whether ids of calls have to be nine letters and digits.
        alternate: whether the user and the assistant have to take turns after what the system says.
            Then messages of one role in a row are one, and what the system says later is part of
            the user's turn, between `<system>` tags.

    """

    takes: Mapping[str, frozenset[str]] = MappingProxyType({})
    refuses: frozenset[str] = frozenset()
    needs: Mapping[str, str] = MappingProxyType({})
    takes_null: bool = True
    developer: bool = True
    short_ids: bool = False
    alternate: bool = False
    _idle: bool = field(init=False)

    @_idle.default
    def _takes_all(self) -> bool:
        refuses = self.takes or self.refuses or self.needs or self.short_ids
        return not (refuses or self.alternate) and self.takes_null and self.developer

    def cleaned(self, messages: Any) -> Any:
        """Return the messages as the vendor takes them: the same object where nothing changes."""
        if self._idle or not isinstance(messages, list):
            return messages
        ids = _short_ids(messages) if self.short_ids else _NO_IDS
        clean = [self._cleaned(message, ids) for message in messages]
        if self.alternate:
            clean = _alternating(clean)
        same = len(clean) == len(messages) and all(map(operator.is_, clean, messages))
        return messages if same else clean

    def _cleaned(self, message: Any, ids: Mapping[str, str]) -> Any:
        if not isinstance(message, dict):
            return message
        role = message.get("role")
        if role == "developer" and not self.developer:
            message = {**message, "role": (role := "system")}
        taken = self.takes.get(role) if isinstance(role, str) else None
        if role == "user" and taken is None and self.refuses.isdisjoint(message):
            return message  # most are
        null_too = self.takes_null or role != "assistant"
        refuses = self.refuses
        if refuses >= FOREIGN and holds(message, FOREIGN):
            refuses |= _THOUGHTS  # of the vendor whose state it is
        clean = {
            name: told
            for name, told in message.items()
            if (taken is None or name in taken)
            and name not in refuses
            and (null_too or told is not None)
        }
        if role == "assistant":
            clean = {**self.needs, **clean}
            if "refusal" not in clean and message.get("refusal") and not message.get("content"):
                clean["content"] = message["refusal"]
        if isinstance(clean.get("tool_calls"), list):
            clean["tool_calls"] = [self._cleaned_call(call, ids) for call in clean["tool_calls"]]
        if "tool_call_id" in clean:
            clean["tool_call_id"] = _shortened(clean["tool_call_id"], ids)
        return message if clean == message else clean

    def _cleaned_call(self, call: Any, ids: Mapping[str, str]) -> Any:
        if not isinstance(call, dict):
            return call
        clean = {name: told for name, told in call.items() if name not in self.refuses}
        if "id" in clean:
            clean["id"] = _shortened(clean["id"], ids)
        return clean


def _alternating(messages: Sequence[Any]) -> list[Any]:
    """Return a conversation in which the user and the assistant take turns."""
    turns: list[Any] = []
    for message in messages:
        later = turns and _role(message) == "system" != _role(turns[-1])
        turn = _tagged(message) if later else message
        if turns and _role(turn) == _role(turns[-1]) in _TURNS:
            turn = _joined(turns.pop(), turn)
        turns.append(turn)
    return turns


def _role(message: Any) -> str:
    """Return the role of a message whose content can be joined with another's, else ""."""
    if not isinstance(message, dict) or "tool_calls" in message:
        return ""
    role = message.get("role")
    sound = isinstance(message.get("content"), str | list | None)
    return role if sound and isinstance(role, str) else ""


def _tagged(message: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what the system says as a part of the user's turn."""
    said = message.get("content") or ""
    if isinstance(said, list):
        said = [_text("<system>"), *said, _text("</system>")]
    else:
        said = f"<system>{said}</system>"
    return {**message, "role": "user", "content": said}


def _joined(one: Mapping[str, Any], other: Mapping[str, Any]) -> Mapping[str, Any]:
    said = [told for told in (one.get("content"), other.get("content")) if told]
    if any(isinstance(told, list) for told in said):
        return {**one, "content": [part for told in said for part in _parts(told)]}
    return {**one, "content": "\n\n".join(said)}


def _parts(content: Any) -> list[Any]:
    return content if isinstance(content, list) else [_text(content)]


def _text(text: str) -> Mapping[str, str]:
    return {"type": "text", "text": text}


def holds(message: Mapping[str, Any], names: Iterable[str]) -> bool:
    """Whether a message, or a call in it, has something in one of these fields."""
    calls = message.get("tool_calls")
    parts = [message, *(calls if isinstance(calls, list) else ())]
    return any(part.get(name) for part in parts if isinstance(part, dict) for name in names)


def _shortened(id_: Any, ids: Mapping[str, str]) -> Any:
    return ids.get(id_, id_) if isinstance(id_, str) else id_


def _short_ids(messages: Sequence[Any]) -> Mapping[str, str]:
    """Return a short id for each long one in a conversation, the same in every turn of it."""
    ids = dict.fromkeys(_ids(messages))
    taken = {id_ for id_ in ids if _NINE.fullmatch(id_)}
    short: dict[str, str] = {}
    for id_ in ids:
        if not _NINE.fullmatch(id_):
            short[id_] = next(drawn for drawn in _drawn(id_) if drawn not in taken)
            taken.add(short[id_])
    return short


def _drawn(id_: str) -> Iterator[str]:
    """Draw short ids, always the same ones for an id."""
    for number in count():
        digest = sha256(f"{number} {id_}".encode(errors="replace")).digest()
        yield b32encode(digest)[:9].decode()


def _ids(messages: Sequence[Any]) -> Iterator[str]:
    for message in messages:
        if not isinstance(message, dict):
            continue
        calls = message.get("tool_calls")
        called = calls if isinstance(calls, list) else ()
        ids = [call.get("id") for call in called if isinstance(call, dict)]
        yield from (id_ for id_ in (*ids, message.get("tool_call_id")) if isinstance(id_, str))
