"""What Gemini answers, whole and in pieces, and what its failures mean."""

import json
import re
from contextlib import suppress
from typing import Any

import judge
import pytest
from gemini_wire import (
    COUNTED,
    THIRD,
    USER,
    WALL,
    asking,
    candidate,
    choice,
    deltas,
    gemini,
    heard,
    payloads,
    reply,
    result,
    said,
    sent,
    signed,
    whole,
)
from hypothesis import given
from hypothesis import strategies as st
from readers import GEMINI
from recordings import WIRE, recorded

from modelmesh.errors import ErrorKind, ProviderError
from modelmesh.stream import End
from modelmesh.types import Chunk, Event, HttpReply
from modelmesh.usage import Usage

CALL = {"functionCall": {"name": "f", "args": {"x": 1}}}
FILTERED = (
    "SAFETY",
    "RECITATION",
    "LANGUAGE",
    "OTHER",
    "BLOCKLIST",
    "PROHIBITED_CONTENT",
    "SPII",
    "MODEL_ARMOR",
    "IMAGE_SAFETY",
    "IMAGE_PROHIBITED_CONTENT",
)
GAVE_UP = (
    "MALFORMED_FUNCTION_CALL",
    "UNEXPECTED_TOOL_CALL",
    "TOO_MANY_TOOL_CALLS",
    "MISSING_THOUGHT_SIGNATURE",
    "MALFORMED_RESPONSE",
)


def raised_by(body: Any) -> ProviderError:
    with pytest.raises(ProviderError) as raised:
        whole(body)
    return raised.value


def text(piece: str, **fields: Any) -> dict[str, Any]:
    return {"text": piece, **fields}


def test_an_answer_has_the_vendors_id_and_model() -> None:
    answer = json.loads(whole(said(candidate(text("Hi")), modelVersion="models/gemini-x")).body)
    assert answer["id"] == "abc"
    assert answer["model"] == "gemini-x"
    assert answer["created"] == int(WALL)
    assert answer["choices"] == [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "Hi"},
            "finish_reason": "stop",
        }
    ]


def test_an_answer_without_id_and_model_has_the_requests() -> None:
    answer = json.loads(whole({"candidates": [candidate(text("Hi"))]}).body)
    assert (answer["id"], answer["model"]) == ("chatcmpl-r-1", "real")


def test_thoughts_stand_apart_from_what_is_said() -> None:
    message = choice(text("Hm", thought=True), text("A"), text("B", thoughtSignature="s"))[
        "message"
    ]
    assert message["reasoning_content"] == "Hm"
    assert message["content"] == "AB"
    assert message["extra_content"] == {"google": {"thought_signature": "s"}}


def test_an_answer_with_calls_ends_for_their_sake_and_each_has_an_id_of_its_own() -> None:
    named = {"functionCall": {"name": "f", "args": {}, "id": "x"}, "thoughtSignature": "s"}
    one = choice(CALL, CALL, named, named, reason="STOP")
    calls = one["message"]["tool_calls"]
    assert one["finish_reason"] == "tool_calls"
    assert one["message"]["content"] is None
    assert [call["id"] for call in calls] == ["call_abc_0", "call_abc_1", "x", "call_abc_3"]
    assert [call["function"]["arguments"] for call in calls] == ['{"x":1}', '{"x":1}', "{}", "{}"]
    assert calls[2]["extra_content"] == {"google": {"thought_signature": "s"}}
    assert "extra_content" not in calls[0]


def test_ids_are_the_same_in_an_answer_and_a_stream_of_it() -> None:
    body = said(candidate(CALL, CALL), responseId="a/b=")
    calls = json.loads(whole(body).body)["choices"][0]["message"]["tool_calls"]
    streamed = [d["tool_calls"][0] for d in deltas(heard({**body, **COUNTED})) if "tool_calls" in d]
    assert [call["id"] for call in calls] == ["call_ab_0", "call_ab_1"]
    assert [call["id"] for call in streamed if "id" in call] == ["call_ab_0", "call_ab_1"]


def test_a_call_as_of_old_is_answered_as_of_old() -> None:
    body = said(candidate(CALL))
    one = json.loads(whole(body, functions=[{"name": "f"}]).body)["choices"][0]
    assert one["message"]["function_call"] == {"name": "f", "arguments": '{"x":1}'}
    assert one["finish_reason"] == "function_call"


def test_what_google_ran_itself_is_not_shown() -> None:
    ran = [
        {"executableCode": {"language": "PYTHON", "code": "1"}, "thoughtSignature": "s"},
        {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "1"}},
        {"toolCall": {"toolType": "GOOGLE_SEARCH_WEB", "id": "x"}},
        {"toolResponse": {"toolType": "GOOGLE_SEARCH_WEB", "id": "x"}},
    ]
    one = choice(*ran, text("Done"))
    assert one["message"] == {"role": "assistant", "content": "Done"}
    assert one["finish_reason"] == "stop"


def test_images_that_were_made_are_data_uris_each_with_its_place() -> None:
    image = {"inlineData": {"mimeType": "image/png", "data": "AAAA"}}
    url = {"url": "data:image/png;base64,AAAA"}
    shown = [{"index": n, "type": "image_url", "image_url": url} for n in (0, 1)]
    assert choice(text("Look"), image, image)["message"]["images"] == shown
    chunks = heard(
        said(candidate(text("Look"), image, reason=None)), said(candidate(image), **COUNTED)
    )
    assert [one for delta in deltas(chunks) for one in delta.get("images", [])] == shown


@pytest.mark.parametrize(
    ("reason", "finish"),
    [("STOP", "stop"), ("MAX_TOKENS", "length"), *((word, "content_filter") for word in FILTERED)],
)
def test_every_reason_to_end_has_its_word(reason: str, finish: str) -> None:
    body = said(candidate(text("Hi"), reason=reason), **COUNTED)
    (one,) = json.loads(whole(body).body)["choices"]
    assert one["finish_reason"] == finish
    assert "native_finish_reason" not in one
    *_, last = payloads(heard(body))
    assert last["choices"][0]["finish_reason"] == finish


def test_a_reason_nobody_knows_is_told_as_it_came() -> None:
    one = choice(text("Hi"), reason="TIRED")
    assert (one["finish_reason"], one["native_finish_reason"]) == ("stop", "TIRED")


@pytest.mark.parametrize("reason", GAVE_UP)
def test_a_model_that_gave_up_has_failed_and_may_be_asked_again(reason: str) -> None:
    body = said(candidate(reason=reason), **COUNTED)
    error = raised_by(body)
    assert error.kind is ErrorKind.BAD_ANSWER
    assert error.rule.retry
    with pytest.raises(ProviderError, match=reason):
        heard(body)


def test_a_refused_prompt_is_answered_as_what_is_filtered() -> None:
    body = {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, **COUNTED}
    answer = whole(body)
    (one,) = json.loads(answer.body)["choices"]
    assert one["message"] == {"role": "assistant", "content": None}
    assert one["finish_reason"] == "content_filter"
    chunks = heard(body)
    assert [one["choices"][0]["finish_reason"] for one in payloads(chunks)] == ["content_filter"]
    assert chunks[-1].finished
    assert chunks[-1].usage == answer.usage == Usage(prompt=5, completion=3)


def test_a_prompt_may_be_refused_while_it_is_answered() -> None:
    chunks = heard(
        said(candidate(text("A"), reason=None)), {"promptFeedback": {"blockReason": "SAFETY"}}
    )
    finishes = [one["choices"][0]["finish_reason"] for one in payloads(chunks)]
    assert finishes == [None, "content_filter"]


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        "",
        {},
        {"candidates": []},
        {"candidates": None, "promptFeedback": {}},
        {"candidates": [{"content": {}, "index": 0}]},
        {"candidates": [candidate(text("", thoughtSignature="s"), reason=None)]},
        {"candidates": [candidate(reason="FINISH_REASON_UNSPECIFIED")]},
    ],
)
def test_an_answer_that_is_none_is_a_failure(body: Any) -> None:
    assert raised_by(body).kind is ErrorKind.BAD_ANSWER


def test_no_text_may_be_the_answer() -> None:
    assert choice(text(""))["message"]["content"] == ""
    assert choice(reason="MAX_TOKENS")["finish_reason"] == "length"
    assert [
        one["choices"][0]["delta"] for one in payloads(heard(said(candidate(), **COUNTED)))
    ] == [{"role": "assistant"}]


def test_text_without_a_reason_to_end_is_an_answer() -> None:
    assert choice(text("Hi"), reason=None)["finish_reason"] == "stop"


@pytest.mark.parametrize(
    ("counts", "usage"),
    [
        (
            {"promptTokenCount": 9, "candidatesTokenCount": 2, "totalTokenCount": 11},
            Usage(prompt=9, completion=2),
        ),
        (
            {
                "promptTokenCount": 9,
                "cachedContentTokenCount": 5,
                "candidatesTokenCount": 2,
                "thoughtsTokenCount": 4,
                "totalTokenCount": 15,
            },
            Usage(prompt=9, completion=6, cached=5, reasoning=4),
        ),
        (
            {
                "promptTokenCount": 9,
                "toolUsePromptTokenCount": 3,
                "candidatesTokenCount": 6,
                "thoughtsTokenCount": 4,
                "totalTokenCount": 18,
            },
            Usage(prompt=12, completion=6, reasoning=4),
        ),
        ({"candidatesTokenCount": 2, "thoughtsTokenCount": 4}, Usage(completion=6, reasoning=4)),
        ({"promptTokenCount": 9, "totalTokenCount": 9}, Usage(prompt=9)),
    ],
    ids=["plain", "thoughts-beside", "thoughts-inside", "no-prompt", "no-answer"],
)
def test_tokens_are_counted_as_google_counts_them(counts: Any, usage: Usage) -> None:
    body = said(candidate(text("Hi")), usageMetadata=counts)
    assert whole(body).usage == usage
    told = json.loads(whole(body).body)["usage"]
    assert told["prompt_tokens"] == usage.prompt
    assert told["completion_tokens"] == usage.completion
    assert heard(body)[-1].usage == usage


def test_several_candidates_are_several_choices() -> None:
    body = said(candidate(text("B"), index=1), candidate(CALL, index=0))
    one, other = json.loads(whole(body).body)["choices"]
    assert (one["index"], one["finish_reason"]) == (0, "tool_calls")
    assert (other["index"], other["message"]["content"]) == (1, "B")


def test_log_probabilities_are_told_token_by_token() -> None:
    step = {"token": "é", "logProbability": -0.5}
    result = {"chosenCandidates": [step, step], "topCandidates": [{"candidates": [step]}]}
    token = {"token": "é", "logprob": -0.5, "bytes": [195, 169]}
    content = [{**token, "top_logprobs": [token]}, {**token, "top_logprobs": []}]
    assert choice(text("éé"), logprobsResult=result)["logprobs"]["content"] == content
    *_, last = payloads(heard(said(candidate(text("éé"), logprobsResult=result), **COUNTED)))
    assert last["choices"][0]["logprobs"]["content"] == content


def test_a_stream_keeps_its_id_model_and_role_and_ends_once_with_the_last_count() -> None:
    more = {"usageMetadata": {"promptTokenCount": 5, "candidatesTokenCount": 9}}
    chunks = heard(
        said(candidate(text("Hm", thought=True), reason=None)),
        {
            "candidates": [candidate(text("A", thoughtSignature="r"), reason=None)],
            "responseId": "other",
            **COUNTED,
        },
        said(candidate(text("", thoughtSignature="s")), **more),
        stream_options={"include_usage": True},
    )
    assert {(one["id"], one["model"]) for one in payloads(chunks)} == {("abc", "gemini-3.8-flash")}
    assert deltas(chunks) == [
        {"role": "assistant", "reasoning_content": "Hm"},
        {"content": "A"},
        {"extra_content": {"google": {"thought_signature": "s"}}},
        {},
    ]
    assert [one["finish_reason"] for p in payloads(chunks) for one in p["choices"]] == [
        None,
        None,
        None,
        "stop",
    ]
    assert [chunk.content for chunk in chunks] == [True, True, False, False, False]
    assert payloads(chunks)[-1]["usage"]["completion_tokens"] == 9
    assert chunks[-1].usage == Usage(prompt=5, completion=9)


def test_calls_in_a_stream_have_places_ids_and_whole_arguments() -> None:
    empty = {"functionCall": {"name": "g"}, "thoughtSignature": "s"}
    chunks = heard(said(candidate(CALL, reason=None)), said(candidate(empty), **COUNTED))
    calls = [delta["tool_calls"][0] for delta in deltas(chunks) if "tool_calls" in delta]
    assert [call["index"] for call in calls] == [0, 0, 1, 1]
    assert [call["function"]["arguments"] for call in calls] == ["", '{"x":1}', "", "{}"]
    assert calls[2]["extra_content"] == {"google": {"thought_signature": "s"}}
    assert payloads(chunks)[-1]["choices"][0]["finish_reason"] == "tool_calls"


def test_the_count_may_follow_the_end() -> None:
    chunks = heard(said(candidate(text("Hi"))), COUNTED)
    assert [chunk.finished for chunk in chunks] == [False, True]
    assert chunks[-1].usage == Usage(prompt=5, completion=3)
    late = heard(said(candidate(text("Hi"), reason="MAX_TOKENS")), COUNTED)
    assert late[-1] == Chunk(usage=Usage(prompt=5, completion=3))


def test_what_counts_nothing_is_no_count() -> None:
    uncounted = {"usageMetadata": {"trafficType": "ON_DEMAND"}}
    assert whole(said(candidate(text("Hi")), **uncounted)).usage is None
    assert not any(chunk.finished for chunk in heard(said(candidate(text("Hi")), **uncounted)))
    chunks = heard(said(candidate(text("Hi")), **COUNTED), uncounted)
    assert chunks[-1].usage == Usage(prompt=5, completion=3)


def test_stop_at_every_piece_ends_no_stream() -> None:
    pieces = [said(candidate(text("A"))), said(candidate(text("B")))]
    assert not any(chunk.finished for chunk in heard(*pieces))
    chunks = heard(*pieces, said(candidate(reason="RECITATION")))
    finishes = [one["choices"][0]["finish_reason"] for one in payloads(chunks)]
    assert finishes == [None, None, "content_filter"]


def test_stop_at_every_piece_ends_a_stream_behind_which_nothing_follows() -> None:
    decoder = gemini().decoder(request=asking(stream=True), model="real", wall=WALL)
    for piece in ("A", "B"):
        body = json.dumps(said(candidate(text(piece)))).encode()
        assert not any(chunk.finished for chunk in decoder.feed(Event("", body)))
    (last,) = decoder.feed(End("", b""))
    assert last.finished
    assert json.loads(last.payload)["choices"][0]["finish_reason"] == "stop"
    assert not decoder.feed(End("", b""))


def test_a_stream_that_ends_before_it_told_why_has_no_end() -> None:
    decoder = gemini().decoder(request=asking(stream=True), model="real", wall=WALL)
    assert not decoder.feed(End("", b""))
    body = json.dumps(said(candidate(text("A"), reason=None), **COUNTED)).encode()
    decoder.feed(Event("", body))
    assert not decoder.feed(End("", b""))


def test_stop_after_a_piece_without_it_ends_a_stream_though_nothing_was_counted() -> None:
    first, last = said(candidate(text("A"), reason=None)), said(candidate(text("B")))
    assert [chunk.finished for chunk in heard(first, last)] == [False, False, True]
    other = said(candidate(text("A"), reason=None, index=1), candidate(text("B"), index=0))
    assert not any(chunk.finished for chunk in heard(other, last))


@pytest.mark.parametrize("wrapped", [False, True])
def test_an_error_in_a_stream_is_raised(wrapped: bool) -> None:
    error = {"error": {"code": 503, "message": "overloaded", "status": "UNAVAILABLE"}}
    with pytest.raises(ProviderError) as raised:
        heard(said(candidate(text("A"), reason=None)), [error] if wrapped else error)
    assert raised.value.kind is ErrorKind.OVERLOADED


def test_what_is_no_json_is_a_bad_answer_and_nothing_is_nothing() -> None:
    decoder = gemini().decoder(request=asking(stream=True), model="real", wall=WALL)
    assert decoder.feed(Event("", b" ")) == ()
    with pytest.raises(ProviderError) as raised:
        decoder.feed(Event("", b"{"))
    assert raised.value.kind is ErrorKind.BAD_ANSWER


def test_a_tool_loop_brings_signatures_back_through_a_client_that_echoes() -> None:
    first = {"functionCall": {"name": "f", "args": {"x": 1}}, "thoughtSignature": "A+/=-_"}
    message = choice(text("Hm", thought=True), text("So.", thoughtSignature="B"), first, CALL)[
        "message"
    ]
    results = [result(call["id"], "1") for call in message["tool_calls"]]
    _, model, user = sent(THIRD, messages=[USER, message, *results])["contents"]
    assert model["parts"] == [
        {"text": "So.", "thoughtSignature": "B"},
        {
            "functionCall": {"id": "call_abc_0", "name": "f", "args": {"x": 1}},
            "thoughtSignature": "A+/=-_",
        },
        {"functionCall": {"id": "call_abc_1", "name": "f", "args": {"x": 1}}},
    ]
    assert [part["functionResponse"]["name"] for part in user["parts"]] == ["f", "f"]
    assert signed("B")["extra_content"] == message["extra_content"]


def failure(status: int, message: str = "x", *details: Any, state: str = "") -> HttpReply:
    error = {"code": status, "message": message, "status": state, "details": list(details)}
    return reply({"error": error}, status)


def quota(id_: str) -> dict[str, Any]:
    return {
        "@type": "type.googleapis.com/google.rpc.QuotaFailure",
        "violations": [{"quotaId": id_}],
    }


def pause(seconds: str) -> dict[str, Any]:
    return {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": seconds}


def reason(word: str) -> dict[str, Any]:
    return {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": word}


EXCEEDED = "You exceeded your current quota, please check your plan and billing details."


@pytest.mark.parametrize(
    ("failed", "kind"),
    [
        (failure(400, "API key not valid.", reason("API_KEY_INVALID")), ErrorKind.BAD_KEY),
        (failure(400, "Renew the API key.", reason("API_KEY_INVALID")), ErrorKind.BAD_KEY),
        (failure(400, "API key expired."), ErrorKind.BAD_KEY),
        (failure(403, "Your API key was reported as leaked."), ErrorKind.BAD_KEY),
        (failure(403, "denied", state="PERMISSION_DENIED"), ErrorKind.NO_PERMISSION),
        (failure(400, "not here", state="FAILED_PRECONDITION"), ErrorKind.NO_PERMISSION),
        (failure(400, "a bad field", state="INVALID_ARGUMENT"), ErrorKind.INVALID_REQUEST),
        (
            failure(400, "The input token count (9) exceeds the maximum number of tokens allowed"),
            ErrorKind.CONTEXT_TOO_LONG,
        ),
        (failure(402, "credit"), ErrorKind.QUOTA_EXHAUSTED),
        (failure(404, "models/x is not found"), ErrorKind.MODEL_NOT_FOUND),
        (
            failure(429, EXCEEDED, quota("GenerateRequestsPerDayPerProject")),
            ErrorKind.QUOTA_EXHAUSTED,
        ),
        (failure(429, EXCEEDED, quota("InputTokensPerModelPerMinute")), ErrorKind.RATE_LIMIT),
        (failure(429, "Resource exhausted."), ErrorKind.RATE_LIMIT),
        (failure(500, "INTERNAL"), ErrorKind.SERVER_ERROR),
        (failure(503, "The model is overloaded."), ErrorKind.OVERLOADED),
        (failure(504, "Deadline expired", state="DEADLINE_EXCEEDED"), ErrorKind.TIMEOUT),
        (
            reply([{"error": {"code": 429, "message": "Resource exhausted"}}], 429),
            ErrorKind.RATE_LIMIT,
        ),
        (reply({"error": {"code": 429, "message": "Resource exhausted"}}), ErrorKind.RATE_LIMIT),
    ],
)
def test_a_failure_has_the_kind_it_means(failed: HttpReply, kind: ErrorKind) -> None:
    assert gemini().error(failed, wall=WALL).kind is kind
    with pytest.raises(ProviderError):
        gemini().answer(failed, request=asking(), model="real", wall=WALL)


def test_a_minutes_limit_is_left_alone_as_long_as_google_asks() -> None:
    failed = failure(429, EXCEEDED, quota("RequestsPerMinute"), pause("34.4s"))
    assert gemini().error(failed, wall=WALL).retry_after == 34.4


@pytest.mark.parametrize(("hour", "hours"), [(7, 1), (8, 24), (9, 23), (23, 9)])
@pytest.mark.parametrize(("day", "earlier"), [(20060, 0), (20000, 1)], ids=["winter", "summer"])
def test_a_days_quota_is_renewed_at_midnight_in_california(
    hour: int, hours: int, day: int, earlier: int
) -> None:
    failed = failure(429, EXCEEDED, quota("RequestsPerDay-FreeTier"), pause("17s"))
    at = 86400.0 * day + (hour - earlier) * 3600
    assert gemini().error(failed, wall=at).retry_after == hours * 3600


def test_a_failures_key_is_not_told() -> None:
    key = "AIzv00G7VmUCUeC-5OglO3hcXM12345678"
    failed = failure(400, "API key not valid.", {"detail": f"Invalid API key: {key}"})
    error = gemini().error(failed, wall=WALL)
    assert key not in f"{error}{error.body()}"


KEYS = st.sampled_from(
    re.findall(
        r"\w+",
        """candidates content parts text thought thoughtSignature functionCall name args id
        inlineData mimeType data finishReason index usageMetadata promptTokenCount
        totalTokenCount promptFeedback blockReason logprobsResult chosenCandidates token
        logProbability responseId error""",
    )
)
WORDS = st.sampled_from(["STOP", "image/png", "", "x"])
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-1, 3)
    | st.sampled_from(["STOP", "image/png", "", "x"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=20,
)
PART = st.dictionaries(KEYS, VALUES, max_size=3)
BODIES = VALUES | st.fixed_dictionaries(
    {
        "candidates": st.lists(
            st.fixed_dictionaries(
                {"content": st.fixed_dictionaries({"parts": st.lists(PART, max_size=3) | VALUES})},
                optional={"finishReason": VALUES, "index": VALUES, "logprobsResult": VALUES},
            ),
            max_size=2,
        )
    },
    optional={"usageMetadata": PART, "promptFeedback": PART},
)


@given(BODIES)
def test_whatever_comes_is_an_answer_or_a_failure(body: Any) -> None:
    with suppress(ProviderError):
        assert json.loads(whole(body).body)["choices"]
    with suppress(ProviderError):
        assert all(one["object"] == "chat.completion.chunk" for one in payloads(heard(body)))


ARRAYS = [
    exchange
    for exchange in recorded()
    if exchange.vendor == "gemini" and exchange.body.lstrip().startswith(b"[{")
    if exchange.endpoint == "chat_stream"
]


@pytest.mark.skipif(not ARRAYS, reason=f"the recorded exchanges are not at {WIRE}")
def test_streams_recorded_without_events_are_read_as_if_they_had_any() -> None:
    for exchange in ARRAYS:
        objects = json.loads(exchange.body)
        chunks = heard(*objects, stream_options={"include_usage": True})
        spoken = GEMINI.spoken(objects)
        sent_on = [chunk.payload for chunk in chunks if chunk.payload]
        assert judge.stream_complaints(sent_on, spoken) == [], exchange.id
        assert chunks[-1].usage == spoken.usage
