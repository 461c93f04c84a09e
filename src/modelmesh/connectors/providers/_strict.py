"""Fields of a request, read strictly: what is not as it has to be is told to the client."""

from collections.abc import Mapping
from typing import Any

from modelmesh.errors import RequestError


def faulty(where: str, what: str) -> RequestError:
    """Return the error for a malformed request: the place, and what is wrong there."""
    return RequestError(f"{where} {what}", param=where)


def object_at(value: Any, where: str) -> Mapping[str, Any]:
    """Return a value which has to be an object."""
    if not isinstance(value, dict):
        raise faulty(where, "must be an object")
    return value


def text_at(fields: Mapping[str, Any], name: str, where: str) -> str:
    """Return a field which has to be a text, "" where it is missing or null."""
    text = fields.get(name)
    if text is not None and not isinstance(text, str):
        raise faulty(f"{where}.{name}", "must be a string")
    return text or ""
