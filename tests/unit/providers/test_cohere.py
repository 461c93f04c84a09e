"""What becomes of what Cohere answers."""

import contextlib
import json
from typing import Any

import judge
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
    text,
    told,
)
from hypothesis import given
from hypothesis import strategies as st

from modelmesh.errors import ErrorKind, ProviderError
from modelmesh.types import Chunk, Event, HttpReply, Request
from modelmesh.usage import Usage

COUNTS = {
    "billed_units": {"input_tokens": 5.0, "output_tokens": 2.0},
    "tokens": {"input_tokens": 500.0, "output_tokens": 9.0, "reasoning_tokens": 3},
    "cached_tokens": 400.0,
}
USAGE = Usage(prompt=500, completion=9, cached=400, reasoning=3)
WALL = 1_790_000_000.5


def reply(body: Any, status: int = 200, **headers: str) -> HttpReply:
    said = body if isinstance(body, bytes) else json.dumps(body).encode()
    return HttpReply(status=status, headers=headers, body=said)


def answered(said: Any, finish: Any = "COMPLETE", asked: Request | None = None, **more: Any) -> Any:
    body = {"id": "c-1", "message": said, "finish_reason": finish, "usage": COUNTS, **more}
    asked = asked or asking()
    answer = cohere().chat_answer(reply(body), request=asked, model="real", wall=WALL)
    assert answer.usage == USAGE
    assert judge.answer_complaints(answer.body) == []
    return json.loads(answer.body)


def choice(said: Any, finish: Any = "COMPLETE", **more: Any) -> Any:
    return answered(said, finish, **more)["choices"][0]


def test_an_answer_is_whole() -> None:
    whole = answered(message(content=text("Hel", "lo")))
    assert whole["id"] == "c-1"
    assert whole["created"] == int(WALL)
    assert whole["choices"] == [
        {"index": 0, "message": message(content="Hello"), "finish_reason": "stop"}
    ]
    assert whole["usage"] == {
        "prompt_tokens": 500,
        "completion_tokens": 9,
        "total_tokens": 509,
        "prompt_tokens_details": {"cached_tokens": 400},
        "completion_tokens_details": {"reasoning_tokens": 3},
    }
    assert whole["billed_units"] == COUNTS["billed_units"]


@pytest.mark.parametrize(
    ("word", "reason", "native"),
    [
        ("COMPLETE", "stop", None),
        ("STOP_SEQUENCE", "stop", None),
        ("MAX_TOKENS", "length", None),
        ("ERROR_TOXIC", "content_filter", None),
        ("TOOL_CALL", "stop", None),
        ("OF_TOMORROW", "stop", "OF_TOMORROW"),
    ],
)
def test_an_answer_ends_for_openais_reasons(word: str, reason: str, native: str | None) -> None:
    ended = choice(message(content=text("x")), word)
    assert ended["finish_reason"] == reason
    assert ended.get("native_finish_reason") == native
    assert streamed(ending(word))[-1]["choices"][0]["finish_reason"] == reason


@pytest.mark.parametrize("word", ["TOOL_CALL", "COMPLETE"])
def test_an_answer_with_calls_ends_for_their_sake(word: str) -> None:
    ended = choice(message(tool_plan="I will.", tool_calls=CALLS), word)
    assert ended["finish_reason"] == "tool_calls"
    assert ended["message"] == message(content=None, tool_plan="I will.", tool_calls=CALLS)


def test_thoughts_and_citations_stand_beside_the_text() -> None:
    citations = [{"start": 0, "end": 1, "text": "H", "sources": []}]
    content = [{"type": "thinking", "thinking": "Hm."}, *text("Hi")]
    assert choice(message(content=content, citations=citations))["message"] == message(
        content="Hi", reasoning_content="Hm.", citations=citations
    )


def test_log_probabilities_are_told_as_openai_does() -> None:
    logprobs = [{"text": "H\u00e9", "token_ids": [1, 2], "logprobs": [-0.5, -0.25]}]
    entry = {"token": "H\u00e9", "logprob": -0.75, "bytes": [72, 195, 169], "top_logprobs": []}
    told_so = {"content": [entry], "refusal": None}
    assert choice(message(content=text("H\u00e9")), logprobs=logprobs)["logprobs"] == told_so
    piece = said("content-delta", content={"text": "H\u00e9"}) | {"logprobs": logprobs[0]}
    assert streamed(piece, ending())[0]["choices"][0]["logprobs"] == told_so


def test_an_answer_may_say_nothing() -> None:
    assert choice(message())["message"] == message(content="")


@pytest.mark.parametrize("model", [MODEL, THINKER])
@pytest.mark.parametrize(
    "said",
    [
        {"tool_plan": "I will ask."},
        {"content": [{"type": "thinking", "thinking": "Hm, \u00e9.\n"}]},
    ],
    ids=["plan", "thoughts"],
)
def test_what_it_said_before_a_call_comes_back_word_for_word(model: str, said: Any) -> None:
    spoken = choice(message(tool_calls=CALLS, **said), "TOOL_CALL")["message"]
    given = told(USER, spoken, *RESULTS, model=model)[1]
    can_recall = model == THINKER or "tool_plan" in said
    assert given == message(tool_calls=CALLS, **(said if can_recall else {}))


@pytest.mark.parametrize("tokens", [{}, {"input_tokens": 5, "output_tokens": 1}])
def test_tokens_that_are_not_counted_are_those_billed(tokens: Any) -> None:
    body = {
        "message": message(content=text("x")),
        "finish_reason": "COMPLETE",
        "usage": {"billed_units": {"input_tokens": 5, "output_tokens": 1}, "tokens": tokens},
    }
    answer = cohere().chat_answer(reply(body), request=asking(), model="real", wall=WALL)
    assert answer.usage == Usage(prompt=5, completion=1)
    assert json.loads(answer.body)["id"] == "r-1"


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"null", ErrorKind.BAD_ANSWER),
        (b'""', ErrorKind.BAD_ANSWER),
        (b"[]", ErrorKind.BAD_ANSWER),
        (b"", ErrorKind.BAD_ANSWER),
        (b"<html>", ErrorKind.BAD_ANSWER),
        ({"id": "x", "message": "internal"}, ErrorKind.BAD_ANSWER),
        ({"text": "as in version 1", "finish_reason": "COMPLETE"}, ErrorKind.BAD_ANSWER),
    ],
)
def test_an_answer_that_is_none_is_a_failure(body: Any, kind: ErrorKind) -> None:
    with pytest.raises(ProviderError) as raised:
        cohere().chat_answer(reply(body), request=asking(), model="real", wall=WALL)
    assert raised.value.kind is kind


GAVE_UP = pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"finish_reason": "ERROR"}, ErrorKind.SERVER_ERROR),
        ({"finish_reason": "TIMEOUT"}, ErrorKind.TIMEOUT),
        ({"finish_reason": "ERROR_LIMIT"}, ErrorKind.CONTEXT_TOO_LONG),
        ({"error": "internal"}, ErrorKind.SERVER_ERROR),
        (
            {
                "finish_reason": "ERROR",
                "error": "your request resulted in an invalid tool generation",
                "error_type": "INVALID_TOOL_GENERATION",
            },
            ErrorKind.BAD_ANSWER,
        ),
    ],
)


@GAVE_UP
def test_an_answer_which_cohere_gave_up_is_a_failure(fields: Any, kind: ErrorKind) -> None:
    body = {"message": message(content=text("Hal")), **fields}
    with pytest.raises(ProviderError) as raised:
        cohere().chat_answer(reply(body), request=asking(), model="real", wall=WALL)
    assert raised.value.kind is kind
    assert fields.get("error", "") in str(raised.value)


def said(kind: str, index: int | None = 0, **piece: Any) -> dict[str, Any]:
    return {"type": kind, "index": index, "delta": {"message": piece}}


def begun(index: int, id_: str, name: str) -> dict[str, Any]:
    return said("tool-call-start", index, tool_calls=call(id_, name, ""))


def piece_of(index: int, arguments: str) -> dict[str, Any]:
    return said("tool-call-delta", index, tool_calls={"function": {"arguments": arguments}})


def ending(word: str = "COMPLETE", **delta: Any) -> dict[str, Any]:
    return {"type": "message-end", "delta": {"finish_reason": word, "usage": COUNTS, **delta}}


START = {"id": "c-1", "type": "message-start", "delta": {"message": {"role": "assistant"}}}


def chunks_of(*events: Any, **parameters: Any) -> list[Chunk]:
    asked = asking(stream=True, **{"stream_options": {"include_usage": True}, **parameters})
    decoder = cohere().decoder(request=asked, model="real", wall=WALL)
    sent_events = [Event(one["type"], json.dumps(one).encode()) for one in events]
    return [chunk for event in sent_events for chunk in decoder.feed(event)]


def streamed(*events: Any) -> Any:
    """Return the chunks without the last, which has the usage."""
    chunks = chunks_of(START, *events)
    payloads = [chunk.payload for chunk in chunks if chunk.payload]
    assert judge.stream_complaints(payloads) == []
    assert chunks[-1].finished
    assert chunks[-1].usage == USAGE
    return [json.loads(payload) for payload in payloads[:-1]]


def deltas(*events: Any) -> Any:
    return [chunk["choices"][0]["delta"] for chunk in streamed(*events)]


def test_text_and_thoughts_are_streamed_as_they_come() -> None:
    thinking = said("content-start", content={"type": "thinking", "thinking": ""})
    assert deltas(
        thinking,
        said("content-delta", content={"thinking": "Hm."}),
        said("content-end"),
        said("content-start", 1, content={"type": "text", "text": "He"}),
        said("content-delta", 1, content={"text": "llo"}),
        said("of-tomorrow", 1),
        said("citation-start", citations={"start": 0, "end": 1}),
        said("citation-end"),
        ending(),
    ) == [
        {"role": "assistant", "reasoning_content": "Hm."},
        {"content": "He"},
        {"content": "llo"},
        {"citations": [{"start": 0, "end": 1}]},
        {},
    ]


def test_parallel_calls_keep_apart_and_those_without_arguments_have_an_empty_object() -> None:
    pieces = deltas(
        begun(1, "f_1", "f"),
        piece_of(1, '{"a"'),
        begun(2, "g_2", "g"),
        piece_of(1, ":1}"),
        said("tool-call-end", 1),
        said("tool-call-end", 2),
        ending("TOOL_CALL"),
    )
    fragments = [one for piece in pieces for one in piece.get("tool_calls", [])]
    assert [(one["index"], one.get("id")) for one in fragments] == [
        (0, "f_1"),
        (0, None),
        (1, "g_2"),
        (0, None),
        (1, None),
    ]
    written = {0: "", 1: ""}
    for one in fragments:
        written[one["index"]] += one["function"]["arguments"]
    assert written == {0: '{"a":1}', 1: "{}"}


def test_a_plan_goes_along_but_another_target_may_take_over_after_it() -> None:
    plan = said("tool-plan-delta", None, tool_plan="I will.")
    chunks = chunks_of(START, plan, begun(0, "f_1", "f"), ending("TOOL_CALL"))
    assert [chunk.content for chunk in chunks][:2] == [False, True]
    first = json.loads(chunks[0].payload)["choices"][0]["delta"]
    assert first == {"role": "assistant", "tool_plan": "I will."}


def test_usage_is_kept_whether_the_client_asked_for_it_or_not() -> None:
    (last,) = chunks_of(START, ending(), stream_options=None)
    assert last.usage == USAGE
    assert last.finished
    assert "usage" not in json.loads(last.payload)


def test_only_the_end_of_the_message_is_the_end() -> None:
    decoder = cohere().decoder(request=asking(stream=True), model="real", wall=WALL)
    hello = said("content-delta", content={"text": "Hello"})
    assert [c.finished for c in decoder.feed(Event("", json.dumps(hello).encode()))] == [False]
    assert list(decoder.feed(Event("", b"[DONE]"))) == []


@GAVE_UP
def test_a_stream_which_cohere_gave_up_is_a_failure(fields: Any, kind: ErrorKind) -> None:
    with pytest.raises(ProviderError) as raised:
        chunks_of(
            START,
            said("tool-plan-delta", tool_plan="I"),
            {"type": "message-end"} | {"delta": {"usage": {}, **fields}},
        )
    assert raised.value.kind is kind


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        (Event("", b'{"message":"too many tokens"}'), ErrorKind.CONTEXT_TOO_LONG),
        (Event("error", b'{"type":"x","message":"no"}'), ErrorKind.SERVER_ERROR),
        (Event("", b"{"), ErrorKind.BAD_ANSWER),
        (Event("", b"[]"), ErrorKind.BAD_ANSWER),
        (Event("", json.dumps(piece_of(3, "{}")).encode()), ErrorKind.BAD_ANSWER),
    ],
)
def test_an_event_that_is_none_is_a_failure(event: Event, kind: ErrorKind) -> None:
    decoder = cohere().decoder(request=asking(stream=True), model="real", wall=WALL)
    with pytest.raises(ProviderError) as raised:
        list(decoder.feed(event))
    assert raised.value.kind is kind


def test_functions_as_of_old_are_answered_as_of_old() -> None:
    asked = asking(functions=[{"name": "f"}])
    body = {"message": message(tool_calls=[CALLS[0]]), "finish_reason": "TOOL_CALL"}
    old = json.loads(
        cohere().chat_answer(reply(body), request=asked, model="real", wall=WALL).body
    )["choices"][0]
    assert old["finish_reason"] == "function_call"
    assert old["message"]["function_call"] == {"name": "f", "arguments": '{"a":1}'}


NAMES = (
    "message",
    "content",
    "text",
    "thinking",
    "tool_calls",
    "function",
    "arguments",
    "id",
    "name",
    "tokens",
    "usage",
    "input_tokens",
    "finish_reason",
    "error",
    "logprobs",
    "citations",
    "tool_plan",
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(NAMES),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
KINDS = ("message-start", "content-delta", "tool-call-start", "tool-call-end", "citation-start")


@given(kind=st.sampled_from([*KINDS, "tool-plan-delta", "message-end"]), body=JSON, piece=JSON)
def test_whatever_comes_is_an_answer_or_a_failure(kind: str, body: Any, piece: Any) -> None:
    asked = asking(stream=True)
    event = {"index": body, "logprobs": body, "delta": {"message": piece}, "type": kind}
    ended = {"type": "message-end", "delta": body}
    decoder = cohere().decoder(request=asked, model="real", wall=WALL)
    for one in (event, ended):
        with contextlib.suppress(ProviderError):
            assert all(json.loads(c.payload) for c in decoder.feed(Event("", _json(one))))
    whole = {"message": piece, "finish_reason": "COMPLETE", "usage": body, "logprobs": body}
    with contextlib.suppress(ProviderError):
        answer = cohere().chat_answer(reply(_json(whole)), request=asked, model="real", wall=WALL)
        assert json.loads(answer.body)["choices"]


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (401, {"message": "invalid api token"}, ErrorKind.BAD_KEY),
        (498, {"message": "invalid token"}, ErrorKind.BAD_KEY),
        (402, {"message": "please add or update your payment method"}, ErrorKind.QUOTA_EXHAUSTED),
        (403, {"message": "no access"}, ErrorKind.NO_PERMISSION),
        (404, {"message": "model 'x' not found, make sure"}, ErrorKind.MODEL_NOT_FOUND),
        (404, {"message": "model 'x' was removed on May 1"}, ErrorKind.MODEL_NOT_FOUND),
        (
            400,
            {"message": "invalid request: model 'x' is not supported by the chat API"},
            ErrorKind.MODEL_NOT_FOUND,
        ),
        (
            400,
            {"error_type": "TOO_MANY_TOKENS", "message": "size limit exceeded"},
            ErrorKind.CONTEXT_TOO_LONG,
        ),
        (
            400,
            {"message": "too many tokens: max tokens must be less than or equal to 4096"},
            ErrorKind.INVALID_REQUEST,
        ),
        (400, {"message": "invalid request: p must be below 1"}, ErrorKind.INVALID_REQUEST),
        (
            422,
            {"error_type": "INVALID_TOOL_GENERATION", "message": "invalid tool generation"},
            ErrorKind.BAD_ANSWER,
        ),
        (
            429,
            {"message": "You are using a Trial key, which is limited to 10 API calls / minute."},
            ErrorKind.RATE_LIMIT,
        ),
        (
            429,
            {"message": "You are using a Trial key, which is limited to 1000 API calls / month."},
            ErrorKind.QUOTA_EXHAUSTED,
        ),
        (499, {"message": "request cancelled by user"}, ErrorKind.SERVER_ERROR),
        (500, {"message": "internal server error"}, ErrorKind.SERVER_ERROR),
        (503, {"message": "unavailable"}, ErrorKind.OVERLOADED),
        (504, {"message": "gateway timeout"}, ErrorKind.TIMEOUT),
    ],
)
def test_an_error_is_understood(status: int, body: Any, kind: ErrorKind) -> None:
    error = cohere().error(reply({"id": "x", **body}, status), wall=WALL)
    assert error.kind is kind
    assert str(error) == body["message"]


def test_a_pause_which_cohere_asks_for_is_known() -> None:
    limited = reply({"message": "slow"}, 429, **{"retry-after": "7"})
    assert cohere().error(limited, wall=WALL).retry_after == 7
