import asyncio
import json
from collections.abc import Callable, Iterator, Mapping
from random import Random
from typing import Any

import pytest
from attrs import define
from scene import (
    DONE,
    ROLE,
    STOP,
    Vendor,
    bad,
    chunk,
    clock,
    good,
    hosts,
    pool,
    provider,
    request,
    streamed,
    target,
    text,
    words_of,
)

from modelmesh.config.schema import Retry, Timeouts
from modelmesh.connectors.providers.openai_compatible import Provider
from modelmesh.errors import ErrorKind, ProviderError, RequestError, RoutingError
from modelmesh.pool import Pool
from modelmesh.record import Record
from modelmesh.reply import Reply
from modelmesh.router import Router
from modelmesh.testing.clock import FakeClock
from modelmesh.testing.transport import (
    Scripted,
    ScriptedTransport,
    cut,
    fail,
    pause,
    reply,
    silence,
    stream,
    until,
)
from modelmesh.types import HttpRequest, Request

K = ErrorKind
Says = Mapping[str, Any]


@define(eq=False)
class Scene:
    """A pool whose vendors answer by script, by name."""

    pool: Pool
    transport: ScriptedTransport
    clock: FakeClock
    router: Router

    async def route(self, sent: Request | None = None, **more: Any) -> Reply:
        return await self.router.route(self.pool, sent or request(), **more)

    async def fails(self, sent: Request | None = None) -> RoutingError:
        with pytest.raises(RoutingError) as raised:
            await self.route(sent)
        return raised.value

    async def words(self, sent: Request | None = None) -> str:
        """Return what the client reads of a stream."""
        came = await self.route(sent or request(stream=True))
        assert came.stream
        try:
            return "".join([words_of(payload) async for payload in came.stream])
        finally:
            await came.close()

    def record(self, place: int = 0) -> Record:
        return self.pool.standing(self.pool.targets[place]).record

    def nothing_is_left_open(self) -> None:
        assert self.transport.open == 0
        assert [self.record(place).in_flight for place in range(len(self.pool.targets))] == [
            0 for _ in self.pool.targets
        ]


def scene(says: Says, *, kind: type[Provider] = Vendor, **settings: Any) -> Scene:
    """Make a pool of one target for each vendor; one that says a list says them in turn."""
    turns: dict[str, Iterator[Scripted]] = {
        name: iter(said if isinstance(said, list) else [said] * 1000) for name, said in says.items()
    }
    time = clock()

    def script(sent: HttpRequest) -> Scripted:
        return next(turns[sent.url.split("/")[2].removesuffix(".test")])

    transport = ScriptedTransport(script, time)
    settings = {"retry": Retry(budget=0), **settings}
    targets = [target(f"{name}/m", of=provider(name, kind)) for name in says]
    return Scene(
        pool(*targets, rng=Random(1), **settings), transport, time, Router(transport, time)
    )


async def test_the_first_target_answers_and_its_bytes_come_back_untouched() -> None:
    odd = b'{ "choices": [{"message": {"content": "\\u00e9"}}],  "own": 1 }'
    told = scene({"a": reply(body=odd), "b": good()})
    came = await told.route()
    assert came.answer
    assert came.answer.body == odd
    assert (came.target.id, came.stream, came.dropped) == ("a/m", None, frozenset())
    assert [attempt.error for attempt in came.attempts] == [None]
    assert hosts(told.transport) == ["a"]
    assert told.record().answers == 1
    told.nothing_is_left_open()


async def test_the_vendor_sees_the_models_own_name_and_the_key() -> None:
    told = scene({"a": good()})
    await told.route(request(temperature=0.5))
    (sent,) = told.transport.requests
    assert sent.url == "http://a.test/v1/chat/completions"
    assert json.loads(sent.body)["model"] == "m"
    assert json.loads(sent.body)["temperature"] == 0.5
    assert sent.headers["authorization"] == "Bearer sk-a/m"


FAILURES: list[tuple[Scripted, ErrorKind]] = [
    (bad(500), K.SERVER_ERROR),
    (bad(503), K.OVERLOADED),
    (bad(429), K.RATE_LIMIT),
    (bad(401), K.BAD_KEY),
    (bad(402), K.QUOTA_EXHAUSTED),
    (bad(404), K.MODEL_NOT_FOUND),
    (reply(302, b"", headers={"location": "http://evil.test"}), K.BAD_ANSWER),
    (reply(200, b"null"), K.BAD_ANSWER),
    (reply(200, b'""'), K.BAD_ANSWER),
    (reply(200, b"[]"), K.BAD_ANSWER),
    (reply(200, b""), K.BAD_ANSWER),
    (reply(200, {"choices": []}), K.BAD_ANSWER),
    (reply(200, b"<html>", headers={"content-type": "text/html"}), K.BAD_ANSWER),
    (fail(K.UNREACHABLE), K.UNREACHABLE),
    (silence(), K.TIMEOUT),
    (stream([b"{", cut()]), K.STREAM_INCOMPLETE),
]


@pytest.mark.parametrize(("said", "kind"), FAILURES)
async def test_a_failure_is_the_next_targets_chance(said: Scripted, kind: ErrorKind) -> None:
    told = scene({"a": said, "b": good()})
    came = await told.route()
    assert came.target.id == "b/m"
    assert [attempt.error and attempt.error.kind for attempt in came.attempts] == [kind, None]
    assert dict(told.record(0).failures) == {kind: 1}
    assert told.record(1).answers == 1
    assert hosts(told.transport) == ["a", "b"]
    told.nothing_is_left_open()
    await told.route()
    assert hosts(told.transport) == ["a", "b", "b"]


STREAM_FAILURES: list[tuple[Scripted, ErrorKind]] = [
    *[(said, kind) for said, kind in FAILURES if kind is not K.STREAM_INCOMPLETE],
    (good(), K.BAD_ANSWER),
    (reply(200, {"error": {"message": "no", "code": "rate_limit_exceeded"}}), K.RATE_LIMIT),
    (stream([]), K.BAD_ANSWER),
    (stream([DONE]), K.BAD_ANSWER),
    (stream([ROLE, pause(1), chunk({}), cut()]), K.STREAM_INCOMPLETE),
    (stream([ROLE, silence()]), K.TIMEOUT),
    (stream([b'data: {"error": {"message": "x", "code": "overloaded_error"}}\n\n']), K.OVERLOADED),
    (stream([text("Hel").rstrip()]), K.STREAM_INCOMPLETE),
]


@pytest.mark.parametrize(("said", "kind"), STREAM_FAILURES)
async def test_before_the_first_content_a_stream_fails_over_like_anything_else(
    said: Scripted, kind: ErrorKind
) -> None:
    told = scene({"a": said, "b": streamed("from b")})
    assert await told.words() == "from b"
    assert dict(told.record(0).failures) == {kind: 1}
    told.nothing_is_left_open()


async def test_after_the_first_content_nothing_of_another_target_follows() -> None:
    told = scene({"a": stream([text("Hel"), cut()]), "b": streamed("from b")})
    came = await told.route(request(stream=True))
    assert came.stream
    got = [words_of(await anext(came.stream))]
    with pytest.raises(ProviderError, match="broke off"):
        await anext(came.stream)
    await came.close()
    assert got == ["Hel"]
    assert hosts(told.transport) == ["a"]
    assert dict(told.record(0).failures) == {K.STREAM_INCOMPLETE: 1}
    assert told.record(0).answers == 0
    told.nothing_is_left_open()
    assert await told.words() == "from b"


@pytest.mark.parametrize("status", [400, 413, 422])
async def test_the_clients_own_fault_is_asked_of_one_target_and_blamed_on_none(status: int) -> None:
    told = scene({"a": bad(status, "bad field", param="x"), "b": good()})
    failed = await told.fails()
    assert (failed.status, str(failed), failed.param) == (status, "bad field", "x")
    assert hosts(told.transport) == ["a"]
    assert told.pool.standing(told.pool.targets[0]).ready(told.clock.now())
    told.nothing_is_left_open()


async def test_no_target_answering_is_one_error_that_names_them_all() -> None:
    told = scene({"a": bad(401, "who are you"), "b": fail(K.UNREACHABLE, "the wire is down")})
    failed = await told.fails()
    assert failed.status == 502
    assert str(failed) == (
        "Routing error: no target of pool 'chat' answered (a/m: who are you; b/m: the wire is down)"
    )
    assert [attempt.target for attempt in failed.attempts] == ["a/m", "b/m"]
    assert "sk-a" not in json.dumps(failed.body()) + repr(failed) + repr(failed.attempts)


async def test_a_limit_says_when_to_come_back() -> None:
    told = scene({"a": bad(429, headers={"retry-after": "42"}), "b": bad(500)})
    failed = await told.fails()
    assert (failed.status, failed.retry_after) == (429, 30.0)
    told.clock.advance(31)
    failed = await told.fails()
    assert hosts(told.transport) == ["a", "b", "b"]


async def test_a_lone_target_is_waited_for_and_asked_again() -> None:
    said = [bad(429, headers={"retry-after": "7"}), good()]
    told = scene({"a": said}, retry=Retry(budget=1))
    began = told.clock.now()
    came = await told.route()
    assert told.clock.now() - began == 7
    assert len(came.attempts) == 2


@pytest.mark.parametrize("streaming", [False, True])
async def test_dead_targets_together_take_no_longer_than_one_deadline(*, streaming: bool) -> None:
    told = scene(
        dict.fromkeys("abc", silence()),
        timeouts=Timeouts(total=30, first_token=30),
        retry=Retry(budget=9),
    )
    began = told.clock.now()
    failed = await told.fails(request(stream=streaming))
    assert failed.status == 504
    assert told.clock.now() - began == 30
    told.nothing_is_left_open()


async def test_each_target_gets_its_own_time_within_the_deadline() -> None:
    told = scene({"a": silence(), "b": silence(), "c": good()}, timeouts=Timeouts(total=200))
    for place, each in enumerate(told.pool.targets):
        object.__setattr__(each, "first_token", 10.0 * (place + 1))
    began = told.clock.now()
    came = await told.route()
    assert came.target.id == "c/m"
    assert told.clock.now() - began == 30
    assert came.upstream_seconds == 30


@pytest.mark.parametrize("said", [silence(), stream([ROLE, silence()])])
async def test_nobody_is_to_blame_when_the_clients_own_time_is_over(said: Scripted) -> None:
    told = scene({"a": said, "b": streamed("x")})
    failed = await told.fails(request(stream=True, timeout=3.0))
    assert failed.status == 504
    assert told.record(0).cancelled == 1
    assert hosts(told.transport) == ["a"]
    assert told.pool.standing(told.pool.targets[0]).ready(told.clock.now())
    told.nothing_is_left_open()


async def test_nor_when_it_is_over_in_the_middle_of_a_stream() -> None:
    told = scene({"a": stream([text("x"), pause(9), text("y"), STOP])})
    with pytest.raises(ProviderError, match="the time for the request ran out"):
        await told.words(request(stream=True, timeout=5.0))
    assert (told.record().cancelled, dict(told.record().failures)) == (1, {})
    told.nothing_is_left_open()


async def leave(told: Scene, sent: Request) -> None:
    """Ask, and leave while the vendor is waited for."""
    asking = asyncio.ensure_future(told.route(sent))
    for _ in range(5):
        await asyncio.sleep(0)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        (request(), lambda wait: wait),
        (request(), lambda wait: stream([b"{", wait])),
        (request(stream=True), lambda wait: wait),
        (request(stream=True), lambda wait: stream([ROLE, wait])),
    ],
    ids=["before the head", "in a plain answer", "before a stream", "before its first content"],
)
async def test_a_client_that_leaves_is_nobodys_failure_and_nothing_stays_open(
    sent: Request, said: Callable[[Any], Scripted]
) -> None:
    told = scene({"a": said(until(asyncio.Event())), "b": good()})
    await leave(told, sent)
    assert (told.record().cancelled, dict(told.record().failures)) == (1, {})
    assert hosts(told.transport) == ["a"]
    told.nothing_is_left_open()


async def test_a_client_that_leaves_frees_the_trial() -> None:
    told = scene({"a": [bad(500), until(asyncio.Event()), good()], "b": bad(500)})
    await told.fails()
    told.clock.advance(31)
    await leave(told, request())
    assert (await told.route()).target.id == "a/m"


async def test_a_client_that_leaves_a_stream_is_recorded_once() -> None:
    told = scene({"a": streamed("x", "y")})
    came = await told.route(request(stream=True))
    assert told.record().in_flight == 1
    assert came.stream
    await anext(came.stream)
    await came.close()
    await came.close()
    assert (told.record().cancelled, told.record().answers) == (1, 0)
    told.nothing_is_left_open()


async def test_a_target_that_comes_back_is_tried_by_one_of_a_hundred() -> None:
    gate = asyncio.Event()
    told = scene({"a": [bad(500), until(gate)], "b": good()})
    await told.route()
    told.pool.rotate()
    told.clock.advance(31)
    trial = asyncio.ensure_future(told.route())
    await asyncio.sleep(0)
    came = await asyncio.gather(*(told.route() for _ in range(99)))
    assert {each.target.id for each in came} == {"b/m"}
    assert hosts(told.transport).count("a") == 2
    trial.cancel()
    with pytest.raises(asyncio.CancelledError):
        await trial
    told.nothing_is_left_open()


async def test_a_pool_that_fails_wholly_is_not_stormed() -> None:
    told = scene(dict.fromkeys("ab", bad(503)), retry=Retry())
    for _ in range(500):
        await told.fails()
    assert len(told.transport.requests) <= 1.2 * 500 + 2


class Careless(Provider):
    """A connector that does not expect what it gets."""

    def answer(self, reply: Any, **_: Any) -> Any:
        return json.loads(reply.body)["choices"][0].get("message")["content"]["text"]


async def test_a_connector_that_breaks_is_one_failed_attempt() -> None:
    told = scene({"a": good("secret"), "b": good("secret")}, kind=Careless)
    failed = await told.fails()
    assert failed.kind is K.BAD_ANSWER
    assert hosts(told.transport) == ["a", "b"]
    assert "a/m: it was not understood: TypeError" in str(failed)
    assert "secret" not in str(failed)
    told.nothing_is_left_open()


class Refusing(ScriptedTransport):
    """A transport which finds the request not fit to be sent."""

    async def send(self, request: HttpRequest, *, connect: float) -> Any:
        raise RequestError(f"{request.url} in {connect}s: a header has a line break")


async def test_a_request_that_cannot_be_sent_is_the_clients_to_know_and_nobodys_failure() -> None:
    told = scene({"a": good(), "b": good()})
    told.router = Router(Refusing([], told.clock), told.clock)
    with pytest.raises(RequestError, match="line break"):
        await told.route()
    assert (told.record().cancelled, dict(told.record().failures)) == (1, {})
    told.nothing_is_left_open()


async def test_heartbeats_are_given_while_a_vendor_is_silent_in_its_answer() -> None:
    told = scene({"a": stream([text("x"), pause(12), text("y"), STOP])})
    came = await told.route(request(stream=True), heartbeat=5.0)
    assert came.stream
    assert [payload == b"" async for payload in came.stream] == [False, True, True, False, False]
    await came.close()


async def test_usage_is_known_when_a_stream_has_ended() -> None:
    usage = {"prompt_tokens": 3, "completion_tokens": 5}
    told = scene({"a": stream([text("x"), chunk(finish="stop", usage=usage), DONE])})
    came = await told.route(request(stream=True))
    assert came.stream
    async for _ in came.stream:
        pass
    await came.close()
    assert came.stream.usage
    assert came.stream.usage.completion == 5
    assert told.record().answers == 1


USAGE = {"prompt_tokens": 700, "completion_tokens": 40, "total_tokens": 740}
COUNTED = b"data: " + json.dumps({"id": "c1", "choices": [], "usage": USAGE}).encode() + b"\n\n"


async def test_case_17_a_streams_exact_usage_is_recorded_though_nobody_asked_for_it() -> None:
    told = scene({"a": stream([ROLE, text("hi"), STOP, COUNTED, DONE])})
    assert await told.words() == "hi"
    assert json.loads(told.transport.requests[0].body)["stream_options"] == {"include_usage": True}
    assert (told.record().tokens_in, told.record().tokens_out) == (700, 40)


async def test_case_17_an_upstream_that_refuses_stream_options_answers_and_usage_is_a_guess() -> (
    None
):
    refusal = bad(400, "Unknown parameter: 'stream_options'.")
    told = scene({"a": [refusal, streamed("one", "two"), streamed("three")]})
    assert await told.words() == "onetwo"
    assert await told.words() == "three"
    asked = ["stream_options" in json.loads(sent.body) for sent in told.transport.requests]
    assert asked == [True, False, False]
    again = told.transport.requests[1]
    assert (again.headers["authorization"], again.stream) == ("Bearer sk-a/m", True)
    assert told.record().tokens_out == 3
    assert told.record().tokens_in > 0
    assert (told.record().answers, told.record().failures.total()) == (2, 0)
    told.nothing_is_left_open()


async def test_a_whole_answer_is_no_stream_even_so() -> None:
    told = scene({"a": good(), "b": streamed("x")})
    assert await told.words() == "x"
    assert hosts(told.transport) == ["a", "b"]
