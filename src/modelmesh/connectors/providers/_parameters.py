"""What vendors refuse, as data, and a request's body without it."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from types import MappingProxyType
from typing import Any, Final

from attrs import frozen

from modelmesh.connectors.providers._messages import Messages

SAMPLING: Final = frozenset({"temperature", "top_p"})

_NOTHING_ASKED: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "n": 1,
        "temperature": 1,
        "top_p": 1,
        "presence_penalty": 0,
        "frequency_penalty": 0,
        "logprobs": False,
        "top_logprobs": 0,
        "store": False,
        "parallel_tool_calls": True,
        "service_tier": "auto",
        "verbosity": "medium",
        "modalities": ["text"],
        "speed": 1,
    }
)
"""Values which say what holds anyway, so that leaving the parameter out changes nothing."""


@frozen(kw_only=True)
class Reasoning:
    """What a vendor's reasoning models take otherwise than its other models.

    Attributes:
        refuses: parameters which they never take.
        refuses_thinking: parameters which they take only where `reasoning_effort` is "none".
        renamed: parameters which they know by another name.
        prefixes: how the names of such models begin, for those which the catalogue lacks.

    """

    refuses: frozenset[str] = frozenset()
    refuses_thinking: frozenset[str] = frozenset()
    renamed: Mapping[str, str] = MappingProxyType({})
    prefixes: tuple[str, ...] = ()


def asks_something(name: str, value: Any) -> bool:
    """Whether a parameter with this value asks for anything that would not happen without it."""
    if value is None or value in ("", [], {}):
        return False
    return name not in _NOTHING_ASKED or bool(_NOTHING_ASKED[name] != value)


def adapted(
    body: Mapping[str, Any],
    *,
    without: AbstractSet[str],
    renamed: Mapping[str, str],
    messages: Messages,
    functions: frozenset[str],
    words: Mapping[str, Mapping[str, str]],
) -> Mapping[str, Any]:
    """Return the body a vendor takes: the same object where nothing has to change.

    `functions` are the fields which a tool's function is not to have, `words` other words for what
    a parameter says. Where both the old and the new name of a parameter are there, the new holds.
    """
    clean: dict[str, Any] = {}
    said, tools = body.get("messages"), body.get("tools")
    if (kept := messages.cleaned(said)) is not said:
        clean["messages"] = kept
    if (kept := _cleaned_tools(tools, functions)) is not tools:
        clean["tools"] = kept
    for name, others in words.items():
        told = body.get(name)
        if isinstance(told, str) and told in others:
            clean[name] = others[told]
    if not clean and without.isdisjoint(body) and renamed.keys().isdisjoint(body):
        return body
    doubled = {old for old, new in renamed.items() if body.get(new) is not None}
    return {
        renamed.get(name, name): clean.get(name, value)
        for name, value in body.items()
        if name not in without and name not in doubled
    }


def _cleaned_tools(tools: Any, refused: frozenset[str]) -> Any:
    """Return the tools with functions that have none of these fields: the same if none has."""
    if not refused or not isinstance(tools, list):
        return tools
    clean = [_cleaned_tool(tool, refused) for tool in tools]
    return tools if all(new is old for new, old in zip(clean, tools, strict=True)) else clean


def _cleaned_tool(tool: Any, refused: frozenset[str]) -> Any:
    function = tool.get("function") if isinstance(tool, dict) else None
    if not isinstance(function, dict) or refused.isdisjoint(function):
        return tool
    kept = {name: value for name, value in function.items() if name not in refused}
    return {**tool, "function": kept}
