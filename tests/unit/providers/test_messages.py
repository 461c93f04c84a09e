"""What a conversation's messages carry from one vendor to the next, and what they do not."""

import json
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelmesh.connectors.providers._messages import FOREIGN, STATE, Messages
from modelmesh.types import Request

SIGNED = {"google": {"thought_signature": "c2ln"}}
CALL = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
ECHO = {
    "role": "assistant",
    "content": None,
    "tool_calls": [{**CALL, "extra_content": SIGNED}],
    "extra_content": SIGNED,
    "reasoning": "hm",
    "reasoning_content": "hm",
    "reasoning_details": [{"type": "reasoning.encrypted", "data": "x"}],
    "thinking_blocks": [{"type": "thinking", "thinking": "hm", "signature": "s"}],
    "tool_plan": "I will call f.",
}
RESULT = {"role": "tool", "tool_call_id": "call_1", "content": "1"}
OPEN = {
    "role": "assistant",
    "content": None,
    "tool_calls": [CALL],
    **{name: ECHO[name] for name in STATE - FOREIGN},
}
"""State in fields which several vendors have."""
TALK = [{"role": "user", "content": "Hi"}, ECHO, RESULT]


def sent(vendor: str, messages: Sequence[Any], **parameters: Any) -> bytes:
    cls = import_module(f"modelmesh.connectors.providers.{vendor}").Provider
    body = {"model": "virtual", "messages": messages, **parameters}
    request = Request(id="r", model="virtual", body=body, raw=json.dumps(body).encode())
    made = cls("vendor", base_url="http://vendor.test/v1").request(
        request, model="real", key=None, drop=frozenset()
    )
    return bytes(made.body)


def arrived(vendor: str, messages: Sequence[Any]) -> Any:
    return json.loads(sent(vendor, messages))["messages"]


@pytest.mark.parametrize(
    ("vendor", "kept"),
    [
        ("openai", set()),
        ("azure_openai", set()),
        ("groq", set()),
        ("mistral", set()),
        ("perplexity", set()),
        ("cerebras", {"reasoning"}),
        ("deepseek", {"reasoning_content"}),
        ("xai", {"reasoning_content"}),
        ("fireworks", {"reasoning_content"}),
        ("openrouter", {"reasoning", "reasoning_content", "reasoning_details"}),
        ("vllm", STATE - FOREIGN),
        ("openai_compatible", STATE),
    ],
)
def test_case_35_a_vendor_gets_back_its_own_state_and_nobody_elses(
    vendor: str, kept: set[str]
) -> None:
    echo = arrived(vendor, [TALK[0], OPEN, RESULT])[1]
    assert STATE & echo.keys() == kept - FOREIGN
    assert {name: echo[name] for name in kept - FOREIGN} == {
        name: OPEN[name] for name in kept - FOREIGN
    }
    signed = arrived(vendor, TALK)[1]
    # Beside what only its vendor can read, thoughts are that vendor's as well.
    told = {name for name, told in signed.items() if told}
    assert STATE & told == (kept if kept >= FOREIGN else set())
    assert ("extra_content" in signed["tool_calls"][0]) == ("extra_content" in kept)


@pytest.mark.parametrize("vendor", ["openai", "xai", "openrouter", "vllm"])
def test_messages_without_state_pass_as_their_bytes(vendor: str) -> None:
    plain = {"role": "assistant", "content": None, "tool_calls": [CALL], "x_new": 1.50}
    talk = [{"role": "system", "content": "é"}, TALK[0], plain, RESULT]
    body = {"model": "virtual", "messages": talk}
    assert sent(vendor, talk) == json.dumps({**body, "model": "real"}).encode()


def test_deepseeks_thoughts_come_back_to_it_byte_for_byte() -> None:
    own = {"role": "assistant", "reasoning_content": "h\u00e9 \\ud800 m", "content": ""}
    body = {"model": "real", "messages": [TALK[0], own, RESULT]}
    assert sent("deepseek", body["messages"]) == json.dumps(body).encode()


def test_deepseek_gets_no_turn_without_thoughts_which_it_would_refuse() -> None:
    foreign = {"role": "assistant", "content": None, "tool_calls": [CALL]}
    assert arrived("deepseek", [foreign, RESULT]) == [{**foreign, "reasoning_content": ""}, RESULT]


@pytest.mark.parametrize("vendor", ["deepseek", "mistral", "perplexity", "together", "ollama"])
def test_case_36_a_developer_is_the_system_where_the_role_is_unknown(vendor: str) -> None:
    assert arrived(vendor, [{"role": "developer", "content": "x"}]) == [
        {"role": "system", "content": "x"}
    ]
    for knows_it in ("openai", "azure_openai", "groq", "openai_compatible"):
        talk = [{"role": "developer", "content": "x"}]
        assert arrived(knows_it, talk) == talk


@pytest.mark.parametrize("vendor", ["groq", "cerebras", "fireworks", "mistral"])
def test_an_answer_comes_back_without_the_fields_which_a_vendor_refuses(vendor: str) -> None:
    said: dict[str, Any] = {"annotations": [], "audio": None, "images": []}
    answer = {"role": "assistant", "content": "x", **said}
    assert arrived(vendor, [TALK[0], answer])[1] == {"role": "assistant", "content": "x"}
    refused = {"role": "assistant", "content": None, "refusal": "No.", **said}
    assert arrived(vendor, [TALK[0], refused])[1] == {"role": "assistant", "content": "No."}


def test_case_36_perplexitys_users_and_assistants_take_turns() -> None:
    picture = {"type": "image_url", "image_url": {"url": "https://x.test/p.png"}}
    talk = [
        {"role": "developer", "content": "Be brief."},
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "One."},
        {"role": "user", "content": [picture]},
        {"role": "assistant", "content": "A."},
        {"role": "assistant", "content": "B."},
        {"role": "system", "content": "Be terse."},
        {"role": "user", "content": "Two?"},
    ]
    assert arrived("perplexity", talk) == [
        {"role": "system", "content": "Be brief."},
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": [{"type": "text", "text": "One."}, picture]},
        {"role": "assistant", "content": "A.\n\nB."},
        {"role": "user", "content": "<system>Be terse.</system>\n\nTwo?"},
    ]


def test_what_the_system_says_in_parts_stays_in_parts_within_a_conversation() -> None:
    parts = [{"type": "text", "text": "Be terse."}]
    talk = [TALK[0], {"role": "system", "content": parts}]
    (turn,) = arrived("perplexity", talk)
    texts = [part["text"] for part in turn["content"]]
    assert texts == ["Hi", "<system>", "Be terse.", "</system>"]


def test_a_conversation_in_which_they_take_turns_passes_as_its_bytes() -> None:
    talk = [{"role": "system", "content": "\u00e9"}, TALK[0], {"role": "assistant", "content": "x"}]
    body = {"model": "virtual", "messages": talk}
    assert sent("perplexity", talk) == json.dumps({**body, "model": "real"}).encode()


def test_mistral_gets_short_ids_and_the_results_still_belong_to_their_calls() -> None:
    calls = [{**CALL, "id": id_} for id_ in ("call_1", "toolu_01", "a1B2c3D4e")]
    results = [{**RESULT, "tool_call_id": call["id"]} for call in reversed(calls)]
    first = arrived("mistral", [{"role": "assistant", "tool_calls": calls}, *results])
    ids = [call["id"] for call in first[0]["tool_calls"]]
    assert [result["tool_call_id"] for result in first[1:]] == ids[::-1]
    assert ids[2] == "a1B2c3D4e"
    later = arrived("mistral", [{"role": "assistant", "tool_calls": calls[1:]}, *results[:2]])
    assert [call["id"] for call in later[0]["tool_calls"]] == ids[1:]


@given(st.lists(st.text(max_size=12), unique=True, max_size=30))
def test_short_ids_are_nine_letters_and_digits_and_differ(ids: list[str]) -> None:
    calls = [{**CALL, "id": id_} for id_ in ids]
    (message,) = Messages(short_ids=True).cleaned([{"role": "assistant", "tool_calls": calls}])
    short = [call["id"] for call in message["tool_calls"]]
    assert all(len(id_) == 9 and id_.isascii() and id_.isalnum() for id_ in short)
    assert len({*short}) == len(ids)


def test_an_id_that_is_short_already_is_given_to_no_other_call() -> None:
    messages = Messages(short_ids=True)
    (drawn,) = messages.cleaned([{**RESULT, "tool_call_id": "long id"}])
    taken = drawn["tool_call_id"]
    both = messages.cleaned(
        [{**RESULT, "tool_call_id": taken}, {**RESULT, "tool_call_id": "long id"}]
    )
    assert both[0]["tool_call_id"] == taken
    assert both[1]["tool_call_id"] != taken


@pytest.mark.parametrize("vendor", ["mistral", "fireworks"])
def test_a_call_that_is_required_has_the_vendors_word(vendor: str) -> None:
    assert json.loads(sent(vendor, [], tool_choice="required"))["tool_choice"] == "any"
    for told in ("auto", {"type": "function", "function": {"name": "f"}}):
        assert json.loads(sent(vendor, [], tool_choice=told))["tool_choice"] == told


ODD = [
    "x",
    None,
    [1],
    [{"role": ["a"]}, {"role": ["a"]}],
    [{"tool_calls": {"id": 1}}],
    [{"role": "user", "content": 1}, {"role": "user", "content": "x"}, {"role": "system"}],
]


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("vendor", ["mistral", "groq", "deepseek", "perplexity"])
def test_messages_which_are_none_are_left_to_the_vendor_to_refuse(vendor: str, odd: Any) -> None:
    assert json.loads(sent(vendor, odd))["model"] == "real"
