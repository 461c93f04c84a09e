"""The parameters which one of Anthropic's models does not take, and how it is asked to think.

Nothing here complains of a malformed parameter: that is told when the request is read.

https://platform.claude.com/docs/en/build-with-claude/thinking
"""

import re
from collections.abc import Callable, Mapping
from itertools import takewhile
from types import MappingProxyType
from typing import Any, Final

from modelmesh.connectors.providers._conversation import format_of
from modelmesh.connectors.providers.anthropic.messages import thoughts_in
from modelmesh.connectors.providers.anthropic.model import EFFORTS, USUAL_OUTPUT, Model
from modelmesh.connectors.providers.anthropic.schema import native
from modelmesh.errors import RequestError
from modelmesh.values import value

TIERS: Final[Mapping[str, str]] = MappingProxyType(
    {"auto": "auto", "default": "standard_only", "standard_only": "standard_only"}
)
"""Anthropic's service tiers, by what OpenAI and Anthropic call them."""

_ACCEPTED: Final = frozenset(
    {
        "cache_control",
        "context_management",
        "function_call",
        "functions",
        "max_completion_tokens",
        "max_tokens",
        "messages",
        "metadata",
        "model",
        "parallel_tool_calls",
        "reasoning_effort",
        "response_format",
        "service_tier",
        "stop",
        "stream",
        "stream_options",
        "temperature",
        "thinking",
        "tool_choice",
        "tools",
        "top_k",
        "top_p",
        "user",
    }
)
_SAMPLING: Final = frozenset({"temperature", "top_p", "top_k"})
_OWN_TOOL: Final = re.compile(r"_20\d{6}$")
"""How the types of tools end which Anthropic runs or knows, such as `web_search_20250305`."""
_LEAST_BUDGET: Final = 1024
_BUDGETS: Final[Mapping[str, int]] = MappingProxyType(
    {"minimal": 1024, "low": 1024, "medium": 2048, "high": 4096, "xhigh": 8192, "max": 16384}
)
"""Tokens to think with, for models which do not decide that themselves."""

_OF_A_TURN: Final = frozenset({"assistant", "tool", "function"})
"""Whose messages belong to one turn of the assistant."""


@value(kw_only=True)
class Thinking:
    """How to think: the fields of a request which say so, and the parameters not to be heeded."""

    on: bool = False
    fields: Mapping[str, Any] = MappingProxyType({})
    effort: str | None = None
    refused: frozenset[str] = frozenset()


def refused(body: Mapping[str, Any], model: Model) -> frozenset[str]:
    """Return the parameters in a body which the model does not take, whatever their values.

    `messages` is among them where they hold sound, which no model of Anthropic's can be told.
    """
    thinking = thinking_of(body, model)
    names = (body.keys() - _ACCEPTED) | thinking.refused
    if body.get("thinking") is not None:
        names |= {"reasoning_effort"}
    if not model.sampling or thinking.on:
        names |= _SAMPLING
    elif body.get("temperature") is not None:
        names |= {"top_p"}  # of the two only one is taken
    names |= {name for name, is_odd in _ODD.items() if name in body and is_odd(body[name])}
    if not model.forced_tools:
        names |= {"tool_choice", "function_call"} if _chooses_a_tool(body) else set()
        names |= {"response_format"} if answers_by_tool(body, model) else set()
    return frozenset(names & body.keys())


def answers_by_tool(body: Mapping[str, Any], model: Model) -> bool:
    """Whether the JSON asked for can only be had as the input of a tool that has to be called."""
    try:
        wanted = format_of(body)
    except RequestError:
        return False
    if wanted is None or wanted.schema is None:
        return False
    return not model.native_format or native(wanted.schema) is None


def thinking_of(body: Mapping[str, Any], model: Model) -> Thinking:
    """Return how a request wants the model to think.

    Where it must call a tool it cannot think, and where thoughts before its last calls were lost a
    model with a budget cannot go on thinking. Then it does without, and the parameter is refused.
    """
    forced = _chooses_a_tool(body) or answers_by_tool(body, model)
    effort, own = body.get("reasoning_effort"), body.get("thinking")
    name = "thinking" if own is not None else "reasoning_effort"
    is_off = own.get("type") == "disabled" if isinstance(own, dict) else effort == "none"
    if effort is None and own is None:
        return Thinking(fields=_off(model) if forced else {})
    if is_off:
        return Thinking(fields=_off(model), refused=_named(name, if_=model.always_thinks))
    if not model.thinks or (forced and model.forced_tools):
        return Thinking(fields=_off(model) if forced else {}, refused=frozenset({name}))
    if isinstance(own, dict):
        lost = not model.adaptive and _thoughts_are_lost(body)
        fields = {} if lost else {"thinking": own}
        return Thinking(on=not lost, fields=fields, refused=_named(name, if_=lost))
    if not isinstance(effort, str) or effort not in EFFORTS:
        return Thinking()
    return _by_effort(effort, model) if model.adaptive else _by_budget(effort, body, model)


def _by_effort(effort: str, model: Model) -> Thinking:
    """Ask for the effort, or for the most below it that the model knows."""
    most = EFFORTS.index(effort)
    below = [known for known in model.efforts if EFFORTS.index(known) <= most]
    thinking = {"type": "adaptive", "display": "summarized"}
    return Thinking(
        on=True, fields={"thinking": thinking}, effort=below[-1] if below else model.efforts[0]
    )


def _by_budget(effort: str, body: Mapping[str, Any], model: Model) -> Thinking:
    """Give a number of tokens, of which the answer's have to be more."""
    asked = body.get("max_completion_tokens") or body.get("max_tokens")
    most = max_tokens(asked if isinstance(asked, int) else None, model)
    if most <= _LEAST_BUDGET or _thoughts_are_lost(body):
        return Thinking(refused=frozenset({"reasoning_effort"}))
    budget = min(_BUDGETS[effort], most - 1)
    thinking = {"type": "enabled", "budget_tokens": budget}
    return Thinking(on=True, fields={"thinking": thinking})


def max_tokens(asked: int | None, model: Model) -> int:
    """Return the tokens an answer may have, which Anthropic wants to be told."""
    most = model.max_output
    return min(asked or most or USUAL_OUTPUT, most or asked or USUAL_OUTPUT)


def _off(model: Model) -> Mapping[str, Any]:
    """Return the fields which keep a model from thinking; one with a budget does so only if told.

    A model which cannot stop gets none.
    """
    off = model.adaptive and not model.always_thinks
    return {"thinking": {"type": "disabled"}} if off else {}


def _named(name: str, *, if_: bool) -> frozenset[str]:
    return frozenset({name}) if if_ else frozenset()


def _thoughts_are_lost(body: Mapping[str, Any]) -> bool:
    """Whether a turn that goes on with the results of calls began without thoughts."""
    messages = body.get("messages")
    listed = [m for m in messages if isinstance(m, dict)] if isinstance(messages, list) else []
    turn = list(takewhile(lambda said: said.get("role") in _OF_A_TURN, reversed(listed)))
    own = [message for message in turn if message.get("role") == "assistant"]
    return bool(own) and turn[0] is not own[0] and not thoughts_in(own[-1])


def _chooses_a_tool(body: Mapping[str, Any]) -> bool:
    """Whether a tool has to be called."""
    if not (body.get("tools") or body.get("functions")):
        return False
    match body.get("tool_choice") or body.get("function_call"):
        case "required":
            return True
        case {"type": "allowed_tools", "allowed_tools": {"mode": mode}}:
            return bool(mode == "required")
        case dict():
            return True
    return False


def _have_sound(messages: Any) -> bool:
    listed = messages if isinstance(messages, list) else []
    contents = [m.get("content") for m in listed if isinstance(m, dict)]
    parts = [part for content in contents if isinstance(content, list) for part in content]
    return any(isinstance(part, dict) and part.get("type") == "input_audio" for part in parts)


def _is_odd_user(user: Any) -> bool:
    """Whether it tells who the user is, which Anthropic does not want to know."""
    return isinstance(user, str) and "@" in user


def _is_odd_metadata(metadata: Any) -> bool:
    return isinstance(metadata, dict) and not metadata.keys() <= {"user_id"}


def _is_odd_tier(tier: Any) -> bool:
    return isinstance(tier, str) and tier not in TIERS


def _has_odd_stop(stop: Any) -> bool:
    """Whether there is one which is only white space."""
    texts = stop if isinstance(stop, list) else [stop]
    return any(isinstance(text, str) and text.isspace() for text in texts)


def _has_odd_tool(tools: Any) -> bool:
    listed = tools if isinstance(tools, list) else []
    kinds = [tool.get("type") for tool in listed if isinstance(tool, dict)]
    return any(
        isinstance(kind, str) and kind != "function" and not _OWN_TOOL.search(kind)
        for kind in kinds
    )


_ODD: Final[Mapping[str, Callable[[Any], bool]]] = MappingProxyType(
    {
        "messages": _have_sound,
        "user": _is_odd_user,
        "metadata": _is_odd_metadata,
        "service_tier": _is_odd_tier,
        "stop": _has_odd_stop,
        "tools": _has_odd_tool,
    }
)
"""Parameters of which some values are not taken."""
