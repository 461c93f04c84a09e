"""Answers as clients see them: JSON in OpenAI's shape with its fields as attributes.

A field of OpenAI's schema which the vendor left out is None, as in OpenAI's own library. Fields
beyond the schema are kept. Asking for a field that is neither there nor in the schema is an error.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final, NoReturn

from modelmesh.schemas import NOTHING, Schema

_LONGEST_TEXT: Final = 72
_MOST_ITEMS: Final = 3


class Result(Mapping[str, Any]):
    """A JSON object to read: `result.choices[0].message.content`, or `result["choices"]`.

    Where a field is called like a method (`items`, `get`), the brackets reach it.
    """

    __slots__ = ("_fields", "_schema")

    _fields: dict[str, Any]
    _schema: Schema

    def __init__(self, fields: Mapping[str, Any], schema: Schema = NOTHING) -> None:
        object.__setattr__(self, "_fields", dict(fields))
        object.__setattr__(self, "_schema", schema)

    def to_dict(self) -> dict[str, Any]:
        """Return plain dicts and lists, a copy of everything."""
        return {name: _plain(value) for name, value in self._fields.items()}

    def to_json(self, *, indent: int | None = 2) -> str:
        """Return it as JSON."""
        return json.dumps(self.to_dict(), indent=indent, ensure_ascii=False)

    def model_dump(
        self,
        *,
        mode: str = "python",  # noqa: ARG002 - JSON is the same in either mode
        exclude_unset: bool = True,  # noqa: ARG002 - only what was sent is here
        exclude_none: bool = False,
    ) -> dict[str, Any]:
        """Return what `to_dict` does, called as in OpenAI's library."""
        fields = self.to_dict()
        return _without_none(fields) if exclude_none else fields

    def model_dump_json(self, *, indent: int | None = None, exclude_none: bool = False) -> str:
        """Return it as JSON, called as in OpenAI's library."""
        fields = self.model_dump(exclude_none=exclude_none)
        return json.dumps(fields, indent=indent, ensure_ascii=False)

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("_"):
            if name in self._fields:
                return self[name]
            if name in self._schema:
                return None
            there = ", ".join(self._fields) or "none"
            raise AttributeError(f"there is no field {name!r}; there are: {there}")
        raise AttributeError(name)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"{name!r} cannot be set: a result is read-only; change its to_dict()")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"{name!r} cannot be deleted: a result is read-only")

    def __getitem__(self, name: str) -> Any:
        value = self._fields[name]
        if isinstance(value, dict | list):
            # Most of an answer is never looked at, so what is within is made when it is.
            value = self._fields[name] = _wrap(value, self._schema.get(name, NOTHING))
        return value

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self._schema, *self._fields]

    def __repr__(self) -> str:
        inner = ", ".join(f"{name}={_short(value)}" for name, value in self.items())
        return f"Result({inner})"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.to_dict(), self._schema)


class _Wrapped(list[Any]):
    """A list whose items are wrapped."""

    __slots__ = ()


def _wrap(value: Any, schema: Schema) -> Any:
    if isinstance(value, dict):
        return Result(value, schema)
    if isinstance(value, list) and not isinstance(value, _Wrapped):
        return _Wrapped([_wrap(item, schema) for item in value])
    return value


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in _inside(value).items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value


def _inside(value: Mapping[str, Any]) -> Mapping[str, Any]:
    return value._fields if isinstance(value, Result) else value


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_none(item) for name, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_none(item) for item in value]
    return value


def _short(value: Any) -> str:
    if isinstance(value, str) and len(value) > _LONGEST_TEXT:
        return f"{value[:_LONGEST_TEXT]!r}… ({len(value)} characters)"
    if isinstance(value, list):
        shown = [_short(item) for item in value[:_MOST_ITEMS]]
        more = [f"… {len(value)} in all"] if len(value) > _MOST_ITEMS else []
        return f"[{', '.join(shown + more)}]"
    return repr(value)
