"""What Anthropic's models take and what not, out of the catalogue.

Sizes and rules of those the catalogue does not list: https://platform.claude.com/docs/en/about-claude/models/overview
"""

import re
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Any, Final

from modelmesh.catalogue import ModelFacts, find
from modelmesh.values import value

CONNECTOR: Final = "anthropic.claude.v1"

_OLD: Final = re.compile(r"claude-(instant|2|3|(opus|sonnet|haiku)-4)")
_OLD_QUIRKS: Final[Mapping[str, Any]] = MappingProxyType({"supports_assistant_prefill": True})
# Of a model nobody has described yet the least is expected.
_NEW_QUIRKS: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "supports_sampling_params": False,
        "supports_adaptive_thinking": True,
        "supports_native_structured_output": True,
    }
)
_ALWAYS_THINK: Final = re.compile(r"claude-(fable|mythos)")
_CANNOT_THINK: Final = re.compile(r"claude-(instant|2|3(?!-7))")
_MAX_OUTPUT: Final = (
    ("claude-3-7", 64_000),
    ("claude-3-5", 8_192),
    ("claude-3", 4_096),
    ("claude-2", 4_096),
    ("claude-instant", 4_096),
    ("claude-sonnet-4", 64_000),
    ("claude-opus-4", 32_000),
)
USUAL_OUTPUT: Final = 32_000
"""Tokens to ask for where neither the client nor the catalogue says how many."""
EFFORTS: Final = ("minimal", "low", "medium", "high", "xhigh", "max")
"""Values of `reasoning_effort` besides "none", each more than the one before."""


@value(kw_only=True)
class Model:
    """How one model behaves on the wire.

    Attributes:
        max_output: tokens of an answer, its thoughts included; None where that is not known.
        thinks: it can think before it answers.
        adaptive: it decides itself how much, by an effort; the others get a budget of tokens.
        always_thinks: that cannot be switched off.
        efforts: the efforts it knows, the least first.
        sampling: it takes temperature, top_p and top_k.
        prefill: it continues an answer which the conversation ends with.
        later_system: it takes system messages in the middle of a conversation.
        forced_tools: it can be made to call a tool.
        native_format: it can be held to a JSON schema.

    """

    max_output: int | None
    thinks: bool
    adaptive: bool
    always_thinks: bool
    efforts: tuple[str, ...]
    sampling: bool
    prefill: bool
    later_system: bool
    forced_tools: bool
    native_format: bool


@cache
def model_of(name: str) -> Model:
    """Return how a model behaves, by what the catalogue or else its name says."""
    known = find(CONNECTOR, name)
    quirks = _quirks(name, known)
    always = bool(quirks.get("thinking_always_on", _ALWAYS_THINK.match(name)))
    return Model(
        max_output=(known and known.max_output) or _max_output(name),
        thinks=not _CANNOT_THINK.match(name)
        and (known is None or known.supports("reasoning") is not False),
        adaptive=quirks.get("supports_adaptive_thinking") is True,
        always_thinks=always,
        efforts=_efforts(quirks),
        sampling=quirks.get("supports_sampling_params") is not False,
        prefill=quirks.get("supports_assistant_prefill") is True,
        later_system=quirks.get("supports_mid_conversation_system") is True,
        forced_tools=quirks.get("supports_forced_tool_use") is not False and not always,
        native_format=quirks.get("supports_native_structured_output") is True,
    )


def _quirks(name: str, known: ModelFacts | None) -> Mapping[str, Any]:
    if known and known.quirks:
        return known.quirks
    return _OLD_QUIRKS if _OLD.match(name) else _NEW_QUIRKS


def _efforts(quirks: Mapping[str, Any]) -> tuple[str, ...]:
    known = quirks.get("reasoning_effort_values", ())
    return tuple(effort for effort in EFFORTS if effort in known) or EFFORTS[1:4]


def _max_output(name: str) -> int | None:
    return next((most for start, most in _MAX_OUTPUT if name.startswith(start)), None)
