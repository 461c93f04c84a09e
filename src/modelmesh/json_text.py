"""Reading and writing JSON, by orjson where it is installed, else by the standard library."""

import json
from collections.abc import Callable
from typing import Any

Reader = Callable[[bytes], Any]
Writer = Callable[[Any], bytes]

_fast: Reader
_write: Writer | None
try:
    from orjson import dumps as _write
    from orjson import loads as _fast
except ImportError:
    _fast, _write = json.loads, None


def loads(text: bytes, otherwise: Reader = json.loads) -> Any:
    """Return what a JSON document says.

    There is JSON which orjson refuses and most vendors take, such as half a surrogate pair. So it
    is read in the `otherwise` way before it is held for none. A whole number which does not fit
    into 64 bits may be read as one with a point.

    Raises:
        ValueError: it is none.
        RecursionError: it is nested too deeply.

    """
    try:
        return _fast(text)
    except ValueError:
        return otherwise(text)


def read_object(text: bytes) -> dict[str, Any] | None:
    """Return the JSON object which a text is; None where it is something else."""
    try:
        value = loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def dumps(value: Any) -> bytes:
    """Return a value's JSON on one line, in UTF-8; what orjson refuses is written all the same."""
    if _write is not None:
        try:
            return _write(value)
        except TypeError:  # what `loads` read in the other way
            pass
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:  # half of a surrogate pair, which only an escape can write
        return json.dumps(value, separators=(",", ":")).encode()
