"""The parameters of a chat request as Gemini's, and those which one of its models refuses.

https://ai.google.dev/api/generate-content#generationconfig
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from modelmesh.connectors.providers._conversation import Conversation, asks_for_json
from modelmesh.connectors.providers._parameters import asks_something
from modelmesh.connectors.providers._strict import faulty
from modelmesh.connectors.providers._tools import Tool, has_other_tools
from modelmesh.connectors.providers.gemini.messages import Json, out_of_reach
from modelmesh.connectors.providers.gemini.model import LEVELS, Model
from modelmesh.connectors.providers.gemini.schema import Schema, reduced

_RENAMED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "frequency_penalty": "frequencyPenalty",
        "logprobs": "responseLogprobs",
        "n": "candidateCount",
        "presence_penalty": "presencePenalty",
        "seed": "seed",
        "temperature": "temperature",
        "top_k": "topK",
        "top_logprobs": "logprobs",
        "top_p": "topP",
    }
)
"""Parameters which only have another name."""

ACCEPTED: Final = frozenset(
    {
        *_RENAMED,
        "function_call",
        "functions",
        "max_completion_tokens",
        "max_tokens",
        "modalities",
        "reasoning_effort",
        "response_format",
        "stop",
        "tool_choice",
        "tools",
    }
)

# Models which do not have these refuse them whatever their value.
_LEFT_OUT_IDLE: Final = frozenset(
    {"frequency_penalty", "logprobs", "n", "presence_penalty", "top_logprobs"}
)
_PENALTIES: Final = ("frequency_penalty", "presence_penalty")
_LARGEST_SEED: Final = 0x7FFF_FFFF
_MOST_STOPS: Final = 5
_MODALITIES: Final = frozenset({"text", "image"})
_MODES: Final[Mapping[str, str]] = MappingProxyType(
    {"auto": "AUTO", "none": "NONE", "required": "ANY"}
)

log: Final = logging.getLogger("modelmesh")


def refused(body: Mapping[str, Any], model: Model) -> Iterator[str]:
    """Give the parameters which this model does not take, with these values or beside others.

    `messages` stands for files in them which it cannot get at.
    """
    asked = {name for name, value in body.items() if asks_something(name, value)}
    if "n" in asked and (body.get("stream") is True or not model.answers_several):
        yield "n"
    if not model.penalises:
        yield from asked.intersection(_PENALTIES)
    if "reasoning_effort" in asked and not model.thinks:
        yield "reasoning_effort"
    stop = body.get("stop")
    if isinstance(stop, list) and len(stop) > _MOST_STOPS:
        yield "stop"
    if "modalities" in asked and not _MODALITIES.issuperset(_texts(body["modalities"])):
        yield "modalities"
    if has_other_tools(body):
        yield "tools"
    if asked & {"tools", "functions"} and asks_for_json(body) and not model.mixes:
        yield "response_format"
    if out_of_reach(body.get("messages")):
        yield "messages"


def parameters_of(body: Mapping[str, Any], asked: Conversation, model: Model) -> Json:
    """Return Gemini's settings for a request and its tools; `body` has what is to be sent of it.

    Raises RequestError (400) where something is malformed.
    """
    config = {**dict(_numbers(body)), **_format(asked), **_modalities(body)}
    if asked.max_tokens is not None:
        config["maxOutputTokens"] = asked.max_tokens
    if asked.stop:
        config["stopSequences"] = [*asked.stop]
    effort = body.get("reasoning_effort")
    if effort and not (isinstance(effort, str) and effort in LEVELS):
        raise faulty("reasoning_effort", f"must be one of {', '.join(LEVELS)}")
    if effort and model.thinks:
        config["thinkingConfig"] = model.thinking(effort)
    return {**_tools(asked), **({"generationConfig": config} if config else {})}


def _numbers(body: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, theirs in _RENAMED.items():
        value = body.get(name)
        if value is None or (name in _LEFT_OUT_IDLE and not asks_something(name, value)):
            continue
        if not isinstance(value, int | float) or isinstance(value, bool) is not (
            name == "logprobs"
        ):
            raise faulty(
                name, "must be true or false" if name == "logprobs" else "must be a number"
            )
        if name == "seed" and isinstance(value, int):
            value &= _LARGEST_SEED  # OpenAI's may be twice as long
        yield theirs, value


def _format(asked: Conversation) -> Json:
    if asked.format is None:
        return {}
    schema = asked.format.schema
    held = {} if schema is None else {"responseJsonSchema": _fitted(schema, "response_format")}
    return {"responseMimeType": "application/json", **held}


def _modalities(body: Mapping[str, Any]) -> Json:
    wanted = _texts(body.get("modalities"))
    return {"responseModalities": [w.upper() for w in wanted]} if "image" in wanted else {}


def _tools(asked: Conversation) -> Json:
    """Return the functions, and which of them to call."""
    tools, choice = asked.tools, asked.choice
    if choice and choice.names:
        known = {tool.name for tool in tools}
        if not known.issuperset(choice.names):
            raise faulty("tool_choice", "names a function that is not among the tools")
    if not tools:
        return {}
    config: Json = {}
    if choice:
        config["mode"] = _MODES[choice.mode]
    if choice and choice.names and choice.mode == "required":
        config["allowedFunctionNames"] = [*choice.names]
    elif choice and choice.names:  # Gemini takes names only where one has to be called
        tools = [tool for tool in tools if tool.name in choice.names]
    declared = {"tools": [{"functionDeclarations": [_declared(tool) for tool in tools]}]}
    return {**declared, **({"toolConfig": {"functionCallingConfig": config}} if config else {})}


def _declared(tool: Tool) -> Json:
    """Return a function; one without parameters must not have a schema of none."""
    schema = _fitted(tool.schema, tool.name)
    empty = not schema.keys() & {"properties", "anyOf"} and not isinstance(
        schema.get("additionalProperties"), dict
    )
    return {
        "name": tool.name,
        **({"description": tool.description} if tool.description else {}),
        **({} if empty or schema.get("properties") == {} else {"parametersJsonSchema": schema}),
    }


def _fitted(schema: Mapping[str, Any], where: str) -> Schema:
    fit = reduced(schema)
    if fit.dropped:
        log.debug("gemini: %s: left out of the schema: %s", where, ", ".join(sorted(fit.dropped)))
    return fit.schema


def _texts(value: Any) -> Sequence[str]:
    return [text for text in value if isinstance(text, str)] if isinstance(value, list) else ()
