"""The pieces a message is made of, out of OpenAI's shape: text, images, sound, files.

https://platform.openai.com/docs/api-reference/chat/create#chat-create-messages
"""

import base64
import mimetypes
import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, Literal
from urllib.parse import unquote_to_bytes

from attrs import field

from modelmesh.connectors.providers._strict import faulty, object_at, text_at
from modelmesh.values import value

_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})
_DATA_URI: Final = re.compile(r"data:([^;,]*)((?:;[^;,]*)*),", re.ASCII)
_SOUNDS: Final[Mapping[str, str]] = MappingProxyType({"mp3": "audio/mpeg"})
_THOUGHTS: Final = frozenset({"thinking", "redacted_thinking", "reasoning"})


@value(kw_only=True)
class Text:
    """A text; `fields` is the part as it came, in which vendors find what is theirs."""

    text: str  # what it says
    fields: Mapping[str, Any] = field(default=_NOTHING, repr=False)  # the part as it came


@value(kw_only=True)
class Media:
    """An image, a sound or a file: either its base64 `data`, or where to get it.

    Attributes:
        kind: what it is.
        media_type: such as "image/png"; "" where only whoever has it can tell.
        data: its content in base64.
        url: an address beginning with http.
        file_id: the name of a file the vendor has.
        filename: what the client calls a file.
        fields: the part as it came.

    """

    kind: Literal["image", "audio", "file"]
    media_type: str = ""
    data: str = field(default="", repr=False)
    url: str = ""
    file_id: str = ""
    filename: str = ""
    fields: Mapping[str, Any] = field(default=_NOTHING, repr=False)


Part = Text | Media


def parts_of(content: Any, where: str, *, empty: bool = False) -> Sequence[Part]:
    """Read a message's content; where `empty`, null or none at all will do."""
    if content is None and empty:
        return ()
    if isinstance(content, str):
        return (Text(text=content),) if content else ()
    if not isinstance(content, list):
        raise faulty(where, "must be a string or a list of parts")
    places = ((part, f"{where}[{number}]") for number, part in enumerate(content))
    parts = [_part(object_at(part, place), place) for part, place in places]
    return tuple(part for part in parts if part is not None)


def said_in(message: Mapping[str, Any], where: str) -> Sequence[Part]:
    """Read what an assistant said; a refusal counts as text."""
    parts = parts_of(message.get("content"), f"{where}.content", empty=True)
    refusal = text_at(message, "refusal", where)
    return (*parts, Text(text=refusal)) if refusal and not parts else parts


def plain(parts: Sequence[Part]) -> str:
    """Return all text in the parts."""
    return "".join(part.text for part in parts if isinstance(part, Text))


def _part(part: Mapping[str, Any], where: str) -> Part | None:
    """Read a part; None for a thought, which is no part of what was said."""
    kind = part.get("type")
    if isinstance(kind, str) and kind in _THOUGHTS:
        return None
    match kind:
        case "text" | "refusal":
            return Text(text=text_at(part, kind, where), fields=part)
        case "image_url":
            image = part.get("image_url")
            url = (
                image
                if isinstance(image, str)
                else object_at(image, f"{where}.image_url").get("url")
            )
            return _linked("image", url, f"{where}.image_url.url", part)
        case "input_audio":
            return _sound(part, f"{where}.input_audio")
        case "file":
            return _file(part, f"{where}.file")
    raise faulty(f"{where}.type", "must be text, image_url, input_audio or file")


def _linked(kind: Literal["image", "file"], url: Any, where: str, part: Mapping[str, Any]) -> Media:
    """Read a data URI or an address (RFC 2397)."""
    if not isinstance(url, str):
        raise faulty(where, "must be a string")
    if url[:8].lower().startswith(("http://", "https://")):
        return Media(kind=kind, url=url, fields=part)
    head = _DATA_URI.match(url)
    if head is None:
        raise faulty(where, "must be a data URI or an address that begins with http")
    data = url[head.end() :]
    if ";base64" not in head[2].lower():
        data = base64.b64encode(unquote_to_bytes(data)).decode()
    return Media(kind=kind, media_type=head[1].lower() or "text/plain", data=data, fields=part)


def _sound(part: Mapping[str, Any], where: str) -> Media:
    sound = object_at(part.get("input_audio"), where)
    data, form = text_at(sound, "data", where), text_at(sound, "format", where)
    if not data or not form:
        raise faulty(where, "must have data and a format")
    media_type = _SOUNDS.get(form, f"audio/{form}")
    return Media(kind="audio", media_type=media_type, data=data, fields=part)


def _file(part: Mapping[str, Any], where: str) -> Media:
    file = object_at(part.get("file"), where)
    data, name = text_at(file, "file_data", where), text_at(file, "filename", where)
    id_ = text_at(file, "file_id", where)
    if id_:
        return Media(kind="file", file_id=id_, filename=name, fields=part)
    if not data:
        raise faulty(where, "must have file_data or a file_id")
    if ":" not in data[:8]:
        guessed = mimetypes.guess_type(name)[0] or "application/pdf"
        return Media(kind="file", media_type=guessed, data=data, filename=name, fields=part)
    linked = _linked("file", data, f"{where}.file_data", part)
    return Media(
        kind="file",
        media_type=linked.media_type,
        data=linked.data,
        url=linked.url,
        filename=name,
        fields=part,
    )
