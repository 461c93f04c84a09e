"""Reading JSON, by orjson where it is installed. What it refuses the standard library judges."""

import json
from collections.abc import Callable
from typing import Any

Reader = Callable[[bytes], Any]

_fast: Reader
try:
    from orjson import loads as _fast
except ImportError:
    _fast = json.loads


def loads(text: bytes, otherwise: Reader = json.loads) -> Any:
    """Return what a JSON document says.

    There is JSON which orjson refuses and most vendors take: half a surrogate pair, a number of any
    size. So it is read in the `otherwise` way before it is held for none.

    Raises:
        ValueError: it is none.
        RecursionError: it is nested too deeply.

    """
    try:
        return _fast(text)
    except ValueError:
        return otherwise(text)
