"""What the values in OpenAI's answers are: https://platform.openai.com/docs/api-reference/chat."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

_TEXT: Final = (str,)
_TEXT_OR_NULL: Final = (str, type(None))
_COUNT: Final = (int,)
_LIST: Final = (list,)
_HEAD: Final[Mapping[str, tuple[type, ...]]] = {
    "id": _TEXT,
    "object": _TEXT,
    "created": _COUNT,
    "model": _TEXT,
    "choices": _LIST,
}
_USAGE: Final[Mapping[str, tuple[type, ...]]] = {
    "prompt_tokens": _COUNT,
    "completion_tokens": _COUNT,
    "total_tokens": _COUNT,
}
_ENDS: Final = (None, "stop", "length", "tool_calls", "content_filter", "function_call")


def complaints(body: bytes, name: str, said: str) -> Iterator[str]:
    """Judge the values in an answer or a chunk; `said` is what its choices call what they say."""
    try:
        answer = json.loads(body)
    except ValueError:
        yield "it is no JSON"
        return
    if not isinstance(answer, dict):
        yield "it is no JSON object"
        return
    yield from _of(answer, _HEAD, "")
    if answer.get("object") != name:
        yield f"object is {answer.get('object')!r}, not {name!r}"
    for choice in answer.get("choices") or []:
        yield from _of_choice(choice, said)
    if answer.get("usage") is not None:
        yield from _of(answer["usage"], _USAGE, "usage.")


def _of_choice(choice: Any, said: str) -> Iterator[str]:
    if not isinstance(choice, dict):
        yield f"a choice is {choice!r}"
        return
    yield from _of(choice, {"index": _COUNT, said: (dict,)}, "choices.")
    if choice.get("finish_reason") not in _ENDS:
        yield f"choices.finish_reason is {choice.get('finish_reason')!r}"
    spoken = choice.get(said)
    if isinstance(spoken, dict) and "content" in spoken:
        yield from _of(spoken, {"content": _TEXT_OR_NULL}, f"choices.{said}.")


def _of(told: Any, kinds: Mapping[str, tuple[type, ...]], place: str) -> Iterator[str]:
    if not isinstance(told, dict):
        yield f"{place.rstrip('.')} is {told!r}"
        return
    for name, kind in kinds.items():
        if not isinstance(told.get(name), kind) or isinstance(told.get(name), bool):
            yield f"{place}{name} is {told.get(name)!r}"
