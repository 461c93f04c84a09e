"""Cases 1 to 3: streams that are cut, streams that are errors, failures after content."""

import json
from functools import partial
from typing import Any

import pytest
from proxy_process import Received, until

from failures.scenes import Pools, Scene, chunks_of, text_of
from modelmesh.testing.fake_answers import DONE, error, event, talk
from modelmesh.testing.fake_wire import Exchange, Fault

pytestmark = pytest.mark.asyncio(loop_scope="module")

POOLS = Pools()


def broken_off(came: Received) -> tuple[list[Any], Any]:
    """Return the chunks of a stream that ends in an error event, and the error."""
    assert came.status == 200
    assert came.text.endswith("}\n\n")
    *chunks, last = [json.loads(data) for data in came.events]
    assert last.keys() == {"error"}
    assert not any("error" in chunk for chunk in chunks)
    assert not any(choice["finish_reason"] for chunk in chunks for choice in chunk["choices"])
    return chunks, last["error"]


def said(chunks: list[Any]) -> list[str]:
    return [chunk["choices"][0]["delta"]["content"] for chunk in chunks]


# Case 1: a truncated stream is not passed off as a complete answer

CUTS = ["cut-chunked", "cut-length", "cut-close", "reset-mid"]
for cut in CUTS:
    for count in (1, 2, 7):
        POOLS.add(f"{cut}-{count}", f"{cut}~after={count}", "ok")
    POOLS.add(f"{cut}-plain", cut, "ok")


@pytest.mark.parametrize("count", [1, 2, 7])
@pytest.mark.parametrize("cut", CUTS)
async def test_case_1_a_cut_stream_gives_what_came_and_one_error(
    scene: Scene, cut: str, count: int
) -> None:
    pool = f"{cut}-{count}"
    came = await scene.ask(pool, stream=True)
    chunks, told = broken_off(came)
    role, *deltas = said(chunks)
    assert role == ""
    assert len(deltas) == count
    assert all(deltas)
    assert {chunk["model"] for chunk in chunks} == {f"{cut}~after={count}@{pool}.a"}
    assert (told["type"], told["code"]) == ("upstream_error", "stream_incomplete")
    assert [attempt["cause"] for attempt in told["attempts"]] == ["stream_incomplete"]
    assert "[DONE]" not in came.text
    assert scene.asked(pool) == "a"

    assert text_of(await scene.ask(pool, stream=True), stream=True) == f"Hello from ok@{pool}.b"
    assert scene.asked(pool) == "ab"
    assert await scene.notes(pool) == ["a stream_incomplete"]


@pytest.mark.parametrize("cut", CUTS)
async def test_case_1_a_plain_answer_that_is_cut_is_not_given_out(scene: Scene, cut: str) -> None:
    pool = f"{cut}-plain"
    came = await scene.ask(pool)
    assert text_of(came, stream=False) == f"Hello from ok@{pool}.b"
    assert came.headers["x-modelmesh-attempts"] == "2"
    assert scene.asked(pool) == "ab"
    # Half a document whose end the connection's end told is only seen to be no JSON.
    kind = "bad_answer" if cut == "cut-close" else "stream_incomplete"
    assert await scene.notes(pool) == [f"a {kind}"]


async def cut_in_an_event(exchange: Exchange) -> None:
    """End in good order, but in the middle of the event that would finish the answer."""
    role, text, finish, *_ = talk(exchange, "Hello!").parts()
    await exchange.deliver([role, text, finish[:-20]])


async def finish_then_cut(exchange: Exchange) -> None:
    await exchange.begin()
    for part in talk(exchange, "Hello!").parts()[:-1]:
        await exchange.send(part)


async def done_without_finish(exchange: Exchange) -> None:
    role, text, *_ = talk(exchange, "Hello!").parts()
    await exchange.deliver([role, text, DONE])


POOLS.add("cut-in-an-event", cut_in_an_event, "ok")
POOLS.add("no-done", "no-done", "ok")
POOLS.add("finish-then-cut", finish_then_cut, "ok")
POOLS.add("done-without-finish", done_without_finish, "ok")


async def test_case_1_a_stream_that_ends_in_good_order_but_unfinished_is_cut(scene: Scene) -> None:
    chunks, told = broken_off(await scene.ask("cut-in-an-event", stream=True))
    assert said(chunks) == ["", "Hello!"]
    assert told["code"] == "stream_incomplete"
    assert scene.asked("cut-in-an-event") == "a"
    assert await scene.notes("cut-in-an-event") == ["a stream_incomplete"]


@pytest.mark.parametrize("pool", ["no-done", "finish-then-cut", "done-without-finish"])
async def test_case_1_a_terminal_marker_of_either_kind_makes_a_stream_complete(
    scene: Scene, pool: str
) -> None:
    for _ in range(2):
        assert chunks_of(await scene.ask(pool, stream=True))
    assert scene.asked(pool) == "aa"
    assert await scene.notes(pool) == []


# Case 2: an error inside a 200 stream


async def error_after_empty_deltas(exchange: Exchange) -> None:
    role = talk(exchange).parts()[0]
    await exchange.deliver([role, role, role, event(error(429))])


async def error_named_as_event(exchange: Exchange) -> None:
    refusal = event({"message": "Rate limit reached", "code": "rate_limit_exceeded"})
    await exchange.deliver([b"event: error\n" + refusal])


async def error_as_json(exchange: Exchange) -> None:
    """Answer 200 with a JSON document, though a stream was asked for."""
    await exchange.answer(200, event(error(429)).removeprefix(b"data: ").strip())


LEADS: dict[str, str | Fault] = {
    "first": "error-first-event",
    "after-comment": "error-after-comment",
    "after-role": "error-after-role",
    "after-empty-deltas": error_after_empty_deltas,
    "named": error_named_as_event,
    "json": error_as_json,
}
# Code and type of the error, what it means, and status and code for the client.
ERRORS = {
    "rate_limit_exceeded/requests": ("rate_limit", 429, "rate_limit_exceeded"),
    "overloaded_error/overloaded_error": ("overloaded", 503, "overloaded"),
    "insufficient_quota/insufficient_quota": ("quota_exhausted", 429, "insufficient_quota"),
    "529/server_error": ("overloaded", 503, "overloaded"),
    "503/server_error": ("overloaded", 503, "overloaded"),
    "500/server_error": ("server_error", 502, "upstream_failed"),
}
ALONE: dict[str, tuple[str, int, str]] = {}
REST: dict[str, Any] = {"recovery": {"last_resort": False}}
for lead, leading in LEADS.items():
    POOLS.add(f"error-{lead}", leading, "ok")
    ALONE[POOLS.add(f"error-{lead}-alone", leading, **REST)] = ERRORS[
        "rate_limit_exceeded/requests"
    ]
for number, (words, meaning) in enumerate(ERRORS.items()):
    code, _, kind = words.partition("/")
    for lead in ("first-event", "after-comment", "after-role"):
        fault = f"error-{lead}~code={code}~type={kind}"
        ALONE[POOLS.add(f"error-{lead}-{number}", fault, **REST)] = meaning


@pytest.mark.parametrize("lead", LEADS)
async def test_case_2_an_error_before_content_leads_to_the_next_target(
    scene: Scene, lead: str
) -> None:
    pool = f"error-{lead}"
    for asked in ("ab", "abb"):
        came = await scene.ask(pool, stream=True)
        assert text_of(came, stream=True) == f"Hello from ok@{pool}.b"
        assert len({chunk["id"] for chunk in chunks_of(came)}) == 1
        assert {chunk["model"] for chunk in chunks_of(came)} == {f"ok@{pool}.b"}
        assert scene.asked(pool) == asked
    assert [note.partition(" (")[0] for note in await scene.notes(pool)] == ["a rate_limit"]


@pytest.mark.parametrize("pool", ALONE)
async def test_case_2_an_error_before_content_alone_has_a_real_status(
    scene: Scene, pool: str
) -> None:
    kind, status, code = ALONE[pool]
    came = await scene.ask(pool, stream=True)
    assert (came.status, came.error["code"]) == (status, code)
    assert came.headers["content-type"] == "application/json"
    assert [attempt["cause"] for attempt in came.error["attempts"]] == [kind]

    # It is held against the vendor as if it had been that status.
    came = await scene.ask(pool, stream=True)
    assert (came.status, came.error["code"]) == (status, code)
    assert came.error["attempts"] == []
    assert ("retry-after" in came.headers) == (status in {429, 503})
    assert scene.asked(pool) == "a"
    assert [note.partition(" (")[0] for note in await scene.notes(pool)] == [f"a {kind}"]


# Case 3: after content there is no second try


async def limited_mid(exchange: Exchange, *, code: str = "rate_limit_exceeded") -> None:
    """Tell of an error once the client has part of the answer."""
    parts = talk(exchange, chunks=4).parts()
    refusal = event(error(429, code=code))
    await exchange.deliver([b"".join(parts[:3]), refusal], gap=0.1)


async def limited_in_one_piece(exchange: Exchange) -> None:
    await exchange.deliver([b"".join([*talk(exchange).parts()[:3], event(error(429))])])


AFTER_CONTENT: dict[str, tuple[str | Fault, str]] = {
    "limited": (limited_mid, "rate_limit_exceeded"),
    "overloaded": (partial(limited_mid, code="overloaded_error"), "overloaded"),
    "cut": ("cut-chunked", "stream_incomplete"),
    "reset": ("reset-mid", "stream_incomplete"),
    "stalled": ("stall-mid", "stream_incomplete"),
}
for pool, (behaviour, _) in AFTER_CONTENT.items():
    POOLS.add(f"{pool}-mid", behaviour, "ok", timeouts={"idle": 0.5 if pool == "stalled" else 20})
POOLS.add("at-once", limited_in_one_piece, "ok")


@pytest.mark.parametrize("how", AFTER_CONTENT)
async def test_case_3_after_content_there_is_no_other_vendors_text(scene: Scene, how: str) -> None:
    pool = f"{how}-mid"
    chunks, told = broken_off(await scene.ask(pool, stream=True))
    assert len({chunk["id"] for chunk in chunks}) == 1
    assert {chunk["model"][-1] for chunk in chunks} == {"a"}
    _, *deltas = said(chunks)
    assert len(set(deltas)) == len(deltas) == 2
    assert told.keys() == {"message", "type", "param", "code", "attempts"}
    assert told["code"] == AFTER_CONTENT[how][1]
    assert scene.asked(pool) == "a"
    assert len(await scene.notes(pool)) == 1
    gone = scene.requests(pool)[0]
    await until(lambda: gone.finished or gone.client_gone or how in ("cut", "reset"))

    assert text_of(await scene.ask(pool, stream=True), stream=True) == f"Hello from ok@{pool}.b"
    assert scene.asked(pool) == "ab"


async def test_case_3_content_no_client_has_seen_yet_is_no_reason_to_stay(scene: Scene) -> None:
    came = await scene.ask("at-once", stream=True)
    assert text_of(came, stream=True) == "Hello from ok@at-once.b"
    assert scene.asked("at-once") == "ab"
    assert await scene.notes("at-once") == ["a rate_limit"]
