"""Answers of vendors with an accent, mended where they need it and nowhere else."""

import json
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

import judge
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelmesh.errors import ProviderError
from modelmesh.types import Answer, Chunk, Event, HttpReply, Request
from modelmesh.usage import Usage

WALL = 1_790_000_000.0
ASKED = {"model": "m", "messages": [], "stream": True}
WITH_USAGE = {**ASKED, "stream_options": {"include_usage": True}}
USAGE = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}
NAMES = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}


def provider(vendor: str) -> Any:
    cls = import_module(f"modelmesh.connectors.providers.{vendor}").Provider
    return cls("vendor", base_url="http://vendor.test/v1")


def chunk(delta: Any = None, *, finish: Any = None, index: Any = 0, **more: Any) -> dict[str, Any]:
    choice = {"index": index, "delta": {} if delta is None else delta, "finish_reason": finish}
    return {**NAMES, "choices": [choice], **more}


def call(arguments: Any, **more: Any) -> dict[str, Any]:
    function = {"name": "f", "arguments": arguments}
    return {
        "tool_calls": [{"index": 0, "id": "a", "type": "function", "function": function, **more}]
    }


def fed(vendor: str, *bodies: Any, body: Mapping[str, Any] = WITH_USAGE) -> list[Chunk]:
    decoder = provider(vendor).decoder(
        request=Request(id="r", model="m", body=body), model="real", wall=WALL
    )
    events = [b if isinstance(b, bytes) else json.dumps(b).encode() for b in bodies]
    return [piece for data in events for piece in decoder.feed(Event("", data))]


def heard(vendor: str, *bodies: Any, body: Mapping[str, Any] = WITH_USAGE) -> list[dict[str, Any]]:
    """Return the chunks a client gets, which have to keep the rules."""
    chunks = fed(vendor, *bodies, b"[DONE]", body=body)
    assert chunks[-1] == Chunk(finished=True)
    payloads = [piece.payload for piece in chunks if piece.payload]
    assert judge.stream_complaints(payloads) == []
    return [json.loads(payload) for payload in payloads]


def answered(vendor: str, body: Any, prefix: bytes = b"") -> Answer:
    raw = prefix + json.dumps(body).encode()
    request = Request(id="r", model="m", body={"model": "m", "messages": []})
    reply = HttpReply(status=200, headers={}, body=raw)
    answer: Answer = provider(vendor).answer(reply, request=request, model="real", wall=WALL)
    return answer


def message(vendor: str, said: Any, finish: Any = "stop") -> dict[str, Any]:
    """Return the one choice of an answer, which has to keep the rules."""
    choice = {"index": 0, "message": said, "finish_reason": finish}
    answer = answered(vendor, {**NAMES, "object": "chat.completion", "choices": [choice]})
    assert judge.answer_complaints(answer.body) == []
    return dict(json.loads(answer.body)["choices"][0])


def deltas(chunks: Sequence[Mapping[str, Any]]) -> list[Any]:
    return [choice["delta"] for piece in chunks for choice in piece["choices"]]


def finishes(chunks: Sequence[Mapping[str, Any]]) -> list[Any]:
    return [choice.get("finish_reason") for piece in chunks for choice in piece["choices"]]


SOUND = [
    chunk({"role": "assistant", "content": ""}),
    chunk({"content": "x"}, x_new=[1.50]),
    chunk({"content": '"role": "user", "usage": {'}),
    chunk(finish="stop"),
    {**NAMES, "choices": [], "usage": USAGE},
]


@pytest.mark.parametrize("vendor", ["openai", "openai_compatible", "groq", "xai", "together"])
@pytest.mark.parametrize("spaces", [",:", ", : "])
def test_a_stream_which_needs_no_mending_passes_as_its_bytes(vendor: str, spaces: str) -> None:
    separators = (",", ":") if spaces == ",:" else (", ", ": ")
    sent = [json.dumps(body, separators=separators).encode() for body in SOUND]
    assert [piece.payload for piece in fed(vendor, *sent)] == sent


@pytest.mark.parametrize("vendor", ["openai", "groq"])
def test_an_answer_which_needs_no_mending_passes_as_its_bytes(vendor: str) -> None:
    said = {"role": "assistant", "content": "x", "x_new": 1.50}
    choice = {"index": 0, "message": said, "finish_reason": "stop"}
    body = {**NAMES, "object": "chat.completion", "choices": [choice], "usage": USAGE}
    assert answered(vendor, body).body == json.dumps(body).encode()
    assert answered("openrouter", body, prefix=b"\n   \n").body == json.dumps(body).encode()


def test_only_the_chunks_that_need_it_are_written_anew() -> None:
    later = [{**chunk({"content": "y"}), "created": 2}, chunk({"content": "z"})]
    chunks = fed("xai", *SOUND[:2], *later)
    assert [json.loads(piece.payload)["created"] for piece in chunks] == [1] * 4
    kept = [json.dumps(body).encode() for body in (*SOUND[:2], later[1])]
    assert [chunks[0].payload, chunks[1].payload, chunks[3].payload] == kept


def test_what_openai_says_is_right() -> None:
    odd = [chunk(call("{}")), chunk(finish="stop"), chunk(finish="stop", usage=USAGE)]
    sent = [json.dumps(body).encode() for body in odd]
    assert [piece.payload for piece in fed("openai", *sent)] == sent


def test_the_role_is_in_the_first_delta_of_each_choice_only() -> None:
    pieces = [chunk({"role": "assistant", "content": text}) for text in "ab"]
    other = [chunk({"content": text}, index=1) for text in "cd"]
    ends = [chunk({"role": "assistant", "content": ""}, finish="stop", index=n) for n in (0, 1)]
    chunks = heard("openrouter", *pieces, *other, *ends, body={**WITH_USAGE, "n": 2})
    assert [delta.get("role") for delta in deltas(chunks)] == [
        *("assistant", None, "assistant", None),
        *(None, None),
    ]


def test_of_two_choices_both_have_to_end_before_the_answer_is_whole() -> None:
    asked = {**WITH_USAGE, "n": 2}
    for vendor in ("openai", "mistral"):
        chunks = fed(
            vendor,
            *(chunk({"role": "assistant", "content": "x"}, index=n) for n in (0, 1)),
            *(chunk(finish="stop", index=n) for n in (0, 1)),
            body=asked,
        )
        assert [piece.finished for piece in chunks] == [False, False, False, True]


def test_names_stay_what_they_were_and_what_comes_before_them_waits() -> None:
    before = {"id": "", "object": "", "created": 0, "model": "", "choices": [], "filter": [1]}
    bare = {**chunk(finish=None), "choices": [{"index": 0, "finish_reason": None}]}
    assert fed("azure_openai", before) == []
    chunks = heard("azure_openai", before, bare, *SOUND[1:])
    assert chunks[0] == {**NAMES, "choices": [], "filter": [1]}
    assert deltas(chunks)[0] == {"role": "assistant"}


def test_names_which_are_missing_are_made_up() -> None:
    choices = [{"delta": {"content": "x"}, "finish_reason": "stop"}]
    (first, *_) = heard("vllm", {"choices": choices})
    assert (first["id"], first["created"], first["model"]) == ("chatcmpl-r", int(WALL), "real")
    answer = answered("vllm", {"choices": [{"message": {"content": "x"}}]})
    assert judge.answer_complaints(answer.body) == []


def test_a_choice_finishes_once_and_nothing_follows() -> None:
    chunks = heard(
        "openrouter",
        chunk({"role": "assistant", "content": "x"}),
        chunk({"role": "assistant", "content": ""}, finish="stop", native_finish_reason="STOP"),
        chunk({"role": "assistant", "content": ""}, finish="stop", usage=USAGE, provider="P"),
    )
    assert finishes(chunks) == [None, "stop"]
    assert chunks[-1] == {**NAMES, "choices": [], "usage": USAGE, "provider": "P"}


def test_words_which_come_after_the_end_are_not_lost() -> None:
    chunks = fed("together", chunk({"content": "x"}, finish="eos"), chunk({"content": "y"}))
    told = [json.loads(piece.payload) for piece in chunks]
    assert [delta["content"] for delta in deltas(told)] == ["x", "y"]
    assert finishes(told) == ["stop", None]


@pytest.mark.parametrize("word", [None, ""])
def test_a_choice_without_an_end_gets_one_if_the_vendor_says_that_it_is_done(word: Any) -> None:
    said = [chunk({"role": "assistant", **call("")}), chunk(finish=word, usage=USAGE)]
    chunks = heard("xai", *said)
    assert finishes(chunks)[-1] == "tool_calls"
    assert deltas(chunks)[-1]["tool_calls"] == [{"index": 0, "function": {"arguments": "{}"}}]
    assert chunks[-1]["usage"] == USAGE


def test_a_stream_which_said_nothing_is_not_made_whole() -> None:
    chunks = fed("xai", chunk({"role": "assistant"}), b"[DONE]")
    assert [piece.finished for piece in chunks] == [False, True]
    assert not chunks[1].payload


@pytest.mark.parametrize(
    ("vendor", "word", "finish"),
    [
        ("together", "eos", "stop"),
        ("mistral", "model_length", "length"),
        ("groq", "content_filter", "content_filter"),
        ("xai", "function_call", "function_call"),
        ("vllm", "repetition", "stop"),
        ("openrouter", "", "stop"),
        ("cerebras", None, "stop"),
        ("ollama", "tool_calls", "stop"),
    ],
)
def test_case_31_every_reason_to_finish_is_one_that_openai_has(
    vendor: str, word: Any, finish: str
) -> None:
    choice = message(vendor, {"role": "assistant", "content": "x"}, word)
    assert choice["finish_reason"] == finish
    chunks = heard(vendor, chunk({"role": "assistant", "content": "x"}), chunk(finish=word))
    assert finishes(chunks)[-1] == finish
    unknown = word if word == "repetition" else None
    assert choice.get("native_finish_reason") == unknown


@pytest.mark.parametrize("vendor", ["vllm", "ollama", "xai", "azure_openai"])
@pytest.mark.parametrize("word", ["stop", "", "eos", "length"])
def test_case_31_an_answer_with_calls_ends_for_their_sake(vendor: str, word: str) -> None:
    finish = "length" if word == "length" else "tool_calls"
    assert message(vendor, call("{}"), word)["finish_reason"] == finish
    assert finishes(heard(vendor, chunk(call("{}")), chunk(finish=word)))[-1] == finish


@pytest.mark.parametrize("arguments", ["", None, "null", {}])
def test_case_33_a_call_without_arguments_has_an_empty_object(arguments: Any) -> None:
    calls = message("groq", call(arguments), "tool_calls")["message"]["tool_calls"]
    assert calls[0]["function"]["arguments"] == "{}"
    apart = heard("groq", chunk(call(arguments)), chunk(finish="tool_calls"))
    at_once = heard("groq", chunk(call(arguments), finish="tool_calls"))
    for chunks in (apart, at_once):
        pieces = [piece for delta in deltas(chunks) for piece in delta.get("tool_calls", ())]
        assert "".join(piece["function"]["arguments"] for piece in pieces) == "{}"


def test_arguments_which_are_an_object_become_its_text() -> None:
    choice = message("mistral", call({"a": "é"}), "tool_calls")
    assert choice["message"]["tool_calls"][0]["function"]["arguments"] == '{"a":"é"}'


def test_calls_are_numbered_and_have_a_type_where_the_vendor_did_not() -> None:
    pieces = [{"id": id_, "function": {"name": "f", "arguments": "{}"}} for id_ in ("a", "b")]
    chunks = heard("mistral", chunk({"tool_calls": pieces}, finish="tool_calls", usage=USAGE))
    calls = deltas(chunks)[0]["tool_calls"]
    assert [(one["index"], one["id"], one["type"]) for one in calls] == [
        (0, "a", "function"),
        (1, "b", "function"),
    ]
    plain = message("mistral", {"role": "assistant", "tool_calls": pieces}, "tool_calls")
    assert [{**one, "type": "function"} for one in pieces] == plain["message"]["tool_calls"]


def test_case_32_calls_which_share_a_place_are_told_apart() -> None:
    said = [
        chunk(call('{"a"')),
        chunk({"tool_calls": [{"index": 0, "function": {"arguments": ":1}"}}]}),
        chunk(call("{}", id="b")),
        chunk(finish="tool_calls"),
    ]
    pieces = [
        piece for delta in deltas(heard("ollama", *said)) for piece in delta.get("tool_calls", ())
    ]
    assert [(one["index"], one.get("id")) for one in pieces] == [(0, "a"), (0, None), (1, "b")]


def test_an_id_and_a_name_come_once_and_ids_differ() -> None:
    again = heard("openrouter", chunk(call("")), chunk(call("{}")), chunk(finish="tool_calls"))
    assert deltas(again)[1] == {
        "tool_calls": [{"index": 0, "type": "function", "function": {"arguments": "{}"}}]
    }
    twins = [
        {"function": {"name": "f", "arguments": "{}"}, "id": id_} for id_ in ("null", "a", "a")
    ]
    choice = message("mistral", {"role": "assistant", "tool_calls": twins}, "tool_calls")
    ids = [one["id"] for one in choice["message"]["tool_calls"]]
    assert ids[1] == "a"
    assert len({*ids}) == 3
    assert all(id_.startswith("call_") for id_ in (ids[0], ids[2]))


def test_tools_which_the_vendor_runs_are_no_calls() -> None:
    ran = [{"type": "search", "arguments": "{}", "index": 0, "output": "x"}]
    said = {"role": "assistant", "content": "x", "executed_tools": ran}
    choice = message("groq", said)
    assert choice == {"index": 0, "message": said, "finish_reason": "stop"}
    assert finishes(heard("groq", chunk(said), chunk(finish="stop")))[-1] == "stop"


def test_content_in_parts_becomes_text_and_thoughts() -> None:
    thinking = {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}], "closed": True}
    parts = [thinking, {"type": "text", "text": "4"}, {"type": "reference", "reference_ids": [1]}]
    said = message("mistral", {"role": "assistant", "content": parts})["message"]
    assert (said["content"], said["reasoning_content"]) == ("4", "hm")
    chunks = heard(
        "mistral",
        chunk({"role": "assistant", "content": ""}),
        chunk({"content": "a"}),
        chunk({"content": [thinking]}),
        chunk({"content": parts[1:]}),
        chunk({"content": ""}, finish="stop", usage=USAGE),
    )
    assert [delta.get("content") for delta in deltas(chunks)] == ["", "a", None, "4", ""]
    assert [delta.get("reasoning_content") for delta in deltas(chunks)][2] == "hm"


@pytest.mark.parametrize("vendor", ["cerebras", "groq", "openrouter"])
def test_thoughts_have_one_name_besides_the_vendors_own(vendor: str) -> None:
    said = {"role": "assistant", "content": "x", "reasoning": "hm"}
    assert message(vendor, said)["message"] == {**said, "reasoning_content": "hm"}
    chunks = heard(
        vendor, chunk({"content": "x"}), chunk({"reasoning": "hm"}), chunk(finish="stop")
    )
    assert deltas(chunks)[1] == {"reasoning": "hm", "reasoning_content": "hm"}


def test_pieces_of_thoughts_have_a_place_by_which_sdks_put_them_together() -> None:
    texts = [{"type": "reasoning.text", "text": text} for text in "ab"]
    hidden = {"type": "reasoning.encrypted", "data": "x"}
    said = [chunk({"content": "", "reasoning_details": [one]}) for one in (*texts, hidden)]
    placed = {"type": "reasoning.text", "text": "c", "index": 7}
    chunks = heard(
        "openrouter", *said, chunk({"reasoning_details": [placed]}), chunk(finish="stop")
    )
    details = [one for delta in deltas(chunks) for one in delta.get("reasoning_details", ())]
    assert [one["index"] for one in details] == [0, 0, 1, 7]


def test_each_annotation_has_a_place_of_its_own() -> None:
    said = [{"role": "assistant", "annotations": [{"type": "url_citation"}]} for _ in "ab"]
    chunks = heard("openrouter", *map(chunk, said), chunk({"content": "x"}), chunk(finish="stop"))
    places = [one["index"] for delta in deltas(chunks) for one in delta.get("annotations", ())]
    assert places == [0, 1]


@pytest.mark.parametrize("vendor", ["nvidia", "openrouter", "openai_compatible"])
def test_a_role_without_a_word_is_none(vendor: str) -> None:
    said = [{"role": "", "content": "x"}, {"role": "", "content": "y"}, {"role": "", "content": ""}]
    chunks = heard(vendor, *map(chunk, said), chunk({"role": ""}, finish="stop"))
    assert [delta.get("role") for delta in deltas(chunks)] == ["assistant", None, None, None]


def test_deepseeks_thoughts_pass_untouched() -> None:
    piece = json.dumps(chunk({"content": None, "reasoning_content": "hm"})).encode()
    assert fed("deepseek", SOUND[0], piece, piece)[-1].payload == piece


@pytest.mark.parametrize(
    ("vendor", "counts", "restated"),
    [
        (
            "xai",
            {"prompt_tokens": 12, "completion_tokens": 1, "total_tokens": 303, "cost": 5}
            | {"completion_tokens_details": {"reasoning_tokens": 290, "audio_tokens": 0}},
            {"prompt_tokens": 12, "completion_tokens": 291, "total_tokens": 303, "cost": 5}
            | {"completion_tokens_details": {"reasoning_tokens": 290, "audio_tokens": 0}},
        ),
        (
            "mistral",
            {**USAGE, "num_cached_tokens": 2},
            {**USAGE, "num_cached_tokens": 2, "prompt_tokens_details": {"cached_tokens": 2}},
        ),
        (
            "together",
            {**USAGE, "cached_tokens": 9},
            {**USAGE, "cached_tokens": 9, "prompt_tokens_details": {"cached_tokens": 3}},
        ),
        (
            "vllm",
            {**USAGE, "reasoning_tokens": 2},
            {**USAGE, "reasoning_tokens": 2, "completion_tokens_details": {"reasoning_tokens": 2}},
        ),
        ("perplexity", {**USAGE, "total_tokens": None}, USAGE),
        (
            "deepseek",
            {**USAGE, "prompt_tokens_details": None},
            {**USAGE, "prompt_tokens_details": None},
        ),
    ],
)
def test_usage_is_told_in_openais_places(vendor: str, counts: Any, restated: Any) -> None:
    choice = {"index": 0, "message": {"role": "assistant", "content": "x"}, "finish_reason": "stop"}
    body = {**NAMES, "object": "chat.completion", "choices": [choice], "usage": counts}
    assert json.loads(answered(vendor, body).body)["usage"] == restated
    chunks = heard(vendor, chunk({"content": "x"}), chunk(finish="stop", usage=counts))
    assert chunks[-1]["usage"] == restated


USAGE_COMES = {
    "with the end": [chunk(finish="stop", usage=USAGE)],
    "after the end": [chunk(finish="stop"), {**NAMES, "choices": [], "usage": USAGE}],
    "twice": [chunk(finish="stop", usage=USAGE), {**NAMES, "choices": [], "usage": USAGE}],
    "in x_groq": [chunk(finish="stop", x_groq={"id": "q", "usage": USAGE})],
    "with every chunk": [chunk({"content": "y"}, usage=USAGE), chunk(finish="stop", usage=USAGE)],
    "before the end": [chunk({"content": ""}, usage=USAGE), chunk(finish="stop")],
    "before more figures": [chunk(finish="stop", usage=USAGE), {"id": "c", "perf_metrics": {}}],
}


@pytest.mark.parametrize("way", USAGE_COMES)
def test_usage_comes_once_in_the_last_chunk_whichever_way_the_vendor_has(way: str) -> None:
    chunks = heard("groq", chunk({"role": "assistant", "content": "x"}), *USAGE_COMES[way])
    assert [piece["usage"] for piece in chunks if piece.get("usage")] == [USAGE]
    assert chunks[-1]["choices"] == []


@pytest.mark.parametrize("way", USAGE_COMES)
def test_usage_has_no_chunk_of_its_own_unless_it_was_asked_for(way: str) -> None:
    said = [chunk({"role": "assistant", "content": "x"}), *USAGE_COMES[way]]
    chunks = fed("groq", *said, b"[DONE]", body=ASKED)
    payloads = [json.loads(piece.payload) for piece in chunks if piece.payload]
    assert all(payload["choices"] for payload in payloads)
    assert sum("usage" in payload for payload in payloads) <= 1
    assert [piece.usage for piece in chunks if piece.usage][-1] == Usage(prompt=3, completion=4)


def test_a_vendor_without_an_end_marker_tells_usage_with_the_end() -> None:
    last = {**chunk(finish="stop", usage=USAGE), "object": "chat.completion.done"}
    chunks = fed("perplexity", chunk({"role": "assistant", "content": "x"}, usage=USAGE), last)
    told = [json.loads(piece.payload) for piece in chunks]
    assert judge.stream_complaints([piece.payload for piece in chunks]) == []
    assert told[-1] == {**NAMES, "choices": [], "usage": USAGE}


def test_a_tier_which_only_its_vendor_knows_is_left_out() -> None:
    chunks = heard("groq", *SOUND[:3], chunk(finish="stop", service_tier="on_demand"))
    assert "service_tier" not in chunks[-1]


def test_an_answer_without_a_message_has_an_empty_one() -> None:
    choice = {"index": 0, "finish_reason": "content_filter", "content_filter_results": {}}
    answer = answered("azure_openai", {**NAMES, "object": "chat.completion", "choices": [choice]})
    assert judge.answer_complaints(answer.body) == []
    told = json.loads(answer.body)["choices"][0]
    assert told == {**choice, "message": {"role": "assistant", "content": None}}


KEYS = [
    *("id", "index", "function", "name", "arguments", "tool_calls", "content", "role", "type"),
    *("text", "thinking", "delta", "finish_reason", "choices", "usage", "model"),
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "a", "null", "{}"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(KEYS),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(st.lists(st.builds(lambda delta, more: {**chunk(delta), **more}, JSON, st.just({})) | JSON))
def test_whatever_a_vendor_sends_is_read_or_refused(bodies: list[Any]) -> None:
    try:
        chunks = fed("mistral", *bodies, b"[DONE]")
    except ProviderError:
        return
    assert chunks[-1].finished


@given(JSON)
def test_whatever_a_vendor_answers_is_read_or_refused(said: Any) -> None:
    choice = {"index": 0, "message": said, "finish_reason": "stop"}
    answer = answered("mistral", {"choices": [choice]})
    assert json.loads(answer.body)["choices"][0]["message"]["role"] == "assistant"
