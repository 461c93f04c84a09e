"""What Cohere is sent."""

from typing import Any

import pytest
from cohere_wire import (
    CALLS,
    MODEL,
    RESULTS,
    THINKER,
    USER,
    asking,
    call,
    cohere,
    message,
    request,
    sent,
    text,
    told,
)

from modelmesh.errors import RequestError
from modelmesh.types import Secret


def settings(model: str = MODEL, **parameters: Any) -> Any:
    body = sent(model, **parameters)
    assert body.pop("messages") == [USER]
    return body


def lacks(model: str = MODEL, **parameters: Any) -> set[str]:
    return set(cohere().lacks(asking(**parameters), model))


def tool(name: str, **function: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, **function}}


def test_a_request_goes_to_version_two_with_the_key() -> None:
    made = request(stream=True)
    assert made.url == "https://api.cohere.com/v2/chat"
    assert made.headers["authorization"] == "Bearer k"
    assert made.headers["content-type"] == "application/json"
    assert made.stream


@pytest.mark.parametrize("end", ["", "/", "/v2", "/v1/"])
def test_an_address_may_name_a_version_or_none(end: str) -> None:
    provider = cohere(f"http://cohere.test/api{end}")
    made = provider.request(asking(), model=MODEL, key=None, drop=frozenset())
    assert made.url == "http://cohere.test/api/v2/chat"
    listed = provider.models_request(Secret("k"))
    assert listed is not None
    assert listed.url == "http://cohere.test/api/v1/models?page_size=1000"


def test_parameters_have_the_names_which_cohere_knows() -> None:
    assert settings(
        max_completion_tokens=9,
        stop="x",
        seed=7,
        logprobs=True,
        temperature=0.5,
        top_p=0.5,
        top_k=40,
        presence_penalty=0.25,
        safety_mode="STRICT",
        documents=["The sky is green."],
        stream_options={"include_usage": True},
    ) == {
        "max_tokens": 9,
        "stop_sequences": ["x"],
        "seed": 7,
        "logprobs": True,
        "temperature": 0.5,
        "p": 0.5,
        "k": 40,
        "presence_penalty": 0.25,
        "safety_mode": "STRICT",
        "documents": ["The sky is green."],
    }


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        ({"temperature": 1.7}, {"temperature": 1}),
        ({"temperature": 0}, {"temperature": 0}),
        ({"top_p": 1}, {"p": 0.99}),
        ({"top_p": 0}, {"p": 0.01}),
        ({"top_k": 900}, {"k": 500}),
        ({"frequency_penalty": 2, "presence_penalty": 0}, {"frequency_penalty": 1}),
        ({"temperature": None, "top_p": None}, {}),
    ],
)
def test_numbers_are_fitted_to_coheres_ranges(asked: Any, given: Any) -> None:
    assert settings(**asked) == given
    assert lacks(**asked) == set()


def test_a_number_that_is_none_is_the_clients_mistake() -> None:
    with pytest.raises(RequestError, match="temperature must be a number") as raised:
        sent(temperature="hot")
    assert raised.value.param == "temperature"


@pytest.mark.parametrize(
    ("asked", "missing"),
    [
        ({"n": 2, "logit_bias": {"1": 2}, "user": "u"}, {"n", "logit_bias", "user"}),
        ({"top_logprobs": 3, "logprobs": True}, {"top_logprobs"}),
        ({"parallel_tool_calls": False}, {"parallel_tool_calls"}),
        ({"frequency_penalty": 0.1, "presence_penalty": 0.1}, {"presence_penalty"}),
        ({"frequency_penalty": -1, "presence_penalty": 1}, {"frequency_penalty"}),
        ({"response_format": {"type": "json_object"}, "tools": [tool("f")]}, {"response_format"}),
        ({"response_format": {"type": "text"}, "tools": [tool("f")]}, set()),
        ({"response_format": {"type": "json_object"}, "documents": ["d"]}, {"response_format"}),
        ({"tools": [tool("f"), {"type": "custom", "custom": {"name": "g"}}]}, {"tools"}),
        ({"reasoning_effort": "low"}, {"reasoning_effort"}),
        ({"reasoning_effort": "none"}, set()),
        ({"store": True, "x_unknown": 1}, {"store", "x_unknown"}),
        ({"n": 1, "stream": True, "stream_options": {}, "parallel_tool_calls": True}, set()),
    ],
)
def test_what_cohere_does_not_take_is_lacking(asked: Any, missing: set[str]) -> None:
    assert lacks(**asked) == missing
    assert set(sent(drop=[*missing], **asked)).isdisjoint(missing - {"tools"})


def test_a_model_that_is_too_old_lacks_a_choice_of_tools() -> None:
    asked = {"tools": [tool("f")], "tool_choice": "required"}
    assert lacks("command-r-08-2024", **asked) == {"tool_choice"}
    assert lacks("command-r7b-12-2024", **asked) == set()
    assert lacks("command-r-08-2024", tools=[tool("f")], tool_choice="auto") == set()


@pytest.mark.parametrize(
    ("effort", "thinking"),
    [
        ("none", {"type": "disabled"}),
        ("low", {"type": "enabled", "token_budget": 1024}),
        ("medium", {"type": "enabled", "token_budget": 4096}),
        ("high", {"type": "enabled"}),
    ],
)
@pytest.mark.parametrize("model", [THINKER, "command-a-plus-05-2026"])
def test_effort_is_thinking(model: str, effort: str, thinking: Any) -> None:
    assert settings(model, reasoning_effort=effort) == {"thinking": thinking}
    assert lacks(model, reasoning_effort=effort) == set()


def test_without_a_word_a_model_thinks_as_it_likes_and_coheres_own_word_holds() -> None:
    assert settings(THINKER) == {}
    own = {"type": "enabled", "token_budget": 9}
    assert settings(THINKER, reasoning_effort="none", thinking=own) == {"thinking": own}


@pytest.mark.parametrize(
    ("wanted", "given"),
    [
        ({"type": "text"}, {}),
        ({"type": "json_object"}, {"response_format": {"type": "json_object"}}),
        (
            {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}}},
            {"response_format": {"type": "json_object", "json_schema": {"type": "object"}}},
        ),
    ],
)
def test_a_format_is_a_json_object_with_or_without_a_schema(wanted: Any, given: Any) -> None:
    assert settings(response_format=wanted) == given


@pytest.mark.parametrize(
    ("chosen", "names", "word"),
    [
        (None, ["f", "g"], None),
        ("auto", ["f", "g"], None),
        ("none", ["f", "g"], "NONE"),
        ("required", ["f", "g"], "REQUIRED"),
        ({"type": "function", "function": {"name": "g"}}, ["g"], "REQUIRED"),
        (
            {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [tool("f")]}},
            ["f"],
            None,
        ),
    ],
)
def test_a_tool_that_is_named_is_the_only_one_there_is(
    chosen: Any, names: list[str], word: str | None
) -> None:
    body = settings(tools=[tool("f"), tool("g")], tool_choice=chosen)
    assert [one["function"]["name"] for one in body["tools"]] == names
    assert body.get("tool_choice") == word


def test_a_tool_that_is_named_and_not_there_is_the_clients_mistake() -> None:
    named = {"type": "function", "function": {"name": "h"}}
    with pytest.raises(RequestError, match="not among the tools"):
        sent(tools=[tool("f")], tool_choice=named)


def test_a_choice_without_tools_is_left_out() -> None:
    assert settings(tool_choice="required") == {}


def test_tools_always_have_a_schema_and_are_strict_only_together() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
    strict = tool("f", description="d", parameters=schema, strict=True)
    assert settings(tools=[strict]) == {
        "strict_tools": True,
        "tools": [tool("f", description="d", parameters=schema)],
    }
    assert settings(tools=[strict, tool("g", strict=True)]) == {
        "tools": [
            tool("f", description="d", parameters=schema),
            tool("g", parameters={"type": "object", "properties": {}}),
        ]
    }


def test_developers_speak_as_the_system_wherever_they_stand() -> None:
    assert told(
        {"role": "developer", "content": text("Be ", "brief.")},
        USER,
        {"role": "system", "content": "Now be long."},
        {"role": "system", "content": ""},
        USER,
    ) == [
        {"role": "system", "content": "Be brief."},
        USER,
        {"role": "system", "content": "Now be long."},
        USER,
    ]


def test_images_go_along_with_their_detail() -> None:
    shown = [
        *text("What is this?"),
        {"type": "image_url", "image_url": {"url": "https://a.test/b.png", "detail": "low"}},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
    ]
    assert told({"role": "user", "content": shown}) == [{"role": "user", "content": shown}]


@pytest.mark.parametrize("role", ["user", "system", "assistant"])
def test_sound_and_files_are_refused_with_their_place(role: str) -> None:
    file = {"type": "file", "file": {"file_data": "data:application/pdf;base64,AAAA"}}
    with pytest.raises(RequestError, match=r"messages\[1\].content has to be text") as raised:
        told(USER, {"role": role, "content": [file]})
    assert raised.value.status == 400


def test_who_says_nothing_is_left_out_and_a_call_that_came_to_nothing_is_not() -> None:
    assert told({"role": "user", "content": ""}, USER, {"role": "user", "content": []}) == [USER]
    nothing = {"role": "tool", "tool_call_id": "f_1", "content": ""}
    given = told(USER, message(tool_calls=[call("f_1", "f")]), nothing)[2]
    assert given["content"] == [{"type": "document", "document": {"data": {"output": ""}}}]


def test_an_assistant_that_said_nothing_is_left_out() -> None:
    assert told(USER, message(content=""), USER) == [USER, USER]
    assert told(USER, message(content="Hi"), USER)[1] == message(content="Hi")


def after_calls(model: str = MODEL, *, effort: str | None = None, **fields: Any) -> Any:
    spoken = message(tool_calls=CALLS, **fields)
    given = told(USER, spoken, *RESULTS, model=model, reasoning_effort=effort)
    assert given[2:] == [
        {"role": "tool", "tool_call_id": "f_1", "content": "one"},
        {"role": "tool", "tool_call_id": "g_2", "content": "two"},
    ]
    assert given[1].pop("role") == "assistant"
    assert given[1].pop("tool_calls") == CALLS
    return given[1]


@pytest.mark.parametrize(
    ("fields", "given"),
    [
        ({"content": None}, {}),
        ({"content": ""}, {}),
        ({"content": None, "tool_plan": "I will"}, {"tool_plan": "I will"}),
        ({"content": "Let me see."}, {"tool_plan": "Let me see."}),
        ({"content": None, "reasoning_content": "Hm."}, {}),
    ],
)
def test_before_tool_calls_there_is_a_plan_and_no_text(fields: Any, given: Any) -> None:
    assert after_calls(**fields) == given


@pytest.mark.parametrize(
    ("fields", "recalled"),
    [
        ({"reasoning_content": "Hm."}, "Hm."),
        ({"reasoning_content": "Hm.", "content": "Let me see."}, "Hm.\n\nLet me see."),
    ],
)
def test_a_model_that_thinks_is_given_its_thoughts_before_tool_calls(
    fields: Any, recalled: str
) -> None:
    thoughts = {"content": [{"type": "thinking", "thinking": recalled}]}
    assert after_calls(THINKER, **fields) == thoughts


@pytest.mark.parametrize(
    "state",
    [
        {"thinking_blocks": [{"type": "thinking", "thinking": "Hm.", "signature": "s"}]},
        {"extra_content": {"google": {"thought_signature": "s"}}},
    ],
)
def test_case_35_what_another_vendors_model_thought_is_not_given(state: Any) -> None:
    assert after_calls(THINKER, reasoning_content="Hm.", **state) == {}
    calls = [{**call, "extra_content": {"google": {"thought_signature": "s"}}} for call in CALLS]
    spoken = message(tool_calls=calls, reasoning_content="Hm.")
    assert told(USER, spoken, *RESULTS, model=THINKER)[1] == message(tool_calls=CALLS)


def test_a_model_that_is_not_to_think_is_given_no_thoughts() -> None:
    assert after_calls(THINKER, effort="none", reasoning_content="Hm.", content="So.") == {
        "tool_plan": "So."
    }


@pytest.mark.parametrize("arguments", ["", None, "{}", {}])
def test_a_call_without_arguments_has_an_empty_object(arguments: Any) -> None:
    spoken = message(tool_calls=[call("f_1", "f", arguments)])
    assert told(USER, spoken, RESULTS[0])[1]["tool_calls"] == [call("f_1", "f", "{}")]


def test_arguments_that_are_no_json_are_the_clients_mistake_with_their_place() -> None:
    with pytest.raises(RequestError, match=r"messages\[1\].tool_calls\[0\]"):
        told(USER, message(tool_calls=[call("f_1", "f", '{"a":')]), RESULTS[0])
