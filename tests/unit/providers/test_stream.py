"""What a stream's events and a whole answer are taken for."""

import json
from importlib import import_module
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelmesh.connectors.providers._stream import Decoder
from modelmesh.errors import ErrorKind, ProviderError
from modelmesh.types import Chunk, Event, HttpReply, Request
from modelmesh.usage import Usage

ASKED = Request(id="r", model="m", body={"model": "m", "messages": []})


def chunk(delta: Any = None, *, finish: str | None = None, **more: Any) -> dict[str, Any]:
    choices = [{"index": 0, "delta": delta or {}, "finish_reason": finish}]
    return {"id": "c", "object": "chat.completion.chunk", "choices": choices, **more}


def fed(*bodies: Any, name: str = "") -> list[Chunk]:
    decoder = Decoder()
    events = [b if isinstance(b, bytes) else json.dumps(b).encode() for b in bodies]
    return [piece for data in events for piece in decoder.feed(Event(name, data))]


@pytest.mark.parametrize(
    "delta",
    [
        {"content": "x"},
        {"content": " "},
        {"content": [{"type": "thinking", "thinking": []}]},
        {"reasoning": "x"},
        {"reasoning_content": "x"},
        {"reasoning_details": [{"type": "reasoning.encrypted"}]},
        {"tool_calls": [{"index": 0}]},
        {"function_call": {"name": "f"}},
        {"refusal": "no"},
        {"audio": {"id": "a"}},
    ],
)
def test_text_calls_thoughts_and_refusals_are_content(delta: dict[str, Any]) -> None:
    assert fed(chunk({"role": "assistant", **delta}))[0].content


@pytest.mark.parametrize(
    "body",
    [
        chunk({"role": "assistant"}),
        chunk({"role": "assistant", "content": "", "refusal": None, "tool_calls": []}),
        chunk(finish="stop"),
        {"choices": [], "prompt_filter_results": [{}]},
        {"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 1}},
        {"choices": [None]},
        {"type": "ping"},
    ],
)
def test_a_role_an_end_or_usage_is_no_content(body: dict[str, Any]) -> None:
    assert not fed(body)[0].content


def test_nothing_counts_as_content_until_something_was_said() -> None:
    silent = chunk({"role": "assistant", "content": ""})
    assert [p.content for p in fed(silent, silent, chunk({"content": "x"}))] == [False, False, True]


def test_bytes_pass_through_before_and_after_the_first_content() -> None:
    odd = rb'{"choices" : [{"delta":{"content":"caf\u00e9 \/ 1.50"}}] , "x":1.50}'
    assert [piece.payload for piece in fed(odd, odd, odd)] == [odd] * 3
    assert [piece.payload for piece in fed(b'{\n"choices":\n[]}')] == [b'{ "choices": []}']


@pytest.mark.parametrize("spaces", [",:", ", : "])
def test_end_and_usage_are_seen_in_the_middle_of_a_stream(spaces: str) -> None:
    separators = (",", ":") if spaces == ",:" else (", ", " : ")
    usage = {"prompt_tokens": 3, "completion_tokens": 4}
    bodies = [
        chunk({"content": "x"}, usage=None),
        chunk({"content": '"finish_reason": "stop", "error": {'}, usage=None),
        chunk(finish="length", usage=None),
        {"choices": [], "usage": usage},
    ]
    pieces = fed(*(json.dumps(body, separators=separators).encode() for body in bodies))
    assert [piece.finished for piece in pieces] == [False, False, True, False]
    assert [piece.usage for piece in pieces] == [None, None, None, Usage(prompt=3, completion=4)]


def test_the_end_marker_is_for_no_client() -> None:
    assert fed(b" [DONE]") == [Chunk(finished=True)]


@pytest.mark.parametrize("noise", [b"", b" ", b": OPENROUTER PROCESSING"])
def test_noise_of_vendors_is_passed_over(noise: bytes) -> None:
    assert fed(noise, chunk({"content": "x"}), noise)[0].content


def test_an_empty_reason_to_finish_is_none() -> None:
    assert not fed(chunk({"tool_calls": [{}]}, finish=""))[0].finished


FAILURES = [
    ({"error": {"code": "rate_limit_exceeded", "message": "slow"}}, ErrorKind.RATE_LIMIT),
    ({"error": {"code": 429, "message": "slow"}}, ErrorKind.RATE_LIMIT),
    ({"error": {"code": 502, "message": "x"}, **chunk(finish="error")}, ErrorKind.SERVER_ERROR),
    ({"error": {"message": "Overloaded", "type": "overloaded_error"}}, ErrorKind.OVERLOADED),
    ({"error": {"message": "x", "type": "insufficient_quota"}}, ErrorKind.QUOTA_EXHAUSTED),
    ({"error": {"message": "x", "type": "invalid_request_error"}}, ErrorKind.INVALID_REQUEST),
    ({"error": {"message": "context length exceeded"}}, ErrorKind.CONTEXT_TOO_LONG),
    ({"error": "Incorrect API key provided", "code": "invalid-argument"}, ErrorKind.BAD_KEY),
    ({"error": "engine died"}, ErrorKind.SERVER_ERROR),
    ({"object": "error", "message": "died", "code": 500}, ErrorKind.SERVER_ERROR),
    ({"detail": "Too many requests", "code": 429}, ErrorKind.RATE_LIMIT),
    ({"choices": [{"error": {"code": 503, "message": "x"}}]}, ErrorKind.OVERLOADED),
    (chunk(x_groq={"id": "q", "error": "over capacity"}), ErrorKind.OVERLOADED),
    (chunk(finish="error"), ErrorKind.SERVER_ERROR),
    (chunk(finish="insufficient_system_resource"), ErrorKind.OVERLOADED),
    (b"oops", ErrorKind.BAD_ANSWER),
    (b"[]", ErrorKind.BAD_ANSWER),
    (b"null", ErrorKind.BAD_ANSWER),
    (b'{"choices":[', ErrorKind.BAD_ANSWER),
    (b"<html></html>", ErrorKind.BAD_ANSWER),
]


@pytest.mark.parametrize("before", [[], [chunk({"content": "x"})]], ids=["first", "amid"])
@pytest.mark.parametrize(("body", "kind"), FAILURES)
def test_a_failure_is_raised_with_what_it_means(
    body: Any, kind: ErrorKind, before: list[Any]
) -> None:
    with pytest.raises(ProviderError) as failed:
        fed(*before, body)
    assert failed.value.kind is kind


def test_an_event_called_error_is_one_whatever_it_says() -> None:
    for data in (b"overloaded", b'{"choices":[]}', b'{"type":"x"}'):
        with pytest.raises(ProviderError):
            fed(data, name="error")


def test_a_failure_in_a_stream_never_has_the_status_of_a_success() -> None:
    with pytest.raises(ProviderError) as failed:
        fed({"error": {"message": "x", "type": "invalid_request_error"}})
    assert (failed.value.vendor_status, failed.value.status) == (None, 400)


@given(st.lists(st.binary() | st.sampled_from([b"{}", b"[DONE]", b'{"choices":[{"delta":{}}]}'])))
def test_a_decoder_raises_nothing_but_provider_errors(events: list[bytes]) -> None:
    try:
        for piece in fed(*events):
            assert b"\n" not in piece.payload
    except ProviderError as error:
        assert error.kind  # noqa: PT017 - that it is one at all is the point


def answer(body: Any, status: int = 200, vendor: str = "openai_compatible") -> Any:
    module = import_module(f"modelmesh.connectors.providers.{vendor}")
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    reply = HttpReply(status=status, headers={}, body=raw)
    return module.Provider("v", base_url="http://vendor.test").answer(
        reply, request=ASKED, model="real", wall=0.0
    )


MESSAGE = {"role": "assistant", "content": ""}


def test_an_empty_text_and_leading_space_are_sound() -> None:
    body = {"choices": [{"message": MESSAGE, "finish_reason": "stop"}]}
    raw = b"\n\n   " + json.dumps(body).encode()
    assert answer(raw, vendor="openai").body == raw
    assert answer(raw, vendor="openai").usage is None


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (None, ErrorKind.BAD_ANSWER),
        ("", ErrorKind.BAD_ANSWER),
        ([], ErrorKind.BAD_ANSWER),
        ({}, ErrorKind.BAD_ANSWER),
        (b"", ErrorKind.BAD_ANSWER),
        (b"<html>sign in</html>", ErrorKind.BAD_ANSWER),
        ({"choices": []}, ErrorKind.BAD_ANSWER),
        ({"choices": None}, ErrorKind.BAD_ANSWER),
        # Ollama, where a model was unloaded before it said a word.
        (
            {"model": "", "choices": [{"index": 0, "message": {"role": "", "content": ""}}]},
            ErrorKind.BAD_ANSWER,
        ),
        ({"choices": [{"message": MESSAGE, "finish_reason": None}]}, ErrorKind.BAD_ANSWER),
        ({"error": {}, "choices": []}, ErrorKind.BAD_ANSWER),
        ({"error": {"message": "?"}}, ErrorKind.BAD_ANSWER),
        ({"error": {"code": 429, "message": "slow"}}, ErrorKind.RATE_LIMIT),
        ({"error": {"code": "insufficient_quota"}}, ErrorKind.QUOTA_EXHAUSTED),
        ({"choices": [{"finish_reason": "error", "message": MESSAGE}]}, ErrorKind.SERVER_ERROR),
        ({"choices": [{"error": {"code": 524}, "message": MESSAGE}]}, ErrorKind.TIMEOUT),
    ],
)
def test_a_success_that_is_none_fails(body: Any, kind: ErrorKind) -> None:
    with pytest.raises(ProviderError) as failed:
        answer(body)
    assert failed.value.kind is kind
    assert failed.value.status >= 400


def test_a_redirect_is_no_answer() -> None:
    with pytest.raises(ProviderError) as failed:
        answer({"choices": [{"message": MESSAGE}]}, status=302)
    assert failed.value.kind is ErrorKind.BAD_ANSWER


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (
            {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 45}
            | {"completion_tokens_details": {"reasoning_tokens": 30}},
            Usage(prompt=10, completion=35, reasoning=30),
        ),
        (
            {"prompt_tokens": 10, "completion_tokens": 35, "total_tokens": 45}
            | {"completion_tokens_details": {"reasoning_tokens": 30}},
            Usage(prompt=10, completion=35, reasoning=30),
        ),
        (
            {"prompt_tokens": 10, "completion_tokens": 1, "prompt_cache_hit_tokens": 8},
            Usage(prompt=10, completion=1, cached=8),
        ),
        (
            {"prompt_tokens": 10, "completion_tokens": 5, "reasoning_tokens": 4},
            Usage(prompt=10, completion=5, reasoning=4),
        ),
        # More than there is at all cannot be a part of it.
        (
            {"prompt_tokens": 10, "completion_tokens": 5, "reasoning_tokens": 60},
            Usage(prompt=10, completion=5),
        ),
        ({"prompt_tokens": 10, "completion_tokens": None}, Usage(prompt=10)),
        ({"prompt_tokens": "many"}, None),
        ({"prompt_tokens": -4, "completion_tokens": 2}, Usage(completion=2)),
        ({}, None),
        (7, None),
    ],
)
def test_usage_is_what_it_adds_up_to(usage: Any, expected: Usage | None) -> None:
    choice = {"message": MESSAGE, "finish_reason": "stop"}
    assert answer({"choices": [choice], "usage": usage}).usage == expected
