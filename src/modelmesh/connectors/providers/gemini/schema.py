"""A JSON schema with nothing in it that Gemini does not know.

Only what is listed here gets through, at every depth; the rest Gemini may refuse. What can be said
in its words is: references are put in place, `const` is an `enum` of one, `allOf` is one schema,
`oneOf` is `anyOf`, and "or null" stands in the type.

The words are those of `responseJsonSchema` and `parametersJsonSchema`,
https://ai.google.dev/api/generate-content#generationconfig. The older `parameters` knows fewer:
it has no numbers in an `enum`, no tuples, and no objects whose property names are open.
"""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import unquote

from attrs import define, field, frozen

Schema = dict[str, Any]

KEYS: Final = frozenset(
    {
        "additionalProperties",
        "anyOf",
        "description",
        "enum",
        "format",
        "items",
        "maxItems",
        "maximum",
        "minItems",
        "minimum",
        "prefixItems",
        "properties",
        "required",
        "title",
        "type",
    }
)
"""All that a schema may have."""

TYPES: Final = ("object", "array", "string", "integer", "number", "boolean", "null")
FORMATS: Final = frozenset({"date", "date-time", "time", "int32", "int64", "float", "double"})

_SAID_OTHERWISE: Final = frozenset(
    {"$defs", "$ref", "$schema", "allOf", "const", "definitions", "nullable", "oneOf"}
)
_PLAIN: Final[Mapping[str, type | tuple[type, ...]]] = MappingProxyType(
    {
        "title": str,
        "description": str,
        "minimum": (int, float),
        "maximum": (int, float),
        "minItems": int,
        "maxItems": int,
    }
)
_IMPLIED: Final = (
    ("properties", "object"),
    ("additionalProperties", "object"),
    ("items", "array"),
    ("prefixItems", "array"),
)
"""Keys which say of what type a schema is that does not say so itself."""

_MOST: Final = 5000
"""Schemas in one, so that references within references end somewhere."""

_DEEPEST: Final = 50


@frozen
class Reduced:
    """A schema, and the names of what was left out of it."""

    schema: Schema
    dropped: frozenset[str]


def reduced(schema: Any) -> Reduced:
    """Return a schema as Gemini takes it; what is no schema is one that says nothing."""
    reduction = _Reduction(schema)
    whole = reduction.of(schema)
    return Reduced(whole, frozenset(reduction.dropped))


@define
class _Reduction:
    """Reduces one document, `root`, to which its references lead."""

    root: Any
    dropped: set[str] = field(factory=set)
    _count: int = 0

    def of(self, node: Any, within: tuple[str, ...] = (), depth: int = 0) -> Schema:
        """Reduce a schema; `within` are the references which led here."""
        self._count += 1
        if not isinstance(node, Mapping) or depth > _DEEPEST or self._count > _MOST:
            return {}
        target, within = self._followed(node, within)
        if target is None:
            return self._cut(node)
        self.dropped |= target.keys() - KEYS - _SAID_OTHERWISE
        inner = (within, depth + 1)
        own = self._own(target, *inner)
        for part in _list(target.get("allOf")):
            own = _both(own, self.of(part, *inner))
        options = [*_list(target.get("anyOf")), *_list(target.get("oneOf"))]
        own = _either(own, [self.of(option, *inner) for option in options])
        return _or_null(own) if target.get("nullable") is True else own

    def _followed(
        self, node: Mapping[str, Any], within: tuple[str, ...]
    ) -> tuple[Mapping[str, Any] | None, tuple[str, ...]]:
        """Put what a reference leads to in its place, under what is said beside it.

        None where it leads back to where it stands.
        """
        while isinstance(reference := node.get("$ref"), str):
            if reference in within:
                return None, within
            within = (*within, reference)
            beside = {name: value for name, value in node.items() if name != "$ref"}
            node = {**self._found(reference), **beside}
        return node, within

    def _cut(self, node: Mapping[str, Any]) -> Schema:
        """Return what is left of a schema which holds itself: of what type it is."""
        beside = {name: value for name, value in node.items() if name in ("title", "description")}
        kinds = _types(self._found(str(node["$ref"])).get("type"))
        self.dropped.add("$ref")
        return {**self._plain(beside), **_typed(kinds)}

    def _found(self, reference: str) -> Mapping[str, Any]:
        """Return what a reference within the document leads to (RFC 6901)."""
        place, _, path = reference.partition("#")
        found = self.root if not place else None
        for step in path.split("/")[1:]:
            name = unquote(step).replace("~1", "/").replace("~0", "~")
            if isinstance(found, list) and name.isdecimal() and int(name) < len(found):
                found = found[int(name)]
            else:
                found = found.get(name) if isinstance(found, Mapping) else None
        return found if isinstance(found, Mapping) else {}

    def _own(self, node: Mapping[str, Any], within: tuple[str, ...], depth: int) -> Schema:
        """Reduce all of a schema but what it is made up of (`anyOf` and its like)."""
        own = {**self._plain(node), **self._nested(node, within, depth)}
        values = [node["const"]] if "const" in node else _list(node.get("enum"))
        kinds = _types(node.get("type")) or [t for name, t in _IMPLIED if name in own][:1]
        kinds, values = _kinds_and_values(kinds, values)
        if values:
            own["enum"] = values
        if "array" in kinds and not own.keys() & {"items", "prefixItems"}:
            own["items"] = {}
        plural = [kind for kind in kinds if kind != "null"]
        if len(plural) > 1:
            own["anyOf"] = [{"type": kind} for kind in kinds]
            return own
        return {**_typed(kinds), **own}

    def _plain(self, node: Mapping[str, Any]) -> Schema:
        own = {
            name: node[name]
            for name, kind in _PLAIN.items()
            if isinstance(node.get(name), kind) and not isinstance(node[name], bool)
        }
        form = node.get("format")
        if isinstance(form, str) and form in FORMATS:
            own["format"] = form
        elif isinstance(form, str):  # Gemini has no such format, but can read
            own["description"] = f"{own.get('description', '')} Format: {form}".strip()
        return own

    def _nested(self, node: Mapping[str, Any], within: tuple[str, ...], depth: int) -> Schema:
        """Reduce the schemas of what an object or an array holds."""
        own: Schema = {}
        inside = node.get("properties")
        if isinstance(inside, Mapping):
            kept = {name: value for name, value in inside.items() if value is not False}
            own["properties"] = {n: self.of(value, within, depth) for n, value in kept.items()}
        names = own.get("properties", {})
        needed = [name for name in _list(node.get("required")) if isinstance(name, str)]
        if needed := [name for name in dict.fromkeys(needed) if name in names]:
            own["required"] = needed
        others = node.get("additionalProperties")
        if isinstance(others, bool | Mapping):
            own["additionalProperties"] = (
                others if isinstance(others, bool) else self.of(others, within, depth)
            )
        items, first = node.get("items"), node.get("prefixItems")
        if isinstance(items, list):  # how tuples were spelled before 2020
            items, first = None, items
        if first := [self.of(item, within, depth) for item in _list(first)]:
            own["prefixItems"] = first
        if isinstance(items, Mapping):
            own["items"] = self.of(items, within, depth)
        return own


def _types(value: Any) -> list[str]:
    names = [value] if isinstance(value, str) else _list(value)
    lower = dict.fromkeys(name.lower() for name in names if isinstance(name, str))
    return [name for name in lower if name in TYPES]


def _typed(kinds: Sequence[str]) -> Schema:
    """Return the type: one, or one and null."""
    return {"type": kinds[0] if len(kinds) == 1 else [*kinds]} if kinds else {}


def _kinds_and_values(kinds: list[str], values: list[Any]) -> tuple[list[str], list[Any]]:
    """Fit types and the values of an `enum` to each other: only texts and numbers can be listed."""
    given = [value for value in values if value is not None]
    texts = all(isinstance(value, str) for value in given)
    numbers = all(isinstance(v, int | float) and not isinstance(v, bool) for v in given)
    if not kinds and given:
        whole = numbers and all(isinstance(value, int) for value in given)
        flags = all(isinstance(value, bool) for value in given)
        named = ((texts, "string"), (whole, "integer"), (numbers, "number"), (flags, "boolean"))
        kinds = [name for fits, name in named if fits][:1]
    if len(given) < len(values) and "null" not in kinds:
        kinds = [*kinds, "null"]
    return kinds, given if texts or numbers else []


def _both(one: Schema, other: Schema) -> Schema:
    """Return a schema that holds where two hold, as far as the words for it go."""
    both = {**other, **one}
    if "properties" in one and "properties" in other:
        both["properties"] = {**other["properties"], **one["properties"]}
    if "required" in one and "required" in other:
        both["required"] = [*dict.fromkeys([*one["required"], *other["required"]])]
    return both


def _either(own: Schema, options: Iterable[Schema]) -> Schema:
    """Add that one of the options holds; those which say nothing are none."""
    said = [option for option in options if option]
    real = [option for option in said if option != {"type": "null"}]
    if not real:
        return own
    if len(real) > 1:
        return {**own, "anyOf": said}
    only = _both(own, real[0])
    return _or_null(only) if len(said) > len(real) else only


def _or_null(schema: Schema) -> Schema:
    """Let a value be null as well."""
    if "anyOf" in schema:
        options = schema["anyOf"]
        null = [] if {"type": "null"} in options else [{"type": "null"}]
        return {**schema, "anyOf": [*options, *null]}
    kinds = _types(schema.get("type"))
    return {**schema, **_typed([*kinds, "null"])} if kinds and "null" not in kinds else schema


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
