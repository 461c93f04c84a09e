"""A short name for what a configuration says, by which it is seen that two servers have the same.

Whoever has the same file has the same version. Keys and tokens count by whether they are there, and
headers by their names, so nobody can try secrets until the version fits.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

import attrs

from modelmesh.config import schema
from modelmesh.types import Secret

_DIGITS: Final = 12

_LEFT_OUT: Final[Mapping[type[Any], frozenset[str]]] = MappingProxyType(
    {schema.Proxy: frozenset({"host", "port", "workers"})}
)
"""What flags may say otherwise for one server of several."""

_NAMES_ONLY: Final[Mapping[type[Any], frozenset[str]]] = MappingProxyType(
    {schema.Provider: frozenset({"headers"})}
)
"""Sections whose values may be secrets although they are plain texts."""


def version_of(config: schema.MeshConfig) -> str:
    """Return the version of a configuration, 12 hexadecimal digits."""
    text = json.dumps(_told(config), sort_keys=True)
    return hashlib.blake2b(text.encode(errors="replace")).hexdigest()[:_DIGITS]


def _told(value: Any) -> Any:
    """Return what counts of a value, as JSON has it."""
    if isinstance(value, Secret):
        return "***"
    if attrs.has(type(value)):
        return _of_section(value)
    if isinstance(value, Mapping):
        return {str(name): _told(each) for name, each in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [_told(each) for each in value]
    if isinstance(value, frozenset | set):
        return sorted(str(each) for each in value)
    known = value is None or isinstance(value, str | int | float)
    return value if known else type(value).__name__


def _of_section(section: Any) -> dict[str, Any]:
    cls = type(section)
    left_out, names_only = _LEFT_OUT.get(cls, ()), _NAMES_ONLY.get(cls, ())
    told = {
        field.name: _told(getattr(section, field.name))
        for field in attrs.fields(cls)
        if field.name not in left_out
    }
    return told | {name: sorted(told[name]) for name in names_only}
