"""What Gemini is sent."""

import json
from typing import Any

import pytest
from gemini_wire import (
    SECOND,
    THIRD,
    USER,
    asking,
    call,
    config,
    gemini,
    lacks,
    request,
    result,
    sent,
    signed,
    told,
    tool,
)

from modelmesh.errors import RequestError
from modelmesh.types import Secret

SKIP = "skip_thought_signature_validator"
PICTURE = {"type": "image_url", "image_url": {"url": "data:image/jpg;base64,AAAA"}}


def test_the_key_is_in_its_header_and_nowhere_else() -> None:
    made = request()
    assert made.url.endswith("/v1beta/models/gemini-3.8-flash:generateContent")
    assert made.headers["x-goog-api-key"] == "k"
    assert "authorization" not in made.headers
    assert not made.stream


def test_a_stream_is_asked_for_as_events() -> None:
    made = request(stream=True, stream_options={"include_usage": True})
    assert made.url.endswith("/gemini-3.8-flash:streamGenerateContent?alt=sse")
    assert made.stream
    assert json.loads(made.body).keys() == {"contents"}


@pytest.mark.parametrize(
    ("name", "path"),
    [("models/gemini-3.8-flash", "gemini-3.8-flash"), ("../x?y#z", "..%2Fx%3Fy%23z")],
)
def test_a_models_name_is_one_step_of_the_path(name: str, path: str) -> None:
    assert request(name).url.endswith(f"/v1beta/models/{path}:generateContent")


@pytest.mark.parametrize("base", ["http://g.test", "http://g.test/", "http://g.test/v1beta"])
def test_an_address_may_have_its_version_or_not(base: str) -> None:
    provider = gemini(base)
    made = provider.request(asking(), model="m", key=None, drop=frozenset())
    assert made.url == "http://g.test/v1beta/models/m:generateContent"
    listed = provider.models_request(Secret("k"))
    assert listed is not None
    assert listed.url == "http://g.test/v1beta/models?pageSize=1000"
    assert listed.headers["x-goog-api-key"] == "k"


def test_system_and_developer_messages_are_the_instruction_in_order() -> None:
    made = sent(
        messages=[
            {"role": "system", "content": "One."},
            {"role": "developer", "content": [{"type": "text", "text": "Two."}]},
            USER,
        ]
    )
    assert made["systemInstruction"] == {"parts": [{"text": "One."}, {"text": "Two."}]}
    assert made["contents"] == [{"role": "user", "parts": [{"text": "Hello"}]}]


def test_a_later_system_message_stands_where_it_stood_within_the_users_turn() -> None:
    later = {"role": "system", "content": "Be brief."}
    assert told(USER, later) == [
        {"role": "user", "parts": [{"text": "Hello"}, {"text": "<system>Be brief.</system>"}]}
    ]


@pytest.mark.parametrize(
    ("model", "messages"), [(THIRD, []), ("gemma-3-27b-it", [USER])], ids=["alone", "gemma-3"]
)
def test_an_instruction_that_cannot_be_one_is_said_by_the_user(model: str, messages: Any) -> None:
    made = sent(model, messages=[{"role": "system", "content": "One."}, *messages])
    assert "systemInstruction" not in made
    assert made["contents"][0]["parts"][0] == {"text": "<system>One.</system>"}


def test_user_and_model_take_turns_and_the_user_begins() -> None:
    again = {"role": "assistant", "content": "Hi"}
    made = told(again, again, USER, {"role": "user", "content": ""}, USER, again)
    assert [turn["role"] for turn in made] == ["user", "model", "user", "model"]
    assert made[0]["parts"] == [{"text": "Begin."}]
    assert made[2]["parts"] == [{"text": "Hello"}, {"text": "Hello"}]


def test_parallel_results_are_in_one_turn_in_the_order_of_the_calls_and_named() -> None:
    calls = [call("a", "f", '{"x":1}'), call("b", "f", ""), call("c", "g", None)]
    assistant = {"role": "assistant", "content": "Let me see.", "tool_calls": calls}
    results = [result("c", "3"), result("a", '{"y": 1}'), result("b", "")]
    made = told(USER, assistant, *results, USER)
    assert [turn["role"] for turn in made] == ["user", "model", "user"]
    assert [part["functionCall"] for part in made[1]["parts"][1:]] == [
        {"id": "a", "name": "f", "args": {"x": 1}},
        {"id": "b", "name": "f", "args": {}},
        {"id": "c", "name": "g", "args": {}},
    ]
    assert made[2]["parts"] == [
        {"functionResponse": {"id": "a", "name": "f", "response": {"result": '{"y": 1}'}}},
        {"functionResponse": {"id": "b", "name": "f", "response": {"result": ""}}},
        {"functionResponse": {"id": "c", "name": "g", "response": {"result": "3"}}},
        {"text": "Hello"},
    ]


def test_a_result_may_show_a_picture() -> None:
    made = told(USER, {"role": "assistant", "tool_calls": [call("a", "f")]}, result("a", [PICTURE]))
    shown = {"inlineData": {"mimeType": "image/jpeg", "data": "AAAA"}}
    response = {"id": "a", "name": "f", "response": {"result": ""}}
    assert made[2]["parts"] == [{"functionResponse": response}, shown]


def test_a_result_of_a_call_nobody_made_is_the_clients_mistake() -> None:
    with pytest.raises(RequestError) as raised:
        told(USER, result("a", "x"))
    assert raised.value.param == "messages[1].tool_call_id"


def test_signatures_go_back_byte_for_byte_on_the_parts_they_came_with() -> None:
    first, text = "Es8K+/vt_-==", "EtQJ/+=="
    assistant = {
        "role": "assistant",
        "content": "Hm.",
        "reasoning_content": "Thinking",
        "tool_calls": [call("a", "f", **signed(first)), call("b", "f")],
        **signed(text),
    }
    model = told(USER, assistant, result("a", "1"), result("b", "2"))[1]
    assert [part.get("thoughtSignature") for part in model["parts"]] == [text, first, None]
    assert "Thinking" not in json.dumps(model)


def test_a_signature_of_a_message_without_text_has_a_part_of_its_own() -> None:
    made = told(USER, {"role": "assistant", "content": None, **signed("s")}, USER)
    assert made[1]["parts"] == [{"text": "", "thoughtSignature": "s"}]


@pytest.mark.parametrize(
    ("model", "signatures"),
    [
        (THIRD, [SKIP, None]),
        ("gemini-flash-latest", [SKIP, None]),
        (SECOND, [SKIP, None]),
        ("tuned-by-me", [SKIP, None]),
        ("gemini-2.0-flash", [None, None]),
        ("gemma-4-31b-it", [None, None]),
    ],
)
def test_a_dropped_signature_has_a_stand_in_where_one_is_demanded(
    model: str, signatures: list[str | None]
) -> None:
    foreign = {
        "role": "assistant",
        "tool_calls": [call("toolu_1", "f"), call("toolu_2", "f")],
        "thinking_blocks": [{"type": "thinking", "thinking": "Hm", "signature": "theirs"}],
        "reasoning_details": [{"type": "reasoning.encrypted", "data": "theirs"}],
    }
    made = told(USER, foreign, result("toolu_1", "1"), result("toolu_2", "2"), model=model)
    assert [part.get("thoughtSignature") for part in made[1]["parts"]] == signatures
    assert "theirs" not in json.dumps(made)


@pytest.mark.parametrize(
    ("part", "as_sent"),
    [
        (PICTURE, {"inlineData": {"mimeType": "image/jpeg", "data": "AAAA"}}),
        (
            {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "mp3"}},
            {"inlineData": {"mimeType": "audio/mp3", "data": "AAAA"}},
        ),
        (
            {"type": "file", "file": {"filename": "a.pdf", "file_data": "AAAA"}},
            {"inlineData": {"mimeType": "application/pdf", "data": "AAAA"}},
        ),
        (
            {"type": "file", "file": {"file_data": "data:video/mp4;base64,AAAA"}},
            {"inlineData": {"mimeType": "video/mp4", "data": "AAAA"}},
        ),
        (
            {"type": "image_url", "image_url": {"url": "https://a.test/b.JPG?size=1"}},
            {"fileData": {"mimeType": "image/jpeg", "fileUri": "https://a.test/b.JPG?size=1"}},
        ),
        (
            {"type": "image_url", "image_url": {"url": "https://a.test/picture"}},
            {"fileData": {"fileUri": "https://a.test/picture"}},
        ),
    ],
)
def test_media_are_sent_inline_or_by_their_address(part: Any, as_sent: Any) -> None:
    assert told({"role": "user", "content": [part]})[0]["parts"] == [as_sent]
    assert lacks(messages=[{"role": "user", "content": [part]}]) == set()


@pytest.mark.parametrize(
    "part",
    [
        {"type": "image_url", "image_url": {"url": "HTTP://a.test/b.png"}},
        {"type": "image_url", "image_url": "http://a.test/b.png"},
        {"type": "file", "file": {"file_id": "file-1"}},
        {"type": "file", "file": {"file_data": "http://a.test/b.pdf"}},
    ],
)
def test_what_gemini_cannot_get_at_makes_it_ineligible(part: Any) -> None:
    message = {"role": "user", "content": [{"type": "text", "text": "Look"}, part]}
    assert lacks(messages=[message]) == {"messages"}
    with pytest.raises(RequestError) as raised:
        sent(drop=["messages"], messages=[message])
    assert raised.value.param == "messages[0].content"


@pytest.mark.parametrize("messages", [None, 3, [None], [{"content": [3, {"file": 1}]}]])
def test_malformed_messages_are_no_reason_for_ineligibility(messages: Any) -> None:
    assert lacks(messages=messages) == set()
    with pytest.raises(RequestError):
        sent(messages=messages)


def test_arguments_that_are_no_json_are_told_with_their_place() -> None:
    with pytest.raises(RequestError) as raised:
        told(USER, {"role": "assistant", "tool_calls": [call("a", "f", "{")]})
    assert raised.value.param == "messages[1].tool_calls[0].function.arguments"


def test_functions_are_declared_with_what_gemini_knows_of_their_schemas() -> None:
    described = tool("f", a={"type": "string", "pattern": "x+"})
    described["function"] |= {"description": "Does f.", "strict": True}
    assert sent(tools=[described, tool("g")])["tools"] == [
        {
            "functionDeclarations": [
                {
                    "name": "f",
                    "description": "Does f.",
                    "parametersJsonSchema": {
                        "type": "object",
                        "properties": {"a": {"type": "string"}},
                    },
                },
                {"name": "g"},
            ]
        }
    ]


@pytest.mark.parametrize(
    "parameters",
    [
        None,
        {},
        {"type": "null"},
        {"type": "object", "properties": {}, "additionalProperties": False},
    ],
)
def test_a_function_without_parameters_has_no_schema(parameters: Any) -> None:
    function = {"type": "function", "function": {"name": "f", "parameters": parameters}}
    assert sent(tools=[function])["tools"] == [{"functionDeclarations": [{"name": "f"}]}]


def test_a_function_that_takes_any_names_keeps_its_schema() -> None:
    schema = {"type": "object", "additionalProperties": {"type": "integer"}}
    function = {"type": "function", "function": {"name": "f", "parameters": schema}}
    (declared,) = sent(tools=[function])["tools"][0]["functionDeclarations"]
    assert declared["parametersJsonSchema"] == schema


@pytest.mark.parametrize(
    ("chosen", "as_sent"),
    [
        ("auto", {"mode": "AUTO"}),
        ("none", {"mode": "NONE"}),
        ("required", {"mode": "ANY"}),
        (
            {"type": "function", "function": {"name": "g"}},
            {"mode": "ANY", "allowedFunctionNames": ["g"]},
        ),
        (
            {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [tool("f")]}},
            {"mode": "ANY", "allowedFunctionNames": ["f"]},
        ),
    ],
)
def test_which_function_is_called_is_chosen(chosen: Any, as_sent: Any) -> None:
    made = sent(tools=[tool("f"), tool("g")], tool_choice=chosen)
    assert made["toolConfig"] == {"functionCallingConfig": as_sent}


def test_functions_that_may_be_called_are_the_only_ones_declared() -> None:
    allowed = {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [tool("g")]}}
    made = sent(tools=[tool("f"), tool("g")], tool_choice=allowed)
    assert made["tools"] == [{"functionDeclarations": [{"name": "g"}]}]
    assert made["toolConfig"] == {"functionCallingConfig": {"mode": "AUTO"}}


def test_a_function_that_is_not_there_cannot_be_chosen() -> None:
    with pytest.raises(RequestError):
        sent(tools=[tool("f")], tool_choice={"type": "function", "function": {"name": "g"}})


def test_functions_as_of_old_are_declared_too() -> None:
    made = sent(functions=[{"name": "f"}], function_call={"name": "f"})
    assert made["tools"] == [{"functionDeclarations": [{"name": "f"}]}]
    assert made["toolConfig"]["functionCallingConfig"]["allowedFunctionNames"] == ["f"]


def test_parameters_have_the_names_which_gemini_knows() -> None:
    assert config(
        "gemini-2.0-flash",
        max_completion_tokens=9,
        stop=["x", "y"],
        n=2,
        seed=2**40 + 7,
        temperature=0.5,
        top_p=1,
        top_k=40,
        presence_penalty=0.25,
        frequency_penalty=-1,
        logprobs=True,
        top_logprobs=3,
        modalities=["text", "image"],
    ) == {
        "maxOutputTokens": 9,
        "stopSequences": ["x", "y"],
        "candidateCount": 2,
        "seed": 7,
        "temperature": 0.5,
        "topP": 1,
        "topK": 40,
        "presencePenalty": 0.25,
        "frequencyPenalty": -1,
        "responseLogprobs": True,
        "logprobs": 3,
        "responseModalities": ["TEXT", "IMAGE"],
    }


def test_what_asks_for_nothing_is_left_out() -> None:
    idle: dict[str, Any] = {
        "n": 1,
        "presence_penalty": 0,
        "logprobs": False,
        "top_logprobs": 0,
        "stop": None,
    }
    assert sent(**idle, modalities=["text"], tools=[], user=None).keys() == {"contents"}


@pytest.mark.parametrize(
    ("name", "value"), [("temperature", "hot"), ("seed", True), ("logprobs", 1), ("max_tokens", 0)]
)
def test_a_malformed_parameter_is_named(name: str, value: Any) -> None:
    with pytest.raises(RequestError) as raised:
        sent(**{name: value})
    assert raised.value.param == name


def test_json_is_asked_for_by_its_media_type_and_schema() -> None:
    assert config(response_format={"type": "json_object"}) == {
        "responseMimeType": "application/json"
    }
    schema = {"type": "object", "properties": {"a": {"const": "x"}}, "required": ["a", "b"]}
    named = {"name": "n", "schema": schema, "strict": True}
    assert config(response_format={"type": "json_schema", "json_schema": named}) == {
        "responseMimeType": "application/json",
        "responseJsonSchema": {
            "type": "object",
            "properties": {"a": {"type": "string", "enum": ["x"]}},
            "required": ["a"],
        },
    }
    assert config(response_format={"type": "text"}) == {}


@pytest.mark.parametrize(
    ("model", "effort", "thinking"),
    [
        (SECOND, "none", {"thinkingBudget": 0}),
        (SECOND, "minimal", {"thinkingBudget": 1024, "includeThoughts": True}),
        (SECOND, "medium", {"thinkingBudget": 8192, "includeThoughts": True}),
        (SECOND, "max", {"thinkingBudget": 24576, "includeThoughts": True}),
        ("gemini-2.5-flash-lite", "none", {"thinkingBudget": 0}),
        ("gemini-2.5-pro", "none", {"thinkingBudget": 128}),
        ("gemini-2.5-pro", "xhigh", {"thinkingBudget": 32768, "includeThoughts": True}),
        (THIRD, "none", {"thinkingLevel": "low"}),
        ("gemini-3.5-flash", "none", {"thinkingLevel": "minimal"}),
        ("gemini-3.5-flash", "minimal", {"thinkingLevel": "minimal", "includeThoughts": True}),
        (THIRD, "medium", {"thinkingLevel": "medium", "includeThoughts": True}),
        ("models/gemini-4-argon", "xhigh", {"thinkingLevel": "high", "includeThoughts": True}),
        ("gemini-flash-latest", "low", {"thinkingLevel": "low", "includeThoughts": True}),
    ],
)
def test_effort_is_a_budget_or_a_level_and_never_both(
    model: str, effort: str, thinking: Any
) -> None:
    assert config(model, reasoning_effort=effort) == {"thinkingConfig": thinking}
    assert lacks(model, reasoning_effort=effort) == set()


def test_a_model_that_cannot_be_told_to_think_is_not() -> None:
    assert lacks("gemma-4-31b-it", reasoning_effort="low") == {"reasoning_effort"}
    assert config("gemma-4-31b-it", reasoning_effort="low") == {}
    with pytest.raises(RequestError):
        sent(reasoning_effort="a lot")


FORMAT = {"type": "json_object"}


@pytest.mark.parametrize(
    ("model", "parameters", "missing"),
    [
        (THIRD, {"n": 2}, {"n"}),
        (SECOND, {"n": 2}, set()),
        (SECOND, {"n": 2, "stream": True}, {"n"}),
        (SECOND, {"presence_penalty": 0.5, "frequency_penalty": 0}, {"presence_penalty"}),
        ("gemini-2.0-flash", {"presence_penalty": 0.5}, set()),
        (THIRD, {"temperature": 0.5, "top_p": 0.5}, {"temperature", "top_p"}),
        (SECOND, {"temperature": 0.5, "top_p": 0.5}, set()),
        (SECOND, {"stop": [*"abcdef"]}, {"stop"}),
        (SECOND, {"stop": [*"abcde"]}, set()),
        (SECOND, {"tools": [tool("f")], "response_format": FORMAT}, {"response_format"}),
        (SECOND, {"tools": [], "response_format": FORMAT}, set()),
        (THIRD, {"tools": [tool("f")], "response_format": FORMAT}, set()),
        (THIRD, {"tools": [{"type": "web_search"}]}, {"tools"}),
        (THIRD, {"modalities": ["text", "audio"]}, {"modalities"}),
        (THIRD, {"parallel_tool_calls": True, "user": None}, set()),
        (
            THIRD,
            {
                "audio": {"voice": "x"},
                "logit_bias": {"1": 1},
                "metadata": {"a": "b"},
                "parallel_tool_calls": False,
                "store": True,
                "user": "u",
                "web_search_options": {"search_context_size": "low"},
            },
            {
                "audio",
                "logit_bias",
                "metadata",
                "parallel_tool_calls",
                "store",
                "user",
                "web_search_options",
            },
        ),
    ],
)
def test_a_model_lacks_what_it_refuses(model: str, parameters: Any, missing: set[str]) -> None:
    assert lacks(model, **parameters) == missing


def test_what_is_dropped_is_not_sent() -> None:
    made = sent(drop=["seed", "tools", "response_format"], seed=1, tools=[tool("f")], stop="x")
    assert made.keys() == {"contents", "generationConfig"}
    assert made["generationConfig"] == {"stopSequences": ["x"]}
