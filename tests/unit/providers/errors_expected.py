"""What the recorded errors mean, by their vendors' codes, and by hand where words decide."""

from collections.abc import Mapping, Sequence
from typing import Final

from recordings import Exchange

from modelmesh.errors import ErrorKind

_BY_TRAIT: Final[Mapping[str, ErrorKind]] = {
    "error:context_length_exceeded": ErrorKind.CONTEXT_TOO_LONG,
    "error:insufficient_quota": ErrorKind.QUOTA_EXHAUSTED,
    "error:invalid_api_key": ErrorKind.BAD_KEY,
    "error:model_not_found": ErrorKind.MODEL_NOT_FOUND,
    "status:401": ErrorKind.BAD_KEY,
    "status:402": ErrorKind.QUOTA_EXHAUSTED,
    "status:404": ErrorKind.MODEL_NOT_FOUND,
    "status:429": ErrorKind.RATE_LIMIT,
    "status:503": ErrorKind.OVERLOADED,
    "status:529": ErrorKind.OVERLOADED,
    "status:400": ErrorKind.INVALID_REQUEST,
}
_BY_CASE: Final[Mapping[str, ErrorKind]] = {
    "11bde6c7": ErrorKind.OVERLOADED,  # rate-limited upstream
    "1f0d4616": ErrorKind.BAD_KEY,  # xAI says 400 to a wrong key
    "277273e3": ErrorKind.MODEL_NOT_FOUND,
    "30126fa8": ErrorKind.CONTEXT_TOO_LONG,  # prompt is too long
    "44deb240": ErrorKind.MODEL_NOT_FOUND,
    "468be91e": ErrorKind.MODEL_NOT_FOUND,
    "4706ee60": ErrorKind.MODEL_NOT_FOUND,
    "4f5ef6c1": ErrorKind.MODEL_NOT_FOUND,
    "5d8c0ed6": ErrorKind.MODEL_NOT_FOUND,
    "64f3d80d": ErrorKind.RATE_LIMIT,  # Groq: larger than a minute's tokens
    "7229b610": ErrorKind.MODEL_NOT_FOUND,
    "80061d34": ErrorKind.CONTEXT_TOO_LONG,  # Anthropic: request_too_large
    "86e9177f": ErrorKind.BAD_KEY,  # Google says 400 to a wrong key
    "a799bea7": ErrorKind.MODEL_NOT_FOUND,
    "b0b592ce": ErrorKind.CONTEXT_TOO_LONG,  # Cohere: TOO_MANY_TOKENS
    "c64c47c4": ErrorKind.MODEL_NOT_FOUND,
    "e7245931": ErrorKind.CONTEXT_TOO_LONG,
}
_EITHER: Final[Mapping[str, Sequence[ErrorKind]]] = {
    # No key was sent, and Google calls that a want of permission.
    "635ec133": (ErrorKind.BAD_KEY, ErrorKind.NO_PERMISSION),
    # Google serves no users at this place; another vendor may, another model does not.
    "9081b20e": (ErrorKind.NO_PERMISSION, ErrorKind.INVALID_REQUEST),
}


def kinds_of(exchange: Exchange) -> Sequence[ErrorKind]:
    """Return what an error may be taken for; mostly there is one."""
    if "kind" in exchange.content:
        return [ErrorKind(exchange.content["kind"])]
    if exchange.case in _EITHER:
        return _EITHER[exchange.case]
    if exchange.case in _BY_CASE:
        return [_BY_CASE[exchange.case]]
    return [next(kind for trait, kind in _BY_TRAIT.items() if trait in exchange.traits)]
