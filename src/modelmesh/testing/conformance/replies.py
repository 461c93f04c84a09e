"""The replies of a vendor, as they lie in a folder."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, get_args

from attrs import field, frozen

from modelmesh.errors import ErrorKind
from modelmesh.types import Endpoint, HttpReply

SORTS: Final[Mapping[str, str]] = {
    "chat": "chat*.json",
    "stream": "stream*.sse",
    "error": "error*.json",
    "embeddings": "embeddings*.json",
    "images": "images*.json",
    "speech": "speech*",
    "transcriptions": "transcriptions*",
}
"""What a folder has, and how its files are called."""

ASKED: Final = ".asked.json"
"""How a file ends that says what a reply beside it is to."""

_ENDPOINTS: Final[Mapping[str, Endpoint]] = {name: name for name in get_args(Endpoint)}
_TYPES: Final[Mapping[str, str]] = {
    ".json": "application/json",
    ".sse": "text/event-stream",
    ".srt": "text/plain",
    ".vtt": "text/plain",
    ".mp3": "audio/mpeg",
    ".opus": "audio/opus",
    ".aac": "audio/aac",
    ".flac": "audio/flac",
    ".wav": "audio/wav",
    ".pcm": "audio/pcm",
}
_FORMS: Final[Mapping[str, Mapping[str, Any]]] = {
    ".srt": {"response_format": "srt"},
    ".vtt": {"response_format": "vtt"},
}


@frozen(kw_only=True)
class Recorded:
    """One reply. `text` is what it says, where a file beside it has that.

    Attributes:
        endpoint: where it was given; an error may be anywhere.
        asked: what was asked for in OpenAI's words, besides what always is.
        kind: what an error means.
        retry_after: the seconds it asks for.

    """

    name: str
    endpoint: Endpoint = "chat"
    reply: HttpReply = field(repr=False)
    asked: Mapping[str, Any] = field(factory=dict, repr=False)
    text: str | None = None
    kind: ErrorKind | None = None
    retry_after: float | None = None


def read(folder: Path, sort: str) -> list[Recorded]:
    """Return the replies of a sort, in order of their names. Raises ValueError for a bad file."""
    return list(_read(folder, sort))


def _read(folder: Path, sort: str) -> Iterator[Recorded]:
    for path in sorted(folder.glob(SORTS[sort])):
        if path.suffix == ".txt" or path.name.endswith(ASKED):
            continue
        if sort == "error":
            yield _error(path, json.loads(path.read_bytes()))
            continue
        kind = _TYPES.get(path.suffix)
        if kind is None:
            raise ValueError(f"{path}: nothing ends in {path.suffix!r} that a vendor says")
        text, asked = path.with_suffix(".txt"), path.with_suffix(ASKED)
        plain = text.exists() and path.suffix in (".json", ".sse")  # elsewhere it has times
        yield Recorded(
            name=path.name,
            endpoint=_ENDPOINTS.get(sort, "chat"),
            reply=HttpReply(status=200, headers={"content-type": kind}, body=path.read_bytes()),
            asked=json.loads(asked.read_bytes()) if asked.exists() else _FORMS.get(path.suffix, {}),
            text=text.read_text(encoding="utf-8").rstrip("\n") if plain else None,
        )


def _error(path: Path, told: Any) -> Recorded:
    if not isinstance(told, dict) or not {"status", "body", "kind"} <= told.keys():
        raise ValueError(f"{path}: an error has a status, a body and the kind that it means")
    body = told["body"]
    return Recorded(
        name=path.name,
        reply=HttpReply(
            status=told["status"],
            headers={"content-type": "application/json", **told.get("headers", {})},
            body=(body if isinstance(body, str) else json.dumps(body)).encode(),
        ),
        kind=ErrorKind(told["kind"]),
        retry_after=told.get("retry_after"),
    )
