"""Requests however they are cut, framed or malformed: each gets its answer, or a clean end.

Nothing here waits: whoever would wait for ever is a failure.
"""

import asyncio
import json
from collections.abc import Coroutine
from typing import Any

import pytest
from attrs import define
from front_wire import Caller, get, in_chunks, post, settle
from hypothesis import example, given, settings
from hypothesis import strategies as st
from proxy_calls import ANSWER, BODY
from wire import cut

from modelmesh.proxy.direct.connection import HEAD as HEAD_SECONDS
from modelmesh.proxy.direct.connection import LINGER
from modelmesh.proxy.direct.reading import HEAD, LINE
from modelmesh.proxy.port import IDLE

CHAT = json.dumps(BODY).encode()
STATUSES = {200, 204, 400, 404, 405, 413, 415, 501}


def run(conversation: Coroutine[Any, Any, None]) -> None:
    async def soon() -> None:
        async with asyncio.timeout(5.0):
            await conversation

    asyncio.run(soon())


@define
class Said:
    """What a client says, and what it is told."""

    wire: bytes
    status: int
    body: bytes | None


@st.composite
def requests(draw: st.DrawFn) -> Said:
    """Make sound requests of every framing."""
    name = draw(st.sampled_from(["X-Any", "x-any", "Cookie"]))
    lines = draw(st.lists(st.just(f"{name}: some text"), max_size=3))
    lines += draw(st.sampled_from([[], ["Connection: keep-alive"], ["Upgrade: h2c"]]))
    lines += draw(st.sampled_from([[], ["Connection: upgrade", "Upgrade: websocket"]]))
    match draw(st.sampled_from(["length", "chunked", "none", "nowhere", "head"])):
        case "length":
            return Said(post(*lines), 200, ANSWER)
        case "chunked":
            at = draw(st.integers(0, len(CHAT)))
            lines.append("Transfer-Encoding: chunked")
            return Said(post(*lines, body=in_chunks([CHAT[:at], CHAT[at:]])), 200, ANSWER)
        case "none":
            return Said(get(*lines), 200, b'{"status": "ok"}')
        case "head":
            return Said(get(*lines, method="HEAD"), 200, b"")
        case _:
            return Said(post(*lines, path="/nowhere"), 404, None)


places = st.lists(st.integers(min_value=0, max_value=2000), max_size=12)


@given(st.lists(requests(), min_size=1, max_size=4), places)
@settings(max_examples=300, deadline=None)
def test_requests_are_read_however_they_are_cut(said: list[Said], cuts: list[int]) -> None:
    # One that is answered before its body is whole ends its connection, as it must.
    said = [one for one in said if one.status == 200] or [said[0]]

    async def conversation() -> None:
        caller = Caller()
        await caller.says(*cut(b"".join(one.wire for one in said), cuts))
        assert [reply.status for reply in caller.came] == [one.status for one in said]
        for one, reply in zip(said, caller.came, strict=True):
            assert one.body is None or reply.body == one.body

    run(conversation())


def test_requests_are_read_byte_by_byte() -> None:
    async def conversation() -> None:
        caller = Caller()
        chunked = post("Transfer-Encoding: chunked", body=in_chunks([CHAT[:5], CHAT[5:]]))
        wire = post() + chunked + get()
        for at in range(len(wire)):
            caller.connection.data_received(wire[at : at + 1])
        await settle()
        assert [reply.status for reply in caller.came] == [200, 200, 200]

    run(conversation())


async def survive(pieces: list[bytes]) -> None:
    """See that whatever a client says gets sound replies, and that its connection can be ended."""
    caller = Caller()
    await caller.says(*pieces)
    assert {reply.status for reply in caller.came} <= STATUSES | {100}
    task = caller.connection.task
    if caller.connection.idle or caller.wire.ended:
        for seconds in (max(IDLE, HEAD_SECONDS) + 1, IDLE + LINGER + 2):
            caller.later(seconds)
    else:  # a body is still coming
        caller.later(IDLE + 1)
    await settle()
    assert (caller.wire.closed, caller.forgotten) == (True, 1)
    assert task is None or task.done()
    assert caller.gate.in_flight == 0
    assert {reply.status for reply in caller.came} <= STATUSES | {100}
    if task is not None and not task.cancelled():
        assert task.exception() is None


@given(st.lists(st.binary(max_size=60), max_size=6))
@settings(deadline=None)
@example([b"\r\n\r\n"])
@example([b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"])
@example([b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"])
def test_any_bytes_are_survived(pieces: list[bytes]) -> None:
    run(survive(pieces))


@given(
    st.lists(requests(), min_size=1, max_size=3),
    st.lists(
        st.tuples(st.integers(min_value=0), st.integers(0, 3), st.binary(max_size=4)),
        min_size=1,
        max_size=4,
    ),
    places,
)
@settings(max_examples=500, deadline=None)
def test_requests_with_bytes_changed_are_survived(
    said: list[Said], changes: list[tuple[int, int, bytes]], cuts: list[int]
) -> None:
    wire = b"".join(one.wire for one in said)
    for place, gone, put in changes:
        at = place % len(wire) if wire else 0
        wire = wire[:at] + put + wire[at + gone :]
    run(survive(cut(wire, cuts)))


MALFORMED = [
    b"NOT HTTP\r\n\r\n",
    b"FOO / HTTP/1.1\r\nhost: a\r\n\r\n",
    b"GET / HTTP/1.1\r\n\r\n",
    b"GET / HTTP/0.9\r\n\r\n",
    b"GET / HTTP/2.0\r\nhost: a\r\n\r\n",
    b"GET / HTTP/1.1\nhost: a\n\n",
    b"GET /\xc3\xa9 HTTP/1.1\r\nhost: a\r\n\r\n",
    get("host: b"),
    get("no colon"),
    get(": no name"),
    get("a b: c"),
    get("x: a\rb"),
    get("x: a\0b"),
    get("x: a\nb: c"),
    get("x: a\r\n b"),
    get("x: a\r\n\tb"),
    post("content-length: 5", "transfer-encoding: chunked"),
    post("transfer-encoding: chunked", "content-length: 5"),
    post("content-length: 5", "content-length: 6"),
    post("content-length: 5", "content-length: 5"),
    post("content-length: 5, 5"),
    post("content-length: -1"),
    post("content-length: +1"),
    post("content-length: 0x5"),
    post("content-length: "),
    post("content-length: 99999999999999999999"),
    post("transfer-encoding : chunked"),
    post("transfer-encoding: gzip"),
    post("transfer-encoding: gzip, chunked"),
    post("transfer-encoding: identity"),
    post("transfer-encoding: chunked", "transfer-encoding: chunked"),
    post("transfer-encoding: chunked", body=in_chunks([CHAT])).replace(b"HTTP/1.1", b"HTTP/1.0"),
    get("x: " + "y" * LINE),
    get(path="/" + "y" * LINE),
    get(*(f"x-{number}: {'y' * 8000}" for number in range(9))),
]


@pytest.mark.parametrize("wire", MALFORMED, ids=lambda wire: repr(wire[:70]))
def test_a_request_that_makes_no_sense_is_refused_in_json_and_the_connection_ended(
    wire: bytes,
) -> None:
    async def conversation(pieces: list[bytes]) -> None:
        caller = Caller()
        await caller.says(*pieces)
        [reply] = caller.came
        assert (reply.status, reply.headers["connection"]) == (400, "close")
        assert reply.headers["content-type"] == "application/json"
        assert reply.error["type"] == "invalid_request_error"
        assert caller.vendor.requests == []
        assert caller.wire.ended
        caller.later(LINGER + 1)
        assert caller.wire.aborted

    run(conversation([wire]))
    run(conversation(cut(wire, range(0, len(wire), 11))))


# Requests without measure


@pytest.mark.parametrize("size", [100, 4096, HEAD + 1, 4 * HEAD])
@pytest.mark.parametrize(
    ("begin", "more"),
    [
        (b"GET /", b"y"),
        (b"GET / HTTP/1.1\r\nx", b"y"),
        (b"GET / HTTP/1.1\r\nx: ", b"y"),
        (b"GET / HTTP/1.1\r\n", b"x: y\r\n"),
        (b"", b"\r\n"),
        (post("transfer-encoding: chunked", body=b"1;"), b"y"),
        (post("transfer-encoding: chunked", body=b"1\r\n \r\n0\r\n"), b"x: y\r\n"),
        (post("transfer-encoding: chunked", body=b"1\r\n \r\n0\r\nx: "), b"y"),
    ],
)
def test_what_is_no_body_has_a_limit(begin: bytes, more: bytes, size: int) -> None:
    async def conversation() -> None:
        caller = Caller()
        await caller.says(begin)
        said = 0
        while not caller.wire.ended:
            assert said <= HEAD + size
            await caller.says((more * size)[:size])
            said += size
        assert [reply.status for reply in caller.came] == [400]

    run(conversation())


def test_a_head_just_within_the_limits_is_read() -> None:
    lines = [f"x-{number}: {'y' * (LINE - 3)}" for number in range(7)]

    async def conversation(size: int) -> None:
        caller = Caller()
        wire = get(*lines)
        await caller.says(*cut(wire, range(size, len(wire), size)))
        assert [reply.status for reply in caller.came] == [200]

    for size in (1000, 70_000):
        run(conversation(size))
