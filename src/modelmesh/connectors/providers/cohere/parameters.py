"""The parameters of a chat request as Cohere's, and those which it refuses.

https://docs.cohere.com/reference/chat
"""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final

from modelmesh.connectors.providers._conversation import asks_for_json
from modelmesh.connectors.providers._strict import faulty
from modelmesh.connectors.providers._tools import has_other_tools

_NUMBERS: Final[Mapping[str, tuple[str, float, float]]] = MappingProxyType(
    {
        "temperature": ("temperature", 0, 1),
        "top_p": ("p", 0.01, 0.99),
        "top_k": ("k", 0, 500),
        "frequency_penalty": ("frequency_penalty", 0, 1),
        "presence_penalty": ("presence_penalty", 0, 1),
    }
)
"""Numbers by OpenAI's name: Cohere's name, and its range, to which they are fitted."""

_PENALTIES: Final = ("frequency_penalty", "presence_penalty")

AS_THEY_ARE: Final = (
    "citation_options",
    "documents",
    "k",
    "logprobs",
    "p",
    "priority",
    "safety_mode",
    "seed",
    "strict_tools",
    "thinking",
)

_READ: Final = (
    "function_call",
    "functions",
    "max_completion_tokens",
    "max_tokens",
    "reasoning_effort",
    "response_format",
    "stop",
    "tool_choice",
    "tools",
)

_BUDGETS: Final[Mapping[str, int]] = MappingProxyType({"minimal": 512, "low": 1024, "medium": 4096})
"""Tokens for thinking, by effort. With more effort there is no limit, as Cohere recommends."""

ACCEPTED: Final = frozenset({*_NUMBERS, *AS_THEY_ARE, *_READ})
"""The parameters which are translated."""


def refused(body: Mapping[str, Any]) -> frozenset[str]:
    """Return the parameters which Cohere does not take beside others, or with these values."""
    penalties = {name: body[name] for name in _PENALTIES if body.get(name)}
    clashing = {name for name, much in penalties.items() if _is_number(much) and much < 0}
    if len(penalties) > 1 and not clashing:
        clashing.add("presence_penalty")
    if any(body.get(name) for name in ("tools", "functions", "documents")) and asks_for_json(body):
        clashing.add("response_format")
    if has_other_tools(body):
        clashing.add("tools")
    return frozenset(clashing)


def numbers(body: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    """Give the numbers. A penalty of 0 is none, for it would count as a second one."""
    for name, (ours, least, most) in _NUMBERS.items():
        number = body.get(name)
        if number is None or (name in _PENALTIES and number == 0):
            continue
        if not _is_number(number):
            raise faulty(name, "must be a number")
        yield ours, min(max(number, least), most)


def thinking_of(body: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return how much to think (https://docs.cohere.com/docs/reasoning); None: as it likes."""
    effort = body.get("reasoning_effort")
    if effort is None:
        return None
    if effort == "none":
        return {"type": "disabled"}
    budget = _BUDGETS.get(effort) if isinstance(effort, str) else None
    return {"type": "enabled", **({"token_budget": budget} if budget else {})}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
