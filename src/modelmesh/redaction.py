"""What may be shown: texts without keys, and of a request what is no text. Pure."""

import re
from collections.abc import Mapping
from typing import Any, Final

HIDDEN: Final = "***"

SHORTEST_KEY: Final = 6
"""Characters of a key. Anything shorter keeps nobody out, and may well be part of a plain word."""

_KEYS: Final = (
    re.compile(r"(?P<kept>\bbearer\s+)\S{6,}", re.IGNORECASE),
    re.compile(
        r"(?P<kept>\b(?:api|access)[ _-]?(?:key|token)(?: provided)?\s*[:=]\s*)[^\s,;]+",
        re.IGNORECASE,
    ),
    re.compile(r"(?P<kept>)\b(?:sk|gsk|csk|xai|nvapi|pplx|tgp|fw|r8)[-_][\w*.-]{6,}\w"),
    re.compile(r"(?P<kept>)\b(?:hf|ghp|gho|github_pat)_\w{8,}|\bAIza[\w-]{16,}"),
    # Whatever else is long and looks drawn at random.
    re.compile(r"(?P<kept>)\b(?=[A-Za-z_*]*\d)(?=[\d_*]*[A-Za-z])[\w*]{32,}"),
)

_CHOICE: Final = re.compile(r"[a-z0-9_]{1,16}")
_CHOICES: Final = frozenset(
    {
        "background",
        "encoding_format",
        "output_format",
        "quality",
        "reasoning_effort",
        "response_format",
        "service_tier",
        "size",
        "stream_format",
        "style",
        "tool_choice",
        "verbosity",
    }
)
"""Parameters of which a vendor gives the words to choose from."""

_NUMBERS: Final = frozenset(
    {
        "dimensions",
        "frequency_penalty",
        "logprobs",
        "max_completion_tokens",
        "max_tokens",
        "n",
        "output_compression",
        "parallel_tool_calls",
        "partial_images",
        "presence_penalty",
        "seed",
        "speed",
        "store",
        "stream",
        "temperature",
        "top_k",
        "top_logprobs",
        "top_p",
    }
)
_COUNTED: Final = frozenset({"functions", "tools"})


def redacted(text: str) -> str:
    """Return a text without anything that looks like a key."""
    for key in _KEYS:
        text = key.sub(rf"\g<kept>{HIDDEN}", text)
    return text


def parameters(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters of a request that are no text: numbers, choices, how many tools.

    Of those parameters it returns the same.
    """
    shown: dict[str, Any] = {}
    for name, value in body.items():
        if name in _NUMBERS and isinstance(value, bool | int | float):
            shown[name] = value
        elif name in _CHOICES and isinstance(choice := _chosen(value), str):
            shown[name] = choice
        elif name in _COUNTED and isinstance(value, list | int):
            shown[name] = len(value) if isinstance(value, list) else value
    return shown


def _chosen(value: Any) -> str | None:
    """Return the word of a choice, which may stand as the type of an object."""
    word = value.get("type") if isinstance(value, Mapping) else value
    return word if isinstance(word, str) and _CHOICE.fullmatch(word) else None
