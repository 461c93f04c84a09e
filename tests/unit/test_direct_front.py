"""Connections of the direct front: order, framing, leaving, waiting, and the end of each."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
from attrs import define
from front_wire import (
    CANARY,
    Caller,
    HeldVendor,
    get,
    in_chunks,
    post,
    settle,
)
from proxy_calls import ANSWER, BODY, CHUNK, JSON, LAST, ScriptedReply, ScriptedVendor, streaming

from modelmesh.proxy.direct.connection import HEAD, LINGER, LINGER_BYTES, WAITING
from modelmesh.proxy.port import IDLE
from modelmesh.types import Secret

STREAM = json.dumps({**BODY, "stream": True}).encode()
DONE = b"[DONE]"
LOCKED = {"token": Secret("t")}


# Answers


async def test_a_question_is_answered_in_one_write_and_the_connection_kept() -> None:
    caller = Caller()
    for _ in range(2):
        await caller.says(post())
    assert [(reply.status, reply.body) for reply in caller.came] == [(200, ANSWER)] * 2
    assert len(caller.wire.written) == 2
    assert "connection" not in caller.came[0].headers
    assert "server" not in caller.came[0].headers
    assert not caller.wire.closed


async def test_a_stream_goes_out_event_by_event_the_first_one_with_the_head() -> None:
    caller = Caller(streaming(CHUNK, CHUNK, LAST, DONE))
    await caller.says(post(body=STREAM))
    [reply] = caller.came
    assert reply.body.count(b"data: ") == 4
    first, *others = caller.wire.written
    assert first.endswith(b"data: %b\n\n\r\n" % CHUNK)
    assert [piece.count(b"data: ") for piece in others] == [1, 1, 1, 0]
    assert others[-1] == b"0\r\n\r\n"
    await caller.says(get())
    assert caller.came[-1].status == 200


async def test_an_answer_to_head_has_a_length_and_no_body() -> None:
    caller = Caller()
    await caller.says(get(method="HEAD"), get())
    head, whole = caller.came
    assert (head.status, head.body) == (200, b"")
    assert head.headers["content-length"] == whole.headers["content-length"] != "0"


async def test_nothing_is_said_of_the_body_of_an_answer_that_has_none() -> None:
    caller = Caller()
    await caller.says(get("origin: https://page", method="OPTIONS"), get())
    assert [reply.status for reply in caller.came] == [204, 200]
    assert "content-length" not in caller.came[0].headers


async def test_a_large_answer_is_whole() -> None:
    said = json.loads(ANSWER)
    said["choices"][0]["message"]["content"] = "x" * 200_000
    large = json.dumps(said).encode()
    caller = Caller(ScriptedVendor(ScriptedReply(200, JSON, (large,))))
    await caller.says(post())
    assert caller.came[0].body == large


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/v1/models/org%2Freal", 200),
        ("/v1/models/org/real?limit=1", 200),
        ("http://proxy:1/v1/models?x", 200),
        ("/%", 404),
        ("/v1/models%00", 404),
        ("*", 404),
        ("http://[/", 400),
    ],
)
async def test_what_is_asked_for_is_understood_however_it_is_written(
    target: str, status: int
) -> None:
    caller = Caller(settings={"expose_models": True})
    await caller.says(get(path=target))
    assert caller.came[0].status == status


# Old clients, and those that ask for an end


async def test_an_old_client_gets_its_answer_and_the_end_of_the_connection() -> None:
    caller = Caller()
    await caller.says(b"GET /livez HTTP/1.0\r\n\r\n")
    assert caller.came[0].headers["connection"] == "close"
    assert caller.wire.closed


async def test_an_old_client_may_keep_its_connection() -> None:
    caller = Caller()
    for _ in range(2):
        await caller.says(b"GET /livez HTTP/1.0\r\nconnection: keep-alive\r\n\r\n")
    assert [reply.headers["connection"] for reply in caller.came] == ["keep-alive"] * 2
    assert not caller.wire.closed


async def test_to_an_old_client_a_stream_ends_with_its_connection() -> None:
    caller = Caller(streaming(CHUNK, LAST, DONE))
    old = post("connection: keep-alive", body=STREAM).replace(b"HTTP/1.1", b"HTTP/1.0")
    await caller.says(old)
    [reply] = caller.came
    assert reply.headers["connection"] == "close"
    assert "transfer-encoding" not in reply.headers
    assert reply.body.endswith(b"\n\ndata: [DONE]\n\n")
    assert caller.wire.closed


async def test_behind_a_request_that_is_said_to_be_the_last_nothing_is_heeded() -> None:
    caller = Caller()
    await caller.says(get("connection: close") + get(path="/nowhere"))
    [reply] = caller.came
    assert (reply.status, reply.headers["connection"]) == (200, "close")
    assert caller.wire.closed


# Bodies


async def test_a_body_in_chunks_is_taken_with_extensions_and_trailers() -> None:
    chunks = in_chunks([json.dumps(BODY).encode()]).replace(b"\r\n", b";a=b\r\n", 1)
    chunks = chunks.removesuffix(b"\r\n") + b"authorization: Bearer t\r\n\r\n"
    vendor = ScriptedVendor()
    await (caller := Caller(vendor)).says(post("transfer-encoding: chunked", body=chunks))
    assert caller.came[0].status == 200
    assert len(vendor.requests) == 1
    locked = Caller(settings=LOCKED)
    await locked.says(post("transfer-encoding: chunked", body=chunks))
    assert locked.came[0].status == 401  # a header behind a body is none


async def test_a_body_whose_framing_breaks_is_refused() -> None:
    caller = Caller()
    await caller.says(post("transfer-encoding: chunked", body=b"5\r\n{"), b"not a chunk")
    [reply] = caller.came
    assert (reply.status, reply.headers["connection"]) == (400, "close")
    assert "breaks off before its end" in reply.error["message"]
    assert caller.wire.ended


async def test_a_client_is_told_to_go_on_only_when_its_body_is_read() -> None:
    body = json.dumps(BODY).encode()
    lines = ("expect: 100-Continue", f"content-length: {len(body)}")
    caller = Caller(settings=LOCKED)
    await caller.says(post(*lines, "authorization: Bearer t", body=b""))
    assert caller.wire.written == [b"HTTP/1.1 100 Continue\r\n\r\n"]
    await caller.says(body)
    assert [reply.status for reply in caller.came] == [100, 200]

    stranger = Caller(settings=LOCKED)
    await stranger.says(post(*lines, body=b""))
    [reply] = stranger.came
    assert (reply.status, reply.headers["connection"]) == (401, "close")


@pytest.mark.parametrize("chunked", [False, True])
async def test_another_protocol_is_offered_in_vain_and_the_body_read_all_the_same(
    chunked: bool,
) -> None:
    body = json.dumps(BODY).encode()
    lines = ["connection: Upgrade, HTTP2-Settings", "upgrade: h2c", "http2-settings: AAMAAABk"]
    if chunked:
        lines.append("transfer-encoding: chunked")
        body = in_chunks([body[:9], body[9:]])
    request = post(*lines, body=body)
    for cut in range(1, len(request)):
        caller = Caller()
        await caller.says(request[:cut], request[cut:], get())
        assert [reply.status for reply in caller.came] == [200, 200], cut
        assert caller.came[0].body == ANSWER


async def test_a_tunnel_is_not_opened() -> None:
    caller = Caller()
    await caller.says(b"CONNECT vendor:443 HTTP/1.1\r\nhost: vendor:443\r\n\r\n")
    assert caller.came[0].status == 404


# Several requests at once


async def test_requests_sent_at_once_are_answered_one_at_a_time_and_in_order() -> None:
    vendor = HeldVendor()
    caller = Caller(vendor)
    requests = [post(f"x-request-id: r{number}") for number in range(3)]
    await caller.says(b"".join(requests) + get("x-request-id: r3"))
    for number in range(3):
        assert len(vendor.requests) == number + 1
        assert len(caller.came) == number
        vendor.more.release()
        await settle()
    assert [reply.headers["x-request-id"] for reply in caller.came] == ["r0", "r1", "r2", "r3"]


async def test_what_is_sent_ahead_has_to_wait_and_is_answered_in_its_turn() -> None:
    vendor = HeldVendor()
    caller = Caller(vendor)
    said = {**BODY, "messages": [{"role": "user", "content": "x" * (2 * WAITING)}]}
    body = json.dumps(said).encode()
    await caller.says(post(), post(body=body)[: WAITING + 1000])
    assert caller.wire.paused
    vendor.more.release()
    await settle()
    assert not caller.wire.paused
    vendor.more.release()
    await caller.says(post(body=body)[WAITING + 1000 :])
    assert [reply.status for reply in caller.came] == [200, 200]


async def test_many_small_requests_ahead_have_to_wait_too() -> None:
    vendor = HeldVendor()
    caller = Caller(vendor)
    await caller.says(post(), get() * 20)
    assert caller.wire.paused
    vendor.more.release()
    await settle()
    assert not caller.wire.paused
    assert len(caller.came) == 21


async def test_more_requests_at_once_than_anybody_needs_are_refused() -> None:
    caller = Caller()
    await caller.says(get() * 1000)
    *answered, refused = caller.came
    assert {reply.status for reply in answered} == {200}
    assert 50 <= len(answered) <= 200
    assert (refused.status, refused.headers["connection"]) == (400, "close")


async def test_what_is_no_request_is_refused_after_those_before_it_are_answered() -> None:
    vendor = HeldVendor()
    caller = Caller(vendor)
    await caller.says(post() + b"NOT HTTP\r\n\r\n" + get())
    assert caller.came == []
    vendor.more.release()
    await settle()
    assert [reply.status for reply in caller.came] == [200, 400]
    assert caller.wire.ended


# Early answers


@pytest.mark.parametrize(("settings", "status"), [(LOCKED, 401), ({"max_body": 1000}, 413)])
async def test_an_answer_before_the_whole_body_reaches_a_client_that_still_sends(
    settings: dict[str, object], status: int
) -> None:
    caller = Caller(settings=dict(settings))
    await caller.says(post(f"content-length: {1 << 30}", body=b"x" * 100))
    [reply] = caller.came
    assert (reply.status, reply.headers["connection"]) == (status, "close")
    assert caller.wire.ended
    for _ in range(LINGER_BYTES >> 20):
        caller.connection.data_received(bytes(1 << 20))
    assert not caller.wire.closed
    await caller.ends()
    assert not caller.wire.aborted


async def test_a_client_that_goes_on_sending_for_ever_is_cut_off() -> None:
    for ending in ("bytes", "seconds"):
        caller = Caller(settings=LOCKED)
        await caller.says(post(f"content-length: {1 << 30}", body=b""))
        if ending == "bytes":
            for _ in range((LINGER_BYTES >> 20) + 1):
                caller.connection.data_received(bytes(1 << 20))
        else:
            caller.later(LINGER - 1)
            assert not caller.wire.closed
            caller.later(LINGER + 1)
        assert caller.wire.aborted


async def test_after_a_body_that_came_whole_but_was_not_read_the_connection_is_kept() -> None:
    caller = Caller(settings=LOCKED)
    await caller.says(post(), get())
    assert [reply.status for reply in caller.came] == [401, 200]
    assert not caller.wire.closed


# Clients that leave


@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize("when", ["waiting", "sending"])
async def test_a_client_that_leaves_takes_its_request_with_it(when: str, reset: bool) -> None:
    vendor = HeldVendor()
    caller = Caller(vendor)
    if when == "waiting":
        await caller.says(post())
        assert caller.gate.in_flight == 1
    else:
        await caller.says(post()[:-1])
    if reset:
        caller.wire.closed = True
        caller.connection.connection_lost(ConnectionResetError())
        await settle()
    else:
        await caller.ends()
        assert caller.wire.aborted  # whatever it was still to be sent
    assert vendor.given_up == len(vendor.requests) == (when == "waiting")
    assert (caller.gate.in_flight, caller.forgotten) == (0, 1)
    assert caller.came == []
    assert caller.connection.task is not None
    assert caller.connection.task.done()


async def test_a_client_that_says_nothing_more_may_go() -> None:
    for said in ([], [get()], [b"GET /"], [b"nonsense\r\n\r\n"]):
        caller = Caller()
        await caller.says(*said)
        await caller.ends()
        assert caller.forgotten == 1
        assert caller.connection.task is None or caller.connection.task.done()


# Clients that take their time


async def test_a_stream_waits_for_its_client_and_goes_on() -> None:
    caller = Caller(streaming(CHUNK, CHUNK, LAST, DONE))
    caller.connection.pause_writing()
    await caller.says(post(body=STREAM))
    assert len(caller.wire.written) == 1
    caller.connection.resume_writing()
    await settle()
    assert caller.came[0].body.endswith(b"data: [DONE]\n\n")


@pytest.mark.parametrize("body", [None, STREAM], ids=["plain", "stream"])
async def test_a_client_that_takes_nothing_for_too_long_is_given_up(
    body: bytes | None, caplog: pytest.LogCaptureFixture
) -> None:
    vendor = streaming(CHUNK, LAST, DONE) if body else ScriptedVendor()
    caller = Caller(vendor, settings={"write_timeout": 0.001})
    caller.connection.pause_writing()
    with caplog.at_level("INFO"):
        await caller.says(post(body=body))
        await asyncio.sleep(0.01)
        await settle()
    assert caller.wire.aborted
    assert caller.gate.in_flight == 0
    assert "client_cancelled" in caplog.text


async def test_a_key_in_a_path_is_not_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caller = Caller()
    with caplog.at_level("INFO"):
        await caller.says(get(path=f"/v1/{CANARY}-12"), get(path="/v1/sk-somebody-elses"))
    assert [one.status for one in caller.came] == [404, 404]
    assert "'/v1/***-12' 404" in caplog.text
    assert "'/v1/***' 404" in caplog.text


async def test_an_idle_connection_is_kept_for_a_while() -> None:
    for said in ([], [get()]):
        caller = Caller()
        await caller.says(*said)
        caller.later(IDLE - 1)
        assert not caller.wire.closed
        caller.later(IDLE + 1)
        assert caller.wire.closed


@pytest.mark.parametrize("before", [[], [get()]])
async def test_a_head_that_comes_drop_by_drop_has_an_end(before: list[bytes]) -> None:
    caller = Caller()
    await caller.says(*before, b"GET / HT", b"TP/1.1\r\n", b"a:")
    caller.later(HEAD - 1)
    await caller.says(b"b")
    assert not caller.wire.ended
    caller.later(HEAD + 1)
    assert caller.wire.ended
    caller.later(HEAD + LINGER + 1)
    assert caller.wire.aborted


async def test_a_head_has_its_time_from_when_it_is_waited_for() -> None:
    vendor = HeldVendor()
    caller = Caller(vendor)
    await caller.says(post() + b"GET / HT")
    caller.later(1000)
    assert not caller.wire.closed
    vendor.more.release()
    await settle()
    caller.later(HEAD - 1)
    assert not caller.wire.ended
    caller.later(HEAD + 1)
    assert caller.wire.ended


async def test_a_body_of_which_nothing_more_comes_is_given_up() -> None:
    caller = Caller()
    await caller.says(post()[:-1])
    caller.later(IDLE - 1)
    assert not caller.wire.closed
    caller.later(IDLE + 1)
    await settle()
    assert caller.wire.aborted
    assert caller.gate.in_flight == 0


async def test_a_request_being_answered_may_take_as_long_as_it_takes() -> None:
    caller = Caller(HeldVendor())
    await caller.says(post())
    caller.later(100_000)
    await settle()
    assert not caller.wire.closed


# Failures within


@define
class Breaking(ScriptedReply):
    """A stream whose reading fails in a way that nobody thought of."""

    async def chunks(self) -> AsyncIterator[bytes]:
        for piece in self.pieces:
            yield piece
        raise KeyError("canary")


async def test_a_stream_that_has_begun_ends_with_an_error_event_whatever_happens() -> None:
    begun = streaming(CHUNK).reply
    caller = Caller(ScriptedVendor(Breaking(begun.status, begun.headers, begun.pieces)))
    await caller.says(post(body=STREAM), get())
    stream, after = caller.came
    _, last, _ = stream.body.split(b"\n\n")
    assert "code" in json.loads(last.removeprefix(b"data: "))["error"]
    assert b"canary" not in stream.body
    assert after.status == 200


async def test_at_the_last_moment_of_the_server_a_stream_says_so() -> None:
    vendor = HeldVendor()
    caller = Caller(vendor)
    await caller.says(post())
    caller.gate.drain(0)
    await settle()
    [reply] = caller.came
    assert (reply.status, reply.error["code"]) == (503, "shutting_down")
    assert reply.headers["connection"] == "close"
    assert caller.wire.closed


async def test_the_last_answer_before_the_end_says_that_it_is_the_last() -> None:
    vendor = HeldVendor()
    caller = Caller(vendor)
    await caller.says(post())
    caller.connection.finish()
    assert not caller.wire.closed
    vendor.more.release()
    await settle()
    assert caller.came[0].headers["connection"] == "close"
    assert caller.wire.closed

    idle = Caller()
    await idle.says(get())
    idle.connection.finish()
    assert idle.wire.closed
