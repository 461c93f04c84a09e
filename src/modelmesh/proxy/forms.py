"""The form of an upload: its fields, and its file byte for byte. Pure.

https://datatracker.ietf.org/doc/html/rfc7578
"""

import re
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import unquote

from attrs import frozen

from modelmesh.proxy.errors import Refused
from modelmesh.types import Upload

KIND: Final = "multipart/form-data"

_BOUNDARY: Final = re.compile(
    r';\s*boundary=(?:"([^"\r\n]{1,70})"|([^\s;,"]{1,70}))', re.IGNORECASE
)
_PARAMETER: Final = re.compile(
    r';\s*(name|filename)=(?:"((?:[^"\\]|\\.)*)"|([^\s;"]+))', re.IGNORECASE | re.DOTALL
)
# Not as the standard has it, but as some clients write a name that is no ASCII.
_EXTENDED: Final = re.compile(r";\s*filename\*=utf-8'[^']*'([^\s;]+)", re.IGNORECASE)
_ESCAPED: Final = re.compile(r"\\([\\\"])")
_END_OF_LINE: Final = re.compile(rb"--|[ \t]*\r\n")
_INNER: Final = re.compile(r"([^\[\]]+)\[([^\[\]]+)\]")
_MOST_PARTS: Final = 1000


@frozen
class Form:
    """What a client filled in. A field is a list if its name ends with `[]` or is repeated.

    Of names such as `size[width]` it is an object.
    """

    fields: dict[str, Any]
    files: dict[str, Upload]


def is_form(content_type: str) -> bool:
    return content_type.partition(";")[0].strip().lower() == KIND


def parse(raw: bytes, content_type: str) -> Form:
    """Read a whole form. Raises Refused."""
    found = _BOUNDARY.search(content_type)
    if not found:
        raise Refused(400, "The header `Content-Type: multipart/form-data` has no boundary.")
    form = Form({}, {})
    for name, upload in _parts(raw, (found[1] or found[2]).encode(errors="replace")):
        if not upload.name:
            _fill_in(form.fields, name, upload.content)
        elif name in form.files:
            raise Refused(400, f"The form has more than one file `{name}`.", param=name)
        else:
            form.files[name] = upload
    return form


def _fill_in(fields: dict[str, Any], name: str, content: bytes) -> None:
    try:
        text = content.decode()
    except UnicodeDecodeError:
        message = f"The field `{name}` is not UTF-8 text. A file needs a `filename`."
        raise Refused(400, message, param=name) from None
    if inner := _INNER.fullmatch(name):
        outer = fields.setdefault(inner[1], {})
        if not isinstance(outer, dict):
            message = f"The field `{inner[1]}` cannot have both a value and parts."
            raise Refused(400, message, param=inner[1])
        outer[inner[2]] = text
        return
    plain = name.removesuffix("[]")
    before = fields.get(plain)
    if isinstance(before, dict):
        message = f"The field `{plain}` cannot have both a value and parts."
        raise Refused(400, message, param=plain)
    if name != plain or before is not None:
        fields[plain] = [*_listed(before), text]
    else:
        fields[plain] = text


def _listed(value: Any) -> list[Any]:
    return [] if value is None else value if isinstance(value, list) else [value]


def _parts(raw: bytes, boundary: bytes) -> Iterator[tuple[str, Upload]]:
    """Give the parts with their names; one that is no file has no file name."""
    pieces = _pieces(raw, b"--" + boundary)
    for number, (start, end) in enumerate(pieces):
        if number == _MOST_PARTS:
            raise Refused(400, f"The form has more than {_MOST_PARTS} parts.")
        gap = raw.find(b"\r\n\r\n", start, end)
        if gap < 0:
            raise Refused(400, "The headers of a part of the form do not end.")
        headers = _headers(raw[start:gap])
        disposition = headers.get("content-disposition", "")
        said = {
            key.lower(): quoted or bare for key, quoted, bare in _PARAMETER.findall(disposition)
        }
        if not (name := _plain(said.get("name", ""))):
            raise Refused(400, "A part of the form has no name.")
        extended = _EXTENDED.search(disposition)
        kind = headers.get("content-type", "application/octet-stream")
        yield (
            name,
            Upload(
                name=unquote(extended[1]) if extended else _plain(said.get("filename", "")),
                content_type=kind,
                content=raw[gap + 4 : end],
            ),
        )


def _pieces(raw: bytes, line: bytes) -> Iterator[tuple[int, int]]:
    """Give where each part is: from the end of one line that parts them to the next."""
    begun = -1
    place = -2 if raw.startswith(line) else raw.find(b"\r\n" + line)
    while place != -1:
        after = place + 2 + len(line)
        if end := _END_OF_LINE.match(raw, after):
            if begun >= 0:
                yield begun, place
            if end[0] == b"--":
                return
            begun = end.end() - 2
        place = raw.find(b"\r\n" + line, after)
    if begun < 0:
        message = f"No part of the form begins with its boundary, {line.decode(errors='replace')}."
        raise Refused(400, message)
    raise Refused(400, "The form ends before its last boundary.")


def _headers(head: bytes) -> dict[str, str]:
    lines = head.decode(errors="replace").split("\r\n")
    pairs = (line.partition(":") for line in lines)
    return {name.strip().lower(): text.strip() for name, _, text in pairs}


def _plain(quoted: str) -> str:
    """Return a name as it was before it was quoted; browsers write %22 for a quotation mark."""
    return _ESCAPED.sub(r"\1", quoted).replace("%22", '"').replace("%0D", "").replace("%0A", "")
