"""A file to send along, in any of the ways that OpenAI's library takes one."""

import io
import mimetypes
import os
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Final, TypeAlias

from modelmesh.errors import RequestError
from modelmesh.types import Upload

Content: TypeAlias = IO[bytes] | bytes | os.PathLike[str]
FileTypes: TypeAlias = Content | tuple[str | None, Content] | tuple[str | None, Content, str | None]

_NAMELESS: Final = "upload"
_HINT: Final = (
    "file is an open binary file, bytes, a pathlib.Path, or a tuple: (name, content, content type)"
)


def upload(file: FileTypes) -> Upload:
    """Read a file, from its beginning where it can be rewound.

    Raises RequestError for what is none, OSError where it cannot be read.
    """
    if isinstance(file, tuple):
        if len(file) not in (2, 3):
            raise _refusal(file)
        name, content, kind = (*file, None)[:3]
    else:
        name, content, kind = _name(file), file, None
    name = name or _NAMELESS
    guessed, _ = mimetypes.guess_type(name)
    read = _read(content)
    if not read:
        raise RequestError("file is empty", param="file")
    return Upload(
        name=name, content_type=kind or guessed or "application/octet-stream", content=read
    )


def _read(content: Any) -> bytes:
    if isinstance(content, bytes | bytearray | memoryview):
        return bytes(content)
    if isinstance(content, os.PathLike):
        return Path(content).read_bytes()
    if not hasattr(content, "read"):
        raise _refusal(content)
    with suppress(AttributeError, io.UnsupportedOperation):  # a pipe, say
        content.seek(0)
    came = content.read()
    if not isinstance(came, bytes):
        raise RequestError('file must be opened in binary mode: open(…, "rb")', param="file")
    return came


def _name(file: Any) -> str | None:
    name = file if isinstance(file, os.PathLike) else getattr(file, "name", None)
    return Path(name).name if isinstance(name, str | os.PathLike) else None


def _refusal(file: object) -> RequestError:
    return RequestError(f"{_HINT}; not {type(file).__name__}", param="file")
