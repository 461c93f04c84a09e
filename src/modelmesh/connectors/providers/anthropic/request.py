"""A chat request as Anthropic's Messages API takes it.

What Anthropic documents and OpenAI does not (`thinking`, `top_k`, `context_management`,
`cache_control`, a `user_id` in `metadata`, tools of its own) is sent on as it came.

https://platform.claude.com/docs/en/api/messages
"""

from collections.abc import Mapping
from typing import Any, Final

from modelmesh.connectors.providers._conversation import Assistant, Conversation, Format, read
from modelmesh.connectors.providers._strict import faulty, object_at
from modelmesh.connectors.providers._tools import Choice, Tool
from modelmesh.connectors.providers.anthropic.messages import messages_of
from modelmesh.connectors.providers.anthropic.model import EFFORTS, Model
from modelmesh.connectors.providers.anthropic.parameters import (
    TIERS,
    answers_by_tool,
    max_tokens,
    refused,
    thinking_of,
)
from modelmesh.connectors.providers.anthropic.schema import native

ANSWER_TOOL: Final = "answer_with_json"
"""The tool with which a model answers in JSON that it cannot be held to otherwise."""

_AS_THEY_CAME: Final = ("cache_control", "context_management")
_MOST_STRICT: Final = 20
_ONLY_JSON: Final = (
    "Answer with one JSON object and nothing else: no words before or after it, no code fence."
)


def written(
    body: Mapping[str, Any], name: str, model: Model, drop: frozenset[str]
) -> dict[str, Any]:
    """Return the body to send for a request to the model of this name.

    Raises RequestError where it is malformed.
    """
    body = _without(body, drop)
    thinking = thinking_of(body, model)
    body = _without(body, refused(body, model))
    talk = read(body)
    system, messages = messages_of(talk.turns, model, thinks=thinking.on)
    if talk.format and talk.format.schema is None:
        system = [*system, {"type": "text", "text": _ONLY_JSON}]
    by_tool = answers_by_tool(body, model)
    output = {
        **({"effort": thinking.effort} if thinking.effort else {}),
        **({} if by_tool else _format(talk.format)),
    }
    fields = {
        "model": name,
        "max_tokens": max_tokens(talk.max_tokens, model),
        "system": system,
        "messages": messages,
        **_tools(talk, model, by_tool=by_tool),
        "stop_sequences": list(talk.stop),
        **_sampling(body),
        **thinking.fields,
        "output_config": output,
        **_about_the_request(body),
        **{name: body[name] for name in _AS_THEY_CAME if body.get(name) is not None},
        "stream": body.get("stream") is True,
    }
    _check_effort(body)
    return {
        name: value
        for name, value in fields.items()
        if value is not False and value not in ([], {})
    }


def _without(body: Mapping[str, Any], names: frozenset[str]) -> Mapping[str, Any]:
    """Return the body without these parameters; messages are in it whatever they hold."""
    return {name: value for name, value in body.items() if name == "messages" or name not in names}


def _tools(talk: Conversation, model: Model, *, by_tool: bool) -> dict[str, Any]:
    """Return the tools and which of them to call."""
    chosen = talk.choice or Choice(mode="auto")
    strict = model.native_format and sum(bool(tool.strict) for tool in talk.tools) <= _MOST_STRICT
    tools = [
        _tool(tool, strict=strict)
        for tool in talk.tools
        if tool.name in chosen.names or not chosen.names or chosen.mode == "required"
    ]
    tools += [dict(tool) for tool in talk.other_tools]
    if by_tool and talk.format:
        return _with_answer_tool(tools, chosen, talk.format, parallel=talk.parallel)
    if not tools:
        return _tools_of_the_past(talk)
    return {"tools": tools, **_choice(chosen, talk.parallel, said=talk.choice is not None)}


def _choice(chosen: Choice, parallel: bool | None, *, said: bool) -> dict[str, Any]:
    kinds = {"auto": "auto", "none": "none", "required": "any"}
    choice: dict[str, Any] = {"type": kinds[chosen.mode]}
    if chosen.mode == "required" and len(chosen.names) == 1:
        choice = {"type": "tool", "name": chosen.names[0]}
    if parallel is False and chosen.mode != "none":
        choice["disable_parallel_tool_use"] = True
    return {"tool_choice": choice} if said or len(choice) > 1 else {}


def _with_answer_tool(
    tools: list[dict[str, Any]], chosen: Choice, wanted: Format, *, parallel: bool | None
) -> dict[str, Any]:
    """Return the tools with the one that is the answer, and that one of them has to be called."""
    answer = {
        "name": ANSWER_TOOL,
        "description": wanted.description or f"Give the answer: {wanted.name}.",
        "input_schema": {"type": "object", **(wanted.schema or {})},
    }
    if chosen.mode == "required":
        return {"tools": [*tools, answer], **_choice(chosen, parallel, said=True)}
    if tools and chosen.mode == "auto":
        return {"tools": [*tools, answer], **_choice(Choice(mode="required"), parallel, said=True)}
    choice = {"type": "tool", "name": ANSWER_TOOL, "disable_parallel_tool_use": True}
    return {"tools": [*tools, answer], "tool_choice": choice}


def _tools_of_the_past(talk: Conversation) -> dict[str, Any]:
    """Return the tools which were called before, where calls are in a request without any tools.

    Anthropic wants to know of them all the same. They are not to be called again.
    """
    made = [turn.calls for turn in talk.turns if isinstance(turn, Assistant)]
    names = dict.fromkeys(call.name for calls in made for call in calls)
    schema = {"type": "object", "properties": {}}
    tools = [{"name": name, "input_schema": schema} for name in names]
    return {"tools": tools, "tool_choice": {"type": "none"}} if tools else {}


def _tool(tool: Tool, *, strict: bool) -> dict[str, Any]:
    """Return a tool, strict where it is to be and Anthropic can hold a model to its schema."""
    cached = tool.fields.get("cache_control")
    exact = native(tool.schema) if strict and tool.strict else None
    return {
        "name": tool.name,
        **({"description": tool.description} if tool.description else {}),
        "input_schema": exact or tool.schema,
        **({"strict": True} if exact else {}),
        **({"cache_control": cached} if cached else {}),
    }


def _format(wanted: Format | None) -> dict[str, Any]:
    schema = native(wanted.schema) if wanted and wanted.schema is not None else None
    return {"format": {"type": "json_schema", "schema": schema}} if schema is not None else {}


def _sampling(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return how to choose among likely words. Anthropic's temperatures end at 1, OpenAI's at 2."""
    found: dict[str, Any] = {}
    for name in ("temperature", "top_p", "top_k"):
        value = body.get(name)
        if value is None:
            continue
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise faulty(name, "must be a number")
        found[name] = max(0, min(value, 1)) if name == "temperature" else value
    return found


def _about_the_request(body: Mapping[str, Any]) -> dict[str, Any]:
    metadata = dict(object_at(body.get("metadata") or {}, "metadata"))
    if isinstance(user := body.get("user"), str) and user:
        metadata = {"user_id": user, **metadata}
    tier = body.get("service_tier")
    return {
        "metadata": metadata,
        **({"service_tier": TIERS[tier]} if isinstance(tier, str) and tier in TIERS else {}),
    }


def _check_effort(body: Mapping[str, Any]) -> None:
    effort, own = body.get("reasoning_effort"), body.get("thinking")
    if effort is not None and effort not in ("none", *EFFORTS):
        raise faulty("reasoning_effort", f"must be none, {', '.join(EFFORTS[:-1])} or max")
    if own is not None:
        object_at(own, "thinking")
