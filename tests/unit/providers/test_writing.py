"""Answers and streams written in OpenAI's shape keep its rules."""

import json
from typing import Any

import judge
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelmesh.connectors.providers._writing import (
    Called,
    Choice,
    Ending,
    StreamWriter,
    completion,
    usage_fields,
)
from modelmesh.json_text import dumps, loads
from modelmesh.types import Chunk, Request
from modelmesh.usage import Usage

WORDS = {"END": "stop", "CUT": "length", "CALL": "tool_calls", "NO": "content_filter"}
USAGE = Usage(prompt=7, completion=3, cached=2, reasoning=1)
STOP = Ending(reason="stop")


def asked(**body: Any) -> Request:
    return Request(id="r", model="pool", body=body)


def written(*choices: Choice, **body: Any) -> Any:
    answer = completion(choices, id="a-1", model="m", wall=5.5, usage=USAGE, request=asked(**body))
    assert judge.answer_complaints(answer) == []
    return json.loads(answer)


def writer(**body: Any) -> StreamWriter:
    return StreamWriter(5.5, asked(**body), id="a-1", model="m")


def payloads(chunks: list[Chunk]) -> list[Any]:
    return [json.loads(chunk.payload) for chunk in chunks if chunk.payload]


def deltas(chunks: list[Chunk]) -> list[Any]:
    return [choice["delta"] for body in payloads(chunks) for choice in body["choices"]]


def test_an_answer_has_all_its_fields() -> None:
    choice = Choice(text="hi", ending=STOP, fields={"refusal": None, "reasoning_content": "hm"})
    assert written(choice) == {
        "id": "a-1",
        "object": "chat.completion",
        "created": 5,
        "model": "m",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "hi", "reasoning_content": "hm"},
                "finish_reason": "stop",
            }
        ],
        "usage": {
            "prompt_tokens": 7,
            "completion_tokens": 3,
            "total_tokens": 10,
            "prompt_tokens_details": {"cached_tokens": 2},
            "completion_tokens_details": {"reasoning_tokens": 1},
        },
    }


@pytest.mark.parametrize(
    ("native", "reason", "kept"),
    [
        ("END", "stop", None),
        ("CUT", "length", None),
        ("NO", "content_filter", None),
        ("WHIM", "stop", "WHIM"),
        (None, "stop", None),
        ("CALL", "stop", None),
    ],
)
def test_a_reason_that_openai_has_no_word_for_is_kept_beside_stop(
    native: str | None, reason: str, kept: str | None
) -> None:
    choice = Ending.of(native, WORDS).fields(called=False, legacy=False)
    assert choice["finish_reason"] == reason
    assert choice.get("native_finish_reason") == kept


@pytest.mark.parametrize(
    ("native", "reason"),
    [
        ("END", "tool_calls"),
        ("CALL", "tool_calls"),
        ("WHIM", "tool_calls"),
        ("CUT", "length"),
        ("NO", "content_filter"),
    ],
)
def test_with_calls_the_client_goes_on_unless_one_may_be_half(native: str, reason: str) -> None:
    ending = Ending.of(native, WORDS).fields(called=True, legacy=False)
    assert ending["finish_reason"] == reason


def test_a_call_without_arguments_is_written_with_an_empty_object() -> None:
    call = Called(id="c", name="f", arguments="", fields={"extra_content": {"a": 1}})
    (choice,) = written(Choice(text=None, ending=STOP, calls=[call]))["choices"]
    assert choice["message"] == {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {
                "id": "c",
                "type": "function",
                "function": {"name": "f", "arguments": "{}"},
                "extra_content": {"a": 1},
            }
        ],
    }
    assert choice["finish_reason"] == "tool_calls"


def test_who_asked_with_functions_is_answered_with_a_function_call() -> None:
    call = Called(id="c", name="f", arguments="{}")
    body = {"functions": [{"name": "f"}]}
    (choice,) = written(Choice(text=None, ending=STOP, calls=[call]), **body)["choices"]
    assert choice["message"]["function_call"] == {"name": "f", "arguments": "{}"}
    assert "tool_calls" not in choice["message"]
    assert choice["finish_reason"] == "function_call"


def test_who_asked_with_functions_hears_a_function_call() -> None:
    one = writer(functions=[{"name": "f"}])
    number, chunk = one.call("c", "f")
    chunks = [chunk, *one.arguments(number, "{}"), *one.end(None)]
    assert [delta.get("function_call") for delta in deltas(chunks)] == [
        {"name": "f", "arguments": ""},
        {"arguments": "{}"},
        None,
    ]
    assert payloads(chunks)[-1]["choices"][0]["finish_reason"] == "function_call"


def test_the_role_comes_once_and_a_choice_finishes_once() -> None:
    one = writer()
    chunks = [one.text("a"), one.text("b"), one.delta({"refusal": "c"})]
    one.finish(Ending.of("WHIM", WORDS))
    chunks += one.end(USAGE)
    assert deltas(chunks) == [
        {"role": "assistant", "content": "a"},
        {"content": "b"},
        {"refusal": "c"},
        {},
    ]
    last = payloads(chunks)[-1]["choices"][0]
    assert (last["finish_reason"], last["native_finish_reason"]) == ("stop", "WHIM")
    assert judge.stream_complaints([chunk.payload for chunk in chunks]) == []


def test_an_answer_without_a_word_has_its_role_all_the_same() -> None:
    chunks = writer().end(None)
    assert deltas(chunks) == [{"role": "assistant"}]
    assert chunks[0].finished
    assert not chunks[0].content


def test_calls_may_be_written_at_once_and_each_is_whole() -> None:
    one = writer()
    first, a = one.call("c1", "f")
    second, b = one.call("c2", "g")
    third, c = one.call("c3", "h")
    chunks = [a, b, *one.arguments(second, '{"x":'), *one.arguments(first, '{"y":1}'), c]
    chunks += [*one.arguments(second, "2}"), *one.call_ends(second), *one.end(None)]
    assert (first, second, third) == (0, 1, 2)
    written_calls: dict[int, str] = {}
    for delta in deltas(chunks):
        for call in delta.get("tool_calls", []):
            text = written_calls.get(call["index"], "") + call["function"].get("arguments", "")
            written_calls[call["index"]] = text
    assert written_calls == {0: '{"y":1}', 1: '{"x":2}', 2: "{}"}
    assert judge.stream_complaints([chunk.payload for chunk in chunks]) == []


def test_usage_has_a_chunk_of_its_own_where_it_was_asked_for() -> None:
    quiet, loud = writer().end(USAGE), writer(stream_options={"include_usage": True}).end(USAGE)
    assert [chunk.usage for chunk in quiet] == [USAGE]
    assert "usage" not in payloads(quiet)[-1]
    assert payloads(loud)[-1]["choices"] == []
    assert payloads(loud)[-1]["usage"] == usage_fields(USAGE)
    assert loud[-1].usage == USAGE


def test_only_the_end_is_finished() -> None:
    one = writer(stream_options={"include_usage": True})
    assert not one.text("a").finished
    assert all(chunk.finished for chunk in one.end(USAGE))


def test_every_choice_has_its_role_and_its_finish() -> None:
    one = writer()
    chunks = [one.text("a", 0), one.text("b", 1), one.text("c", 0)]
    one.finish(Ending.of("CUT", WORDS), 1)
    one.finish(STOP, 0, {"logprobs": None})
    chunks += one.end(None)
    assert judge.stream_complaints([chunk.payload for chunk in chunks]) == []
    ends = [body["choices"][0] for body in payloads(chunks)[-2:]]
    assert [(end["index"], end["finish_reason"]) for end in ends] == [(0, "stop"), (1, "length")]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(VALUES)
def test_json_is_written_on_one_line_and_read_as_the_same(value: Any) -> None:
    written_json = dumps(value)
    assert b"\n" not in written_json
    assert loads(written_json) == value


@pytest.mark.parametrize("odd", ["\ud83d", 1 << 80, {"a": ["\udc00"]}])
def test_json_that_only_the_standard_library_writes_is_written_too(odd: Any) -> None:
    assert loads(dumps(odd)) == odd
