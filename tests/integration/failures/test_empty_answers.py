"""Case 12: what looks like success and holds no answer is a failure."""

from functools import partial

import pytest

from failures.scenes import Pools, Scene, text_of
from modelmesh.testing.fake_answers import encode, talk
from modelmesh.testing.fake_wire import EVENTS, Exchange, Fault

pytestmark = pytest.mark.asyncio(loop_scope="module")

POOLS = Pools()


async def as_event(exchange: Exchange, *, payload: bytes) -> None:
    """Answer with these bytes, in a stream as its only event."""
    if exchange.request.streaming:
        await exchange.deliver([b"data: %b\n\n" % payload, b"data: [DONE]\n\n"])
    else:
        await exchange.deliver([payload])


async def nothing_as_events(exchange: Exchange) -> None:
    await exchange.answer(200, b"", {"content-type": EVENTS})


async def comments_and_end(exchange: Exchange) -> None:
    await exchange.answer(200, b": busy\n\n: busy\n\n", {"content-type": EVENTS})


async def role_and_end(exchange: Exchange) -> None:
    """Give the role, or half a document, and end in good order without a terminal marker."""
    part = talk(exchange).parts()[0]
    await exchange.deliver([part if exchange.request.streaming else part[:30]])


async def role_and_done(exchange: Exchange) -> None:
    """Stream the role and [DONE], without content and without a reason to finish."""
    parts = talk(exchange).parts()
    await exchange.deliver([parts[0], parts[-1]] if exchange.request.streaming else [b" "])


async def no_choices_at_all(exchange: Exchange) -> None:
    await as_event(exchange, payload=encode({"id": "x", "object": "chat.completion"}))


ODD: dict[str, str | Fault] = {
    "null": "null-body",
    "string": "empty-string-body",
    "list": "list-body",
    "html": "html-200",
    "no-choices": "empty-choices",
    "done": "done-only",
    "empty": "empty-stream",
    "null-event": partial(as_event, payload=b"null"),
    "string-event": partial(as_event, payload=b'""'),
    "list-event": partial(as_event, payload=b"[]"),
    "object-event": partial(as_event, payload=b"{}"),
    "no-json-event": partial(as_event, payload=b"Good morning!"),
    "nothing-as-events": nothing_as_events,
    "comments": comments_and_end,
    "role": role_and_end,
    "role-and-done": role_and_done,
    "without-choices": no_choices_at_all,
}
TELLING: dict[str, tuple[str | Fault, str, int, str]] = {
    "error-limit": ("error-200", "rate_limit", 429, "rate_limit_exceeded"),
    "error-quota": (
        "error-200~code=insufficient_quota",
        "quota_exhausted",
        429,
        "insufficient_quota",
    ),
    "error-busy": ("error-200~code=overloaded_error", "overloaded", 503, "overloaded"),
    "error-500": ("error-200~code=500~type=server_error", "server_error", 502, "upstream_failed"),
    **{
        name: (behaviour, "bad_answer", 502, "upstream_bad_answer")
        for name, behaviour in ODD.items()
    },
}
for name, (odd, *_) in TELLING.items():
    for way in ("plain", "stream"):
        POOLS.add(f"{name}-{way}", odd, "ok")
        POOLS.add(f"{name}-{way}-alone", odd, recovery={"last_resort": False})
for way in ("plain", "stream"):
    POOLS.add(f"legal-{way}", "empty-content", "ok")


@pytest.mark.parametrize("way", ["plain", "stream"])
@pytest.mark.parametrize("name", TELLING)
async def test_case_12_a_200_without_an_answer_leads_to_the_next_target(
    scene: Scene, name: str, way: str
) -> None:
    pool, stream = f"{name}-{way}", way == "stream"
    for asked in ("ab", "abb"):
        came = await scene.ask(pool, stream=stream)
        assert text_of(came, stream=stream) == f"Hello from ok@{pool}.b"
        assert f"@{pool}.a" not in came.text
        assert scene.asked(pool) == asked
    assert [note.partition(" (")[0] for note in await scene.notes(pool)] == [
        f"a {TELLING[name][1]}"
    ]


@pytest.mark.parametrize("way", ["plain", "stream"])
@pytest.mark.parametrize("name", TELLING)
async def test_case_12_a_200_without_an_answer_alone_is_an_error(
    scene: Scene, name: str, way: str
) -> None:
    pool = f"{name}-{way}-alone"
    _, kind, status, code = TELLING[name]
    for left_alone in (False, True):
        came = await scene.ask(pool, stream=way == "stream")
        assert (came.status, came.error["code"]) == (status, code)
        assert came.headers["content-type"] == "application/json"
        assert len(came.error["attempts"]) == (not left_alone)
    assert scene.asked(pool) == "a"
    assert [note.partition(" (")[0] for note in await scene.notes(pool)] == [f"a {kind}"]


@pytest.mark.parametrize("way", ["plain", "stream"])
async def test_case_12_an_empty_text_that_is_finished_is_an_answer(scene: Scene, way: str) -> None:
    pool, stream = f"legal-{way}", way == "stream"
    for asked in ("a", "aa"):
        assert text_of(await scene.ask(pool, stream=stream), stream=stream) == ""
        assert scene.asked(pool) == asked
    assert await scene.notes(pool) == []
