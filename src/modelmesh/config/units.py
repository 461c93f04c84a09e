"""Durations and sizes as people write them."""

import math
import re
from collections.abc import Mapping
from typing import Any, Final

from modelmesh.config.faults import Invalid

_DURATIONS: Final[Mapping[str, float]] = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
_SIZES: Final[Mapping[str, float]] = {
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
        raw, _DURATIONS, "a number of seconds or a duration such as 500ms, 60s, 5m, 1h, 1d"
    )


def size(raw: Any) -> int:
    """Return bytes. Raises Invalid."""
    return int(_measure(raw, _SIZES, "a number of bytes or a size such as 64KiB, 64MiB, 1GiB"))


def number(raw: Any) -> float | None:
    """Return a number; None for anything else, true, false and what is without end included."""
    if not isinstance(raw, int | float) or isinstance(raw, bool):
        return None
    try:
        value = float(raw)
    except OverflowError:
        return None
    return value if math.isfinite(value) else None


def _measure(raw: Any, units: Mapping[str, float], expected: str) -> float:
    plain = number(raw)
    if plain is not None:
        return plain
    if isinstance(raw, str):
        match = _NUMBER_AND_UNIT.fullmatch(raw)
        if match and match[2] in units:
            return float(match[1]) * units[match[2]]
        raise Invalid(f"expected {expected}, got {raw!r}")
    raise Invalid(f"expected {expected}")
