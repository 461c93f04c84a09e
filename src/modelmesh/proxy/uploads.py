"""The body of a request with a file in it: a form, or JSON with the file in base64. Pure."""

import base64
import binascii
import math
import re
from collections.abc import Mapping
from typing import Any, Final

from modelmesh.proxy import bodies, forms
from modelmesh.proxy.errors import Refused
from modelmesh.types import Upload

MAX_UPLOAD: Final = 25 << 20
"""Bytes of a file to transcribe: https://platform.openai.com/docs/guides/speech-to-text."""

_DATA_URI: Final = re.compile(r"data:([\w.+-]+/[\w.+-]+)?(?:;[\w=.+-]+)*;base64,")
_BOOLEANS: Final = {"true": True, "false": False}
_NUMBERS: Final = frozenset({"temperature"})


def transcription(raw: bytes, headers: Mapping[str, str]) -> tuple[dict[str, Any], Upload]:
    """Read a request for a transcription: a form, or JSON with the file in base64."""
    kind = headers.get("content-type", "")
    if forms.is_form(kind):
        form = forms.parse(raw, kind)
        body, upload = _typed(form.fields), form.files.get("file")
    else:
        body = bodies.parse(raw, headers, kinds=(forms.KIND, bodies.JSON))
        upload = _from_json(body)
        body = {name: value for name, value in body.items() if name not in ("file", "text")}
    if upload is None:
        raise Refused(400, f"`file` must be the audio to transcribe{_mistaken(body)}", param="file")
    if not upload.content:
        raise Refused(400, "`file` is empty.", param="file")
    if len(upload.content) > MAX_UPLOAD:
        limit = f"The file is larger than the {MAX_UPLOAD >> 20} MiB allowed."
        raise Refused(413, limit, param="file")
    return body, upload


def _mistaken(body: Mapping[str, Any]) -> str:
    return "; its part of the form needs a `filename`." if "file" in body else "."


def _typed(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return a form's fields as JSON would have them: all of them came as text."""
    body = dict(fields)
    if isinstance(told := body.get("stream"), str):
        body["stream"] = _BOOLEANS.get(told.lower(), told)
    for name in _NUMBERS & body.keys():
        try:
            body[name] = float(body[name])
        except (TypeError, ValueError):
            body[name] = math.nan
        if not math.isfinite(body[name]):
            raise Refused(400, f"`{name}` must be a number.", param=name)
    return body


def _from_json(body: Mapping[str, Any]) -> Upload | None:
    """Return the file in a JSON body: base64 or a data URI. As `text` it may be neither."""
    name = "file" if "file" in body else "text"
    told = body.get(name)
    if told is None:
        return None
    if not isinstance(told, str) or not told:
        raise Refused(400, f"`{name}` must be the audio in base64, or a data URI.", param=name)
    uri = _DATA_URI.match(told)
    kind = (uri[1] if uri else None) or "application/octet-stream"
    try:
        written = told[uri.end() :] if uri else told
        content = base64.b64decode("".join(written.split()), validate=True)
    except (binascii.Error, ValueError):
        if name == "file":
            message = "`file` is neither base64 nor a data URI in base64."
            raise Refused(400, message, param=name) from None
        content = told.encode(errors="replace")
    return Upload(name=f"audio.{_ending(kind)}", content_type=kind, content=content)


def _ending(kind: str) -> str:
    ending = kind.rpartition("/")[2].removeprefix("x-")
    return {"mpeg": "mp3", "octet-stream": "mp3", "mp4": "m4a", "wave": "wav"}.get(ending, ending)
