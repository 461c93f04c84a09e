"""What a chat request in OpenAI's shape says, read once and strictly, for vendors with another.

`read` gives a `Conversation`: turns in their order, each made of parts and calls, the tools and
what is asked of the answer. What OpenAI's shape spells in several ways has one spelling here, and
whatever is malformed is told to the client as a RequestError with the place in `param`.

https://platform.openai.com/docs/api-reference/chat/create
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from attrs import field

from modelmesh.connectors.providers._parts import Part, Text, parts_of, said_in
from modelmesh.connectors.providers._strict import faulty, object_at, text_at
from modelmesh.connectors.providers._tools import Choice, Tool, choice_of, tools_of
from modelmesh.values import value

_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


@value(kw_only=True)
class Call:
    """A call of a function, as an assistant made it; `fields` is the call as it came."""

    id: str  # what the result names it by
    name: str  # of the function
    arguments: Mapping[str, Any]  # read from JSON
    fields: Mapping[str, Any] = field(default=_NOTHING, repr=False)  # the call as it came


@value(kw_only=True)
class System:
    """What a system or developer message says, wherever in the conversation it stands."""

    parts: Sequence[Part]  # what is said


@value(kw_only=True)
class User:
    """What the user says; no parts where that is nothing."""

    parts: Sequence[Part]  # what is said


@value(kw_only=True)
class Assistant:
    """What the assistant said, then the calls it made. Either may be empty.

    `fields` is the message as it came, in which vendors find what is theirs: `thinking_blocks`,
    `reasoning_content`, `extra_content`.
    """

    parts: Sequence[Part]  # what it said
    calls: Sequence[Call] = ()  # the calls it made
    fields: Mapping[str, Any] = field(default=_NOTHING, repr=False)  # the message as it came


@value(kw_only=True)
class Result:
    """What came of a call. `name` is that of the function called, "" where no call has this id."""

    call_id: str  # the `id` of the call
    name: str  # of the function that was called
    parts: Sequence[Part]  # what came of it


Turn = System | User | Assistant | Result


@value(kw_only=True)
class Format:
    """The JSON which the answer has to be; any object where `schema` is None."""

    schema: Mapping[str, Any] | None = None
    name: str = "answer"
    description: str = ""
    strict: bool | None = None


@value(kw_only=True)
class Conversation:
    """A chat request.

    Attributes:
        turns: the messages, one each.
        tools: the functions which may be called.
        other_tools: tools which are no functions, as they came; each has a string for its `type`.
        choice: which of the tools is to be called; None where nothing is said.
        format: what the answer has to look like; None for text.
        max_tokens: of the answer.
        stop: the texts at which the answer ends.
        parallel: whether several calls may be made at once; None where nothing is said.
        legacy: it speaks of `functions` as of old, and so has to be answered.

    """

    turns: Sequence[Turn]
    tools: Sequence[Tool] = ()
    other_tools: Sequence[Mapping[str, Any]] = ()
    choice: Choice | None = None
    format: Format | None = None
    max_tokens: int | None = None
    stop: Sequence[str] = ()
    parallel: bool | None = None
    legacy: bool = False


def read(body: Mapping[str, Any], drop: frozenset[str] = frozenset()) -> Conversation:
    """Read the body of a chat request, but not the parameters in `drop`.

    Raises RequestError (400) where it is malformed.
    """
    body = {name: value for name, value in body.items() if name not in drop}
    tools, others = tools_of(body)
    parallel = body.get("parallel_tool_calls")
    if parallel is not None and not isinstance(parallel, bool):
        raise faulty("parallel_tool_calls", "must be true or false")
    legacy = is_legacy(body)
    return Conversation(
        turns=tuple(_turns(body.get("messages"))),
        tools=tools,
        other_tools=others,
        choice=choice_of(body),
        format=format_of(body),
        max_tokens=_max_tokens(body),
        stop=_stop(body.get("stop")),
        parallel=False if legacy else parallel,
        legacy=legacy,
    )


def is_legacy(body: Mapping[str, Any]) -> bool:
    """Whether a request speaks of `functions`, and so is answered with a `function_call`."""
    return bool(body.get("functions")) and not body.get("tools")


def asks_for_json(body: Mapping[str, Any]) -> bool:
    """Whether an answer has to be JSON, as far as that can be told without reading it strictly."""
    wanted = body.get("response_format")
    return isinstance(wanted, Mapping) and wanted.get("type") != "text"


def format_of(body: Mapping[str, Any]) -> Format | None:
    """Return the JSON which an answer has to be; None for text."""
    wanted = body.get("response_format")
    if wanted is None:
        return None
    match object_at(wanted, "response_format").get("type"):
        case "text":
            return None
        case "json_object":
            return Format()
        case "json_schema":
            where = "response_format.json_schema"
            spec = object_at(wanted.get("json_schema"), where)
            name, strict = spec.get("name"), spec.get("strict")
            return Format(
                schema=object_at(spec.get("schema"), f"{where}.schema"),
                name=name if isinstance(name, str) and name else "answer",
                description=text_at(spec, "description", where),
                strict=strict if isinstance(strict, bool) else None,
            )
    raise faulty("response_format.type", "must be text, json_object or json_schema")


def _turns(messages: Any) -> Iterator[Turn]:
    if not isinstance(messages, list) or not messages:
        raise faulty("messages", "must be a list with at least one message")
    names: dict[str, str] = {}
    last = ""
    for number, message in enumerate(messages):
        where = f"messages[{number}]"
        turn = _turn(object_at(message, where), where, names, last)
        if isinstance(turn, Assistant) and turn.calls:
            names |= {call.id: call.name for call in turn.calls}
            last = turn.calls[-1].id
        yield turn


def _turn(message: Mapping[str, Any], where: str, names: Mapping[str, str], last: str) -> Turn:
    """Read a message; `names` are the functions by the ids of their calls, `last` the last id."""
    role = message.get("role")
    if role == "assistant":
        return Assistant(
            parts=said_in(message, where),
            calls=tuple(_calls(message, where)),
            fields=message,
        )
    parts = parts_of(message.get("content"), f"{where}.content", empty=role in ("tool", "function"))
    match role:
        case "system" | "developer":
            if not all(isinstance(part, Text) for part in parts):
                raise faulty(f"{where}.content", "has to be text")
            return System(parts=parts)
        case "user":
            return User(parts=parts)
        case "tool":
            id_ = message.get("tool_call_id")
            if not isinstance(id_, str) or not id_:
                raise faulty(f"{where}.tool_call_id", "must name the call which this answers")
            name = names.get(id_) or text_at(message, "name", where)
            return Result(call_id=id_, name=name, parts=parts)
        case "function":
            return Result(call_id=last, name=text_at(message, "name", where), parts=parts)
    raise faulty(f"{where}.role", "must be system, developer, user, assistant or tool")


def _calls(message: Mapping[str, Any], where: str) -> Iterator[Call]:
    calls = message.get("tool_calls")
    if calls is not None and not isinstance(calls, list):
        raise faulty(f"{where}.tool_calls", "must be a list")
    for number, call in enumerate(calls or ()):
        place = f"{where}.tool_calls[{number}]"
        id_ = object_at(call, place).get("id")
        if not isinstance(id_, str) or not id_:
            raise faulty(f"{place}.id", "must be a string")
        yield _call(
            id_, object_at(call.get("function"), f"{place}.function"), f"{place}.function", call
        )
    old = message.get("function_call")
    if not calls and old is not None:
        place = f"{where}.function_call"
        # A call of this kind has no id, so its place has to do.
        yield _call(where, object_at(old, place), place, old)


def _call(id_: str, function: Mapping[str, Any], where: str, fields: Mapping[str, Any]) -> Call:
    name = function.get("name")
    if not isinstance(name, str) or not name:
        raise faulty(f"{where}.name", "must be a string")
    arguments = _arguments(function.get("arguments"), f"{where}.arguments")
    return Call(id=id_, name=name, arguments=arguments, fields=fields)


def _arguments(arguments: Any, where: str) -> Mapping[str, Any]:
    """Return the arguments of a call; without any they may be spelled "", null, or not at all."""
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments) if arguments.strip() else None
        except (ValueError, RecursionError):
            raise faulty(where, "is not valid JSON") from None
    if arguments is None or arguments == "":
        return {}
    if not isinstance(arguments, dict):
        raise faulty(where, "must be a JSON object")
    return arguments


def _max_tokens(body: Mapping[str, Any]) -> int | None:
    for name in ("max_completion_tokens", "max_tokens"):
        most = body.get(name)
        if most is None:
            continue
        if not isinstance(most, int) or isinstance(most, bool) or most < 1:
            raise faulty(name, "must be a whole number above 0")
        return most
    return None


def _stop(stop: Any) -> Sequence[str]:
    if stop is None:
        return ()
    texts = [stop] if isinstance(stop, str) else stop
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise faulty("stop", "must be a string or a list of strings")
    return tuple(text for text in texts if text)
