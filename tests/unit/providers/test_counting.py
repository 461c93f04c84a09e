"""A stream's tokens are counted by its vendor, whether or not the client wants to know."""

import json
from importlib import import_module
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelmesh.connectors.providers._splice import spliced
from modelmesh.errors import ErrorKind, ProviderError
from modelmesh.types import Chunk, Event, Further, HttpReply, Request
from modelmesh.usage import Usage

HI = {"model": "virtual", "messages": [{"role": "user", "content": "hi"}]}
STREAM: dict[str, Any] = {**HI, "stream": True}
COUNTED = {"include_usage": True}
FIELD = b'"stream_options":{"include_usage":true},'
USAGE = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}
NAMES = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}
UNKNOWN = {"error": {"message": "Unrecognized request argument supplied: stream_options"}}


def provider(vendor: str) -> Any:
    cls = import_module(f"modelmesh.connectors.providers.{vendor}").Provider
    return cls("vendor", base_url="http://vendor.test/v1")


def asking(body: dict[str, Any], raw: bytes | None = None, name: str = "r") -> Request:
    raw = json.dumps(body).encode() if raw is None else raw
    return Request(id=name, model="virtual", body=body, raw=raw)


def sent(vendor: Any, request: Request) -> bytes:
    made: bytes = vendor.request(request, model="real", key=None, drop=frozenset()).body
    return made


def answered(vendor: Any, request: Request, status: int, body: Any) -> Any:
    reply = HttpReply(status=status, headers={}, body=json.dumps(body).encode())
    return vendor.answer(reply, request=request, model="real", wall=0.0)


@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize("vendor", ["openai", "openai_compatible", "vllm", "xai", "openrouter"])
def test_a_stream_is_counted_and_every_other_byte_is_as_it_came(vendor: str, indent: Any) -> None:
    raw = b" \n" + json.dumps({**STREAM, "stop": "\u00e9"}, indent=indent).encode()
    named = raw.replace(b'"virtual"', b'"real"')
    made = sent(provider(vendor), asking(STREAM, raw))
    assert made == named.replace(b"{", b"{" + FIELD, 1)


@pytest.mark.parametrize(
    "raw",
    [b"", json.dumps(STREAM).replace("model", r"\u006dodel").encode()],
    ids=["made in process", "spelled with escapes"],
)
def test_a_body_that_is_written_anew_is_counted_too(raw: bytes) -> None:
    made = json.loads(sent(provider("openai"), asking(STREAM, raw)))
    assert made == {**STREAM, "model": "real", "stream_options": COUNTED}


@pytest.mark.parametrize(
    "body", [HI, {**HI, "stream": False}, {**STREAM, "stream_options": COUNTED}]
)
def test_what_is_no_stream_or_asks_for_usage_itself_goes_as_it_came(body: dict[str, Any]) -> None:
    raw = json.dumps(body).encode()
    assert sent(provider("openai"), asking(body)) == raw.replace(b"virtual", b"real")


@pytest.mark.parametrize(
    ("own", "made"),
    [
        (None, COUNTED),
        ({}, COUNTED),
        ({"include_usage": False}, COUNTED),
        ({"include_obfuscation": False}, {"include_obfuscation": False, **COUNTED}),
        # What makes no sense is for the vendor to refuse.
        (7, 7),
    ],
)
def test_the_clients_own_options_stay(own: Any, made: Any) -> None:
    body = {**STREAM, "stream_options": own}
    assert json.loads(sent(provider("openai"), asking(body)))["stream_options"] == made


@pytest.mark.parametrize("vendor", ["mistral", "together", "cohere", "gemini", "anthropic"])
def test_vendors_which_count_anyway_or_refuse_the_option_are_not_asked(vendor: str) -> None:
    assert b"stream_options" not in sent(provider(vendor), asking(STREAM))


@given(st.dictionaries(st.text(max_size=4) | st.just("model"), st.text(max_size=4)), st.text())
def test_a_field_in_front_changes_nothing_else(body: dict[str, str], model: str) -> None:
    body = {**body, "model": "virtual"}
    new = spliced(json.dumps(body).encode(), model, first=b'"added ":[1],')
    assert new is not None
    assert json.loads(new) == {"added ": [1], **body, "model": model}
    assert next(iter(json.loads(new))) == "added "


@pytest.mark.parametrize("status", [400, 422])
def test_a_server_which_cannot_count_is_asked_again_without_and_not_to_any_more(
    status: int,
) -> None:
    server, request = provider("openai_compatible"), asking(STREAM)
    assert FIELD in sent(server, request)
    again = answered(server, request, status, UNKNOWN)
    assert isinstance(again, Further)
    assert json.loads(again.request.body) == {**STREAM, "model": "real"}
    assert again.request.stream
    assert FIELD not in sent(server, asking(STREAM, name="next"))

    # Others of its models may, and one that was under way is not given up.
    other = server.request(request, model="other", key=None, drop=frozenset())
    assert FIELD in other.body
    assert isinstance(answered(server, asking(STREAM, name="same time"), status, UNKNOWN), Further)


def test_a_request_is_asked_again_only_once() -> None:
    server, request = provider("openai_compatible"), asking(STREAM)
    answered(server, request, 400, UNKNOWN)
    with pytest.raises(ProviderError) as raised:
        answered(server, request, 400, UNKNOWN)
    assert raised.value.kind is ErrorKind.INVALID_REQUEST


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (STREAM, 400, {"error": {"message": "no such role"}}),
        (STREAM, 500, UNKNOWN),
        (HI, 400, UNKNOWN),
        ({**STREAM, "stream_options": COUNTED}, 400, UNKNOWN),
        ({**STREAM, "user": "stream_options"}, 400, UNKNOWN),
    ],
    ids=["of something else", "a failure", "no stream", "the client's own", "it is quoted"],
)
def test_other_refusals_are_the_clients_to_know(
    body: dict[str, Any], status: int, said: Any
) -> None:
    server = provider("openai_compatible")
    with pytest.raises(ProviderError):
        answered(server, asking(body), status, said)
    assert FIELD in sent(server, asking(STREAM))


def chunk(delta: Any, finish: str | None = None, **more: Any) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {**NAMES, "choices": [choice], **more}


SAID = [chunk({"role": "assistant", "content": "x"}, usage=None), chunk({}, "stop", usage=None)]
LAST = {**NAMES, "choices": [], "usage": USAGE}


def chunks(vendor: str, body: dict[str, Any], *bodies: Any) -> list[Chunk]:
    decoder = provider(vendor).decoder(request=asking(body), model="real", wall=0.0)
    datas = [json.dumps(one).encode() for one in bodies]
    return [piece for data in (*datas, b"[DONE]") for piece in decoder.feed(Event("", data))]


def shown(pieces: list[Chunk]) -> list[Any]:
    return [json.loads(piece.payload) for piece in pieces if piece.payload]


@pytest.mark.parametrize("vendor", ["openai", "openai_compatible"])
@pytest.mark.parametrize("own", [{}, {"stream_options": {"include_usage": False}}])
def test_case_17_who_did_not_ask_for_usage_sees_no_chunk_of_it(vendor: str, own: Any) -> None:
    pieces = chunks(vendor, {**STREAM, **own}, *SAID, LAST)
    assert shown(pieces) == SAID
    assert [piece.usage for piece in pieces if piece.usage] == [Usage(prompt=3, completion=4)]


@pytest.mark.parametrize("vendor", ["openai", "openai_compatible"])
def test_case_17_who_asked_for_usage_sees_it_once(vendor: str) -> None:
    pieces = chunks(vendor, {**STREAM, "stream_options": COUNTED}, *SAID, LAST)
    assert shown(pieces) == [*SAID, LAST]
    assert [piece.usage for piece in pieces if piece.usage] == [Usage(prompt=3, completion=4)]


@pytest.mark.parametrize("vendor", ["openai", "openai_compatible"])
def test_case_17_usage_in_the_last_chunk_with_content_is_there_once(vendor: str) -> None:
    packed = [SAID[0], chunk({"content": "y"}, "stop", usage=USAGE)]
    for further in ([], [LAST]):
        pieces = chunks(vendor, STREAM, *packed, *further)
        assert shown(pieces) == packed
        told = [piece.usage for piece in pieces if piece.usage]
        assert told == [Usage(prompt=3, completion=4)] * (1 + len(further))


def test_a_chunk_without_choices_that_is_no_usage_is_shown() -> None:
    filtered = {**NAMES, "choices": [], "prompt_filter_results": [{}], "usage": None}
    assert shown(chunks("openai", STREAM, filtered, *SAID)) == [filtered, *SAID]
