"""The rules which answers in OpenAI's shape keep, whichever vendor gave them.

Each function returns complaints, one sentence each; none means that all is well. The measure is
what OpenAI itself sends (https://platform.openai.com/docs/api-reference/chat): where it departs
from a rule, the rule says so. What a vendor adds in fields of its own is nobody's complaint.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from attrs import evolve

from modelmesh.errors import ErrorKind, ProviderError
from modelmesh.testing.conformance.spoken import Call, Spoken, Voice
from modelmesh.usage import Usage

_LONG = 120
_CONSTANT = ("id", "created", "model")
# With calls an answer ends for their sake, unless it was cut short. Where the client named the
# function, OpenAI itself says "stop": then `spoken` has that word, and the answer may have it too.
_ENDS_WITH_CALLS = frozenset({"tool_calls", "function_call", "length", "content_filter"})


def stream_complaints(payloads: Sequence[bytes], spoken: Spoken | None = None) -> list[str]:
    """Judge a stream's chunks, usage asked for, by what the vendor said where that is known."""
    chunks = [json.loads(payload) for payload in payloads]
    found = [
        *_constant(chunks),
        *_counted_once(chunks),
    ]
    voices = []
    for index in sorted({choice["index"] for choice in choices_of(chunks)}):
        pieces = [choice for choice in choices_of(chunks) if choice["index"] == index]
        found += [f"choice {index}: {text}" for text in _piece_complaints(pieces)]
        voices.append(_gathered(pieces))
    usage = next((c["usage"] for c in reversed(chunks) if c.get("usage")), None)
    return found + _voices_complaints(voices, spoken) + _usage_told_complaints(usage, spoken)


def texts_heard(payloads: Sequence[bytes]) -> list[tuple[str, str]]:
    """Return what a client has read so far of each choice: its text, and its thoughts."""
    pieces: dict[int, list[Mapping[str, Any]]] = {}
    for choice in choices_of([json.loads(payload) for payload in payloads]):
        pieces.setdefault(choice["index"], []).append(choice)
    voices = [_gathered(choices) for _, choices in sorted(pieces.items())]
    return [(voice.text, voice.thoughts) for voice in voices if voice.text or voice.thoughts]


def answer_complaints(body: bytes, spoken: Spoken | None = None) -> list[str]:
    """Judge a whole answer, by what the vendor said where that is known."""
    answer = json.loads(body)
    found = []
    if [c.get("index") for c in answer["choices"]] != list(range(len(answer["choices"]))):
        found.append("the choices are not numbered from 0")
    found += [f"{name} is missing" for name in _CONSTANT if answer.get(name) in (None, "")]
    voices = []
    for choice in answer["choices"]:
        message = choice.get("message") or {}
        found += _call_id_complaints(message.get("tool_calls") or [])
        if message.get("role") != "assistant":
            found.append(f"the role is {message.get('role')!r}")
        if "content" not in message:
            found.append("content is missing; it may be null")
        voices.append(_voice(message, choice.get("finish_reason")))
    return (
        found
        + _voices_complaints(voices, spoken)
        + _usage_told_complaints(answer.get("usage"), spoken)
    )


def error_complaints(
    error: ProviderError, kind: ErrorKind, retry_after: float | None = None
) -> list[str]:
    """Judge what a failure was taken for.

    `retry_after` is what the vendor named, in seconds; waiting a fraction longer is no harm.
    """
    found = []
    if error.kind is not kind:
        found.append(f"it is {kind}, not {error.kind}")
    if not str(error).strip():
        found.append("it has no words")
    if retry_after is not None and not 0 <= (error.retry_after or 0) - retry_after < 1:
        found.append(f"the vendor asked for {retry_after} seconds, not {error.retry_after}")
    return found


def _constant(chunks: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for name in _CONSTANT:
        values = {json.dumps(chunk.get(name)) for chunk in chunks}
        if len(values) > 1:
            yield f"{name} changes within the stream: {', '.join(sorted(values)[:3])}"
        elif values & {"null", '""'}:
            yield f"{name} is missing"


def _counted_once(chunks: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Usage comes once, in a last chunk of its own (stream_options.include_usage)."""
    with_usage = [number for number, chunk in enumerate(chunks) if chunk.get("usage")]
    if len(with_usage) > 1:
        yield f"usage comes {len(with_usage)} times"
    if with_usage and with_usage[-1] != len(chunks) - 1:
        yield "usage is not in the last chunk"
    if with_usage and chunks[with_usage[-1]].get("choices"):
        yield "the chunk with usage has choices"


def choices_of(chunks: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    for chunk in chunks:
        for choice in chunk.get("choices") or []:
            yield {"index": 0, **choice, "delta": choice.get("delta") or {}}


def _piece_complaints(pieces: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Judge the pieces of one choice, in order."""
    roles = [piece["delta"].get("role") for piece in pieces]
    if roles[0] != "assistant":
        yield f"the first piece has the role {roles[0]!r}"
    if any(roles[1:]):
        yield f"the role comes {sum(map(bool, roles))} times"
    ends = [number for number, piece in enumerate(pieces) if piece.get("finish_reason")]
    if len(ends) != 1:
        yield f"it finishes {len(ends)} times"
    if ends and ends[0] != len(pieces) - 1:
        yield f"{len(pieces) - 1 - ends[0]} pieces follow its end"
    yield from _fragment_complaints(pieces)


def _fragment_complaints(pieces: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Judge the pieces of calls: `index` counts them; the first has the id and the name."""
    seen: dict[int, list[Mapping[str, Any]]] = {}
    for fragment in (f for p in pieces for f in p["delta"].get("tool_calls") or []):
        if not isinstance(fragment.get("index"), int):
            yield "a piece of a call has no index"
            continue
        if fragment["index"] not in seen and fragment["index"] != len(seen):
            yield f"call {fragment['index']} comes where {len(seen)} is due"
        seen.setdefault(fragment["index"], []).append(fragment)
    for index, (first, *later) in seen.items():
        if first.get("type") != "function":
            yield f"call {index} has the type {first.get('type')!r}"
        if not (first.get("function") or {}).get("name"):
            yield f"call {index} begins without a name"
        if any(f.get("id") for f in later):
            yield f"call {index}: the id is repeated"
        if any((f.get("function") or {}).get("name") for f in later):
            yield f"call {index}: the name is repeated"
    yield from _call_id_complaints([first for first, *_ in seen.values()])


def _call_id_complaints(calls: Sequence[Mapping[str, Any]]) -> list[str]:
    ids = [call.get("id") for call in calls]
    found = ["a call has no id" for id_ in ids if not id_]
    return found + (["two calls have the same id"] if len({*ids}) < len(ids) else [])


def _gathered(pieces: Sequence[Mapping[str, Any]]) -> Voice:
    """Put one choice's pieces together, as a client does."""
    whole: dict[str, Any] = {}
    calls: dict[int, dict[str, Any]] = {}
    for delta in (piece["delta"] for piece in pieces):
        for name in ("content", "refusal", "reasoning_content", "reasoning"):
            whole[name] = (whole.get(name) or "") + _text(delta.get(name))
        old = [{"function": delta["function_call"]}] if delta.get("function_call") else []
        for fragment in delta.get("tool_calls") or old:
            call = calls.setdefault(fragment.get("index", 0), {"name": "", "arguments": ""})
            for name, text in (fragment.get("function") or {}).items():
                if name in call:
                    call[name] += text or ""
    whole["tool_calls"] = [{"function": call} for call in calls.values()]
    return _voice(whole, next((p["finish_reason"] for p in pieces if p.get("finish_reason")), None))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value) if value else ""


def _voice(message: Mapping[str, Any], finish: Any) -> Voice:
    functions = [call.get("function") or {} for call in message.get("tool_calls") or []]
    if message.get("function_call"):  # how OpenAI had calls before tools
        functions.append(message["function_call"])
    return Voice(
        text=_text(message.get("content")),
        refusal=_text(message.get("refusal")),
        thoughts=_text(message.get("reasoning_content") or message.get("reasoning")),
        calls=tuple(Call.written(f.get("name"), f.get("arguments")) for f in functions),
        finish=finish,
    )


def _voices_complaints(voices: Sequence[Voice], spoken: Spoken | None) -> list[str]:
    """Judge what the choices say; those of the vendor are the measure, where they are known."""
    found = []
    said = {voice.finish for voice in spoken.voices} if spoken else set()
    for voice in voices:
        if voice.calls and voice.finish not in _ENDS_WITH_CALLS | said:
            found.append(f"it calls tools and finishes with {voice.finish!r}")
        if voice.finish == "tool_calls" and not voice.calls:
            found.append("it finishes with tool_calls and calls none")
    if spoken is None:
        garbled = [call for voice in voices for call in voice.calls if call.garbled]
        return found + [f"the arguments of {call.name} are no JSON object" for call in garbled]
    if len(voices) != len(spoken.voices):
        return [*found, f"there are {len(voices)} choices, and {len(spoken.voices)} were said"]
    for voice, measure in zip(voices, spoken.voices, strict=True):
        for name in ("text", "refusal", "calls", "finish", "thoughts"):
            got, want = getattr(voice, name), getattr(measure, name)
            if got != want and not (got == "tool_calls" and voice.calls and want == "stop"):
                found.append(f"{name}: {_short(got)}, and {_short(want)} was said")
    return found


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) < _LONG else f"{text[:60]} ... {text[-50:]}"


def _common(usage: Usage) -> Usage:
    """Return a usage without what OpenAI has no word for, or tells only of some models."""
    none: dict[str, Any] = dict.fromkeys(
        ("stored", "stored_1h", "heard", "seen", "spoken", "drawn"), 0
    )
    return evolve(usage, **none)


def _usage_told_complaints(usage: Mapping[str, Any] | None, spoken: Spoken | None) -> list[str]:
    """Judge the usage which the client is told."""
    if usage is None:
        return ["usage is missing"] if spoken and spoken.usage else []
    prompt, completion = usage.get("prompt_tokens") or 0, usage.get("completion_tokens") or 0
    cached = (usage.get("prompt_tokens_details") or {}).get("cached_tokens") or 0
    thought = (usage.get("completion_tokens_details") or {}).get("reasoning_tokens") or 0
    # Azure has told more of a part than of the whole; that is for those who add up.
    told = Usage(
        prompt=prompt,
        completion=completion,
        cached=min(cached, prompt),
        reasoning=min(thought, completion),
    )
    found = []
    if usage.get("total_tokens") != prompt + completion:
        found.append(f"{prompt} and {completion} tokens make {usage.get('total_tokens')}")
    counted = spoken.usage and _common(spoken.usage) if spoken else told
    if told != counted:
        found.append(f"the client is told {told}, the vendor counts {counted}")
    return found
