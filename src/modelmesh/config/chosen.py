"""Which settings, of those one asks about, are not as they are by default."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from attrs import fields, has

from modelmesh.config.faults import Path

if TYPE_CHECKING:
    from attrs import Attribute

Settings = Mapping[type[object], tuple[str, ...]]
"""Fields, by the class they belong to."""


def chosen(part: Any, settings: Settings, place: Path = ()) -> Iterator[Path]:
    """Give the paths of such settings in a part of a configuration, and below it."""
    for field in fields(type(part)):
        value, path = getattr(part, field.name), (*place, field.name)
        if field.name in settings.get(type(part), ()):
            if value != _usual(field):
                yield path
        elif has(type(value)):
            yield from chosen(value, settings, path)
        elif isinstance(value, Mapping):
            for name, entry in value.items():
                if has(type(entry)):
                    yield from chosen(entry, settings, (*path, name))


def _usual(field: "Attribute[Any]") -> Any:
    default: Any = field.default
    return default.factory() if hasattr(default, "factory") else default
