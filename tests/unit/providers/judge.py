"""The rules of `modelmesh.testing`, and OpenAI's own types and library besides.

Each function returns complaints, one sentence each; none means that all is well.
"""

import json
from collections.abc import Iterator, Sequence
from copy import deepcopy
from functools import reduce

from openai.lib.streaming._deltas import accumulate_delta
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from pydantic import BaseModel, ValidationError
from request_rules import request_complaints

from modelmesh.testing.conformance import shape
from modelmesh.testing.conformance.shape import error_complaints, texts_heard
from modelmesh.testing.conformance.spoken import Spoken
from modelmesh.usage import Usage

__all__ = [
    "answer_complaints",
    "error_complaints",
    "request_complaints",
    "stream_complaints",
    "texts_heard",
    "usage_complaints",
]


def stream_complaints(payloads: Sequence[bytes], spoken: Spoken | None = None) -> list[str]:
    """Judge a stream's chunks, usage asked for, by what the vendor said where that is known."""
    return [
        *_typed(ChatCompletionChunk, payloads),
        *_put_together(payloads),
        *shape.stream_complaints(payloads, spoken),
    ]


def answer_complaints(body: bytes, spoken: Spoken | None = None) -> list[str]:
    """Judge a whole answer, by what the vendor said where that is known."""
    return [*_typed(ChatCompletion, [body]), *shape.answer_complaints(body, spoken)]


def usage_complaints(usage: Usage | None, spoken: Spoken) -> list[str]:
    """Judge the usage which the library itself keeps, against the vendor's own figures."""
    if usage == spoken.usage:
        return []
    return [f"the library counts {usage}, the vendor {spoken.usage}"]


def _put_together(payloads: Sequence[bytes]) -> Iterator[str]:
    """Put each choice's pieces together as OpenAI's SDK does."""
    choices = list(shape.choices_of([json.loads(payload) for payload in payloads]))
    for index in sorted({choice["index"] for choice in choices}):
        pieces = [choice["delta"] for choice in choices if choice["index"] == index]
        try:
            reduce(accumulate_delta, deepcopy(pieces))
        except (RuntimeError, TypeError) as error:
            yield f"choice {index}: OpenAI's SDK cannot put it together: {error}"[:150]


def _typed(model: type[BaseModel], bodies: Sequence[bytes]) -> list[str]:
    """Read each with OpenAI's own types, strictly, and tell each sort of fault once."""
    found: dict[str, str] = {}
    for number, body in enumerate(bodies):
        try:
            model.model_validate_json(body, strict=True)
        except ValidationError as error:
            # Annotations of a sort of its own (OpenRouter's `file`) are what a vendor adds.
            faults = [one for one in error.errors() if "annotations" not in one["loc"]]
            # A call is typed as one of a function or a custom one; the first is what is meant.
            for fault in faults[:1]:
                place = ".".join(map(str, fault["loc"]))
                got = json.dumps(fault["input"])[:60]
                found.setdefault(
                    f"{place}: {fault['msg']}", f"in {model.__name__} {number}, got {got}"
                )
    return [f"{fault}, {where}" for fault, where in found.items()]
