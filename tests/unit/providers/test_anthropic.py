"""What becomes of what Anthropic answers: whole, streamed, and where it fails."""

import json
from contextlib import suppress
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
    WALL,
    WEATHER,
    answered,
    anthropic,
    asking,
    call,
    calling,
    events,
    gathered,
    heard,
    lacked,
    message,
    result,
    sent,
    streamed,
    text,
    use,
)
from hypothesis import given
from hypothesis import strategies as st

from modelmesh import catalogue
from modelmesh.connectors import registry
from modelmesh.connectors.providers.anthropic.request import ANSWER_TOOL
from modelmesh.errors import ErrorKind, ProviderError
from modelmesh.types import HttpReply, Request, Secret
from modelmesh.usage import Usage

USAGE = Usage(prompt=18, completion=7, cached=5, reasoning=2, stored=3)
THOUGHT = {"type": "thinking", "thinking": "Look it up.", "signature": "c2ln/bmF0dXJl+g=="}
REDACTED = {"type": "redacted_thinking", "data": "b3BhcXVl"}
SEARCH = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"q": "x"}}
FOUND = {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []}


def choice(body: Any, request: Request | None = None) -> Any:
    answer = answered(body, request)
    assert judge.answer_complaints(answer.body) == []
    return json.loads(answer.body)["choices"][0]


def both(body: Any, **asked: Any) -> list[dict[str, Any]]:
    """Return what a message becomes when it comes whole, and when it is streamed."""
    whole = choice(body, asking(**asked))
    said = whole["message"]
    calls = [{"id": c["id"], **c["function"]} for c in said.get("tool_calls", [])]
    chunks = heard(body, asking(stream=True, stream_options={"include_usage": True}, **asked))
    assert judge.stream_complaints([chunk.payload for chunk in chunks if chunk.payload]) == []
    return [
        {**said, "finish_reason": whole["finish_reason"], "calls": calls},
        gathered(chunks),
    ]


def failing(status: int, kind: str, words: str = "no", **more: Any) -> ProviderError:
    error = {"type": "error", "error": {"type": kind, "message": words, **more}}
    reply = HttpReply(status=status, headers={}, body=json.dumps(error).encode())
    return anthropic().error(reply, wall=WALL)


def test_it_is_found_by_its_id_and_its_models_are_known() -> None:
    vendor = registry.find("providers", "anthropic.claude.v1")
    assert type(anthropic()) is vendor
    assert vendor.key_names == ("ANTHROPIC_API_KEY",)
    assert all(catalogue.find(vendor.connector, name) for name in vendor.models)


def test_a_request_goes_to_messages_with_key_and_version() -> None:
    request = Request(id="r", model="m", body=asking().body, headers={"anthropic-beta": "b"})
    made = anthropic().request(request, model=NEW, key=Secret("sk-x"), drop=frozenset())
    assert made.url == "https://api.anthropic.com/v1/messages"
    assert made.headers == {
        "anthropic-beta": "b",
        "anthropic-version": "2023-06-01",
        "content-type": "application/json",
        "x-api-key": "sk-x",
    }


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ("https://a.test", "https://a.test/v1/messages"),
        ("https://a.test/", "https://a.test/v1/messages"),
        ("https://a.test/claude/v1/", "https://a.test/claude/v1/messages"),
    ],
)
def test_an_address_without_a_path_gets_its_version(address: str, url: str) -> None:
    provider = anthropic(base_url=address)
    assert provider.request(asking(), model=NEW, key=None, drop=frozenset()).url == url


def test_the_list_of_models_is_asked_for_whole() -> None:
    asked = anthropic().models_request(Secret("k"))
    assert asked is not None
    assert (asked.method, asked.url) == ("GET", "https://api.anthropic.com/v1/models?limit=1000")


def test_an_answer_has_the_vendors_id_and_model_and_all_its_tokens() -> None:
    answer = answered(message(text("Rain.")))
    whole = json.loads(answer.body)
    assert (whole["id"], whole["model"], whole["created"]) == ("msg_1", NEW, int(WALL))
    assert answer.usage == USAGE
    assert whole["usage"]["prompt_tokens"] == 18
    assert whole["usage"]["prompt_tokens_details"] == {"cached_tokens": 5}
    assert whole["usage"]["completion_tokens_details"] == {"reasoning_tokens": 2}


@pytest.mark.parametrize(
    ("stop", "reason", "native"),
    [
        ("end_turn", "stop", None),
        ("stop_sequence", "stop", None),
        ("max_tokens", "length", None),
        ("model_context_window_exceeded", "length", None),
        ("pause_turn", "length", None),
        ("refusal", "content_filter", None),
        ("tired", "stop", "tired"),
    ],
)
def test_case_31_every_reason_to_stop_has_its_word(
    stop: str, reason: str, native: str | None
) -> None:
    said = choice(message(text("Rain."), stop=stop))
    assert (said["finish_reason"], said.get("native_finish_reason")) == (reason, native)
    assert gathered(heard(message(text("Rain."), stop=stop)))["finish_reason"] == reason


@pytest.mark.parametrize("stop", ["tool_use", "end_turn"])
def test_case_31_calls_finish_with_tool_calls(stop: str) -> None:
    for said in both(message(text("Well."), use("toolu_1", place="Oslo"), stop=stop)):
        assert said["finish_reason"] == "tool_calls"
        assert said["content"] == "Well."
        (made,) = said["calls"]
        assert (made["id"], made["name"]) == ("toolu_1", "weather")
        assert json.loads(made["arguments"]) == {"place": "Oslo"}


def test_case_32_parallel_calls_are_counted_among_the_calls() -> None:
    body = message(text("Well."), use("a", place="Oslo"), use("b", place="Rome"), stop="tool_use")
    for said in both(body):
        assert [made["id"] for made in said["calls"]] == ["a", "b"]
        places = [json.loads(made["arguments"])["place"] for made in said["calls"]]
        assert places == ["Oslo", "Rome"]


def test_case_32_pieces_of_calls_may_come_in_turns() -> None:
    whole = streamed(message(use("a", place="Oslo"), use("b", place="Rome"), stop="tool_use"))
    by_turns = sorted(whole[1:-2], key=lambda said: (said["type"].endswith("stop"), said["type"]))
    starts = [said for said in by_turns if said["type"] == "content_block_start"]
    deltas = [said for said in by_turns if said["type"] == "content_block_delta"]
    stops = [said for said in by_turns if said["type"] == "content_block_stop"]
    mixed = [deltas[0], deltas[3], deltas[1], deltas[4], deltas[2], deltas[5]]
    said = gathered(heard([whole[0], *starts, *mixed, *stops, *whole[-2:]]))
    assert [json.loads(made["arguments"])["place"] for made in said["calls"]] == ["Oslo", "Rome"]


def test_case_33_a_call_without_arguments_says_so() -> None:
    for said in both(message(use("a"), stop="tool_use")):
        assert said["calls"] == [{"id": "a", "name": "weather", "arguments": "{}"}]


def test_a_call_whose_arguments_come_at_its_beginning_has_them() -> None:
    whole = streamed(message(use("a"), stop="tool_use"))
    whole[1]["content_block"]["input"] = {"place": "Oslo"}
    (made,) = gathered(heard(whole))["calls"]
    assert json.loads(made["arguments"]) == {"place": "Oslo"}


def test_case_35_thoughts_are_told_and_kept_whole() -> None:
    body = message(THOUGHT, REDACTED, text("Well."), use("a"), stop="tool_use")
    for said in both(body):
        assert said["reasoning_content"] == "Look it up."
        blocks = [{k: v for k, v in b.items() if k != "index"} for b in said["thinking_blocks"]]
        assert blocks == [THOUGHT, REDACTED]


@pytest.mark.parametrize("model", [NEW, ALWAYS, BUDGET])
@pytest.mark.parametrize("way", ["whole", "streamed"])
def test_case_35_thoughts_survive_a_loop_through_a_plain_client(model: str, way: str) -> None:
    silent = {"type": "thinking", "thinking": "", "signature": "c2ln"}
    body = message(THOUGHT, silent, REDACTED, text("Well."), use("a"), stop="tool_use")
    said = gathered(heard(body)) if way == "streamed" else choice(body)["message"]
    echo = calling(
        call("a", arguments="{}"), **{k: said[k] for k in ("content", "thinking_blocks")}
    )
    made = sent(USER, echo, result("a"), to=model, tools=[WEATHER], reasoning_effort="low")
    assert made["messages"][1]["content"] == [
        THOUGHT,
        silent,
        REDACTED,
        text("Well."),
        use("a"),
    ]
    assert made["thinking"]["type"] in ("adaptive", "enabled")


def test_case_35_a_model_with_a_budget_goes_on_without_thoughts_that_were_lost() -> None:
    loop = [USER, calling(call("a")), result("a")]
    asked: dict[str, Any] = {"tools": [WEATHER], "reasoning_effort": "low"}
    assert lacked(BUDGET, messages=loop, **asked) == {"reasoning_effort"}
    assert "thinking" not in sent(*loop, to=BUDGET, **asked)
    own = {"tools": [WEATHER], "thinking": {"type": "enabled", "budget_tokens": 2000}}
    assert lacked(BUDGET, messages=loop, **own) == {"thinking"}
    # A model which decides by itself when to think does not mind.
    assert lacked(NEW, messages=loop, **asked) == frozenset()
    assert sent(*loop, **asked)["thinking"]["type"] == "adaptive"


def test_case_35_only_the_first_message_of_a_turn_has_thoughts() -> None:
    first = calling(call("a"), thinking_blocks=[THOUGHT])
    loop = [USER, first, result("a"), calling(call("b")), result("b")]
    made = sent(*loop, to=BUDGET, tools=[WEATHER], reasoning_effort="low")
    assert made["thinking"]["type"] == "enabled"


def test_case_35_thoughts_of_other_vendors_are_left_out() -> None:
    foreign = calling(
        {**call("a"), "extra_content": {"google": {"thought_signature": "x"}}},
        content=[{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}],
        reasoning_content="hm",
        reasoning_details=[{"type": "reasoning.text", "text": "hm"}],
        thinking_blocks=[{"type": "thinking", "thinking": "hm"}, {"type": "other"}, 7],
    )
    made = sent(USER, foreign, result("a"), tools=[WEATHER])
    assert made["messages"][1]["content"] == [use("a", place="Oslo")]


def test_tools_which_the_vendor_runs_are_no_calls_for_the_client() -> None:
    cited = text("Rain.", citations=[{"type": "x", "url": "https://a.test", "title": "A"}])
    for said in both(message(text("Well. "), SEARCH, FOUND, cited)):
        assert said["calls"] == []
        assert said["content"] == "Well. Rain."
        assert said["finish_reason"] == "stop"
        (note,) = said["annotations"]
        page = {"url": "https://a.test", "title": "A", "start_index": 6, "end_index": 11}
        assert note["url_citation"] == page


def test_a_refusal_stays_one_and_has_the_vendors_words() -> None:
    details = {"category": "bio", "explanation": "I will not."}
    for said in both(message(stop="refusal", stop_details=details)):
        assert (said["finish_reason"], said["refusal"]) == ("content_filter", "I will not.")
        assert said["content"] is None
    for said in both(message(text("He"), stop="refusal", stop_details=None)):
        assert (said["finish_reason"], said["content"]) == ("content_filter", "He")
        assert "refusal" not in said


@pytest.mark.parametrize("tools", [{}, {"tools": [WEATHER]}])
def test_case_37_json_by_a_tool_is_the_content(tools: Any) -> None:
    body = message(use("a", ANSWER_TOOL, name="Oslo"), stop="tool_use")
    for said in both(body, response_format=FORMAT, **tools):
        assert json.loads(said["content"]) == {"name": "Oslo"}
        assert said["calls"] == []
        assert said["finish_reason"] == "stop"


def test_case_37_calls_of_the_clients_tools_stay_calls() -> None:
    body = message(use("a", place="Oslo"), stop="tool_use")
    for said in both(body, response_format=FORMAT, tools=[WEATHER]):
        assert [made["name"] for made in said["calls"]] == ["weather"]
        assert said["content"] is None
        assert said["finish_reason"] == "tool_calls"


def test_case_37_json_which_the_model_is_held_to_is_its_text() -> None:
    for said in both(message(text('{"name":"Oslo"}')), response_format=FORMAT):
        assert json.loads(said["content"]) == {"name": "Oslo"}
        assert said["finish_reason"] == "stop"


def test_a_tool_of_the_clients_may_have_the_name_of_ours() -> None:
    for said in both(message(use("a", ANSWER_TOOL), stop="tool_use")):
        assert [made["name"] for made in said["calls"]] == [ANSWER_TOOL]


def test_case_1_a_stream_without_its_end_is_not_finished() -> None:
    whole = streamed(message(text("Rain.")))
    chunks = heard(whole[:-1])
    assert not any(chunk.finished for chunk in chunks)
    assert gathered(chunks)["finish_reason"] is None
    assert heard(whole)[-1].finished


def test_what_the_prompt_took_is_known_from_the_beginning() -> None:
    first, *_ = heard(message(text("Rain.")))
    assert first.payload == b""
    assert first.usage == USAGE


def test_a_message_may_be_whole_at_its_beginning() -> None:
    called = message(THOUGHT, text("Let me see."), use("t1"), stop="tool_use")
    told = heard([{"type": "message_start", "message": called}, {"type": "message_stop"}])
    assert gathered(told) == gathered(heard(called))
    raining = [{"type": "message_start", "message": message(use("t1", place="Oslo"))}]
    assert gathered(heard(raining))["calls"][0]["arguments"] == '{"place":"Oslo"}'
    refused = message(stop="refusal", stop_details={"explanation": "Not that."})
    told = heard([{"type": "message_start", "message": refused}, {"type": "message_stop"}])
    assert gathered(told)["refusal"] == "Not that."
    assert gathered(told)["finish_reason"] == "content_filter"


def test_kinds_of_events_and_blocks_to_come_are_passed_over() -> None:
    whole = streamed(message({"type": "dream", "dream": "x"}, text("Rain.")))
    odd = [
        {"type": "ping"},
        {"type": "weather_report"},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "dream_delta", "text": "y"}},
        {"type": "content_block_delta", "index": 9, "delta": {"type": "text_delta", "text": "y"}},
        {"type": "content_block_stop", "index": 9},
        {"type": ["x"]},
    ]
    body = b"".join([events(whole[0]), *(events(each) for each in odd), events(*whole[1:])])
    assert gathered(heard(body))["content"] == "Rain."


@pytest.mark.parametrize(
    ("kind", "meant"),
    [
        ("overloaded_error", ErrorKind.OVERLOADED),
        ("rate_limit_error", ErrorKind.RATE_LIMIT),
        ("api_error", ErrorKind.SERVER_ERROR),
        ("authentication_error", ErrorKind.BAD_KEY),
        ("billing_error", ErrorKind.QUOTA_EXHAUSTED),
        ("timeout_error", ErrorKind.TIMEOUT),
        ("invalid_request_error", ErrorKind.INVALID_REQUEST),
    ],
)
def test_case_2_an_error_within_a_stream_is_raised(kind: str, meant: ErrorKind) -> None:
    broken = {"type": "error", "error": {"type": kind, "message": "Sorry"}}
    begun = streamed(message(text("Rain.")))[:1]
    with pytest.raises(ProviderError, match="Sorry") as failed:
        heard([*begun, {"type": "ping"}, broken])
    assert failed.value.kind is meant


@pytest.mark.parametrize("junk", [b"data: rain\n\n", b"data: [1]\n\n"])
def test_what_is_no_event_of_anthropics_is_a_bad_answer(junk: bytes) -> None:
    with pytest.raises(ProviderError) as failed:
        heard(junk)
    assert failed.value.kind is ErrorKind.BAD_ANSWER


@pytest.mark.parametrize("junk", [b"rain", b"[]", b"{}", b'{"content": "x"}', b'{"content": [1]}'])
def test_an_answer_which_is_none_is_a_bad_answer(junk: bytes) -> None:
    reply = HttpReply(status=200, headers={}, body=junk)
    with pytest.raises(ProviderError) as failed:
        anthropic().answer(reply, request=asking(), model="real", wall=WALL)
    assert failed.value.kind is ErrorKind.BAD_ANSWER


def test_an_error_with_status_200_is_an_error() -> None:
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    with pytest.raises(ProviderError) as failed:
        answered(error)
    assert failed.value.kind is ErrorKind.OVERLOADED


@pytest.mark.parametrize(
    ("status", "kind", "words", "meant"),
    [
        (400, "invalid_request_error", "messages: bad", ErrorKind.INVALID_REQUEST),
        (400, "invalid_request_error", "prompt is too long: 9 > 8", ErrorKind.CONTEXT_TOO_LONG),
        (
            400,
            "invalid_request_error",
            "input length and `max_tokens` exceed context limit: 9 + 1 > 8",
            ErrorKind.CONTEXT_TOO_LONG,
        ),
        (
            400,
            "invalid_request_error",
            "Your credit balance is too low to access the API",
            ErrorKind.QUOTA_EXHAUSTED,
        ),
        (
            400,
            "invalid_request_error",
            "This organization has been disabled.",
            ErrorKind.BAD_KEY,
        ),
        (401, "authentication_error", "invalid x-api-key", ErrorKind.BAD_KEY),
        (402, "billing_error", "pay", ErrorKind.QUOTA_EXHAUSTED),
        (403, "permission_error", "no", ErrorKind.NO_PERMISSION),
        (404, "not_found_error", "model: claude-x", ErrorKind.MODEL_NOT_FOUND),
        (404, "not_found_error", "File not found: file_1", ErrorKind.INVALID_REQUEST),
        (413, "request_too_large", "too large", ErrorKind.CONTEXT_TOO_LONG),
        (429, "rate_limit_error", "slower", ErrorKind.RATE_LIMIT),
        (500, "api_error", "oops", ErrorKind.SERVER_ERROR),
        (504, "timeout_error", "late", ErrorKind.TIMEOUT),
        (529, "overloaded_error", "Overloaded", ErrorKind.OVERLOADED),
    ],
)
def test_an_error_has_the_kind_it_means(
    status: int, kind: str, words: str, meant: ErrorKind
) -> None:
    assert failing(status, kind, words).kind is meant


@pytest.mark.parametrize(
    ("code", "meant"),
    [
        ("enforced_spend_limit_reached", ErrorKind.QUOTA_EXHAUSTED),
        ("contract_spend_limit_reached", ErrorKind.QUOTA_EXHAUSTED),
        ("ramp_limit_exceeded", ErrorKind.RATE_LIMIT),
        (None, ErrorKind.RATE_LIMIT),
    ],
)
def test_case_16_a_429_is_about_money_or_about_pace(code: str | None, meant: ErrorKind) -> None:
    assert failing(429, "rate_limit_error", details={"error_code": code}).kind is meant


def test_a_limit_says_when_it_is_over() -> None:
    body = json.dumps({"type": "error", "error": {"type": "rate_limit_error", "message": "x"}})
    headers = {
        "anthropic-ratelimit-requests-remaining": "0",
        "anthropic-ratelimit-requests-reset": "2026-09-21T14:13:27Z",
        "anthropic-ratelimit-tokens-remaining": "900",
        "anthropic-ratelimit-tokens-reset": "2026-09-21T15:00:00Z",
    }
    reply = HttpReply(status=429, headers=headers, body=body.encode())
    assert anthropic().error(reply, wall=WALL).retry_after == pytest.approx(6.5)
    told = HttpReply(status=429, headers={**headers, "retry-after": "36"}, body=body.encode())
    assert anthropic().error(told, wall=WALL).retry_after == 36


def test_an_old_model_is_asked_for_what_it_can() -> None:
    assert sent(to=OLD)["max_tokens"] == 4096
    assert lacked(OLD, reasoning_effort="low") == {"reasoning_effort"}


KINDS = [
    *("message_start", "content_block_start", "content_block_delta", "content_block_stop"),
    *("message_delta", "message_stop", "text", "tool_use", "thinking", "redacted_thinking"),
    *("text_delta", "input_json_delta", "thinking_delta", "signature_delta", "citations_delta"),
]
NAMES = [
    *("type", "index", "message", "content_block", "delta", "usage", "text", "thinking", "input"),
    *("partial_json", "id", "name", "citation", "url", "stop_reason", "stop_details", "content"),
]
ANYTHING = st.recursive(
    st.none() | st.integers(-1, 2) | st.sampled_from(KINDS),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=5)
    ),
    max_leaves=10,
)
EVENTS = st.builds(
    lambda kind, more: {**more, "type": kind},
    st.sampled_from(KINDS),
    st.dictionaries(st.sampled_from(NAMES), ANYTHING, max_size=4),
)


@given(st.lists(EVENTS, max_size=6), st.booleans())
def test_whatever_events_come_they_are_chunks_that_keep_the_rules(said: Any, by_tool: bool) -> None:
    asked: dict[str, Any] = {"response_format": FORMAT} if by_tool else {}
    payloads = [chunk.payload for chunk in heard(said, asking(stream=True, **asked))]
    assert all(json.loads(payload)["choices"] for payload in payloads if payload)


@given(ANYTHING)
def test_whatever_comes_for_an_answer_it_is_one_or_a_failure(said: Any) -> None:
    with suppress(ProviderError):
        assert json.loads(answered(said).body)["choices"]
