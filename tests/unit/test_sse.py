import time
from collections.abc import Iterable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelmesh.sse import Decoder, EventTooLarge
from modelmesh.types import Event

TEXTS = st.text(
    st.characters(codec="utf-8", exclude_characters="\r\n") | st.sampled_from("😀: {}"),
    max_size=12,
)
NAMES = TEXTS.filter(lambda name: not name.startswith(" "))
NOISE = st.sampled_from([": ping", ":", "id: 7", "retry: 10", "unknown: x", "data-like"])


@st.composite
def streams(draw: st.DrawFn) -> tuple[bytes, list[Event]]:
    """Draw the bytes of a stream, and the events it stands for."""
    out = draw(st.sampled_from(["", "\ufeff"]))
    events: list[Event] = []
    for _ in range(draw(st.integers(0, 4))):
        lines = draw(st.lists(NOISE, max_size=2))
        name = draw(st.just("") | NAMES)
        if name:
            lines.append(draw(st.sampled_from(["event:", "event: "])) + name)
        data = draw(st.lists(NAMES, max_size=3))
        for text in data:
            lines.append(draw(st.sampled_from(["data:", "data: "])) + text)
            lines += draw(st.lists(NOISE, max_size=1))
        if data:
            events.append(Event(name, "\n".join(data).encode()))
        for line in [*lines, ""]:
            # A blank line's LF right behind a CR would be that line's own end.
            ends = ["\r\n", "\r"] if out.endswith("\r") and not line else ["\n", "\r\n", "\r"]
            out += line + draw(st.sampled_from(ends))
    return out.encode(), events


def decoded(pieces: Iterable[bytes], max_event: int = 1 << 20) -> list[Event]:
    decoder = Decoder(max_event)
    events = [event for piece in pieces for event in decoder.feed(piece)]
    return events + decoder.end()


def one_by_one(stream: bytes) -> Iterator[bytes]:
    return (stream[place : place + 1] for place in range(len(stream)))


@given(streams())
def test_a_stream_is_read_as_the_events_that_were_written(drawn: tuple[bytes, list[Event]]) -> None:
    stream, events = drawn
    assert decoded([stream]) == events
    assert decoded(one_by_one(stream)) == events


@given(streams())
def test_a_cut_anywhere_changes_nothing(drawn: tuple[bytes, list[Event]]) -> None:
    stream, events = drawn
    for place in range(len(stream) + 1):
        assert decoded([stream[:place], stream[place:]]) == events
        assert decoded([stream[:place], b"", stream[place:]]) == events


@given(st.lists(st.sampled_from([b"a", b"\r", b"\n", b"data:", b" ", b"\xef\xbb\xbf", b"\xff"])))
def test_any_bytes_at_all_are_read_alike_in_any_pieces(pieces: list[bytes]) -> None:
    assert decoded(pieces) == decoded([b"".join(pieces)])


@pytest.mark.parametrize(
    ("stream", "events"),
    [
        (b"", []),
        (b"\n\n\r\n\r\r", []),
        (b"data: x\n\n", [Event("", b"x")]),
        (b"data:x\n\n", [Event("", b"x")]),
        (b"data:  x\n\n", [Event("", b" x")]),
        (b"data\n\n", [Event("", b"")]),
        (b"data: a:b\n\n", [Event("", b"a:b")]),
        (b"data:x", [Event("", b"x")]),
        (b"data:x\n", [Event("", b"x")]),
        (b"data:x\r", [Event("", b"x")]),
        (b"data:a\ndata:b\n\n", [Event("", b"a\nb")]),
        (b"data:a\n\ndata:b\n\n", [Event("", b"a"), Event("", b"b")]),
        (b"event: error\ndata: x\n\ndata: y\n\n", [Event("error", b"x"), Event("", b"y")]),
        (b"event: lost\n\ndata: y\n\n", [Event("", b"y")]),
        (b": comment\n\n: another\n\ndata: x\n\n", [Event("", b"x")]),
        (b"\xef\xbb\xbfdata: x\n\n", [Event("", b"x")]),
        (b"\n\xef\xbb\xbfdata: no longer a mark\n\n", []),
        (b"DATA: x\n data: x\n\n", []),
        ("data: 😀\n\n".encode(), [Event("", "😀".encode())]),
        (b"event: \xff\ndata: x\n\n", [Event("\ufffd", b"x")]),
    ],
)
def test_what_a_stream_says(stream: bytes, events: list[Event]) -> None:
    assert decoded([stream]) == events
    assert decoded(one_by_one(stream)) == events


@pytest.mark.parametrize("size", [1, 7, 100])
def test_what_stands_bare_in_a_stream_is_kept_apart(size: int) -> None:
    stream = b'data: 1\n\n: x\nid: 7\n{\r\n  "error": 2\n\n}\ndata: 3\n\n'
    decoder = Decoder()
    pieces = [stream[at : at + size] for at in range(0, len(stream), size)]
    events = [event for piece in pieces for event in decoder.feed(piece)]
    assert events == [Event("", b"1"), Event("", b"3")]
    assert decoder.bare == b'{\n  "error": 2\n}'


def test_an_event_is_given_as_soon_as_its_blank_line_is_there() -> None:
    decoder = Decoder()
    assert decoder.feed(b"data: x\r\n\r") == [Event("", b"x")]
    assert decoder.feed(b"\n") == []
    assert decoder.feed(b"data: y\r\r") == [Event("", b"y")]


LIMIT = 20


@pytest.mark.parametrize(
    "stream",
    [
        b"data: " + b"x" * (LIMIT + 1) + b"\n\n",
        b"data:123456\ndata:12345\n\n",
        b"data:\n" * 5,
        b": a comment that does not end",
        b"event: and no other line",
    ],
)
def test_an_event_beyond_the_limit_is_refused(stream: bytes) -> None:
    with pytest.raises(EventTooLarge, match="larger than 20 bytes"):
        decoded(one_by_one(stream), LIMIT)


@pytest.mark.parametrize(
    "stream",
    [
        b"data:12345\ndata:12345\n\n",
        b"data:123456789012345\n\ndata:1234\n\n" * 3,
        b"data:\n\n" * LIMIT,
        b": ping\n" * LIMIT + b"data:x\n\n",
    ],
)
def test_every_event_has_the_limit_to_itself(stream: bytes) -> None:
    assert decoded([stream], LIMIT) == decoded([stream])
    assert decoded(one_by_one(stream), LIMIT) == decoded([stream])


def test_the_limit_holds_for_a_single_large_piece() -> None:
    with pytest.raises(EventTooLarge):
        Decoder(LIMIT).feed(b"data: " + b"x" * 15 + b"\n\n")
    with pytest.raises(EventTooLarge):
        Decoder(LIMIT).feed(b"data: x\n\ndata: " + b"x" * 15)


def seconds_for(size: int, piece: int) -> float:
    decoder = Decoder()
    text = b"x" * size
    began = time.process_time()
    decoder.feed(b"data: ")
    for place in range(0, size, piece):
        decoder.feed(text[place : place + piece])
    (event,) = decoder.feed(b"\n\n")
    assert event.data == text
    return time.process_time() - began


def test_a_line_of_8_mib_in_small_pieces_takes_time_in_proportion() -> None:
    small = min(seconds_for(1 << 20, 256) for _ in range(3))
    large = min(seconds_for(8 << 20, 256) for _ in range(2))
    assert large < 8 * small * 3
