"""The form of an upload: its fields, and its file byte for byte.

https://datatracker.ietf.org/doc/html/rfc7578
"""

import re
from collections.abc import Iterator
from typing import Any, Final

from attrs import frozen

from modelmesh.proxy.errors import Refused
from modelmesh.types import Upload

_BOUNDARY: Final = re.compile(r'boundary=(?:"([^"\r\n]{1,70})"|([^\s;,"]{1,70}))', re.IGNORECASE)
_PARAMETER: Final = re.compile(r';\s*(name|filename)="((?:[^"\\]|\\.)*)"', re.IGNORECASE)
_ESCAPED: Final = re.compile(r"\\([\\\"])")
_MOST_PARTS: Final = 1000


@frozen
class Form:
    """What a client filled in. A field is a list if its name ends with `[]` or is repeated."""

    fields: dict[str, Any]
    files: dict[str, Upload]


def is_form(content_type: str) -> bool:
    return content_type.partition(";")[0].strip().lower() == "multipart/form-data"


def parse(raw: bytes, content_type: str) -> Form:
    """Read a whole form. Raises Refused."""
    found = _BOUNDARY.search(content_type)
    if not found:
        raise Refused(400, "The header `Content-Type: multipart/form-data` names no boundary.")
    form = Form({}, {})
    for name, upload in _parts(raw, (found[1] or found[2]).encode()):
        if upload.name:
            form.files[name] = upload
        else:
            _fill_in(form.fields, name, upload.content)
    return form


def _fill_in(fields: dict[str, Any], name: str, content: bytes) -> None:
    try:
        text = content.decode()
    except UnicodeDecodeError:
        raise Refused(400, f"The field `{name}` is no text in UTF-8.", param=name) from None
    if name.endswith("[]"):
        fields.setdefault(name.removesuffix("[]"), []).append(text)
    elif name in fields:
        before = fields[name]
        fields[name] = [*(before if isinstance(before, list) else [before]), text]
    else:
        fields[name] = text


def _parts(raw: bytes, boundary: bytes) -> Iterator[tuple[str, Upload]]:
    """Give the parts with their names; one that is no file has no file name."""
    _, *pieces = (b"\r\n" + raw).split(b"\r\n--" + boundary)
    if not pieces or not pieces.pop().startswith(b"--"):
        raise Refused(400, "The form ends before its last boundary.")
    if len(pieces) > _MOST_PARTS:
        raise Refused(400, f"The form has more than {_MOST_PARTS} parts.")
    for piece in pieces:
        head, gap, content = piece.partition(b"\r\n\r\n")
        if not gap:
            raise Refused(400, "A part of the form has no end of its headers.")
        headers = _headers(head)
        said = dict(_PARAMETER.findall(headers.get("content-disposition", "")))
        if not (name := _plain(said.get("name", ""))):
            raise Refused(400, "A part of the form has no name.")
        kind = headers.get("content-type", "application/octet-stream")
        yield (
            name,
            Upload(name=_plain(said.get("filename", "")), content_type=kind, content=content),
        )


def _headers(head: bytes) -> dict[str, str]:
    lines = head.decode(errors="replace").split("\r\n")
    pairs = (line.partition(":") for line in lines)
    return {name.strip().lower(): text.strip() for name, _, text in pairs}


def _plain(quoted: str) -> str:
    """Return a name as it was before it was quoted; browsers write %22 for a quotation mark."""
    return _ESCAPED.sub(r"\1", quoted).replace("%22", '"').replace("%0D", "").replace("%0A", "")
