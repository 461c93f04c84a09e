"""Replies however they are cut, framed or malformed: whole ones are read, no other passes for one.

Nothing here waits: whoever would wait for ever is a failure.
"""

import asyncio
import zlib
from collections.abc import Coroutine
from typing import Any, Literal, TypeVar

import pytest
from attrs import define
from hypothesis import example, given, settings
from hypothesis import strategies as st
from wire import Talk, cut, taken, whole

from modelmesh.errors import ErrorKind, TransportError
from modelmesh.transport.inflating import LOT
from modelmesh.transport.reading import HEAD

Framing = Literal["length", "chunked", "close"]
T = TypeVar("T")

OK = b"HTTP/1.1 200 OK\r\n"
RESET = ConnectionResetError("by the test")
BROKEN = [ErrorKind.UNREACHABLE, ErrorKind.BAD_ANSWER]
BROKEN_OFF = [ErrorKind.STREAM_INCOMPLETE, ErrorKind.BAD_ANSWER]
PACKED = {"gzip": 31, "deflate": zlib.MAX_WBITS, "bare deflate": -zlib.MAX_WBITS}


def run(conversation: Coroutine[Any, Any, T]) -> T:
    async def soon() -> T:
        async with asyncio.timeout(5.0):
            return await conversation

    return asyncio.run(soon())


def packed(text: bytes, coding: str) -> bytes:
    packer = zlib.compressobj(wbits=PACKED[coding])
    return packer.compress(text) + packer.flush()


@define
class Said:
    """What a vendor says, and what it means by it."""

    wire: bytes
    status: int
    body: bytes
    framing: Framing


@st.composite
def replies(draw: st.DrawFn) -> Said:
    """Make sound replies of every framing and coding."""
    pieces = draw(st.lists(st.binary(min_size=1, max_size=40), max_size=6))
    body = b"".join(pieces)
    status = draw(st.sampled_from([200, 201, 404, 429, 500, 529]))
    framing: Framing = draw(st.sampled_from(["length", "chunked", "close"]))
    coding = draw(st.sampled_from(["", *PACKED]))
    head = draw(
        st.sampled_from([b"", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 x\r\na: b\r\n\r\n"])
    )
    head += b"HTTP/1.1 %d Some Words\r\nX-One: 1\r\nx-one:2\r\n" % status
    sent = [packed(body, coding)] if coding else pieces
    if coding:
        head += b"content-encoding: %b\r\n" % coding.rpartition(" ")[2].encode()
    if framing == "length":
        head += b"content-length: %d\r\n" % len(b"".join(sent))
    if framing == "chunked":
        head += b"transfer-encoding: chunked\r\n"
        extension = draw(st.sampled_from([b"", b";a=b", b';q="x"']))
        sent = [b"%x%b\r\n%b\r\n" % (len(piece), extension, piece) for piece in sent]
        sent += [b"0\r\n", draw(st.sampled_from([b"", b"x-trailer: 1\r\n"])), b"\r\n"]
    return Said(head + b"\r\n" + b"".join(sent), status, body, framing)


places = st.lists(st.integers(min_value=1, max_value=900), max_size=12)
every_byte = list(range(100))


# Sound replies


@given(replies(), places)
@settings(deadline=None)
@example(Said(OK + b"x-one: 1, 2\r\ncontent-length: 2\r\n\r\n{}", 200, b"{}", "length"), every_byte)
def test_a_sound_reply_is_read_whole_however_it_is_cut(said: Said, cuts: list[int]) -> None:
    async def conversation() -> None:
        talk = Talk()
        reply = await talk.ask(*cut(said.wire, cuts), end=said.framing == "close")
        assert (reply.status, reply.headers["x-one"]) == (said.status, "1, 2")
        assert await whole(reply) == said.body
        await reply.close()
        kept = said.framing != "close"
        assert (talk.shelf.given_back, talk.shelf.given_up) == (kept, not kept)

    run(conversation())


@given(replies(), replies(), places)
@settings(deadline=None)
def test_one_reply_after_the_other_comes_over_a_connection(
    first: Said, second: Said, cuts: list[int]
) -> None:
    async def conversation() -> None:
        talk = Talk()
        reply = await talk.ask(*cut(first.wire, cuts))
        if first.framing == "close":
            await reply.close()
            return
        assert (await taken(reply)) == (first.body, None)
        other = await talk.ask(*cut(second.wire, cuts), end=second.framing == "close")
        assert "x-trailer" not in other.headers
        assert (await taken(other)) == (second.body, None)

    run(conversation())


@given(replies(), replies(), st.integers(min_value=1))
@settings(deadline=None)
def test_what_comes_behind_a_reply_is_nobodys(said: Said, other: Said, length: int) -> None:
    async def conversation() -> None:
        talk = Talk()
        reply = await talk.ask(said.wire + other.wire[: 1 + length % len(other.wire)])
        assert (await taken(reply)) == (said.body, None)
        assert (talk.wire.aborted, talk.shelf.given_back) == (True, 0)

    if said.framing != "close":
        run(conversation())


# Replies that are cut


@given(replies(), st.integers(min_value=0), places, st.booleans())
@settings(max_examples=300, deadline=None)
def test_a_cut_reply_is_never_taken_for_whole(
    said: Said, length: int, cuts: list[int], reset: bool
) -> None:
    wire = said.wire[: length % len(said.wire)]

    async def conversation() -> None:
        talk = Talk()
        asking = talk.asking()
        await asyncio.sleep(0)
        talk.say(*cut(wire, cuts))
        talk.hang_up(RESET if reset else None)
        try:
            reply = await asking
        except TransportError as error:
            assert error.kind is ErrorKind.UNREACHABLE  # noqa: PT017 - a head may be whole or not
            return
        came, failure = await taken(reply)
        assert said.body.startswith(came)
        # Closing is an end where nothing else was promised; whoever needs more asks for more.
        if failure is None:
            assert (said.framing, reset) == ("close", False)
        else:
            assert failure.kind is ErrorKind.STREAM_INCOMPLETE
        assert (talk.shelf.given_back, talk.shelf.given_up) == (0, 1)

    run(conversation())


@pytest.mark.parametrize("coding", PACKED)
def test_a_compressed_body_that_is_cut_is_not_whole_even_if_the_end_was_not_promised(
    coding: str,
) -> None:
    wire = packed(b"never half of it" * 40, coding)
    head = OK + b"content-encoding: %b\r\n\r\n" % coding.rpartition(" ")[2].encode()

    async def conversation(length: int) -> None:
        reply = await Talk().ask(head + wire[:length], end=True)
        with pytest.raises(TransportError) as failed:
            await whole(reply)
        assert failed.value.kind is ErrorKind.STREAM_INCOMPLETE

    for length in range(1, len(wire)):
        run(conversation(length))


def test_a_cut_document_is_incomplete() -> None:
    async def conversation() -> None:
        reply = await Talk().ask(OK + b"content-length: 9\r\n\r\n{", end=True)
        with pytest.raises(TransportError) as failed:
            await whole(reply)
        assert failed.value.kind is ErrorKind.STREAM_INCOMPLETE

    run(conversation())


# Replies that are not HTTP


async def survive(pieces: list[bytes]) -> None:
    """Let a vendor say something senseless and hang up. It ends, and in a way that is known."""
    talk = Talk()
    asking = talk.asking()
    await asyncio.sleep(0)
    talk.say(*pieces)
    given_back = talk.shelf.given_back
    talk.hang_up()
    try:
        reply = await asking
    except TransportError as error:
        assert error.kind in BROKEN  # noqa: PT017 - it may as well be sound
        assert given_back + talk.shelf.given_up == 1
        return
    _, failure = await taken(reply)
    await reply.close()
    assert failure is None or failure.kind in BROKEN_OFF
    assert given_back + talk.shelf.given_up == 1


@given(st.lists(st.binary(max_size=60), max_size=6))
@settings(deadline=None)
def test_any_bytes_are_survived(pieces: list[bytes]) -> None:
    run(survive(pieces))


@given(
    replies(),
    st.lists(
        st.tuples(st.integers(min_value=0), st.integers(0, 3), st.binary(max_size=4)),
        min_size=1,
        max_size=4,
    ),
    places,
)
@settings(max_examples=500, deadline=None)
def test_a_reply_with_bytes_changed_is_survived(
    said: Said, changes: list[tuple[int, int, bytes]], cuts: list[int]
) -> None:
    wire = said.wire
    for place, gone, put in changes:
        at = place % len(wire) if wire else 0
        wire = wire[:at] + put + wire[at + gone :]
    run(survive(cut(wire, cuts)))


@pytest.mark.parametrize(
    "head",
    [
        b"220 mail.example ESMTP\r\n\r\n",
        b"<html>nope</html>",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 42 OK\r\n\r\n",
        b"HTTP/1.1 099 OK\r\n\r\n",
        b"HTTP/1.1 101 Switching\r\n\r\n",
        b"HTTP/1.1 101 Switching\r\nupgrade: h2c\r\nconnection: upgrade\r\n\r\n",
        OK + b"no colon\r\n\r\n",
        OK + b"content-length: many\r\n\r\n",
        OK + b"content-length: -1\r\n\r\n",
        OK + b"content-length: \r\n\r\n",
        OK + b"content-length: 1\r\ncontent-length: 2\r\n\r\n",
        OK + b"content-length: 1\r\ntransfer-encoding: chunked\r\n\r\n",
        OK + b"transfer-encoding: gzip\r\n\r\n",
        OK + b"transfer-encoding: gzip, chunked\r\n\r\n",
        OK + b"content-encoding: br\r\ncontent-length: 0\r\n\r\n",
        OK + b"content-encoding: gzip, gzip\r\ncontent-length: 0\r\n\r\n",
        OK + b"content-encoding: gzip\r\ncontent-encoding: gzip\r\n\r\n",
    ],
)
def test_a_head_that_makes_no_sense_is_a_bad_answer(head: bytes) -> None:
    async def conversation() -> None:
        with pytest.raises(TransportError) as failed:
            await Talk().ask(head)
        assert failed.value.kind is ErrorKind.BAD_ANSWER

    run(conversation())


@pytest.mark.parametrize(
    "framing",
    [b"x\r\n", b"-1\r\n", b"3\r\nabcd", b"1" * 17 + b"\r\n", b"3\r\nabc\r\n0\r\nno colon\r\n"],
)
def test_a_chunk_that_makes_no_sense_breaks_the_stream_off(framing: bytes) -> None:
    async def conversation() -> None:
        talk = Talk()
        reply = await talk.ask(OK + b"transfer-encoding: chunked\r\n\r\n2\r\nok\r\n", framing)
        came, failure = await taken(reply)
        assert came.startswith(b"ok")
        assert failure
        assert failure.kind is ErrorKind.STREAM_INCOMPLETE
        assert (talk.wire.aborted, talk.shelf.given_up) == (True, 1)

    run(conversation())


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_a_body_that_cannot_be_decompressed_is_a_bad_answer(coding: str) -> None:
    async def conversation() -> None:
        head = OK + b"content-encoding: %b\r\n\r\n" % coding.encode()
        reply = await Talk().ask(head + b"this is neither", end=True)
        _, failure = await taken(reply)
        assert failure
        assert failure.kind is ErrorKind.BAD_ANSWER

    run(conversation())


# Replies without measure


@pytest.mark.parametrize("size", [100, 4096, HEAD + 1, 4 * HEAD])
@pytest.mark.parametrize(
    ("begin", "more"),
    [
        (OK + b"x: ", b"y"),
        (OK, b"x: y\r\n"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (OK + b"transfer-encoding: chunked\r\n\r\n1;", b"y"),
        (OK + b"transfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\n", b"x: y\r\n"),
        (OK + b"transfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\nx: ", b"y"),
    ],
)
def test_what_is_no_body_has_a_limit(begin: bytes, more: bytes, size: int) -> None:
    async def conversation() -> int:
        talk = Talk()
        asking = talk.asking()
        await asyncio.sleep(0)
        talk.say(begin)
        said = 0
        while not talk.wire.aborted:
            assert said <= HEAD + size
            talk.say((more * size)[:size])
            said += size
        try:
            reply = await asking
        except TransportError as error:
            assert error.kind is ErrorKind.BAD_ANSWER  # noqa: PT017 - if the head came through
        else:
            _, failure = await taken(reply)
            assert failure
            assert failure.kind is ErrorKind.STREAM_INCOMPLETE
        return said

    assert run(conversation()) >= HEAD - 4096


def test_a_head_just_within_the_limit_is_read() -> None:
    head = OK + b"content-length: 2\r\nx: "
    head += b"y" * (HEAD - len(head) - 4) + b"\r\n\r\n"
    assert len(head) == HEAD

    async def conversation(wire: list[bytes]) -> bytes:
        return await whole(await Talk().ask(*wire))

    for cuts in ([], [100], [HEAD], [HEAD - 1]):
        assert run(conversation(cut(head + b"{}", cuts))) == b"{}"


def test_a_body_is_taken_apart_a_bit_at_a_time() -> None:
    text = bytes(40 << 20)

    async def conversation() -> None:
        wire = packed(text, "gzip")
        head = OK + b"content-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(wire)
        reply = await Talk().ask(head + wire)
        longest = total = 0
        async for piece in reply.chunks():
            longest, total = max(longest, len(piece)), total + len(piece)
        assert total == len(text)
        assert longest <= 1 << 20

    run(conversation())


@pytest.mark.parametrize("extra", range(0, 300, 7))
def test_everything_that_can_be_decompressed_is_given_before_more_comes(extra: int) -> None:
    text = bytes(LOT + extra)

    async def conversation() -> None:
        wire = packed(text, "gzip")[:-8]  # all but the sum at its end
        talk = Talk()
        reply = await talk.ask(OK + b"content-encoding: gzip\r\n\r\n" + wire)
        came = 0
        while came < len(text):
            came += len(await anext(reply.chunks()))
        await reply.close()

    run(conversation())


def test_a_gzip_body_may_have_several_members() -> None:
    async def conversation() -> None:
        wire = packed(b"one, ", "gzip") + packed(b"two", "gzip")
        head = OK + b"content-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(wire)
        for cuts in ([], list(range(len(head), len(head + wire)))):
            reply = await Talk().ask(*cut(head + wire, cuts))
            assert await whole(reply) == b"one, two"

    run(conversation())


# What else a reply may look like


@pytest.mark.parametrize(
    ("wire", "body"),
    [
        (b"HTTP/1.1 204 Nothing\r\n\r\n", b""),
        (b"HTTP/1.1 304 Same\r\ncontent-length: 7\r\n\r\n", b""),
        (b"HTTP/1.1 200\r\ncontent-length: 2\r\n\r\n{}", b"{}"),
        (b"HTTP/1.1 200 OK\ncontent-length: 2\n\n{}", b"{}"),
        (OK + b"Transfer-Encoding: Chunked \r\n\r\n2 \r\n{}\r\n0\r\n\r\n", b"{}"),
        (OK + b"content-encoding: GZIP\r\ncontent-length: 0\r\n\r\n", b""),
    ],
)
def test_unusual_but_sound_replies_are_read(wire: bytes, body: bytes) -> None:
    async def conversation() -> None:
        talk = Talk()
        assert await whole(await talk.ask(wire)) == body
        assert talk.shelf.given_back == 1

    run(conversation())


def test_pieces_that_came_before_a_failure_are_given_first() -> None:
    async def conversation() -> None:
        talk = Talk()
        reply = await talk.ask(OK + b"content-length: 9\r\n\r\n", b"one ", b"two ")
        talk.hang_up(RESET)
        came, failure = await taken(reply)
        assert (came, failure is not None) == (b"one two ", True)

    run(conversation())
