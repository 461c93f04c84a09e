"""The rules find what is wrong, and nothing where all is well."""

import json
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import judge
import pytest

from modelmesh.errors import ErrorKind, ProviderError
from modelmesh.testing.conformance.spoken import Call, Spoken, Voice
from modelmesh.types import HttpRequest
from modelmesh.usage import Usage

SPOKEN = Spoken(
    voices=[Voice(text="Hi.", calls=(Call("f", {"a": 1}),), finish="tool_calls")],
    usage=Usage(prompt=3, completion=2),
)
USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
CALL = {"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}
ANSWER: dict[str, Any] = {
    "id": "x",
    "object": "chat.completion",
    "created": 1,
    "model": "m",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "Hi.", "tool_calls": [CALL]},
            "finish_reason": "tool_calls",
        }
    ],
    "usage": USAGE,
}


def chunk(delta: dict[str, Any] | None, finish: str | None = None, **more: Any) -> dict[str, Any]:
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish}]
    head = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    return {**head, "choices": choices, **more}


STREAM: list[dict[str, Any]] = [
    chunk({"role": "assistant", "content": ""}),
    chunk({"content": "Hi."}),
    chunk(
        {
            "tool_calls": [
                {
                    "index": 0,
                    "id": "c",
                    "type": "function",
                    "function": {"name": "f", "arguments": ""},
                }
            ]
        }
    ),
    chunk({"tool_calls": [{"index": 0, "function": {"arguments": '{"a": 1}'}}]}),
    chunk({}, "tool_calls"),
    chunk(None, usage=USAGE),
]


def encoded(bodies: list[dict[str, Any]]) -> list[bytes]:
    return [json.dumps(body).encode() for body in bodies]


def test_a_sound_answer_and_a_sound_stream_have_no_complaints() -> None:
    assert judge.answer_complaints(json.dumps(ANSWER).encode(), SPOKEN) == []
    assert judge.stream_complaints(encoded(STREAM), SPOKEN) == []


def fragment(chunks: list[dict[str, Any]], number: int) -> Any:
    return chunks[number]["choices"][0]["delta"]["tool_calls"][0]


STREAM_FAULTS: dict[str, Callable[[list[dict[str, Any]]], Any]] = {
    "id changes": lambda s: s[2].update(id="y"),
    "created changes": lambda s: s[2].update(created=2),
    "model changes": lambda s: s[2].update(model="n"),
    "object": lambda s: s[1].update(object="chat.completion"),
    "created: Input should be a valid integer": lambda s: [c.update(created=1.5) for c in s],
    "finish_reason: Input should be": lambda s: s[4]["choices"][0].update(finish_reason="eos"),
    "the first piece has the role None": lambda s: s[0]["choices"][0]["delta"].pop("role"),
    "the role comes 2 times": lambda s: s[1]["choices"][0]["delta"].update(role="assistant"),
    "it finishes 2 times": lambda s: s[3]["choices"][0].update(finish_reason="tool_calls"),
    "it finishes 0 times": lambda s: s[4]["choices"][0].update(finish_reason=None),
    "1 pieces follow its end": lambda s: s.insert(5, chunk({"content": ""})),
    "usage comes 2 times": lambda s: s[4].update(usage=USAGE),
    "the chunk with usage has choices": lambda s: s.pop() and s[4].update(usage=USAGE),
    "usage is not in the last chunk": lambda s: s.append(chunk(None)),
    "usage is missing": lambda s: s.pop(),
    "make 6": lambda s: s[5].update(usage={**USAGE, "total_tokens": 6}),
    "the client is told": lambda s: s[5].update(usage={**USAGE, "prompt_tokens": 4}),
    "text:": lambda s: s[1]["choices"][0]["delta"].update(content="Hi"),
    "calls:": lambda s: fragment(s, 3)["function"].update(arguments='{"a": 2}'),
    "the id is repeated": lambda s: fragment(s, 3).update(id="c"),
    "the name is repeated": lambda s: fragment(s, 3)["function"].update(name="f"),
    "call 1 comes where 0 is due": lambda s: fragment(s, 2).update(index=1),
    "OpenAI's SDK cannot put it together": lambda s: [
        chunk["choices"][0]["delta"].update(details=[{"text": "x"}]) for chunk in s[:2]
    ],
    "a call has no id": lambda s: fragment(s, 2).pop("id"),
    "has the type None": lambda s: fragment(s, 2).pop("type"),
    "begins without a name": lambda s: fragment(s, 2)["function"].pop("name"),
    "calls tools and finishes with 'stop'": lambda s: s[4]["choices"][0].update(
        finish_reason="stop"
    ),
}


@pytest.mark.parametrize("complaint", STREAM_FAULTS)
def test_a_fault_of_a_stream_is_told(complaint: str) -> None:
    stream = deepcopy(STREAM)
    STREAM_FAULTS[complaint](stream)
    assert any(complaint in told for told in judge.stream_complaints(encoded(stream), SPOKEN))


ANSWER_FAULTS: dict[str, Callable[[dict[str, Any], dict[str, Any]], Any]] = {
    "the role is None": lambda _, choice: choice["message"].pop("role"),
    "content is missing": lambda _, choice: choice["message"].pop("content"),
    "not numbered from 0": lambda _, choice: choice.update(index=1),
    "id is missing": lambda answer, _: answer.update(id=""),
    "two calls have the same id": lambda _, choice: choice["message"]["tool_calls"].append(CALL),
    "finishes with 'stop'": lambda _, choice: choice.update(finish_reason="stop"),
    "finishes with tool_calls and calls none": lambda _, c: c["message"].pop("tool_calls"),
    "there are 0 choices": lambda answer, _: answer.update(choices=[]),
    "usage is missing": lambda answer, _: answer.pop("usage"),
}


@pytest.mark.parametrize("complaint", ANSWER_FAULTS)
def test_a_fault_of_an_answer_is_told(complaint: str) -> None:
    answer = deepcopy(ANSWER)
    ANSWER_FAULTS[complaint](answer, answer["choices"][0])
    told = judge.answer_complaints(json.dumps(answer).encode(), SPOKEN)
    assert any(complaint in text for text in told)


def test_arguments_may_be_garbled_only_where_the_model_garbled_them() -> None:
    answer = deepcopy(ANSWER)
    function = answer["choices"][0]["message"]["tool_calls"][0]["function"]
    function["arguments"] = '{"a": '
    body = json.dumps(answer).encode()
    voice = Voice(text="Hi.", calls=(Call.written("f", '{"a": '),), finish="tool_calls")
    assert judge.answer_complaints(body, Spoken(voices=[voice], usage=SPOKEN.usage)) == []
    assert judge.answer_complaints(body) == ["the arguments of f are no JSON object"]


def test_a_kind_and_a_pause_are_compared() -> None:
    error = ProviderError(ErrorKind.RATE_LIMIT, "slow down", retry_after=7.0)
    assert judge.error_complaints(error, ErrorKind.RATE_LIMIT, 7) == []
    assert len(judge.error_complaints(error, ErrorKind.OVERLOADED, 9)) == 2
    assert judge.usage_complaints(None, SPOKEN)


def sent(connector: str, **body: Any) -> list[str]:
    urls = {
        "google.gemini.v1": "http://v/models/m:generateContent",
        "cohere.api.v1": "http://v/chat",
    }
    made = HttpRequest(
        url=urls.get(connector, "http://v/messages"),
        headers={"anthropic-version": "2023-06-01"},
        body=json.dumps(body).encode(),
    )
    return judge.request_complaints(connector, made)


USER = {"role": "user", "content": "Hi."}
TURN = {"role": "user", "parts": [{"text": "Hi."}]}
USE = {"type": "tool_use", "id": "t", "name": "f", "input": {}}


@pytest.mark.parametrize(
    ("connector", "body", "complaint"),
    [
        ("anthropic.claude.v1", {"messages": [USER]}, "max_tokens is missing"),
        ("anthropic.claude.v1", {"max_tokens": 9, "messages": [USER, USER]}, "follow each other"),
        (
            "anthropic.claude.v1",
            {"max_tokens": 9, "messages": [USER], "n": 1},
            "n, which is unknown",
        ),
        (
            "anthropic.claude.v1",
            {"max_tokens": 9, "messages": [USER, {"role": "assistant", "content": [USE]}, USER]},
            "results of [] follow calls ['t']",
        ),
        ("google.gemini.v1", {"contents": [{"role": "assistant", "parts": []}]}, "is unknown"),
        ("google.gemini.v1", {"contents": [TURN, TURN]}, "follow each other"),
        ("google.gemini.v1", {"contents": [TURN], "model": "m", "n": 2}, "n, which is unknown"),
        ("cohere.api.v1", {"messages": [USER], "tool_choice": "auto"}, "tool_choice is 'auto'"),
        ("cohere.api.v1", {"messages": [{"role": "developer", "content": "x"}]}, "'developer'"),
        ("mistral.api.v1", {"messages": [USER], "seed": 1}, "seed, which is unknown"),
        ("groq.api.v1", {"messages": [{**USER, "name": "u"}]}, "has a name"),
        ("openai.llm.v1", {"model": "gpt-5.5", "messages": [USER], "max_tokens": 1}, "is refused"),
        (
            "openai.llm.v1",
            {"messages": [USER, {"role": "tool", "tool_call_id": "c", "content": ""}]},
            "is the result of no call",
        ),
    ],
)
def test_a_fault_of_a_request_is_told(connector: str, body: dict[str, Any], complaint: str) -> None:
    assert any(complaint in told for told in sent(connector, **body))
