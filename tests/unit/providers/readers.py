"""Reads what vendors said from their own shapes, apart from the library and in the simplest way.

One reader for each shape: it takes the objects of a stream, or the one object of a plain answer,
and returns what was `Spoken`. The words and figures are by the vendors' pages:
https://platform.claude.com/docs/en/api/messages, https://ai.google.dev/api/generate-content,
https://docs.cohere.com/reference/chat and https://platform.openai.com/docs/api-reference/chat.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from attrs import frozen

from modelmesh.errors import ErrorKind
from modelmesh.testing.conformance.spoken import Call, Spoken, Voice
from modelmesh.usage import Usage

Objects = Sequence[Mapping[str, Any]]


@frozen
class Reader:
    """How one shape is read.

    Attributes:
        spoken: what the objects say.
        ended: the choices which are whole with an object; the answer is when all are.
        gives_reason: whether an object says why a choice ends.
        error: how the vendor tells of an error within a stream, and what this one means, where
            that can be told.

    """

    spoken: Callable[[Objects], Spoken]
    ended: Callable[[Mapping[str, Any]], frozenset[int]]
    gives_reason: Callable[[Mapping[str, Any]], bool]
    error: tuple[bytes, ErrorKind | None]


FINISH: Final = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "pause_turn": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
    "MAX_TOKENS": "length",
    "TOOL_CALL": "tool_calls",
    "model_length": "length",
    "length": "length",
    "content_filter": "content_filter",
    "function_call": "function_call",
    "tool_calls": "tool_calls",
    **dict.fromkeys(
        (
            "SAFETY",
            "RECITATION",
            "LANGUAGE",
            "BLOCKLIST",
            "PROHIBITED_CONTENT",
            "SPII",
            "IMAGE_SAFETY",
            "IMAGE_PROHIBITED_CONTENT",
            "IMAGE_RECITATION",
            "IMAGE_OTHER",
            "NO_IMAGE",
            "OTHER",
            "MODEL_ARMOR",
        ),
        "content_filter",
    ),
}
GAVE_UP: Final = frozenset(
    {
        "ERROR",
        "TIMEOUT",
        "error",
        "insufficient_system_resource",
        "MALFORMED_FUNCTION_CALL",
        "UNEXPECTED_TOOL_CALL",
        "TOO_MANY_TOOL_CALLS",
        "MISSING_THOUGHT_SIGNATURE",
        "MALFORMED_RESPONSE",
    }
)
"""Words with which vendors end an answer that is none."""


def _voice(
    word: Any, *, calls: Sequence[Call] = (), text: str = "", refusal: str = "", thoughts: str = ""
) -> Voice:
    """Make a voice; one with calls ends for their sake, unless it was cut or refused."""
    finish = FINISH.get(word, "stop") if isinstance(word, str) else "stop"
    if calls and finish == "stop":
        finish = "tool_calls"
    return Voice(text=text, refusal=refusal, thoughts=thoughts, calls=tuple(calls), finish=finish)


def _anthropic(objects: Objects) -> Spoken:
    message: dict[str, Any] = {}
    blocks: dict[int, dict[str, Any]] = {}
    counts: dict[str, Any] = {}
    for said in objects:
        delta = said.get("delta") or {}
        match said.get("type"):
            case "error":
                return Spoken(voices=(), fails=True)
            case "message":
                message, blocks = dict(said), dict(enumerate(said["content"]))
                counts = said["usage"]
            case "message_start":
                message, counts = dict(said["message"]), {**said["message"]["usage"]}
                blocks = {-1 - at: block for at, block in enumerate(message["content"])}
            case "content_block_start":
                blocks[said["index"]] = {**said["content_block"], "json": ""}
            case "content_block_delta":
                block = blocks[said["index"]]
                for name, into in (("text", "text"), ("thinking", "thinking")):
                    block[into] = block.get(into, "") + delta.get(name, "")
                block["json"] += delta.get("partial_json", "")
            case "message_delta":
                message.update(delta)
                counts |= {k: v for k, v in said["usage"].items() if v is not None}
            case "message_stop":
                break
    parts = list(blocks.values())
    calls = [
        Call.written(p["name"], p.get("json") or json.dumps(p.get("input") or {}))
        for p in parts
        if p["type"] == "tool_use"
    ]
    voice = _voice(
        message.get("stop_reason"),
        calls=calls,
        text="".join(p["text"] for p in parts if p["type"] == "text"),
        refusal=(message.get("stop_details") or {}).get("explanation") or "",
        thoughts="".join(p["thinking"] for p in parts if p["type"] == "thinking"),
    )
    return Spoken(voices=(voice,), usage=_anthropic_usage(counts) if counts else None)


def _anthropic_usage(counts: Mapping[str, Any]) -> Usage:
    """The input leaves out what was read from the cache, and what was written to it."""
    cached = counts.get("cache_read_input_tokens") or 0
    stored = counts.get("cache_creation_input_tokens") or 0
    longer = (counts.get("cache_creation") or {}).get("ephemeral_1h_input_tokens") or 0
    fresh = counts["input_tokens"] + stored
    return Usage(
        stored=stored - longer,
        stored_1h=longer,
        prompt=fresh + cached,
        completion=counts["output_tokens"],
        cached=cached,
        reasoning=(counts.get("output_tokens_details") or {}).get("thinking_tokens") or 0,
    )


def _gemini(objects: Objects) -> Spoken:
    candidates: dict[int, list[Mapping[str, Any]]] = {}
    counts: Mapping[str, Any] = {}
    blocked = False
    for said in objects:
        counts = said.get("usageMetadata") or counts
        blocked = blocked or bool((said.get("promptFeedback") or {}).get("blockReason"))
        if "error" in said:
            return Spoken(voices=(), fails=True)
        for candidate in said.get("candidates") or []:
            candidates.setdefault(candidate.get("index", 0), []).append(candidate)
    voices = [_candidate(pieces) for _, pieces in sorted(candidates.items())]
    if blocked and not voices:
        voices = [_voice("SAFETY")]
    words = {c.get("finishReason") for pieces in candidates.values() for c in pieces}
    empty = words == {None} and not any(v.text or v.calls for v in voices)
    return Spoken(
        voices=voices,
        usage=_gemini_usage(counts),
        fails=not blocked and (empty or not words or not words.isdisjoint(GAVE_UP)),
    )


def _candidate(pieces: Objects) -> Voice:
    parts = [p for c in pieces for p in (c.get("content") or {}).get("parts") or []]
    words = [c["finishReason"] for c in pieces if c.get("finishReason")]
    functions = [part["functionCall"] for part in parts if "functionCall" in part]
    return _voice(
        words[-1] if words else None,
        calls=[Call(f["name"], f.get("args") or {}) for f in functions],
        text="".join(p["text"] for p in parts if "text" in p and not p.get("thought")),
        thoughts="".join(p["text"] for p in parts if "text" in p and p.get("thought")),
    )


def _gemini_usage(counts: Mapping[str, Any]) -> Usage | None:
    """Candidates do not hold thoughts, unless the total says that they do."""
    if not counts:
        return None
    names = ("promptTokenCount", "toolUsePromptTokenCount", "candidatesTokenCount")
    prompt, tools, candidates = (counts.get(name) or 0 for name in names)
    thoughts = counts.get("thoughtsTokenCount") or 0
    inside = counts.get("totalTokenCount") == prompt + tools + candidates
    return Usage(
        prompt=prompt + tools,
        completion=candidates if inside else candidates + thoughts,
        cached=counts.get("cachedContentTokenCount") or 0,
        reasoning=thoughts,
        heard=_of_kind(counts, "AUDIO", "prompt", "toolUsePrompt"),
        seen=_of_kind(counts, "IMAGE", "prompt", "toolUsePrompt"),
        spoken=_of_kind(counts, "AUDIO", "candidates"),
        drawn=_of_kind(counts, "IMAGE", "candidates"),
    )


def _of_kind(counts: Mapping[str, Any], kind: str, *places: str) -> int:
    """Those of a prompt which were cached are among the cached."""
    told = [one for place in places for one in counts.get(f"{place}TokensDetails") or []]
    cached = [] if places == ("candidates",) else counts.get("cacheTokensDetails") or []
    fresh = [one.get("tokenCount") or 0 for one in told if one["modality"] == kind]
    return sum(fresh) - sum(one.get("tokenCount") or 0 for one in cached if one["modality"] == kind)


def _cohere(objects: Objects) -> Spoken:
    message: dict[str, Any] = {"content": "", "thinking": ""}
    functions: list[dict[str, Any]] = []
    word: Any = None
    counts: Mapping[str, Any] = {}
    for said in objects:
        kind = said.get("type", "whole")
        delta = said if kind == "whole" else said.get("delta") or {}
        piece = delta.get("message") or {}
        if kind in ("whole", "content-start", "content-delta"):
            content = piece.get("content") or []
            for part in content if isinstance(content, list) else [content]:
                message["content"] += part.get("text") or ""
                message["thinking"] += part.get("thinking") or ""
        if kind == "whole":
            functions = [call["function"] for call in piece.get("tool_calls") or []]
        elif kind == "tool-call-start":
            functions.append(dict(piece["tool_calls"]["function"]))
        elif kind == "tool-call-delta":
            functions[-1]["arguments"] += piece["tool_calls"]["function"]["arguments"]
        word = delta.get("finish_reason") or word
        counts = delta.get("usage") or counts
    voice = _voice(
        word,
        calls=[Call.written(f["name"], f.get("arguments") or "{}") for f in functions],
        text=message["content"],
        thoughts=message["thinking"],
    )
    return Spoken(voices=(voice,), usage=_cohere_usage(counts), fails=word in GAVE_UP)


def _cohere_usage(counts: Mapping[str, Any]) -> Usage | None:
    """Tokens are what the model read and wrote; `billed_units` leave out Cohere's own words."""
    tokens = counts.get("tokens")
    if not tokens:
        return None
    return Usage(
        prompt=int(tokens["input_tokens"]),
        completion=int(tokens["output_tokens"]),
        cached=int(counts.get("cached_tokens") or 0),
        reasoning=int(tokens.get("reasoning_tokens") or 0),
    )


def _when(kind: str) -> Callable[[Mapping[str, Any]], frozenset[int]]:
    """Return what tells that the one choice is whole, by the event's kind."""
    return lambda said: frozenset({0} if said.get("type") == kind else ())


def _gemini_ended(said: Mapping[str, Any]) -> frozenset[int]:
    blocked = (said.get("promptFeedback") or {}).get("blockReason")
    candidates = said.get("candidates") or []
    ended = [c.get("index", 0) for c in candidates if c.get("finishReason")]
    return frozenset(ended or ([0] if blocked else ()))


_ANTHROPIC_ERROR: Final = b"""event: error
data: {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}

"""
_GEMINI_ERROR: Final = b"""data: {"error":{"code":503,"message":"Busy.","status":"UNAVAILABLE"}}

"""
_COHERE_ERROR: Final = b"""event: message-end
data: {"type":"message-end","delta":{"finish_reason":"ERROR","error":"oh"}}

"""

ANTHROPIC: Final = Reader(
    _anthropic,
    _when("message_stop"),
    lambda said: said.get("type") == "message_delta",
    (_ANTHROPIC_ERROR, ErrorKind.OVERLOADED),
)
GEMINI: Final = Reader(
    _gemini,
    _gemini_ended,
    lambda said: bool(_gemini_ended(said)),
    (_GEMINI_ERROR, ErrorKind.OVERLOADED),
)
COHERE: Final = Reader(
    _cohere,
    _when("message-end"),
    lambda said: said.get("type") == "message-end",
    (_COHERE_ERROR, None),
)
