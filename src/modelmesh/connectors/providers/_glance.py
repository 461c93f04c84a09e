"""What most answers are, told at a glance: one text, with OpenAI's figures in OpenAI's places.

A glance costs a tenth of reading an answer to its end.
"""

from collections.abc import Mapping
from typing import Any, Final

from modelmesh.connectors.providers._usage import MISPLACED
from modelmesh.usage import Usage

TIERS: Final = frozenset({None, "auto", "default", "flex", "scale", "priority", "fast"})
"""OpenAI's words for a `service_tier`."""

_MEDIA: Final = ("audio_tokens", "image_tokens")
_PLAIN: Final = frozenset({"role", "content", "refusal"})


def is_plain(body: Mapping[str, Any]) -> bool:
    """Whether an answer is one text, and nothing in it but its usage is wrong or needs mending."""
    choices = body.get("choices")
    choice = choices[0] if isinstance(choices, list) and len(choices) == 1 else None
    message = choice.get("message") if isinstance(choice, dict) else None
    return (
        isinstance(choice, dict)
        and isinstance(message, dict)
        and isinstance(message.get("content"), str)
        and message.get("role") == "assistant"
        and _PLAIN.issuperset(message)
        and choice.get("index") == 0
        and choice.get("finish_reason") in ("stop", "length")
        and "error" not in choice
        and "error" not in body
        and body.get("object") == "chat.completion"
        and isinstance(body.get("id"), str)
        and isinstance(body.get("model"), str)
        and type(body.get("created")) is int
        and body.get("service_tier") in TIERS
    )


def usual_usage(counts: Any) -> Usage | None:
    """Return the usage if a vendor's counts are OpenAI's figures in OpenAI's places, else None."""
    if not isinstance(counts, dict) or not MISPLACED.isdisjoint(counts):
        return None
    prompt, completion = counts.get("prompt_tokens"), counts.get("completion_tokens")
    if type(prompt) is not int or type(completion) is not int:
        return None
    read, written = counts.get("prompt_tokens_details"), counts.get("completion_tokens_details")
    if (read and _has_media(read)) or (written and _has_media(written)):
        return None
    cached = _count(read, "cached_tokens") if read else 0
    reasoning = _count(written, "reasoning_tokens") if written else 0
    if not (cached <= prompt > 0 <= completion >= reasoning):
        return None
    if counts.get("total_tokens") != prompt + completion:
        return None
    return Usage(prompt=prompt, completion=completion, cached=cached, reasoning=reasoning)


def _has_media(parts: Any) -> bool:
    """Whether some of the tokens are told to be sound or images."""
    return isinstance(parts, dict) and any(map(parts.get, _MEDIA))


def _count(parts: Any, name: str) -> int:
    count = parts.get(name) if isinstance(parts, dict) else None
    return count if type(count) is int else 0
