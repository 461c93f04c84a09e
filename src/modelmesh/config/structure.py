"""From plain dicts and lists to the schema's classes, with every fault on the way.

The fields' validators are run one by one, so that the first bad field of a class hides no other.
No message quotes a value which may be somebody's key.
"""

import difflib
import types
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Any, Final, Literal, Union, get_args, get_origin

import attrs
from cattrs import Converter
from cattrs.errors import CattrsError

from modelmesh.config import schema, units
from modelmesh.config.faults import Invalid, Path, gather, unknown
from modelmesh.config.plugs import PLUGS, options_class
from modelmesh.types import Secret

_SEQUENCES: Final = {list: list, tuple: tuple, set: set, frozenset: frozenset, Sequence: tuple}
_KINDS: Final = (
    (type(None), "nothing"),
    (bool, "true or false"),
    (int, "a number"),
    (float, "a number"),
    (str, "text"),
    (Secret, "a secret"),
    (list, "a list"),
    (Mapping, "a section"),
)

Placed = tuple[str, Path, Any]
"""A key, the path at which it stands below its entry, and its value."""


class Structure:
    """Makes the classes of a schema; `own` are the user's connectors."""

    def __init__(self, own: Mapping[str, str]) -> None:
        self.own = own
        self._converter = Converter()
        for type_, read in _SCALARS.items():
            self._converter.register_structure_hook(type_, read)
        rows: list[tuple[Callable[[Any], bool], Callable[[Any, Any], Any]]] = [
            (_is(schema.Duration), lambda raw, _: units.duration(raw)),
            (_is(schema.Size), lambda raw, _: units.size(raw)),
            (lambda type_: get_origin(type_) is Literal, _choice),
            (lambda type_: get_origin(type_) in (Union, types.UnionType), self._either),
            (lambda type_: get_origin(type_) in _SEQUENCES, self._sequence),
            (lambda type_: get_origin(type_) in (dict, Mapping), self._mapping),
            (attrs.has, self._object),
        ]
        for holds, hook in rows:
            self._converter.register_structure_hook_func(holds, hook)

    def __call__(self, raw: Any, type_: Any) -> Any:
        """Return a value of the type.

        Raises:
            Invalid: it cannot be made, for all the reasons given.

        """
        try:
            return self._converter.get_structure_hook(type_)(raw, type_)
        except (CattrsError, ValueError, TypeError, LookupError, AttributeError):
            name = getattr(type_, "__name__", str(type_))
            raise Invalid(f"expected {name}, got {_kind(raw)}") from None

    def _object(self, raw: Any, cls: type[Any]) -> Any:
        if isinstance(raw, cls):
            return raw
        section = _section(raw)
        if cls in PLUGS:
            return self._plugged(section, cls)
        placed: list[Placed] = [(key, (key,), value) for key, value in section.items()]
        return _made(cls, self._fields(cls, placed))

    def _plugged(self, section: Mapping[str, Any], cls: type[Any]) -> Any:
        """Make an entry that names a connector, the connector's own settings beside the common."""
        plug = PLUGS[cls]
        placed = _brought_up(section, plug.inside)
        common = [field.name for field in attrs.fields(cls) if field.name != "options"]
        shared = [item for item in placed if item[0] in common]
        own = [item for item in placed if item[0] not in common]
        name = next((value for key, _, value in shared if key == plug.field), plug.default)
        values, options, *_ = gather(
            [
                ((), partial(self._fields, cls, shared)),
                ((), partial(self._options, plug.kind, plug.field, name, own, common)),
                *(((key,), partial(_section, section.get(key))) for key in plug.inside),
            ]
        )
        return _made(cls, {**values, "options": options})

    def _options(
        self, kind: Any, field: str, name: Any, placed: list[Placed], common: list[str]
    ) -> Mapping[str, Any]:
        found = options_class(kind, name, self.own, field)
        if found is None:
            gather((path, partial(_not_misspelt, key, common)) for key, path, _ in placed)
            return {key: value for key, _, value in placed}
        values = self._fields(found, placed, beside=common)
        _made(found, values)
        return values

    def _fields(
        self, cls: type[Any], placed: Sequence[Placed], beside: Sequence[str] = ()
    ) -> dict[str, Any]:
        fields = {field.alias: field for field in attrs.fields(attrs.resolve_types(cls))}
        parts: list[tuple[Path, Callable[[], Any]]] = []
        given: list[str] = []
        for key, path, raw in placed:
            if key not in fields:
                parts.append((path, partial(_unknown_key, key, [*fields, *beside])))
            elif key in given:
                parts.append((path, partial(_refuse, "given twice")))
            else:
                parts.append((path, partial(self._field, fields[key], raw)))
                given.append(key)
        for name, field in fields.items():
            if field.default is attrs.NOTHING and name not in given:
                parts.append(((name,), partial(_refuse, "missing")))
        return dict(zip(given, gather(parts), strict=True))

    def _field(self, field: "attrs.Attribute[Any]", raw: Any) -> Any:
        value = self(raw, field.type)
        if field.validator:
            try:
                field.validator(None, field, value)
            except (ValueError, TypeError) as error:
                raise Invalid(str(error.args[0]).removeprefix(f"{field.name} ")) from None
        return value

    def _either(self, raw: Any, union: Any) -> Any:
        """Take the first type of a union that fits, or tell of the one that came nearest."""
        kinds = [kind for kind in get_args(union) if kind is not type(None)]
        if raw is None and len(kinds) < len(get_args(union)):
            return None
        failures: list[Invalid] = []
        for kind in kinds:
            try:
                return self(raw, kind)
            except Invalid as failure:
                failures.append(failure)
        raise max(failures, key=lambda failure: len(failure.faults[0].path))

    def _sequence(self, raw: Any, type_: Any) -> Any:
        if raw is None:
            raw = []
        if not isinstance(raw, list | tuple):
            raise Invalid(f"expected a list, got {_kind(raw)}")
        item = get_args(type_)[0]
        values = gather(((i,), partial(self, value, item)) for i, value in enumerate(raw))
        return _SEQUENCES[get_origin(type_)](values)

    def _mapping(self, raw: Any, type_: Any) -> dict[str, Any]:
        section = _section(raw)
        item = get_args(type_)[1]
        if item is schema.Provider:
            section = {name: _named(entry, name) for name, entry in section.items()}
        parts = [((name,), partial(self, entry, item)) for name, entry in section.items()]
        return dict(zip(section, gather(parts), strict=True))


def _named(entry: Any, name: str) -> Any:
    """Give a provider without a connector the one that its own name stands for."""
    if entry is None or isinstance(entry, Mapping):
        return {"connector": name, **(entry or {})}
    return entry


def _brought_up(section: Mapping[str, Any], inside: Sequence[str]) -> list[Placed]:
    """List the keys of an entry together with those in its sections for connectors' settings."""
    placed: list[Placed] = []
    for key, value in section.items():
        if key not in inside:
            placed.append((key, (key,), value))
        elif isinstance(value, Mapping):
            placed += [(inner, (key, inner), item) for inner, item in value.items()]
    return placed


def _made(cls: type[Any], values: Mapping[str, Any]) -> Any:
    try:
        return cls(**values)
    except (ValueError, TypeError) as error:
        raise Invalid(str(error.args[0])) from None


def _unknown_key(key: str, known: Sequence[str]) -> None:
    raise Invalid(unknown("key", key, known))


def _refuse(message: str) -> None:
    raise Invalid(message)


def _not_misspelt(key: str, common: Sequence[str]) -> None:
    """Refuse a key nobody knows where it looks like a known one."""
    if difflib.get_close_matches(key, common, cutoff=0.8):
        raise Invalid(unknown("key", key, common))


def _section(raw: Any) -> Mapping[str, Any]:
    if raw is None:
        return {}
    if not isinstance(raw, Mapping):
        raise Invalid(f"expected a section, got {_kind(raw)}")
    return raw


def _is(type_: Any) -> Callable[[Any], bool]:
    return lambda other: bool(other == type_)


def _kind(raw: Any) -> str:
    return next((words for type_, words in _KINDS if isinstance(raw, type_)), "something else")


def _boolean(raw: Any, _: Any) -> bool:
    if isinstance(raw, bool):
        return raw
    raise Invalid(f"expected true or false, got {_kind(raw)}")


def _integer(raw: Any, _: Any) -> int:
    if isinstance(raw, int) and not isinstance(raw, bool):
        return raw
    raise Invalid(f"expected a whole number, got {_kind(raw)}")


def _number(raw: Any, _: Any) -> float:
    number = units.number(raw)
    if number is None:
        endless = isinstance(raw, int | float) and not isinstance(raw, bool)
        raise Invalid(f"expected a number, got {'an infinite one' if endless else _kind(raw)}")
    return number


def _text(raw: Any, _: Any) -> str:
    if isinstance(raw, str):
        return raw
    quotes = "; put it in quotes" if isinstance(raw, int | float) else ""
    raise Invalid(f"expected text, got {_kind(raw)}{quotes}")


def secret(raw: Any, _: Any = Secret) -> Secret:
    """Return a key that can be sent in a header. Raises Invalid, with no word of the key."""
    if isinstance(raw, Secret):
        return raw
    key = _text(raw, str).strip()
    if not key:
        raise Invalid("is empty; leave it out where none is needed")
    if not (key.isascii() and key.isprintable()):
        raise Invalid("has a line break or a character that no key has; was something else copied?")
    return Secret(key)


def _choice(raw: Any, literal: Any) -> Any:
    choices = get_args(literal)
    if raw in choices:
        return raw
    *most, last = map(str, choices)
    listed = f"{', '.join(most)} or {last}" if most else last
    got = repr(raw) if isinstance(raw, str) else _kind(raw)
    raise Invalid(f"expected {listed}, got {got}")


_SCALARS: Final[Mapping[Any, Callable[[Any, Any], Any]]] = MappingProxyType(
    {bool: _boolean, int: _integer, float: _number, str: _text, Secret: secret}
)
