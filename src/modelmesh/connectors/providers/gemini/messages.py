"""A conversation's turns as Gemini's contents, of which there are the user's and the model's.

The rules, for what OpenAI's shape allows and Gemini's does not:

- System messages at the beginning become the system instruction, in order. A later one becomes part
  of the user's turn where it stands, between `<system>` tags, as do all for a model that takes no
  instruction.
- Turns of the same role that follow each other become one. The results of calls come first in it,
  in the order of the calls; each has the name of its function, and an object for its response.
- A conversation that begins with the model gets a user's turn before it.
- A signature goes back on the part which it came with. Where a client dropped it, or another vendor
  made the call, the word goes which Google has for that.

https://ai.google.dev/api/caching#Content and https://ai.google.dev/gemini-api/docs/thought-signatures
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import takewhile
from types import MappingProxyType
from typing import Any, Final

from modelmesh.connectors.providers._conversation import Assistant, Call, Result, System, Turn, User
from modelmesh.connectors.providers._parts import Media, Part, Text, plain
from modelmesh.connectors.providers._strict import faulty
from modelmesh.connectors.providers.gemini.model import Model

Json = dict[str, Any]

BEGIN: Final = "Begin."
"""What the user says before a conversation that begins with the model."""
UNSIGNED: Final = "skip_thought_signature_validator"
"""What Google takes for a signature which is not there."""

_MEDIA_TYPES: Final[Mapping[str, str]] = MappingProxyType(
    {"image/jpg": "image/jpeg", "audio/mpeg": "audio/mp3"}
)
"""Media types which Gemini knows by another name."""

_BY_ENDING: Final[Mapping[str, str]] = MappingProxyType(
    {
        "gif": "image/gif",
        "heic": "image/heic",
        "heif": "image/heif",
        "jpeg": "image/jpeg",
        "jpg": "image/jpeg",
        "mov": "video/mov",
        "mp3": "audio/mp3",
        "mp4": "video/mp4",
        "pdf": "application/pdf",
        "png": "image/png",
        "wav": "audio/wav",
        "webm": "video/webm",
        "webp": "image/webp",
    }
)
"""Media types by how an address ends. Where it tells nothing Gemini is told nothing."""


def contents_of(turns: Sequence[Turn], model: Model) -> Json:
    """Return the instruction and the contents.

    Raises RequestError (400) where something cannot be said to Gemini.
    """
    leading = list(takewhile(lambda turn: isinstance(turn, System), turns))
    if not model.instructed or len(leading) == len(turns):
        leading = []
    spoken = list(enumerate(turns))[len(leading) :]
    contents = _begun(_merged(_turn(turn, number, model) for number, turn in spoken))
    said = [_parts(turn.parts, f"messages[{number}]") for number, turn in enumerate(leading)]
    instruction = [part for parts in said for part in parts]
    return {
        **({"systemInstruction": {"parts": instruction}} if instruction else {}),
        "contents": contents,
    }


def out_of_reach(messages: Any) -> bool:
    """Whether messages hold what Gemini cannot get at: plain http, and files at other vendors.

    It fetches https itself, https://ai.google.dev/gemini-api/docs/file-input-methods.
    """
    for message in messages if isinstance(messages, list) else ():
        content = message.get("content") if isinstance(message, dict) else None
        parts = content if isinstance(content, list) else ()
        if any(_is_out_of_reach(part) for part in parts if isinstance(part, dict)):
            return True
    return False


def _is_out_of_reach(part: Mapping[str, Any]) -> bool:
    image, file = part.get("image_url"), part.get("file")
    url = image.get("url") if isinstance(image, dict) else image
    if isinstance(file, dict):
        url = file.get("file_data")
        if file.get("file_id"):
            return True
    return isinstance(url, str) and url[:7].lower() == "http://"


def _turn(turn: Turn, number: int, model: Model) -> tuple[str, list[Json]]:
    """Return whose turn it is, and its parts."""
    where = f"messages[{number}]"
    match turn:
        case System():
            text = plain(turn.parts)
            return "user", [{"text": f"<system>{text}</system>"}] if text else []
        case User():
            return "user", _parts(turn.parts, where)
        case Assistant():
            return "model", _said(turn, where, model)
        case Result():
            return "user", _result(turn, where)


def _merged(turns: Iterable[tuple[str, list[Json]]]) -> list[Json]:
    """Join neighbours of one role. Who says nothing is passed over."""
    contents: list[Json] = []
    for role, parts in turns:
        if contents and contents[-1]["role"] == role:
            contents[-1]["parts"] += parts
        elif parts:
            contents.append({"role": role, "parts": parts})
    calls: list[str] = []
    for content in contents:
        if content["role"] == "user":
            content["parts"] = [*_results(content["parts"], calls), *_others(content["parts"])]
        else:
            calls = [p["functionCall"]["id"] for p in content["parts"] if "functionCall" in p]
    return contents


def _results(parts: Iterable[Json], calls: Sequence[str]) -> list[Json]:
    """Return the results among the parts, in the order of the calls."""
    places = {id_: place for place, id_ in enumerate(calls)}
    results = [part for part in parts if "functionResponse" in part]
    return sorted(results, key=lambda p: places.get(p["functionResponse"]["id"], len(places)))


def _others(parts: Iterable[Json]) -> Iterator[Json]:
    return (part for part in parts if "functionResponse" not in part)


def _begun(contents: list[Json]) -> list[Json]:
    if contents and contents[0]["role"] == "user":
        return contents
    return [{"role": "user", "parts": [{"text": BEGIN}]}, *contents]


def _said(turn: Assistant, where: str, model: Model) -> list[Json]:
    """Return what the model said, then its calls."""
    parts = _parts(turn.parts, where)
    if signature := _signature(turn.fields):
        if not parts or "text" not in parts[-1]:
            parts.append({"text": ""})
        parts[-1]["thoughtSignature"] = signature
    calls = [_call(call) for call in turn.calls]
    if calls and model.signs and not any("thoughtSignature" in call for call in calls):
        calls[0]["thoughtSignature"] = UNSIGNED
    return parts + calls


def _call(call: Call) -> Json:
    function = {"id": call.id, "name": call.name, "args": call.arguments}
    signature = _signature(call.fields)
    return {"functionCall": function, **({"thoughtSignature": signature} if signature else {})}


def _signature(fields: Mapping[str, Any]) -> str | None:
    """Return the signature of a message or a call, where Google's own clients have it, too."""
    extra = fields.get("extra_content")
    google = extra.get("google") if isinstance(extra, Mapping) else None
    signature = google.get("thought_signature") if isinstance(google, Mapping) else None
    return signature if isinstance(signature, str) and signature else None


def _result(turn: Result, where: str) -> list[Json]:
    if not turn.name:
        raise faulty(f"{where}.tool_call_id", "answers a call which no message before it makes")
    # It has to be an object, and the text may be anything.
    response = {"id": turn.call_id, "name": turn.name, "response": {"result": plain(turn.parts)}}
    shown = [part for part in turn.parts if isinstance(part, Media)]
    return [{"functionResponse": response}, *_parts(shown, where)]


def _parts(parts: Iterable[Part], where: str) -> list[Json]:
    spoken = (part for part in parts if not isinstance(part, Text) or part.text)
    return [_part(part, f"{where}.content") for part in spoken]


def _part(part: Part, where: str) -> Json:
    if isinstance(part, Text):
        return {"text": part.text}
    if part.data:
        media_type = _MEDIA_TYPES.get(part.media_type, part.media_type)
        return {"inlineData": {"mimeType": media_type, "data": part.data}}
    if not part.url.lower().startswith("https://"):
        raise faulty(where, "must have its files as data URIs or at https addresses for Gemini")
    ending = part.url.partition("?")[0].rpartition(".")[2].lower()
    told = {"mimeType": _BY_ENDING[ending]} if ending in _BY_ENDING else {}
    return {"fileData": {**told, "fileUri": part.url}}
