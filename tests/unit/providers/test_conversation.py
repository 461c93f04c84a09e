"""What a request in OpenAI's shape says, and what is wrong with those that say nothing sound."""

import base64
import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelmesh.connectors.providers._conversation import (
    Assistant,
    Conversation,
    Format,
    Result,
    System,
    User,
    is_legacy,
    read,
)
from modelmesh.connectors.providers._parts import Media, Text, plain
from modelmesh.connectors.providers._tools import Choice
from modelmesh.errors import RequestError

HELLO = {"role": "user", "content": "hello"}
EMPTY = {"type": "object", "properties": {}}


def said(*messages: Any, **parameters: Any) -> Conversation:
    return read({"messages": list(messages) or [HELLO], **parameters})


def mistake(body: Any) -> str:
    with pytest.raises(RequestError) as raised:
        read(body)
    assert raised.value.status == 400
    assert raised.value.param is not None
    assert raised.value.param in str(raised.value)
    return raised.value.param


def calling(arguments: Any, **more: Any) -> dict[str, Any]:
    function = {"name": "f", "arguments": arguments}
    call = {"id": "c1", "type": "function", "function": function}
    return {"role": "assistant", "content": None, "tool_calls": [call], **more}


def function(**fields: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": "f", **fields}}


def test_messages_are_turns_in_their_order() -> None:
    talk = said(
        {"role": "system", "content": "be brief"},
        {"role": "developer", "content": "be kind"},
        HELLO,
        calling('{"a": 1}', content="let me see"),
        {"role": "tool", "tool_call_id": "c1", "content": "one"},
        {"role": "system", "content": "be quick"},
    )
    assert [type(turn) for turn in talk.turns] == [System, System, User, Assistant, Result, System]
    assert [plain(turn.parts) for turn in talk.turns] == [
        *("be brief", "be kind", "hello", "let me see", "one", "be quick")
    ]


def test_a_result_has_the_name_of_the_function_that_was_called() -> None:
    first, again = calling("{}"), calling("{}")
    again["tool_calls"][0]["function"]["name"] = "g"
    result = {"role": "tool", "tool_call_id": "c1", "content": "x"}
    turns = said(HELLO, first, result, again, result, {**result, "tool_call_id": "lost"}).turns
    assert [turn.name for turn in turns if isinstance(turn, Result)] == ["f", "g", ""]


@pytest.mark.parametrize("arguments", ["", " ", None, "null", '""', "{}", {}])
def test_a_call_without_arguments_has_an_empty_object(arguments: Any) -> None:
    (turn,) = said(calling(arguments)).turns
    assert isinstance(turn, Assistant)
    assert turn.calls[0].arguments == {}


def test_a_call_may_leave_its_arguments_out() -> None:
    message = calling("{}")
    del message["tool_calls"][0]["function"]["arguments"]
    (turn,) = said(message).turns
    assert isinstance(turn, Assistant)
    assert turn.calls[0].arguments == {}


@pytest.mark.parametrize("arguments", ['{"a":', "[1]", "7", "0", "false", '"a"', [], 3])
def test_arguments_that_are_no_object_are_named_by_their_message(arguments: Any) -> None:
    param = mistake({"messages": [HELLO, calling(arguments)]})
    assert param == "messages[1].tool_calls[0].function.arguments"


def test_an_image_is_its_bytes_or_where_to_get_it() -> None:
    parts: list[dict[str, Any]] = [
        {"type": "text", "text": "what is this?"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBO"}},
        {"type": "image_url", "image_url": {"url": "https://a.test/b.jpg", "detail": "low"}},
        {"type": "image_url", "image_url": {"url": "data:image/svg+xml,%3Csvg/%3E"}},
    ]
    (turn,) = said({"role": "user", "content": parts}).turns
    text, inline, linked, plain_uri = turn.parts
    assert text == Text(text="what is this?", fields=parts[0])
    assert inline == Media(kind="image", media_type="image/png", data="iVBO", fields=parts[1])
    assert linked == Media(kind="image", url="https://a.test/b.jpg", fields=parts[2])
    assert isinstance(plain_uri, Media)
    assert base64.b64decode(plain_uri.data) == b"<svg/>"


def test_files_and_sound_come_with_their_types() -> None:
    files = [
        {"file_data": "data:application/pdf;base64,JVBE", "filename": "a.pdf"},
        {"file_data": "JVBE", "filename": "a.pdf"},
        {"file_data": "JVBE"},
        {"file_id": "file-1"},
    ]
    parts = [{"type": "file", "file": file} for file in files]
    sound = {"type": "input_audio", "input_audio": {"data": "UklG", "format": "mp3"}}
    (turn,) = said({"role": "user", "content": [*parts, sound]}).turns
    got = [part for part in turn.parts if isinstance(part, Media)]
    assert [part.media_type for part in got] == [
        *("application/pdf", "application/pdf", "application/pdf", "", "audio/mpeg")
    ]
    assert [part.data for part in got] == ["JVBE", "JVBE", "JVBE", "", "UklG"]
    assert got[3].file_id == "file-1"


def test_thoughts_in_the_content_are_not_what_was_said() -> None:
    content = [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "yes"}]
    assert plain(said({"role": "assistant", "content": content}).turns[0].parts) == "yes"


def test_a_refusal_counts_as_what_was_said() -> None:
    turns = said(HELLO, {"role": "assistant", "content": None, "refusal": "no"}).turns
    assert plain(turns[1].parts) == "no"


@pytest.mark.parametrize("nothing", [{}, {"parameters": None}, {"parameters": {"type": "null"}}])
def test_a_tool_without_arguments_has_the_schema_of_an_empty_object(nothing: Any) -> None:
    assert said(tools=[function(**nothing)]).tools[0].schema == EMPTY


def test_a_schema_that_forgot_its_type_is_that_of_an_object() -> None:
    schema: dict[str, Any] = {"properties": {"a": {}}}
    assert said(tools=[function(parameters=schema)]).tools[0].schema == {"type": "object", **schema}


def test_tools_which_are_no_functions_stay_as_they_came() -> None:
    search = {"type": "web_search_20250305", "name": "web_search"}
    talk = said(tools=[function(), search])
    assert [tool.name for tool in talk.tools] == ["f"]
    assert talk.other_tools == (search,)


@pytest.mark.parametrize(
    ("chosen", "meant"),
    [
        (None, None),
        ("auto", Choice(mode="auto")),
        ("none", Choice(mode="none")),
        ("required", Choice(mode="required")),
        ({"type": "function", "function": {"name": "f"}}, Choice(mode="required", names=("f",))),
        (
            {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [function()]}},
            Choice(mode="auto", names=("f",)),
        ),
    ],
)
def test_a_choice_of_tools_has_one_spelling(chosen: Any, meant: Any) -> None:
    assert said(tools=[function()], tool_choice=chosen).choice == meant


def test_functions_as_of_old_are_tools() -> None:
    body = {
        "messages": [
            HELLO,
            {"role": "assistant", "function_call": {"name": "f", "arguments": "{}"}},
            {"role": "function", "name": "f", "content": "one"},
        ],
        "functions": [{"name": "f", "parameters": {"type": "object", "properties": {}}}],
        "function_call": {"name": "f"},
    }
    talk = read(body)
    assert is_legacy(body)
    assert talk.legacy
    assert talk.parallel is False
    assert talk.choice == Choice(mode="required", names=("f",))
    _, made, result = talk.turns
    assert isinstance(made, Assistant)
    assert isinstance(result, Result)
    assert (result.call_id, result.name) == (made.calls[0].id, "f")


def test_the_newer_limit_of_tokens_goes_before_the_older() -> None:
    assert said(max_tokens=5, max_completion_tokens=7).max_tokens == 7
    assert said(max_tokens=5).max_tokens == 5
    assert said().max_tokens is None


@pytest.mark.parametrize(
    ("stop", "texts"), [(None, ()), ("a", ("a",)), (["a", "b"], ("a", "b")), ("", ())]
)
def test_stop_is_a_list(stop: Any, texts: Any) -> None:
    assert said(stop=stop).stop == texts


def test_formats_are_text_any_object_or_a_schema() -> None:
    spec = {"name": "city", "schema": EMPTY, "strict": True}
    assert said(response_format={"type": "text"}).format is None
    assert said(response_format={"type": "json_object"}).format == Format()
    assert said(response_format={"type": "json_schema", "json_schema": spec}).format == Format(
        schema=EMPTY, name="city", strict=True
    )


def test_dropped_parameters_are_not_read() -> None:
    talk = read({"messages": [HELLO], "stop": 7, "tools": "none"}, frozenset({"stop", "tools"}))
    assert talk.stop == ()
    assert talk.tools == ()


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": "hi"}, "messages"),
        ({"messages": ["hi"]}, "messages[0]"),
        ({"messages": [{"content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": ["user"], "content": "x"}]}, "messages[0].role"),
        ({"messages": [HELLO, {"role": "user"}]}, "messages[1].content"),
        ({"messages": [{"role": "user", "content": [7]}]}, "messages[0].content[0]"),
        ({"messages": [{"role": "user", "content": [{}]}]}, "messages[0].content[0].type"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].tool_call_id"),
        ({"messages": [{"role": "assistant", "tool_calls": {}}]}, "messages[0].tool_calls"),
        ({"messages": [{"role": "assistant", "tool_calls": [{}]}]}, "messages[0].tool_calls[0].id"),
        ({"messages": [HELLO], "tools": {}}, "tools"),
        ({"messages": [HELLO], "tools": [{"type": "function"}]}, "tools[0].function"),
        ({"messages": [HELLO], "tools": [function(parameters=[])]}, "tools[0].function.parameters"),
        ({"messages": [HELLO], "tools": [function(strict="yes")]}, "tools[0].function.strict"),
        ({"messages": [HELLO], "tool_choice": "any"}, "tool_choice"),
        ({"messages": [HELLO], "tool_choice": {"type": "function"}}, "tool_choice"),
        ({"messages": [HELLO], "parallel_tool_calls": "no"}, "parallel_tool_calls"),
        ({"messages": [HELLO], "max_tokens": 0}, "max_tokens"),
        ({"messages": [HELLO], "max_completion_tokens": True}, "max_completion_tokens"),
        ({"messages": [HELLO], "stop": [1]}, "stop"),
        ({"messages": [HELLO], "response_format": "json"}, "response_format"),
        ({"messages": [HELLO], "response_format": {"type": "xml"}}, "response_format.type"),
        (
            {"messages": [HELLO], "response_format": {"type": "json_schema"}},
            "response_format.json_schema",
        ),
    ],
)
def test_what_is_malformed_is_named(body: Any, param: str) -> None:
    assert mistake(body) == param


def test_instructions_are_text() -> None:
    image = {"type": "image_url", "image_url": {"url": "https://a.test/b.png"}}
    assert mistake({"messages": [{"role": "system", "content": [image]}]}) == "messages[0].content"


@pytest.mark.parametrize("url", ["ftp://a.test/b", "data:image/png;base64", "", 7, None])
def test_an_image_from_nowhere_is_a_mistake(url: Any) -> None:
    part = {"type": "image_url", "image_url": {"url": url}}
    param = mistake({"messages": [{"role": "user", "content": [part]}]})
    assert param == "messages[0].content[0].image_url.url"


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "role", "content", "function", "name", "id", "url", "text"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
NAMES = ["messages", "tools", "tool_choice", "functions", "function_call", "response_format"]


@given(st.dictionaries(st.sampled_from([*NAMES, "stop", "max_tokens"]), ANYTHING))
def test_whatever_comes_it_is_read_or_refused(body: dict[str, Any]) -> None:
    with suppress(RequestError):
        assert read(body).turns


@given(
    st.dictionaries(st.text(max_size=5), st.none() | st.integers() | st.text(max_size=5)),
)
def test_arguments_are_what_the_client_wrote(arguments: dict[str, Any]) -> None:
    (turn,) = said(calling(json.dumps(arguments))).turns
    assert isinstance(turn, Assistant)
    assert turn.calls[0].arguments == arguments
