"""Writes docs/configuration.md from the schema: `python -m modelmesh.config.reference`.

What a field means is the comment above it in the schema's source; type and default come from its
attrs field. Only the words before the sections and their examples are here.
"""

import inspect
import re
import sys
import types
from collections.abc import Iterator, Mapping
from textwrap import dedent
from typing import Any, Final, Literal, Union, get_args, get_origin

import attrs

from modelmesh.config import schema
from modelmesh.config.reference_text import EXAMPLES, INTRODUCTION
from modelmesh.types import Secret

_FIELD: Final = re.compile(r"    (\w+): ")
_WORDS: Final[Mapping[Any, str]] = {
    str: "text",
    bool: "true or false",
    int: "whole number",
    float: "number",
    Secret: "secret",
    schema.Duration: "duration",
    schema.Size: "size",
}


def page() -> str:
    """Return the whole page."""
    return "\n".join([INTRODUCTION, *_sections()])


def _sections() -> Iterator[str]:
    said = comments(schema.MeshConfig)
    places: dict[type[Any], str] = {}
    for field in fields(schema.MeshConfig):
        entry = _class_in(field.type)
        single = entry is field.type
        yield f"## `{field.name}`\n"
        yield f"{inspect.getdoc(entry) if entry and single else said[field.name]}\n"
        yield f"```yaml\n{EXAMPLES[field.name].strip()}\n```\n"
        if entry and single:
            yield from _tables(field.name, entry, places)
        elif entry:
            yield from _headed(f"{field.name}.NAME", entry, places)


def _headed(path: str, cls: type[Any], places: dict[type[Any], str]) -> Iterator[str]:
    yield f"### `{path}`\n"
    yield f"{inspect.getdoc(cls)}\n"
    yield from _tables(path, cls, places)


def _tables(path: str, cls: type[Any], places: dict[type[Any], str]) -> Iterator[str]:
    """Give the table of a class, then those of its fields' classes which had none before.

    `places` has the path at which each class is described.
    """
    yield "| key | value | default | |"
    yield "|---|---|---|---|"
    said = comments(cls)
    new: dict[str, type[Any]] = {}
    for field in fields(cls):
        meaning = said[field.name].replace("|", "\\|")
        inner = _class_in(field.type)
        if inner and inner not in places:
            places[inner] = f"{path}.{field.name}"
            new[places[inner]] = inner
        value = f"[section](#{_anchor(places[inner])})" if inner else words(field.type)
        yield f"| `{field.name}` | {value} | {default(field)} | {meaning} |"
    yield ""
    for place, inner in new.items():
        yield from _headed(place, inner, places)


def _anchor(heading: str) -> str:
    return re.sub(r"[^\w-]", "", heading.lower())


def fields(cls: type[Any]) -> list["attrs.Attribute[Any]"]:
    """Return the fields in the order of the source, which inherited ones come first in."""
    return list(attrs.fields(attrs.resolve_types(cls)))


def comments(cls: type[Any]) -> dict[str, str]:
    """Return what the source says above each field, inherited fields included."""
    found: dict[str, str] = {}
    for one in reversed([one for one in cls.__mro__ if attrs.has(one)]):
        above: list[str] = []
        for line in dedent(inspect.getsource(one)).splitlines():
            comment = line.strip()
            if comment.startswith("#"):
                above.append(comment.removeprefix("#").strip())
                continue
            if (field := _FIELD.match(line)) and above:
                found[field[1]] = " ".join(above)
            above = []
    return found


def _class_in(type_: Any) -> type[Any] | None:
    """Return the schema's class in a field's type, be it one, an optional one or one of many."""
    found = [one for one in (type_, *get_args(type_)) if attrs.has(one)]
    return found[0] if found else None


def words(type_: Any) -> str:
    if type_ in _WORDS:
        return _WORDS[type_]
    arguments = [one for one in get_args(type_) if one not in (type(None), ...)]
    if get_origin(type_) is Literal:
        return ", ".join(f"`{one}`" for one in arguments)
    if get_origin(type_) in (Union, types.UnionType):
        return " or ".join(map(words, arguments))
    if get_origin(type_) is tuple:
        return f"list of {_several(words(arguments[0]))}"
    return "section" if arguments[1] is Any else f"names and {_several(words(arguments[1]))}"


def _several(word: str) -> str:
    return word if word == "text" else f"{word}s"


def default(field: "attrs.Attribute[Any]") -> str:
    """Return a default as YAML spells it; nothing where there is none, or a section of its own."""
    if field.default is attrs.NOTHING:
        return "required"
    if isinstance(field.default, attrs.Factory) or field.default in (None, (), {}, ""):  # type: ignore[arg-type] # attrs types Factory as a function
        return ""
    if isinstance(field.default, tuple):
        return f"`[{', '.join(map(_spelt, field.default))}]`"
    return f"`{_spelt(_measured(field.type, field.default))}`"


def _measured(type_: Any, value: Any) -> Any:
    if schema.Duration in (type_, *get_args(type_)):
        return _shortest(value, (("h", 3600), ("m", 60), ("s", 1), ("ms", 0.001)))
    if type_ == schema.Size:
        return _shortest(value, (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10), ("B", 1)))
    return value


def _shortest(value: float, units: tuple[tuple[str, float], ...]) -> str:
    """Write a quantity in the largest unit of which it is a whole number."""
    if not value:
        return "0"
    unit, size = next((unit, size) for unit, size in units if (value / size).is_integer())
    return f"{round(value / size)}{unit}"


def _spelt(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return '"*"' if value == "*" else f"{value:g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    sys.stdout.write(page())
