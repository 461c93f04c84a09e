"""What is sent to Anthropic for a conversation in OpenAI's shape, and what it does not take."""

import json
from typing import Any

import judge
import pytest
from anthropic_wire import (
    ALWAYS,
    BUDGET,
    FORMAT,
    NEW,
    OLD,
    USER,
    WEATHER,
    anthropic,
    asking,
    call,
    calling,
    lacked,
    result,
    sent,
    text,
    use,
)
from hypothesis import given
from hypothesis import strategies as st

from modelmesh.connectors.providers.anthropic.messages import BEGIN, GO_ON
from modelmesh.connectors.providers.anthropic.model import EFFORTS
from modelmesh.connectors.providers.anthropic.request import ANSWER_TOOL
from modelmesh.connectors.providers.anthropic.schema import native
from modelmesh.errors import RequestError
from modelmesh.shape import DECISIVE

HI = {"role": "user", "content": "hi"}
ANSWER = {"role": "assistant", "content": "Rain."}
CACHE = {"type": "ephemeral"}


def system(words: str, role: str = "system") -> dict[str, Any]:
    return {"role": role, "content": words}


def said(*messages: Any, **how: Any) -> list[tuple[str, Any]]:
    """Return the roles of the messages sent, and their content, texts as they are."""
    made = sent(*messages, **how)["messages"]
    assert [set(message) for message in made] == [{"role", "content"}] * len(made)
    return [
        (m["role"], [b["text"] if set(b) == {"type", "text"} else b for b in m["content"]])
        for m in made
    ]


def test_a_plain_question_asks_for_as_much_as_the_model_can_say() -> None:
    assert sent(HI) == {
        "model": NEW,
        "max_tokens": 128_000,
        "messages": [{"role": "user", "content": [text("hi")]}],
    }


def test_a_stream_is_asked_for() -> None:
    assert sent(HI, stream=True, stream_options={"include_usage": True})["stream"] is True


def test_a_tool_that_no_model_can_be_held_to_is_not_strict() -> None:
    schema = {"type": "object", "properties": {"next": {"$ref": "#"}}}
    function = {"name": "f", "strict": True, "parameters": schema}
    asked = [{"type": "function", "function": function}]
    assert sent(tools=asked)["tools"] == [{"name": "f", "input_schema": schema}]
    assert "strict" not in sent(to=OLD, tools=asked)["tools"][0]


@pytest.mark.parametrize(
    ("model", "asked", "told"),
    [
        (NEW, {"max_completion_tokens": 7, "max_tokens": 9}, 7),
        (OLD, {"max_tokens": 9000}, 4096),
        ("claude-opus-9", {"max_tokens": 90_000}, 90_000),
        ("claude-opus-9", {}, 32_000),
    ],
)
def test_an_answer_may_be_as_long_as_asked_for_and_no_longer_than_it_can(
    model: str, asked: Any, told: int
) -> None:
    assert sent(HI, to=model, **asked)["max_tokens"] == told


def test_what_is_nested_beyond_reason_is_the_clients_mistake() -> None:
    schema: Any = {"type": "string"}
    for _ in range(5000):
        schema = {"type": "object", "properties": {"a": schema}}
    wanted = {"type": "json_schema", "json_schema": {"name": "deep", "schema": schema}}
    assert lacked(ALWAYS, response_format=wanted) == {"response_format"}
    with pytest.raises(RequestError):
        sent(response_format=wanted)


def test_case_36_instructions_at_the_beginning_become_system_in_their_order() -> None:
    made = sent(system("one"), system("two", "developer"), HI)
    assert made["system"] == [text("one"), text("two")]
    assert made["messages"] == [{"role": "user", "content": [text("hi")]}]


def test_case_36_later_instructions_stay_in_their_place_if_the_model_takes_them() -> None:
    assert said(HI, ANSWER, USER, system("quick"), system("brief")) == [
        ("user", ["hi"]),
        ("assistant", ["Rain."]),
        ("user", [USER["content"]]),
        ("system", ["quick", "brief"]),
    ]


@pytest.mark.parametrize("model", [NEW, BUDGET])
def test_case_36_later_instructions_are_part_of_the_users_turn_otherwise(model: str) -> None:
    assert said(HI, ANSWER, system("quick"), USER, to=model) == [
        ("user", ["hi"]),
        ("assistant", ["Rain."]),
        ("user", ["<system>", "quick", "</system>", USER["content"]]),
    ]


def test_case_36_instructions_between_calls_and_results_come_after_the_results() -> None:
    ((_, _), (_, _), (role, content)) = said(
        USER, calling(call("a")), system("quick"), result("a"), to=BUDGET, tools=[WEATHER]
    )
    assert role == "user"
    assert [block if isinstance(block, str) else block["type"] for block in content] == [
        *("tool_result", "<system>", "quick", "</system>")
    ]


def test_case_36_instructions_alone_are_what_the_user_says() -> None:
    made = sent(system("Say hello."))
    assert "system" not in made
    assert made["messages"] == [{"role": "user", "content": [text("Say hello.")]}]


def test_case_36_turns_of_one_role_are_merged() -> None:
    assert said(HI, USER, ANSWER, ANSWER, HI) == [
        ("user", ["hi", USER["content"]]),
        ("assistant", ["Rain.", "Rain."]),
        ("user", ["hi"]),
    ]


@pytest.mark.parametrize("nothing", ["", "  \n", [], [{"type": "text", "text": ""}]])
def test_case_36_what_says_nothing_is_left_out(nothing: Any) -> None:
    blank = {"role": "user", "content": nothing}
    assert said(HI, {**ANSWER, "content": nothing}, blank, USER) == [
        ("user", ["hi", USER["content"]])
    ]


def test_case_36_a_conversation_which_the_assistant_begins_is_begun_by_the_user() -> None:
    assert said(ANSWER, HI)[0] == ("user", [BEGIN])


def test_case_36_an_answer_to_be_continued_is_continued() -> None:
    begun = {"role": "assistant", "content": "Rain and \n"}
    assert said(HI, begun, to=BUDGET) == [("user", ["hi"]), ("assistant", ["Rain and"])]
    assert said(HI, begun)[2] == ("user", [GO_ON])
    # While it thinks no model continues an answer.
    assert said(HI, begun, to=BUDGET, reasoning_effort="low")[2] == ("user", [GO_ON])


def test_results_of_a_turn_are_in_one_message_before_any_text() -> None:
    loop = [USER, calling(call("a"), call("b")), result("b", "sun"), result("a"), HI]
    made = sent(*loop, tools=[WEATHER])["messages"]
    assert made[1]["content"] == [use("a", place="Oslo"), use("b", place="Oslo")]
    assert made[2]["content"] == [
        {"type": "tool_result", "tool_use_id": "b", "content": [text("sun")]},
        {"type": "tool_result", "tool_use_id": "a", "content": [text("rain")]},
        text("hi"),
    ]


def test_a_result_without_words_has_no_content() -> None:
    made = sent(USER, calling(call("a")), result("a", ""), tools=[WEATHER])["messages"]
    assert made[2]["content"] == [{"type": "tool_result", "tool_use_id": "a"}]


def test_ids_are_made_to_fit_and_stay_apart() -> None:
    odd, even = call("functions.weather:0"), call("functions/weather:0")
    loop = [USER, calling(odd, even), result(odd["id"]), result(even["id"], "sun")]
    again = [HI, calling(odd), result(odd["id"], "snow")]
    made = sent(*loop, *again, tools=[WEATHER])["messages"]
    given_ids = [b["id"] for m in made for b in m["content"] if b["type"] == "tool_use"]
    answered_ids = [b["tool_use_id"] for m in made for b in m["content"] if "tool_use_id" in b]
    assert given_ids == answered_ids
    assert given_ids == ["functions_weather_0", "functions_weather_0_2", "functions_weather_0_3"]


@pytest.mark.parametrize("arguments", ["", None, "null", "{}"])
def test_case_33_a_call_without_arguments_has_an_empty_input(arguments: Any) -> None:
    made = sent(USER, calling(call("a", arguments=arguments)), result("a"), tools=[WEATHER])
    assert made["messages"][1]["content"] == [use("a")]


def test_case_33_arguments_that_are_no_json_are_named_by_their_message() -> None:
    with pytest.raises(RequestError) as raised:
        sent(USER, calling(call("a", arguments="{")), result("a"))
    assert raised.value.status == 400
    assert raised.value.param == "messages[1].tool_calls[0].function.arguments"


def test_case_33_a_tool_without_arguments_has_an_empty_schema() -> None:
    tool = {"type": "function", "function": {"name": "now", "parameters": {"type": "null"}}}
    assert sent(tools=[tool])["tools"] == [
        {"name": "now", "input_schema": {"type": "object", "properties": {}}}
    ]


def test_images_and_files_are_sent_with_their_cache_marks() -> None:
    parts = [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBO"}},
        {"type": "image_url", "image_url": {"url": "https://a.test/b.png"}, "cache_control": CACHE},
        {"type": "file", "file": {"file_data": "data:application/pdf;base64,JVBE"}},
        {"type": "file", "file": {"file_data": "data:text/plain;base64,aGk=", "filename": "a.txt"}},
        {"type": "file", "file": {"file_id": "file_1"}},
        {"type": "text", "text": "see?", "cache_control": CACHE},
    ]
    ((_, blocks),) = said({"role": "user", "content": parts})
    pdf = {"type": "base64", "media_type": "application/pdf", "data": "JVBE"}
    assert blocks == [
        {
            "type": "image",
            "source": {"type": "base64", "media_type": "image/png", "data": "iVBO"},
        },
        {
            "type": "image",
            "source": {"type": "url", "url": "https://a.test/b.png"},
            "cache_control": CACHE,
        },
        {"type": "document", "source": pdf},
        {
            "type": "document",
            "source": {"type": "text", "media_type": "text/plain", "data": "hi"},
            "title": "a.txt",
        },
        {"type": "document", "source": {"type": "file", "file_id": "file_1"}},
        {"type": "text", "text": "see?", "cache_control": CACHE},
    ]


def test_a_conversation_without_a_word_is_refused_before_it_is_sent() -> None:
    with pytest.raises(RequestError) as raised:
        sent({"role": "user", "content": " "})
    assert raised.value.param == "messages"


def test_sound_is_refused_before_it_is_sent() -> None:
    part = {"type": "input_audio", "input_audio": {"data": "x", "format": "wav"}}
    assert lacked(messages=[{"role": "user", "content": [part]}]) == {"messages"}
    with pytest.raises(RequestError):
        sent({"role": "user", "content": [part]})


@pytest.mark.parametrize(
    ("chosen", "parallel", "meant"),
    [
        (None, None, None),
        ("auto", None, {"type": "auto"}),
        ("none", False, {"type": "none"}),
        ("required", None, {"type": "any"}),
        ("required", False, {"type": "any", "disable_parallel_tool_use": True}),
        (None, False, {"type": "auto", "disable_parallel_tool_use": True}),
        (None, True, None),
        (
            {"type": "function", "function": {"name": "weather"}},
            None,
            {"type": "tool", "name": "weather"},
        ),
    ],
)
def test_a_choice_of_tools_is_told(chosen: Any, parallel: bool | None, meant: Any) -> None:
    made = sent(tools=[WEATHER], tool_choice=chosen, parallel_tool_calls=parallel)
    assert made.get("tool_choice") == meant


def test_only_the_tools_that_are_allowed_are_sent() -> None:
    now = {"type": "function", "function": {"name": "now"}}
    allowed = {"mode": "auto", "tools": [now]}
    chosen = {"type": "allowed_tools", "allowed_tools": allowed}
    made = sent(tools=[WEATHER, now], tool_choice=chosen)
    assert [tool["name"] for tool in made["tools"]] == ["now"]


def test_tools_are_sent_with_what_anthropic_knows_of_them() -> None:
    search = {"type": "web_search_20250305", "name": "web_search", "max_uses": 2}
    schema = {"type": "object", "properties": {"a": {"type": "string", "minLength": 2}}}
    function = {"name": "f", "strict": True, "description": "d", "parameters": schema}
    strict = {"type": "function", "function": function, "cache_control": CACHE}
    exact = {
        "type": "object",
        "properties": {"a": {"type": "string", "description": "(minLength: 2)"}},
        "additionalProperties": False,
    }
    assert sent(tools=[strict, search])["tools"] == [
        {
            "name": "f",
            "description": "d",
            "input_schema": exact,
            "strict": True,
            "cache_control": CACHE,
        },
        search,
    ]


def test_past_calls_are_known_where_no_tools_are_sent() -> None:
    made = sent(USER, calling(call("a")), result("a"))
    assert [tool["name"] for tool in made["tools"]] == ["weather"]
    assert made["tool_choice"] == {"type": "none"}


def test_a_model_which_always_thinks_cannot_be_made_to_call() -> None:
    forced: dict[str, Any] = {"tools": [WEATHER], "tool_choice": "required"}
    assert lacked(ALWAYS, **forced) == {"tool_choice"}
    assert "tool_choice" in DECISIVE
    assert lacked(NEW, **forced) == frozenset()


@pytest.mark.parametrize("model", [NEW, BUDGET])
def test_where_a_call_is_forced_the_model_does_not_think(model: str) -> None:
    forced: dict[str, Any] = {
        "tools": [WEATHER],
        "tool_choice": "required",
        "reasoning_effort": "high",
    }
    assert lacked(model, **forced) == {"reasoning_effort"}
    made = sent(to=model, **forced)
    assert made["tool_choice"] == {"type": "any"}
    assert made.get("thinking") in (None, {"type": "disabled"})
    assert "output_config" not in made


@pytest.mark.parametrize(
    ("effort", "model", "thinking", "output"),
    [
        ("minimal", NEW, "adaptive", "low"),
        ("medium", NEW, "adaptive", "medium"),
        ("max", ALWAYS, "adaptive", "max"),
        ("xhigh", "claude-opus-4-6", "adaptive", "high"),
        ("none", NEW, "disabled", None),
        ("low", BUDGET, "enabled", None),
        ("none", BUDGET, None, None),
    ],
)
def test_an_effort_is_asked_for_as_the_model_knows_it(
    effort: str, model: str, thinking: str | None, output: str | None
) -> None:
    made = sent(to=model, reasoning_effort=effort)
    assert made.get("thinking", {}).get("type") == thinking
    assert made.get("output_config", {}).get("effort") == output


@pytest.mark.parametrize("effort", EFFORTS)
@pytest.mark.parametrize("limit", [None, 1025, 3000])
def test_a_budget_is_less_than_the_tokens_of_the_answer(effort: str, limit: int | None) -> None:
    made = sent(to=BUDGET, reasoning_effort=effort, max_tokens=limit)
    assert 1024 <= made["thinking"]["budget_tokens"] < made["max_tokens"]


def test_what_cannot_be_thought_is_named() -> None:
    assert lacked(BUDGET, reasoning_effort="low", max_tokens=1024) == {"reasoning_effort"}
    assert lacked(ALWAYS, reasoning_effort="none") == {"reasoning_effort"}
    both: dict[str, Any] = {"reasoning_effort": "low", "thinking": {"type": "adaptive"}}
    assert lacked(NEW, **both) == {"reasoning_effort"}


@pytest.mark.parametrize("effort", ["much", 3, ["low"]])
def test_an_effort_nobody_knows_is_a_mistake(effort: Any) -> None:
    for model in (NEW, BUDGET):
        with pytest.raises(RequestError) as raised:
            sent(to=model, reasoning_effort=effort)
        assert raised.value.param == "reasoning_effort"


def test_sampling_is_for_models_which_take_it() -> None:
    asked: dict[str, Any] = {"temperature": 1.7, "top_k": 3}
    assert lacked(NEW, **asked) == {"temperature", "top_k"}
    assert "temperature" not in sent(**asked)
    made = sent(to=BUDGET, **asked)
    assert (made["temperature"], made["top_k"]) == (1, 3)
    assert sent(to=BUDGET, temperature=0)["temperature"] == 0
    # A temperature of 1 is what holds anyway, so nothing is lost.
    assert lacked(NEW, temperature=1) == frozenset()


def test_of_two_ways_to_sample_one_is_taken_and_none_while_it_thinks() -> None:
    assert lacked(BUDGET, temperature=0.5, top_p=0.5) == {"top_p"}
    assert lacked(BUDGET, temperature=0.5, reasoning_effort="low") == {"temperature"}


def test_json_is_asked_for_by_its_schema() -> None:
    made = sent(response_format=FORMAT)
    spec: Any = FORMAT["json_schema"]
    assert made["output_config"] == {"format": {"type": "json_schema", "schema": spec["schema"]}}
    both = sent(response_format=FORMAT, reasoning_effort="low")["output_config"]
    assert set(both) == {"effort", "format"}


def test_json_is_the_input_of_a_tool_where_there_is_no_other_way() -> None:
    made = sent(to=OLD, response_format=FORMAT)
    assert [tool["name"] for tool in made["tools"]] == [ANSWER_TOOL]
    assert made["tool_choice"] == {
        "type": "tool",
        "name": ANSWER_TOOL,
        "disable_parallel_tool_use": True,
    }
    with_tools = sent(to=OLD, response_format=FORMAT, tools=[WEATHER])
    assert [tool["name"] for tool in with_tools["tools"]] == ["weather", ANSWER_TOOL]
    assert with_tools["tool_choice"] == {"type": "any"}
    required = sent(to=OLD, response_format=FORMAT, tools=[WEATHER], tool_choice="none")
    assert required["tool_choice"]["name"] == ANSWER_TOOL


def test_a_schema_without_end_needs_the_tool_which_some_models_cannot_be_made_to_call() -> None:
    node = {"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}}}
    schema = {**node, "$defs": {"node": node}}
    asked = {"type": "json_schema", "json_schema": {"name": "list", "schema": schema}}
    assert lacked(ALWAYS, response_format=asked) == {"response_format"}
    made = sent(response_format=asked)
    assert made["tool_choice"]["name"] == ANSWER_TOOL
    assert made["thinking"] == {"type": "disabled"}


def test_any_json_is_asked_for_in_words() -> None:
    made = sent(system("Be brief."), HI, response_format={"type": "json_object"})
    assert made["system"][0] == text("Be brief.")
    assert "JSON object" in made["system"][1]["text"]


def test_limits_a_schema_cannot_have_are_told_in_words() -> None:
    schema = {
        "type": "object",
        "$schema": "x",
        "properties": {
            "age": {"type": "integer", "minimum": 0, "description": "Years."},
            "minimum": {"type": "string", "format": "email", "pattern": "^a"},
            "way": {"oneOf": [{"type": "string", "pattern": "(?=x)"}, {"type": "null"}]},
            "many": {"type": "array", "items": {"type": "string"}, "minItems": 3},
        },
    }
    assert native(schema) == {
        "type": "object",
        "properties": {
            "age": {"type": "integer", "description": "Years. (minimum: 0)"},
            "minimum": {"type": "string", "format": "email", "pattern": "^a"},
            "way": {
                "anyOf": [
                    {"type": "string", "description": '(pattern: "(?=x)")'},
                    {"type": "null"},
                ]
            },
            "many": {
                "type": "array",
                "items": {"type": "string"},
                "description": "(minItems: 3)",
            },
        },
        "additionalProperties": False,
    }


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "additionalProperties": {"type": "string"}},
        {"type": "object"},
        {"type": "object", "properties": {"a": {"type": "array", "items": {"type": "object"}}}},
        {"type": "object", "properties": {"a": {"$ref": "#"}}},
        {
            "type": "object",
            "properties": {"a": {"$ref": "#/$defs/b"}},
            "$defs": {"b": {"anyOf": [{"$ref": "#/$defs/c"}]}, "c": {"$ref": "#/$defs/b"}},
        },
    ],
)
def test_a_schema_without_bounds_cannot_be_held_to(schema: Any) -> None:
    assert native(schema) is None


def test_who_asks_is_told_unless_it_says_who_it_is() -> None:
    assert sent(user="u-1")["metadata"] == {"user_id": "u-1"}
    assert lacked(user="a@b.test") == {"user"}
    assert sent(metadata={"user_id": "m"})["metadata"] == {"user_id": "m"}
    assert lacked(metadata={"team": "x"}) == {"metadata"}


def test_tiers_have_anthropics_names() -> None:
    assert sent(service_tier="default")["service_tier"] == "standard_only"
    assert sent(service_tier="auto")["service_tier"] == "auto"
    assert lacked(service_tier="flex") == {"service_tier"}


def test_what_anthropic_documents_is_sent_on_as_it_came() -> None:
    own: dict[str, Any] = {
        "context_management": {"edits": [{"type": "clear_tool_uses_20250919"}]},
        "cache_control": CACHE,
        "thinking": {"type": "adaptive", "display": "omitted"},
    }
    assert lacked(**own) == frozenset()
    assert sent(**own).items() >= own.items()
    assert sent(to=BUDGET, top_k=4)["top_k"] == 4


def test_stops_are_a_list_and_none_is_only_white_space() -> None:
    assert sent(stop="END")["stop_sequences"] == ["END"]
    assert lacked(stop=["END", "\n\n"]) == {"stop"}


HINTS: dict[str, Any] = {
    "seed": 1,
    "presence_penalty": 1,
    "frequency_penalty": 1,
    "logit_bias": {"1": 1},
    "store": True,
    "verbosity": "low",
    "mystery": 1,
}
CHANGES: dict[str, Any] = {
    "n": 2,
    "logprobs": True,
    "top_logprobs": 2,
    "modalities": ["text", "audio"],
    "audio": {"voice": "x"},
    "prediction": {"type": "content"},
    "web_search_options": {"search_context_size": "low"},
    "tools": [{"type": "custom", "custom": {"name": "x"}}],
}


def test_case_38_what_is_not_taken_is_named_and_not_sent() -> None:
    assert lacked(**HINTS) == HINTS.keys()
    assert DECISIVE.isdisjoint(HINTS)
    assert lacked(**CHANGES) == CHANGES.keys()
    assert CHANGES.keys() <= DECISIVE
    assert set(sent(**HINTS)) == {"model", "max_tokens", "messages"}


def test_case_38_what_asks_for_nothing_is_no_obstacle() -> None:
    idle: dict[str, Any] = {
        "n": 1,
        "logprobs": False,
        "seed": None,
        "presence_penalty": 0,
        "store": False,
    }
    assert lacked(**idle) == frozenset()
    assert set(sent(**idle)) == {"model", "max_tokens", "messages"}


def test_what_a_pool_drops_is_not_sent() -> None:
    request = asking(stop="END", reasoning_effort="low", user="u")
    drop = frozenset({"stop", "reasoning_effort"})
    made = anthropic().request(request, model=NEW, key=None, drop=drop)
    assert set(json.loads(made.body)) == {"model", "max_tokens", "messages", "metadata"}


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"messages": []}, "messages"),
        ({"temperature": "hot"}, "temperature"),
        ({"thinking": "yes"}, "thinking"),
        ({"metadata": 7}, "metadata"),
        ({"response_format": 7}, "response_format"),
        ({"tool_choice": 7}, "tool_choice"),
        ({"stop": 7}, "stop"),
    ],
)
def test_what_is_malformed_is_named_before_anything_is_sent(body: Any, param: str) -> None:
    assert lacked(BUDGET, **body) == frozenset()
    request = asking(**{"messages": [USER], **body})
    with pytest.raises(RequestError) as raised:
        anthropic().request(request, model=BUDGET, key=None, drop=frozenset())
    assert raised.value.param == param


ROLES = st.sampled_from(["system", "developer", "user", "assistant"])
TEXTS = st.sampled_from(["word", " "]).map(text)
IMAGES = st.just({"type": "image_url", "image_url": {"url": "https://a.test/b.png"}})
SPEECH = st.builds(
    lambda role, content: [{"role": role, "content": content}],
    ROLES,
    st.text(max_size=4) | st.lists(TEXTS, max_size=3),
) | st.lists(TEXTS | IMAGES).map(lambda parts: [{"role": "user", "content": parts}])


@st.composite
def loops(draw: st.DrawFn) -> list[dict[str, Any]]:
    ids = draw(
        st.lists(st.sampled_from(["a", "b", "call:1", "call/1", "ü"]), unique=True, min_size=1)
    )
    made = calling(*(call(id_) for id_ in ids), content=draw(st.none() | st.text(max_size=3)))
    return [made, *(result(id_, draw(st.text(max_size=2))) for id_ in draw(st.permutations(ids)))]


@given(
    st.lists(SPEECH | loops(), max_size=6),
    st.integers(0, 6),
    st.sampled_from([NEW, ALWAYS, BUDGET, OLD, "claude-opus-9"]),
    st.fixed_dictionaries(
        {},
        optional={
            "tools": st.just([WEATHER]),
            "reasoning_effort": st.sampled_from(["none", *EFFORTS]),
            "max_tokens": st.integers(1, 5000),
            "temperature": st.floats(0, 2),
            "top_p": st.floats(0, 1),
            "response_format": st.just(FORMAT),
            "stop": st.lists(st.text(max_size=3), max_size=3),
            "parallel_tool_calls": st.booleans(),
        },
    ),
)
def test_whatever_was_said_is_sent_by_the_rules(
    talk: list[list[dict[str, Any]]], place: int, model: str, parameters: dict[str, Any]
) -> None:
    talk.insert(place, [USER])  # Somebody says something.
    messages = [message for turns in talk for message in turns]
    request, provider = asking(*messages, **parameters), anthropic()
    drop = provider.lacks(request, model)
    made = provider.request(request, model=model, key=None, drop=drop)
    assert judge.request_complaints("anthropic.claude.v1", made) == []
