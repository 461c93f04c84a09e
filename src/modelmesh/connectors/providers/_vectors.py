"""What a request wants embedded, and embeddings as numbers and in base64.

In base64 an embedding is its numbers one after the other, each a float of four bytes, the lowest
first: https://platform.openai.com/docs/api-reference/embeddings/create.
"""

import struct
from binascii import a2b_base64, b2a_base64
from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any, Final

from modelmesh.connectors.providers._strict import faulty
from modelmesh.errors import bad_answer
from modelmesh.json_text import dumps
from modelmesh.shape import SO_MANY, TOKENS
from modelmesh.types import Answer, Request
from modelmesh.usage import Usage

_SIZES: Final[Mapping[str, int]] = {"f": 4, "b": 1, "B": 1}
"""Bytes of a number by its kind: a float, or an integer from -128 to 127 or from 0 to 255."""
_KINDS: Final[Mapping[str, str]] = {"int8": "b", "binary": "b", "uint8": "B", "ubinary": "B"}
"""Kinds by what Voyage and Mistral can be told as `output_dtype`."""


def inputs_lacking(body: Mapping[str, Any], *, tokens: bool, most: int | None) -> frozenset[str]:
    """Say what of an input a vendor does not take, in the words of `shape.WITHIN`.

    It takes `most` inputs at a time, and `tokens` in place of texts or not.
    """
    wanted = body.get("input")
    lacking = set()
    if not tokens and _has_tokens(wanted):
        lacking.add(TOKENS)
    if most is not None and count_of(wanted) > most:
        lacking.add(SO_MANY)
    return frozenset(lacking)


def count_of(wanted: Any) -> int:
    """Return how many embeddings an input calls for. A list of numbers is one text's tokens."""
    if not isinstance(wanted, list) or any(isinstance(item, int) for item in wanted):
        return 1
    return len(wanted)


def texts_of(body: Mapping[str, Any]) -> list[str]:
    """Return the texts to embed. Raises RequestError (400) where they are something else."""
    wanted = body.get("input")
    texts = wanted if isinstance(wanted, list) else [wanted]
    if any(not isinstance(text, str) for text in texts):
        raise faulty("input", "must be a string or a list of strings")
    return list(map(str, texts))


def packed(numbers: Sequence[float]) -> str:
    """Return numbers in base64."""
    try:
        content = struct.pack(f"<{len(numbers)}f", *numbers)
    except (struct.error, OverflowError):
        raise bad_answer("numbers that are none") from None
    return b2a_base64(content, newline=False).decode()


def kind_of(request: Request, usual: str) -> str:
    """Return what a vendor's base64 is made of, which some can be told."""
    return _KINDS.get(str(request.body.get("output_dtype")), usual)


def numbers_in(came: Any, request: Request, *, kind: str = "f") -> Sequence[float]:
    """Return the numbers of an embedding: the same list if it is one, or those in its base64.

    `kind` is one of `_SIZES`. Raises ProviderError where they are none, or more than asked for.
    """
    numbers: Sequence[float] = _unpacked(came, kind) if isinstance(came, str) else came
    try:
        # Adding them up is the quickest way to look at each.
        sound = isinstance(numbers, list) and bool(numbers) and isfinite(sum(numbers))
    except (TypeError, OverflowError):
        sound = False
    if not sound:
        raise bad_answer("no numbers")
    wanted = request.body.get("dimensions")
    if isinstance(wanted, int) and len(numbers) > wanted:
        raise bad_answer(f"embeddings of {len(numbers)} numbers instead of {wanted}")
    return numbers


def usage_in(counts: Any) -> Usage | None:
    """Return the tokens a vendor counted; None where it counted none. Some name only the total."""
    if not isinstance(counts, dict):
        return None
    count = counts.get("prompt_tokens") or counts.get("total_tokens")
    return Usage(prompt=count) if isinstance(count, int) and count > 0 else None


def answer_of(
    vectors: Sequence[Any], *, request: Request, model: str, usage: Usage | None
) -> Answer:
    """Write embeddings of a native vendor as OpenAI would.

    Raises ProviderError where they are not one for each input, or no numbers.
    """
    check_count(len(vectors), request)
    as_base64 = request.body.get("encoding_format") == "base64"
    numbers = [numbers_in(vector, request) for vector in vectors]
    body = {
        "object": "list",
        "data": [
            {
                "object": "embedding",
                "index": index,
                "embedding": packed(each) if as_base64 else each,
            }
            for index, each in enumerate(numbers)
        ],
        "model": model,
        "usage": usage_fields(usage),
    }
    return Answer(body=dumps(body), usage=usage)


def usage_fields(usage: Usage | None) -> dict[str, int]:
    """Return the counts as OpenAI has them. Clients rely on them, so none are zeros."""
    tokens = usage.prompt if usage else 0
    return {"prompt_tokens": tokens, "total_tokens": tokens}


def check_count(count: int, request: Request) -> None:
    """Raise ProviderError unless there is one embedding for each input."""
    wanted = count_of(request.body.get("input"))
    if count != wanted:
        raise bad_answer(f"{count} embeddings for {wanted} inputs")


def _unpacked(text: str, kind: str) -> list[float]:
    try:
        content = a2b_base64(text, strict_mode=True)
    except ValueError:
        raise bad_answer("text that is no base64") from None
    count, rest = divmod(len(content), _SIZES[kind])
    if rest:
        raise bad_answer("base64 that was cut")
    return list(struct.unpack(f"<{count}{kind}", content))


def _has_tokens(wanted: Any) -> bool:
    return isinstance(wanted, list) and any(isinstance(item, int | list) for item in wanted)
