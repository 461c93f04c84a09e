"""Answers as clients see them: JSON in OpenAI's shape with its fields as attributes.

A field of OpenAI's schema which the vendor left out is None, as in OpenAI's own library. Fields
beyond the schema are kept. Asking for a field that is neither there nor in the schema is an error.
"""

import json
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, NoReturn, Self, TypeAlias, cast

from attrs import field, frozen

from modelmesh.errors import RequestError

if TYPE_CHECKING:
    from openai.types import Model

Schema: TypeAlias = dict[str, "Schema"]
"""The fields that OpenAI's schema gives an object, and for each those of what is in it."""

_NOTHING: Final[Schema] = {}
_LONGEST_TEXT: Final = 72
_MOST_ITEMS: Final = 3


def _schema(plain: str, **objects: Schema) -> Schema:
    return dict.fromkeys(plain.split(), _NOTHING) | objects


_TOKEN = _schema("token bytes logprob", top_logprobs=_schema("token bytes logprob"))
_LOGPROBS = _schema("", content=_TOKEN, refusal=_TOKEN)
_FUNCTION = _schema("name arguments")
_USAGE = _schema(
    "prompt_tokens completion_tokens total_tokens",
    prompt_tokens_details=_schema(
        "audio_tokens cache_write_tokens cached_tokens image_tokens text_tokens"
    ),
    completion_tokens_details=_schema(
        "accepted_prediction_tokens audio_tokens reasoning_tokens rejected_prediction_tokens"
        " text_tokens"
    ),
)
_VERDICT = _schema("categories category_applied_input_types category_scores flagged model type")
_MODERATION = _schema("code message model type", results=_VERDICT)
_COMMON = _schema(
    "id object created model service_tier system_fingerprint",
    usage=_USAGE,
    moderation=_schema("", input=_MODERATION, output=_MODERATION),
)
_MESSAGE = _schema(
    "role content refusal",
    annotations=_schema("type", url_citation=_schema("start_index end_index title url")),
    audio=_schema("id data expires_at transcript"),
    function_call=_FUNCTION,
    tool_calls=_schema("id type", function=_FUNCTION, custom=_schema("name input")),
)
_DELTA = _schema(
    "role content refusal",
    audio=_schema("id data expires_at transcript"),
    function_call=_FUNCTION,
    tool_calls=_schema("index id type", function=_FUNCTION),
)

COMPLETION: Final = _COMMON | _schema(
    "metadata",
    choices=_schema("finish_reason index", logprobs=_LOGPROBS, message=_MESSAGE),
)
CHUNK: Final = _COMMON | _schema(
    "obfuscation",
    choices=_schema("finish_reason index", logprobs=_LOGPROBS, delta=_DELTA),
)
MODEL: Final = _schema("id object created owned_by shutdown_date")


class Result(Mapping[str, Any]):
    """A JSON object to read: `result.choices[0].message.content`, or `result["choices"]`.

    Where a field is called like a method (`items`, `get`), the brackets reach it.
    """

    __slots__ = ("_fields", "_schema")

    _fields: dict[str, Any]
    _schema: Schema

    def __init__(self, fields: Mapping[str, Any], schema: Schema = _NOTHING) -> None:
        object.__setattr__(self, "_fields", dict(fields))
        object.__setattr__(self, "_schema", schema)

    def to_dict(self) -> dict[str, Any]:
        """Return plain dicts and lists, a copy of everything."""
        return {name: _plain(value) for name, value in self._fields.items()}

    def to_json(self, *, indent: int | None = 2) -> str:
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
            value = self._fields[name] = _wrap(value, self._schema.get(name, _NOTHING))
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


@frozen
class ModelList:
    """What can be asked for. Iterates over the models."""

    data: list["Model"]
    object: str = field(default="list", init=False)

    @classmethod
    def of(cls, rows: Iterable[Mapping[str, Any]]) -> Self:
        return cls([cast("Model", Result(row, MODEL)) for row in rows])

    def find(self, id_: str) -> "Model":
        for model in self.data:
            if model.id == id_:
                return model
        raise RequestError(
            f"The model {id_!r} does not exist", status=404, code="model_not_found", param="model"
        )

    def __iter__(self) -> Iterator["Model"]:
        return iter(self.data)

    async def __aiter__(self) -> AsyncIterator["Model"]:
        for model in self.data:
            yield model


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
