"""Fields of JSON that may hold anything: what is not of the kind that is wanted counts as none."""

from collections.abc import Mapping
from math import isfinite
from typing import Any


def object_in(value: Any) -> Mapping[str, Any]:
    """Return an object, an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def objects_in(value: Any) -> list[Mapping[str, Any]]:
    """Return the objects in a list, none of them for anything else."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def text_in(value: Any) -> str:
    """Return a text, "" for anything else."""
    return value if isinstance(value, str) else ""


def number_in(fields: Mapping[str, Any], name: str) -> float | None:
    """Return a field that is a number, None for anything else."""
    value = fields.get(name)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def count_in(fields: Mapping[str, Any], name: str) -> int:
    """Return a field that counts something, 0 for anything else. Cohere counts in fractions."""
    count = fields.get(name)
    if isinstance(count, int):
        return max(0, count)
    return max(0, int(count)) if isinstance(count, float) and isfinite(count) else 0
