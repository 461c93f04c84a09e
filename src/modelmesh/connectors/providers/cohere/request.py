"""A chat request in OpenAI's shape as Cohere takes it. https://docs.cohere.com/reference/chat."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final

from modelmesh.connectors.providers._conversation import Format, asks_for_json, read
from modelmesh.connectors.providers._strict import faulty
from modelmesh.connectors.providers._tools import has_other_tools
from modelmesh.connectors.providers.cohere.messages import messages, tools

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

_AS_THEY_ARE: Final = (
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

ACCEPTED: Final = frozenset({*_NUMBERS, *_AS_THEY_ARE, *_READ})
"""The parameters which are translated."""


def written(
    body: Mapping[str, Any], model: str, *, thinks: bool, drop: frozenset[str]
) -> dict[str, Any]:
    """Return the body for a model, which `thinks` unless it is told not to.

    Raises RequestError where the request is malformed, or has sound or files.
    """
    body = {name: value for name, value in body.items() if name not in drop}
    conversation = read(body)
    thinking = body.get("thinking") or (_thinking(body) if thinks else None)
    off = isinstance(thinking, dict) and thinking.get("type") == "disabled"
    sent = {
        "model": model,
        "messages": list(messages(conversation.turns, can_recall=thinks and not off)),
        "stream": body.get("stream") is True,
        "max_tokens": conversation.max_tokens,
        "stop_sequences": conversation.stop or None,
        "response_format": _format(conversation.format),
        **dict(_numbers(body)),
        **tools(conversation),
        **{name: body.get(name) for name in _AS_THEY_ARE if body.get(name) is not None},
        "thinking": thinking,
    }
    return {name: value for name, value in sent.items() if value is not None}


def clashes_in(body: Mapping[str, Any]) -> frozenset[str]:
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


def _format(wanted: Format | None) -> dict[str, Any] | None:
    if wanted is None:
        return None
    schema = {} if wanted.schema is None else {"json_schema": wanted.schema}
    return {"type": "json_object", **schema}


def _numbers(body: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    """Give the numbers. A penalty of 0 is none, for it would count as a second one."""
    for name, (ours, least, most) in _NUMBERS.items():
        number = body.get(name)
        if number is None or (name in _PENALTIES and number == 0):
            continue
        if not _is_number(number):
            raise faulty(name, "must be a number")
        yield ours, min(max(number, least), most)


def _thinking(body: Mapping[str, Any]) -> dict[str, Any] | None:
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
