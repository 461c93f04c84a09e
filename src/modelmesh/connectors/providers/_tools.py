"""The tools of a chat request, and which of them is to be called, out of OpenAI's shape.

https://platform.openai.com/docs/api-reference/chat/create#chat-create-tools
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, Literal

from attrs import field

from modelmesh.connectors.providers._strict import faulty, object_at, text_at
from modelmesh.values import value

_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


@value(kw_only=True)
class Tool:
    """A function which may be called.

    Attributes:
        schema: the JSON schema of its arguments, always that of an object.
        strict: whether the arguments must follow it to the letter; None where nothing is said.
        fields: the tool as it came, in which vendors find what is theirs.

    """

    name: str
    schema: Mapping[str, Any]
    description: str = ""
    strict: bool | None = None
    fields: Mapping[str, Any] = field(default=_NOTHING, repr=False)


@value(kw_only=True)
class Choice:
    """What is to be called: "required" is at least one tool, and of `names` only, if there are."""

    mode: Literal["auto", "none", "required"]
    names: Sequence[str] = ()


def tools_of(body: Mapping[str, Any]) -> tuple[Sequence[Tool], Sequence[Mapping[str, Any]]]:
    """Return a request's functions, and its tools which are none, as they came."""
    tools, old = body.get("tools"), body.get("functions")
    for name, listed in (("tools", tools), ("functions", old)):
        if listed is not None and not isinstance(listed, list):
            raise faulty(name, "must be a list")
    if not tools:
        places = enumerate(old or ())
        return tuple(
            _tool(object_at(one, f"functions[{i}]"), f"functions[{i}]") for i, one in places
        ), ()
    found: list[Tool] = []
    others: list[Mapping[str, Any]] = []
    for number, tool in enumerate(tools):
        where = f"tools[{number}]"
        if object_at(tool, where).get("type") == "function":
            function = object_at(tool.get("function"), f"{where}.function")
            found.append(_tool(function, f"{where}.function", tool))
        elif isinstance(tool.get("type"), str):
            others.append(tool)
        else:
            raise faulty(f"{where}.type", "must be a string")
    return tuple(found), tuple(others)


def has_other_tools(body: Mapping[str, Any]) -> bool:
    """Whether there are tools which are no functions."""
    tools = body.get("tools")
    listed = tools if isinstance(tools, list) else []
    return any(isinstance(tool, Mapping) and tool.get("type") != "function" for tool in listed)


def choice_of(body: Mapping[str, Any]) -> Choice | None:
    """Return which tool is to be called; None where nothing is said."""
    chosen, where = body.get("tool_choice"), "tool_choice"
    if chosen is None:
        chosen, where = body.get("function_call"), "function_call"
    match chosen:
        case None:
            return None
        case "auto" | "none" | "required":
            return Choice(mode=chosen)
        case {"type": "function", "function": {"name": str(name)}}:
            return Choice(mode="required", names=(name,))
        case {"name": str(name)} if where == "function_call":
            return Choice(mode="required", names=(name,))
        case {"type": "allowed_tools", "allowed_tools": {"mode": "auto" | "required" as mode}}:
            tools = chosen["allowed_tools"].get("tools")
            named, others = tools_of({"tools": tools or None})
            if not named or others:
                raise faulty(f"{where}.allowed_tools.tools", "must name functions")
            return Choice(mode=mode, names=tuple(tool.name for tool in named))
    raise faulty(where, "must be auto, none, required or name a function")


def _tool(function: Mapping[str, Any], where: str, tool: Mapping[str, Any] = _NOTHING) -> Tool:
    name, strict = function.get("name"), function.get("strict")
    if not isinstance(name, str) or not name:
        raise faulty(f"{where}.name", "must be a string")
    if strict is not None and not isinstance(strict, bool):
        raise faulty(f"{where}.strict", "must be true or false")
    return Tool(
        name=name,
        schema=_schema(function.get("parameters"), f"{where}.parameters"),
        description=text_at(function, "description", where),
        strict=strict,
        fields=tool or function,
    )


def _schema(parameters: Any, where: str) -> Mapping[str, Any]:
    """Return the schema of a function's arguments; one without any has it in several spellings."""
    if parameters is None or object_at(parameters, where).get("type") == "null" or not parameters:
        return {"type": "object", "properties": {}}
    return parameters if "type" in parameters else {"type": "object", **parameters}
