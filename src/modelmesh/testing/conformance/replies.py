"""The replies of a vendor, as they lie in a folder."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from attrs import field, frozen

from modelmesh.errors import ErrorKind
from modelmesh.types import HttpReply

SORTS: Final[Mapping[str, str]] = {
    "chat": "chat*.json",
    "stream": "stream*.sse",
    "error": "error*.json",
}
"""What a folder has, and how its files are called."""


@frozen(kw_only=True)
class Recorded:
    """One reply. `text` is what it says, where a file beside it has that.

    Attributes:
        kind: what an error means.
        retry_after: the seconds it asks for.

    """

    name: str
    reply: HttpReply = field(repr=False)
    text: str | None = None
    kind: ErrorKind | None = None
    retry_after: float | None = None


def read(folder: Path, sort: str) -> list[Recorded]:
    """Return the replies of a sort, in order of their names. Raises ValueError for a bad file."""
    return list(_read(folder, sort))


def _read(folder: Path, sort: str) -> Iterator[Recorded]:
    for path in sorted(folder.glob(SORTS[sort])):
        beside = path.with_suffix(".txt")
        text = beside.read_text(encoding="utf-8").rstrip("\n") if beside.exists() else None
        if sort == "error":
            yield _error(path, json.loads(path.read_bytes()))
            continue
        kind = "text/event-stream" if sort == "stream" else "application/json"
        reply = HttpReply(status=200, headers={"content-type": kind}, body=path.read_bytes())
        yield Recorded(name=path.name, reply=reply, text=text)


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
