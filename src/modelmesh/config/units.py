"""Durations and sizes as people write them."""

import math
import re
from typing import Any, Final

from modelmesh.config.faults import Invalid

DURATIONS: Final = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
SIZES: Final = {
    "B": 1,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
    "kB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
}

_NUMBER_AND_UNIT: Final = re.compile(r"\s*(\d{1,15}(?:\.\d{1,15})?)\s*([A-Za-z]+)\s*", re.ASCII)


def duration(raw: Any) -> float:
    """Return seconds. Raises Invalid."""
    return _measure(
        raw, DURATIONS, "a number of seconds or a duration such as 500ms, 60s, 5m, 1h, 1d"
    )


def size(raw: Any) -> int:
    """Return bytes. Raises Invalid."""
    return int(_measure(raw, SIZES, "a number of bytes or a size such as 64KiB, 64MiB, 1GiB"))


def _measure(raw: Any, units: dict[str, Any], expected: str) -> float:
    if isinstance(raw, int | float) and not isinstance(raw, bool) and math.isfinite(raw):
        return float(raw)
    if isinstance(raw, str):
        match = _NUMBER_AND_UNIT.fullmatch(raw)
        if match and match[2] in units:
            return float(match[1]) * float(units[match[2]])
        raise Invalid(f"expected {expected}, got {raw!r}")
    raise Invalid(f"expected {expected}")
