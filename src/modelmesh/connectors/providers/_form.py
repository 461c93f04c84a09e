"""Writing a form, a file in it byte for byte. https://datatracker.ietf.org/doc/html/rfc7578."""

import re
from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Any, Final

from attrs import frozen

from modelmesh.json_text import dumps
from modelmesh.types import Upload

_KIND: Final = re.compile(r"[\w.+-]+/[\w.+-]+(?:; ?[\w.+-]+=[\w.+-]+)*", re.ASCII)
# As browsers quote: https://html.spec.whatwg.org/multipage/form-control-infrastructure.html.
_QUOTED: Final = str.maketrans({'"': "%22", "\r": "%0D", "\n": "%0A"})


@frozen
class Form:
    """A form as it is sent."""

    body: bytes
    content_type: str


def form(fields: Mapping[str, Any], file: Upload | None = None, *, seed: str) -> Form:
    """Return a form of fields, and of a `file`; the same `seed` gives the same bytes.

    A list becomes a field for each of its items, `name[]`; an object one for each of its keys,
    `name[key]`, which is how OpenAI's SDKs send them.
    """
    parts = [
        (_head(name), text.encode(errors="replace"))
        for field, value in fields.items()
        for name, text in _pairs(field, value)
    ]
    if file:
        parts.append((_head("file", file), file.content))
    boundary = _boundary(seed, parts)
    pieces: list[bytes] = []
    for head, content in parts:
        pieces += (b"--", boundary, b"\r\n", head, b"\r\n\r\n", content, b"\r\n")
    pieces += (b"--", boundary, b"--\r\n")
    return Form(b"".join(pieces), f"multipart/form-data; boundary={boundary.decode()}")


def kind_of(file: Upload) -> str:
    """Return what a client says a file is, if that may stand in a header."""
    told = file.content_type
    return told if _KIND.fullmatch(told) else "application/octet-stream"


def _pairs(name: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, list | tuple):
        for item in value:
            yield from _pairs(f"{name}[]", item)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _pairs(f"{name}[{key}]", item)
    elif value is not None:
        yield name, value if isinstance(value, str) else dumps(value).decode()


def _head(name: str, file: Upload | None = None) -> bytes:
    said = f'Content-Disposition: form-data; name="{_quoted(name)}"'
    if file:
        said += f'; filename="{_quoted(file.name)}"\r\nContent-Type: {kind_of(file)}'
    return said.encode(errors="replace")


def _quoted(name: str) -> str:
    return name.translate(_QUOTED)


def _boundary(seed: str, parts: list[tuple[bytes, bytes]]) -> bytes:
    """Return a boundary that is found nowhere in the parts."""
    boundary = _drawn(seed)
    while any(boundary in head or boundary in content for head, content in parts):
        boundary = _drawn(boundary.decode())
    return boundary


def _drawn(seed: str) -> bytes:
    return b"modelmesh-" + sha256(seed.encode(errors="replace")).hexdigest()[:32].encode()
