"""Reads what vendors said who speak OpenAI's shape, each with deviations of its own."""

import json
from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from readers import FINISH, GAVE_UP, Objects, Reader

from modelmesh.errors import ErrorKind
from modelmesh.testing.conformance.spoken import Call, Spoken, Voice
from modelmesh.usage import Usage


def _spoken(objects: Objects, *, mends: bool) -> Spoken:
    pieces: dict[int, list[Mapping[str, Any]]] = {}
    usage = None
    fails = False
    for said in objects:
        fails = fails or bool(said.get("error"))
        usage = _usage(said) or usage
        for choice in said.get("choices") or []:
            fails = fails or bool(choice.get("error")) or choice.get("finish_reason") in GAVE_UP
            whole = said.get("object") == "chat.completion" or "delta" not in choice
            message = choice.get("message" if whole else "delta") or {}
            hollow = not any(told for name, told in message.items() if name != "role")
            if "message" in choice and hollow and not choice.get("finish_reason"):
                fails = True
            pieces.setdefault(choice.get("index", 0), []).append({**choice, "message": message})
    voices = [_voice(choices, mends=mends) for _, choices in sorted(pieces.items())]
    return Spoken(voices=voices, usage=usage, fails=fails or not voices)


def _voice(choices: Objects, *, mends: bool) -> Voice:
    texts = {"content": "", "refusal": "", "thoughts": ""}
    calls: dict[Any, dict[str, str]] = {}
    for choice in choices:
        message = choice["message"]
        for part in _parts(message.get("content")):
            texts["content"] += part.get("text") or ""
            texts["thoughts"] += "".join(t["text"] for t in part.get("thinking") or [])
        texts["refusal"] += message.get("refusal") or ""
        texts["thoughts"] += message.get("reasoning_content") or message.get("reasoning") or ""
        functions = message.get("tool_calls") or []
        if message.get("function_call"):
            functions = [{"index": 0, "function": message["function_call"]}]
        for number, call in enumerate(functions):
            _add(calls, call.get("index", number), call["function"])
    words = [choice["finish_reason"] for choice in choices if choice.get("finish_reason")]
    return Voice(
        text=texts["content"],
        refusal=texts["refusal"],
        thoughts=texts["thoughts"],
        calls=tuple(_call(**call) for call in calls.values()),
        finish=_finish(words[0] if words else None, mends=mends and bool(calls)),
    )


def _parts(content: Any) -> list[Mapping[str, Any]]:
    """Return content as parts, as Mistral has it where the model thinks."""
    return content if isinstance(content, list) else [{"text": content}]


def _add(calls: dict[Any, dict[str, str]], key: Any, function: Mapping[str, Any]) -> None:
    """Add a piece of a call. A name that comes again is said again, not said on."""
    call = calls.setdefault(key, {"name": "", "arguments": ""})
    call["name"] = call["name"] or function.get("name") or ""
    arguments = function.get("arguments")
    if arguments is not None:
        call["arguments"] += arguments if isinstance(arguments, str) else json.dumps(arguments)


def _call(name: str, arguments: str) -> Call:
    """Return a call; without arguments, or with null for them, it has none."""
    return Call.written(name, "{}" if arguments.strip() in ("", "null") else arguments)


def _finish(word: Any, *, mends: bool) -> str:
    finish = FINISH.get(word, "stop")
    return "tool_calls" if mends and finish == "stop" else finish


def _usage(said: Mapping[str, Any]) -> Usage | None:
    """Whatever of the total is not the prompt is the completion."""
    counts = said.get("usage") or (said.get("x_groq") or {}).get("usage")
    if not counts or "prompt_tokens" not in counts:
        return None
    prompt = counts["prompt_tokens"]
    completion = (counts.get("total_tokens") or prompt + counts["completion_tokens"]) - prompt
    inner = counts.get("prompt_tokens_details") or {}
    names = ("prompt_cache_hit_tokens", "num_cached_tokens", "cached_tokens")
    cached = [inner.get("cached_tokens"), *(counts.get(name) for name in names)]
    outer = counts.get("completion_tokens_details") or {}
    thought = outer.get("reasoning_tokens") or 0
    beside = counts.get("reasoning_tokens") or 0
    thought = thought or (beside if beside <= completion else 0)
    # Some vendors report more of a part than of the whole.
    return Usage(
        prompt=prompt,
        completion=completion,
        cached=min(prompt, next((count for count in cached if count), 0)),
        reasoning=min(completion, thought),
        heard=inner.get("audio_tokens") or 0,
        seen=inner.get("image_tokens") or 0,
        spoken=outer.get("audio_tokens") or 0,
        drawn=outer.get("image_tokens") or 0,
    )


def _ended(said: Mapping[str, Any]) -> frozenset[int]:
    choices = said.get("choices") or []
    return frozenset(c.get("index", 0) for c in choices if c.get("finish_reason"))


_ERROR: Final = (
    b'data: {"error":{"message":"Slow down.","type":"requests","code":"rate_limit_exceeded"}}\n\n'
)


def _reader(*, mends: bool) -> Reader:
    return Reader(
        partial(_spoken, mends=mends),
        _ended,
        lambda said: bool(_ended(said)),
        (_ERROR, ErrorKind.RATE_LIMIT),
    )


OPENAI: Final = _reader(mends=False)
"""OpenAI's own word for why an answer ends is the measure."""
COMPATIBLE: Final = _reader(mends=True)
"""An answer with calls ends for their sake, whatever the vendor calls it."""
