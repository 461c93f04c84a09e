"""Which replies are streams, and of what."""

from typing import Any

import pytest

from modelmesh.stream import End, EventSplitter, Piece, PieceSplitter, splitter
from modelmesh.testing.clock import FakeClock
from modelmesh.testing.transport import Reply, ScriptedReply, ScriptedTransport
from modelmesh.types import Endpoint, Event, Request

BYTES: dict[str, Any] = {"input": "Hi"}
EVENTS: dict[str, Any] = {"input": "Hi", "stream_format": "sse"}
CHAT: dict[str, Any] = {"messages": [], "stream": True}


def split(endpoint: Endpoint, body: dict[str, Any], kind: str | None, status: int = 200) -> Any:
    headers = {} if kind is None else {"content-type": kind}
    clock = FakeClock()
    reply = ScriptedReply(Reply(status, headers), clock, ScriptedTransport([], clock))
    return splitter(Request(id="r", model="m", body=body, endpoint=endpoint), reply)


@pytest.mark.parametrize("body", [BYTES, EVENTS], ids=["bytes", "events"])
@pytest.mark.parametrize(
    "kind", ["audio/mpeg", "audio/pcm;rate=24000", "application/octet-stream", "", None]
)
def test_sound_comes_in_pieces_whatever_was_asked_for(
    body: dict[str, Any], kind: str | None
) -> None:
    assert isinstance(split("speech", body, kind), PieceSplitter)


@pytest.mark.parametrize("body", [BYTES, EVENTS], ids=["bytes", "events"])
def test_events_of_speech_are_read_as_such_whatever_was_asked_for(body: dict[str, Any]) -> None:
    assert isinstance(split("speech", body, "Text/Event-Stream; charset=utf-8"), EventSplitter)


@pytest.mark.parametrize("body", [BYTES, EVENTS], ids=["bytes", "events"])
@pytest.mark.parametrize(
    "kind",
    [
        "application/json",
        "application/problem+json; charset=utf-8",
        "text/html",
        "TEXT/PLAIN",
        "application/xml",
        "application/xhtml+xml",
    ],
)
def test_a_document_is_no_sound(body: dict[str, Any], kind: str) -> None:
    assert split("speech", body, kind) is None


def test_an_error_is_read_whole() -> None:
    assert split("speech", BYTES, "audio/mpeg", 500) is None
    assert split("chat", CHAT, "text/event-stream", 429) is None


def test_a_chat_is_a_stream_where_it_was_asked_for_as_one() -> None:
    assert isinstance(split("chat", CHAT, None), EventSplitter)
    assert split("chat", CHAT, "application/json") is None
    assert split("chat", {"messages": []}, "text/event-stream") is None


def test_pieces_end_with_an_empty_one() -> None:
    made = PieceSplitter()
    assert made.feed(b"data: no event\n\n") == [Piece("", b"data: no event\n\n")]
    assert made.end() == [Piece("", b"")]
    assert not isinstance(Event("", b""), Piece)


@pytest.mark.parametrize(
    ("last", "end"),
    [
        (b"", b""),
        (b'{\n "error": 1\n}', b'{\n "error": 1\n}'),
        (b'{\n "error": ', b""),
        (b"<html>", b""),
    ],
    ids=["nothing", "error", "half-an-error", "something-else"],
)
def test_events_end_with_what_stood_bare_among_them(last: bytes, end: bytes) -> None:
    splitter = EventSplitter()
    assert splitter.feed(b"data: 1\n\n" + last) == [Event("", b"1")]
    assert splitter.end() == [End("", end)]
