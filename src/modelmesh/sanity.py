"""What a request to each endpoint has to say before any vendor could make sense of it. Pure."""

from collections.abc import Callable, Mapping
from math import inf
from typing import Any, Final

from attrs import frozen

from modelmesh.errors import RequestError
from modelmesh.types import Endpoint

LEAST: Final[Mapping[Endpoint, Mapping[str, Any]]] = {
    "chat": {"messages": []},
    "embeddings": {"input": ""},
    "speech": {"input": ""},
    "transcriptions": {},
    "images": {"prompt": ""},
}
"""What every request says, with nothing said in it."""


def check(endpoint: Endpoint, body: Mapping[str, Any], *, whole: bool = True) -> None:
    """Raise RequestError for a body that makes no sense at an endpoint.

    Only kinds of values are looked at, and not those of every parameter: a vendor knows better
    what it takes. Null is as good as nothing, except for what every request says; what is not
    `whole` need not say it.
    """
    least = LEAST[endpoint] if whole else ()
    for name, kind in _KINDS[endpoint].items():
        told = body.get(name)
        if (told is not None or name in least) and not kind.holds(told):
            raise RequestError(f"`{name}` must be {kind.words}.", param=name)


@frozen
class Kind:
    """What a parameter has to be, and how that is told."""

    words: str
    holds: Callable[[Any], bool]


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_said(value: Any) -> bool:
    return isinstance(value, str) and value != ""


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and -inf < value < inf


def _is_count(value: Any) -> bool:
    return type(value) is int and value > 0


def _is_texts(value: Any) -> bool:
    return all(map(_is_text, value if isinstance(value, list) else [value]))


def _is_voice(value: Any) -> bool:
    return _is_said(value.get("id") if isinstance(value, Mapping) else value)


def _is_input(value: Any) -> bool:
    """Whether it can be embedded: of a list all items are alike. Some vendors take objects."""
    if not isinstance(value, list) or not value:
        return _is_said(value)
    kinds = set(map(type, value))
    if kinds == {list}:
        return all(set(map(type, tokens)) == {int} for tokens in value)
    return kinds in ({str}, {int}, {dict})


def _one_of(*choices: Any, words: str = "") -> Kind:
    kinds = set(map(type, choices))  # 0 equals false, and is another thing
    return Kind(
        words or " or ".join(choices), lambda value: type(value) in kinds and value in choices
    )


_TEXT: Final = Kind("a string", _is_text)
_NUMBER: Final = Kind("a number", _is_number)
_COUNT: Final = Kind("a whole number above 0", _is_count)
_SWITCH: Final = Kind("true or false", lambda value: isinstance(value, bool))
_MESSAGES: Final = Kind(
    'a list with at least one message, such as [{"role": "user", "content": "Hello!"}]',
    lambda value: isinstance(value, list) and value != [],
)
_KINDS: Final[Mapping[Endpoint, Mapping[str, Kind]]] = {
    "chat": {"messages": _MESSAGES, "stream": _SWITCH},
    "embeddings": {
        "input": Kind("a string, a list of strings, tokens, or a list of such lists", _is_input),
        "dimensions": _COUNT,
        "encoding_format": _one_of("float", "base64"),
        "stream": _one_of(False, words="false: embeddings are not streamed"),
    },
    "speech": {
        "input": Kind("the text to speak", _is_said),
        "voice": Kind('the name of a voice, or {"id": "…"}', _is_voice),
        "response_format": _TEXT,
        "speed": _NUMBER,
        "instructions": _TEXT,
        "stream": _SWITCH,
        "stream_format": _one_of("audio", "sse"),
    },
    "transcriptions": {
        "language": _TEXT,
        "prompt": _TEXT,
        "response_format": _TEXT,
        "temperature": _NUMBER,
        "timestamp_granularities": Kind("a list of strings", _is_texts),
        "stream": _SWITCH,
    },
    "images": {
        "prompt": Kind("the description of an image", _is_said),
        "n": _COUNT,
        "size": _TEXT,
        "response_format": _TEXT,
        "output_format": _TEXT,
        "background": _TEXT,
        "stream": _SWITCH,
    },
}
