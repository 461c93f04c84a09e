"""Requests in OpenAI's shape with everything in them that vendors differ about."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

PIXEL: Final = "R0lGODlhAQABAIAAAAAAAP///ywAAAAAAQABAAACAUwAOw=="
WEATHER: Final = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather at a place.",
        "parameters": {
            "type": "object",
            "properties": {
                "place": {"type": "string", "description": "A town."},
                "days": {"type": ["integer", "null"], "exclusiveMinimum": 0},
                "unit": {"const": "celsius"},
            },
            "required": ["place"],
            "additionalProperties": False,
            "$schema": "http://json-schema.org/draft-07/schema#",
        },
    },
}
CLOCK: Final = {"type": "function", "function": {"name": "clock", "description": "The time."}}
TOOLS: Final = [WEATHER, CLOCK]


def say(role: str, content: Any, **more: Any) -> dict[str, Any]:
    return {"role": role, "content": content, **more}


def call(id_: str, name: str, arguments: str | None) -> dict[str, Any]:
    return {"id": id_, "type": "function", "function": {"name": name, "arguments": arguments}}


def calls(*made: dict[str, Any], content: str | None = None) -> dict[str, Any]:
    return say("assistant", content, tool_calls=list(made))


def result(id_: str, content: Any) -> dict[str, Any]:
    return say("tool", content, tool_call_id=id_)


PARALLEL: Final = [
    say("user", "How is it in Oslo and in Rome, and how late?"),
    calls(
        call("call_1", "weather", '{"place": "Oslo"}'),
        call("call_2", "weather", '{"place": "Rome"}'),
        call("call_3", "clock", ""),
        content="Looking it up.",
    ),
    result("call_1", "rain"),
    result("call_3", "noon"),
    result("call_2", '{"sky": "clear"}'),
]

CONVERSATIONS: Final[Mapping[str, Mapping[str, Any]]] = {
    "one question": {"messages": [say("user", "Good day?")]},
    "six turns with parallel tools": {
        "tools": TOOLS,
        "messages": [
            say("system", "Be brief."),
            *PARALLEL,
            say("assistant", "Rain in Oslo, clear in Rome."),
            say("user", "And in Bern?"),
            calls(call("call_4", "weather", '{"place": "Bern", "days": 2}')),
            result("call_4", "snow"),
        ],
    },
    "calls without arguments": {
        "tools": [CLOCK],
        "messages": [
            say("user", "How late, twice?"),
            calls(call("a", "clock", ""), call("b", "clock", "{}")),
            result("a", "noon"),
            result("b", ""),
        ],
    },
    "a call is still to be answered by the model": {
        "tools": TOOLS,
        "messages": [*PARALLEL, say("user", "Thanks. And tomorrow?")],
    },
    "system messages in the middle": {
        "messages": [
            say("developer", "Be brief."),
            say("system", "Be kind."),
            say("user", "First?"),
            say("assistant", "Yes."),
            say("system", "Now be terse."),
            say("user", "Second?"),
        ]
    },
    "turns of one role in a row": {
        "messages": [say("user", "One."), say("user", "Two."), say("user", "Three?")]
    },
    "an answer comes back with all its fields": {
        "messages": [
            say("user", "Is it?"),
            say("assistant", "It is.", refusal=None, annotations=[], audio=None, tool_calls=None),
            say("user", "And that?"),
            say("assistant", None, refusal="I had rather not say.", annotations=[]),
            say("user", "Why not?"),
        ]
    },
    "the assistant speaks first": {
        "messages": [say("assistant", "Hello, I am here."), say("user", "Well then?")]
    },
    "a picture and parts of text": {
        "messages": [
            say(
                "user",
                [
                    {"type": "text", "text": "What is this?"},
                    {"type": "image_url", "image_url": {"url": f"data:image/gif;base64,{PIXEL}"}},
                    {"type": "text", "text": "In one word."},
                ],
            )
        ]
    },
    "hints of every sort": {
        "messages": [say("user", "Good day?")],
        "temperature": 1.5,
        "top_p": 1,
        "seed": 7,
        "stop": "END",
        "max_completion_tokens": 300,
        "user": "user-1",
        "presence_penalty": 0.1,
        "frequency_penalty": 0.1,
        "logit_bias": {"1": 1},
        "metadata": {"team": "search"},
        "store": False,
        "stream": True,
        "stream_options": {"include_usage": True},
    },
    "many places to stop": {
        "messages": [say("user", "Count.")],
        "stop": ["1", "2", "3", "4"],
        "max_tokens": 50,
    },
    "a tool is forced": {
        "tools": TOOLS,
        "tool_choice": {"type": "function", "function": {"name": "clock"}},
        "messages": [say("user", "How late?")],
    },
    "some tool is required, one at a time": {
        "tools": TOOLS,
        "tool_choice": "required",
        "parallel_tool_calls": False,
        "messages": [say("user", "How late?")],
    },
    "no tool may be called": {
        "tools": TOOLS,
        "tool_choice": "none",
        "messages": [*PARALLEL, say("assistant", "Done."), say("user", "So?")],
    },
    "it thinks": {
        "messages": [say("user", "Why?")],
        "reasoning_effort": "low",
        "max_completion_tokens": 900,
    },
    "it answers by a schema": {
        "messages": [say("user", "Where?")],
        "response_format": {
            "type": "json_schema",
            "json_schema": {
                "name": "place",
                "strict": True,
                "schema": {
                    "type": "object",
                    "properties": {"town": {"type": "string"}},
                    "required": ["town"],
                    "additionalProperties": False,
                },
            },
        },
    },
}


def texts(conversation: Mapping[str, Any]) -> Iterator[str]:
    """Give everything that people and tools say in it, none of which may be lost."""
    for message in conversation["messages"]:
        content = message["content"]
        parts = content if isinstance(content, list) else [{"text": content}]
        yield from (part["text"] for part in parts if part.get("text"))
