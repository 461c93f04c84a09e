"""Putting another model's name into a request's bytes and leaving every other byte as it is.

What is added stands in front of all that is there.
"""

import json
import re
from functools import lru_cache
from typing import Final

_KEY: Final = b'"model"'
_OBJECT: Final = re.compile(rb"[ \t\r\n]*\{")
_STRING: Final = rb'"[^"\\]*(?:\\.[^"\\]*)*"'
_VALUE: Final = re.compile(rb"[ \t\r\n]*:[ \t\r\n]*(" + _STRING + rb")", re.DOTALL)
_TOKEN: Final = re.compile(_STRING + rb"|[{}\[\]]", re.DOTALL)
_COLON: Final = re.compile(rb"[ \t\r\n]*:")


def spliced(raw: bytes, model: str, *, first: bytes = b"") -> bytes | None:
    r"""Return the bytes of a JSON object with another `model`; None where that is in doubt.

    `first` goes right behind the opening brace: fields with a comma behind each. `raw` was read as
    a JSON object with a string for its `model`. In doubt is a name that may be spelled with escapes
    (the letters of "model" are all `\u006x`), an encoding other than UTF-8, and a key that is there
    twice. Those who get None write the object anew.
    """
    # A backslash is looked for first, because one byte is found thirty times as fast as five, and
    # five are found twice as fast from behind.
    if (b"\\" in raw and raw.rfind(b"\\u006") >= 0) or not (raw[:1] == b"{" or _OBJECT.match(raw)):
        return None
    place = _place(raw)
    value = _VALUE.match(raw, place) if place else None
    if value is None:
        return None
    whole = memoryview(raw)  # slices of bytes would be copies
    brace = raw.index(b"{") + 1 if first else 0
    before, after = whole[brace : value.start(1)], whole[value.end(1) :]
    return b"".join((whole[:brace], first, before, _quoted(model), after))


@lru_cache
def _quoted(model: str) -> bytes:
    return json.dumps(model).encode()


def _place(raw: bytes) -> int | None:
    """Return where the key `model` of the outermost object ends.

    Inside a string a quotation mark is escaped. So the seven bytes are either that key, a nested
    one, a value, or the end of a longer string, and if they are there once they are that key.
    """
    first = raw.find(_KEY)
    if first == raw.rfind(_KEY):
        return first + len(_KEY) if first >= 0 else None
    depth = 0
    places: list[int] = []
    for token in _TOKEN.finditer(raw):
        text = token[0]
        if text in (b"{", b"["):
            depth += 1
        elif text in (b"}", b"]"):
            depth -= 1
        elif depth == 1 and text == _KEY and _COLON.match(raw, token.end()):
            places.append(token.end())
    return places[0] if len(places) == 1 else None
