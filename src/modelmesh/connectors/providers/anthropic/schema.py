"""The JSON schemas to which Anthropic's models can hold their answers, which are not all there are.

https://platform.claude.com/docs/en/build-with-claude/structured-outputs#json-schema-limitations
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from modelmesh.json_text import dumps

_KEPT: Final = frozenset(
    {"type", "description", "title", "enum", "const", "default", "$ref", "required"}
)
_ONE: Final = frozenset({"items"})
_SEVERAL: Final = frozenset({"anyOf", "allOf"})
_NAMED: Final = frozenset({"properties", "$defs", "definitions"})
_FORMATS: Final = frozenset(
    {
        "date",
        "date-time",
        "duration",
        "email",
        "hostname",
        "ipv4",
        "ipv6",
        "time",
        "uri",
        "uuid",
    }
)
_HARD_PATTERN: Final = re.compile(r"\(\?|\\[bB1-9]")
"""Looking around, word boundaries and references back are not taken in a `pattern`."""
_UNSAID: Final = frozenset({"$schema", "$id", "$comment", "additionalProperties", "examples"})
"""What is left out without a word, because it limits nothing, or is said otherwise."""


def native(schema: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the schema as Anthropic takes it; None where it cannot be said so.

    Limits it does not know, such as `maximum`, are told to the model in the description. It cannot
    take a schema that contains itself, nor objects whose fields have any name.
    """
    try:
        return None if _recursive(schema) or not _closed(schema) else _written(schema)
    except RecursionError:
        return None


def _written(schema: Mapping[str, Any]) -> dict[str, Any]:
    new: dict[str, Any] = {}
    told: list[str] = []
    for name, value in schema.items():
        if name in _NAMED and isinstance(value, dict):
            new[name] = {key: _inner(inner) for key, inner in value.items()}
        elif name in _SEVERAL and isinstance(value, list):
            new[name] = [_inner(inner) for inner in value]
        elif name == "oneOf" and isinstance(value, list):
            new["anyOf"] = [_inner(inner) for inner in value]
        elif name in _ONE:
            new[name] = _inner(value)
        elif name in _KEPT or _takes(name, value):
            new[name] = value
        elif name not in _UNSAID:
            told.append(f"{name}: {dumps(value).decode()}")
    if told:
        new["description"] = " ".join(
            filter(None, [new.get("description"), f"({'; '.join(told)})"])
        )
    if "properties" in new or new.get("type") == "object":
        new["additionalProperties"] = False
    return new


def _takes(name: str, value: Any) -> bool:
    match name, value:
        case "format", str():
            return value in _FORMATS
        case "pattern", str():
            return not _HARD_PATTERN.search(value)
        case "minItems", 0 | 1:
            return True
    return False


def _inner(value: Any) -> Any:
    return _written(value) if isinstance(value, dict) else value


def _closed(schema: Any) -> bool:
    """Whether all objects in it have the fields that are listed and no others."""
    if isinstance(schema, list):
        return all(_closed(inner) for inner in schema)
    if not isinstance(schema, dict):
        return True
    more = schema.get("additionalProperties")
    is_free = bool(more) or "patternProperties" in schema
    if is_free or (
        schema.get("type") == "object" and not schema.get("properties") and more is None
    ):
        return False
    inner = [value for name, value in schema.items() if name in _ONE | _SEVERAL | {"oneOf"}]
    named = [value for name in _NAMED for value in _values(schema.get(name))]
    return _closed(inner) and _closed(named)


def _recursive(schema: Mapping[str, Any]) -> bool:
    """Whether a definition leads back to itself."""
    defined = {
        f"#/{group}/{name}": inner
        for group in ("$defs", "definitions")
        for name, inner in _items(schema.get(group))
    }
    leads = {"#": _refs(schema), **{ref: _refs(inner) for ref, inner in defined.items()}}
    return any(_reaches(ref, ref, leads, set()) for ref in leads)


def _reaches(ref: str, goal: str, leads: Mapping[str, set[str]], seen: set[str]) -> bool:
    for after in leads.get(ref, ()):
        if after == goal:
            return True
        if after not in seen:
            seen.add(after)
            if _reaches(after, goal, leads, seen):
                return True
    return False


def _refs(schema: Any) -> set[str]:
    """Return what a schema refers to, leaving out its definitions."""
    if isinstance(schema, list):
        return {ref for inner in schema for ref in _refs(inner)}
    if not isinstance(schema, dict):
        return set()
    own = {schema["$ref"]} if isinstance(schema.get("$ref"), str) else set()
    inner = [value for name, value in schema.items() if name not in ("$defs", "definitions")]
    return own | _refs(inner)


def _items(group: Any) -> list[tuple[str, Any]]:
    return list(group.items()) if isinstance(group, dict) else []


def _values(group: Any) -> list[Any]:
    return [value for _, value in _items(group)]
