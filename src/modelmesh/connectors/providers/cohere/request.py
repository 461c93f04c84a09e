"""A chat request in OpenAI's shape as Cohere takes it. https://docs.cohere.com/reference/chat."""

from collections.abc import Mapping
from typing import Any

from modelmesh.connectors.providers._conversation import Conversation, Format, read
from modelmesh.connectors.providers._strict import faulty
from modelmesh.connectors.providers._tools import Tool
from modelmesh.connectors.providers.cohere.messages import messages_of
from modelmesh.connectors.providers.cohere.parameters import AS_THEY_ARE, numbers, thinking_of


def written(
    body: Mapping[str, Any], model: str, *, thinks: bool, drop: frozenset[str]
) -> dict[str, Any]:
    """Return the body for a model, which `thinks` unless it is told not to.

    Raises RequestError where the request is malformed, or has sound or files.
    """
    body = {name: value for name, value in body.items() if name not in drop}
    conversation = read(body)
    thinking = body.get("thinking") or (thinking_of(body) if thinks else None)
    off = isinstance(thinking, dict) and thinking.get("type") == "disabled"
    sent = {
        "model": model,
        "messages": list(messages_of(conversation.turns, can_recall=thinks and not off)),
        "stream": body.get("stream") is True,
        "max_tokens": conversation.max_tokens,
        "stop_sequences": conversation.stop or None,
        "response_format": _format(conversation.format),
        **dict(numbers(body)),
        **_tools(conversation),
        **{name: body.get(name) for name in AS_THEY_ARE if body.get(name) is not None},
        "thinking": thinking,
    }
    return {name: value for name, value in sent.items() if value is not None}


def _tools(conversation: Conversation) -> dict[str, Any]:
    """Return the tools, and which to call: where one is named, it is the only one there is.

    All of them are strict or none, and those without a required argument cannot be
    (https://docs.cohere.com/docs/structured-outputs).
    """
    offered, choice = conversation.tools, conversation.choice
    if choice and choice.names:
        offered = [tool for tool in offered if tool.name in choice.names]
        if not offered:
            raise faulty("tool_choice", "names a function that is not among the tools")
    if not offered:
        return {}
    strict = all(tool.strict and tool.schema.get("required") for tool in offered)
    return {
        "tools": [_tool(tool) for tool in offered],
        **({"tool_choice": choice.mode.upper()} if choice and choice.mode != "auto" else {}),
        **({"strict_tools": True} if strict else {}),
    }


def _tool(tool: Tool) -> dict[str, Any]:
    described = {"description": tool.description} if tool.description else {}
    function = {"name": tool.name, **described, "parameters": tool.schema}
    return {"type": "function", "function": function}


def _format(wanted: Format | None) -> dict[str, Any] | None:
    if wanted is None:
        return None
    schema = {} if wanted.schema is None else {"json_schema": wanted.schema}
    return {"type": "json_object", **schema}
