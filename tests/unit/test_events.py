"""What whoever joined is told: each thing once, with the right figures."""

from collections.abc import Mapping
from itertools import pairwise
from random import Random
from typing import Any

import pytest
from scene import DONE, ROLE, STOP, bad, good, server, text

from modelmesh.config import schema
from modelmesh.config.load import load
from modelmesh.connectors.storage.memory import Storage as Memory
from modelmesh.errors import ErrorKind, ProviderError, RequestError, RoutingError
from modelmesh.events import (
    AttemptEnded,
    CooldownBegan,
    Event,
    LimitNear,
    LimitReached,
    Recovered,
    RequestBegan,
    RequestEnded,
    Rotated,
    StoreBack,
    StoreLost,
)
from modelmesh.keeper import Keeper
from modelmesh.mesh import ModelMesh
from modelmesh.reply import Reply
from modelmesh.state import Note, State
from modelmesh.testing.clock import FakeClock
from modelmesh.testing.transport import Script, ScriptedTransport, cut, pause, reply, stream
from modelmesh.types import Request
from modelmesh.usage import Usage

CHAT = {"capabilities": ["chat-completion"], "pricing": {"input": 1.0, "output": 2.0}}


class Scene:
    """A mesh of two vendors, a and b, or of a alone, and all that is told of it."""

    def __init__(
        self, *script: Any, joins: bool = True, keeps: int = 0, alone: bool = False, **of_a: Any
    ) -> None:
        self.clock = FakeClock(now=1000.0)
        models = {"x": {"provider": "a", **CHAT}, "y": {"provider": "b", **CHAT}}
        settings: dict[str, Any] = {
            "providers": {
                "a": server("a", **{"api_key": "a", **of_a}),
                "b": server("b", api_key="b"),
            },
            "models": models,
            "pools": {"chat": {"models": ["x"] if alone else ["x", "y"], "max_wait": 0}},
            "storage": {"connector": "memory"},
        }
        told: Script = script
        self.mesh = ModelMesh(
            load(settings, environ={}),
            clock=self.clock,
            rng=Random(1),
            transport=ScriptedTransport(told, self.clock),
        )
        self.events: list[Event] = []
        if joins:
            self.leave = self.mesh.audience.join(self.events.append, keeps=keeps)

    async def send(self, model: str = "chat", **body: Any) -> Reply:
        said = {"model": model, "messages": [{"role": "user", "content": "hi"}], **body}
        return await self.mesh.send(Request(id="r1", model=model, body=said))

    async def ask(self, **body: Any) -> None:
        """Send a request and take all of its answer."""
        came = await self.send(**body)
        try:
            if came.stream:
                assert [payload async for payload in came.stream]
        finally:
            await came.close()

    @property
    def names(self) -> list[str]:
        return [event.name for event in self.events]

    def only(self, kind: type[Event]) -> Any:
        (event,) = [event for event in self.events if isinstance(event, kind)]
        return event


def answered(text: str = "hello", prompt: int = 1000, completion: int = 500) -> Any:
    usage = {"prompt_tokens": prompt, "completion_tokens": completion}
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return reply(body={"id": "c1", "choices": [choice], "usage": usage}, after=0.5)


async def test_a_plain_answer_is_told_with_its_time_its_tokens_and_its_cost() -> None:
    told = Scene(answered())
    await told.ask(temperature=0.5)
    assert told.names == ["request.began", "attempt.ended", "request.ended"]
    began, attempt, ended = told.events
    assert isinstance(began, RequestBegan)
    assert (began.request, began.model, began.pool, began.stream) == ("r1", "chat", "chat", False)
    assert began.body["temperature"] == 0.5
    assert isinstance(attempt, AttemptEnded)
    assert (attempt.target, attempt.provider, attempt.model) == ("a/x", "a", "x")
    assert (attempt.end, attempt.cause, attempt.status) == ("answered", None, None)
    assert (attempt.usage, attempt.estimated) == (Usage(prompt=1000, completion=500), False)
    assert attempt.cost == pytest.approx(0.002)
    assert attempt.seconds == attempt.first_token == pytest.approx(0.5)
    assert isinstance(ended, RequestEnded)
    assert (ended.end, ended.status, ended.code) == ("answered", 200, None)
    assert ended.cost == pytest.approx(0.002)
    assert ended.seconds == pytest.approx(0.5)
    assert ended.attempts == (attempt,)


async def test_a_stream_ends_when_its_last_word_is_out() -> None:
    told = Scene(stream([ROLE, pause(1.0), text("he"), pause(2.0), text("llo"), STOP, DONE]))
    came = await told.send(stream=True)
    assert told.names == ["request.began"]
    assert came.stream
    assert [payload async for payload in came.stream]
    await came.close()
    attempt, ended = told.only(AttemptEnded), told.only(RequestEnded)
    assert (attempt.end, ended.end, ended.status, ended.stream) == (
        "answered",
        "answered",
        200,
        True,
    )
    assert attempt.first_token == pytest.approx(1.0)
    assert attempt.seconds == ended.seconds == pytest.approx(3.0)


async def test_a_stream_that_is_cut_is_a_failure_after_its_status() -> None:
    told = Scene(stream([ROLE, text("he"), cut()]))
    with pytest.raises(ProviderError):
        await told.ask(stream=True)
    attempt, ended = told.only(AttemptEnded), told.only(RequestEnded)
    assert (attempt.end, attempt.cause) == ("failed", ErrorKind.STREAM_INCOMPLETE)
    assert (ended.end, ended.status, ended.code) == ("failed", 200, "stream_incomplete")
    assert told.names == ["request.began", "attempt.ended", "cooldown.began", "request.ended"]


async def test_a_client_that_leaves_is_nobodys_failure() -> None:
    told = Scene(stream([ROLE, text("he"), text("llo"), STOP, DONE]))
    came = await told.send(stream=True)
    await came.close()
    await came.close()
    attempt, ended = told.only(AttemptEnded), told.only(RequestEnded)
    assert (attempt.end, attempt.cause) == ("cancelled", None)
    assert (ended.end, ended.status) == ("cancelled", 499)


async def test_failover_is_an_attempt_more_a_cooldown_and_another_target_in_front() -> None:
    told = Scene(bad(429, headers={"retry-after": "30"}), answered())
    await told.ask()
    assert told.names == [
        "request.began",
        "attempt.ended",
        "cooldown.began",
        "pool.rotated",
        "attempt.ended",
        "request.ended",
    ]
    ended = told.only(RequestEnded)
    assert [(each.target, each.end, each.cause, each.status) for each in ended.attempts] == [
        ("a/x", "failed", ErrorKind.RATE_LIMIT, 429),
        ("b/y", "answered", None, None),
    ]
    cooldown = told.only(CooldownBegan)
    assert (cooldown.of, cooldown.id, cooldown.cause) == ("key", "a", ErrorKind.RATE_LIMIT)
    assert cooldown.seconds == pytest.approx(30.0)
    rotated = told.only(Rotated)
    assert (rotated.pool, rotated.before, rotated.after) == ("chat", "a/x", "b/y")


async def test_what_answers_after_its_cooldown_has_recovered_and_that_is_told_once() -> None:
    told = Scene(bad(429, headers={"retry-after": "5"}), good(), good(), alone=True)
    with pytest.raises(RoutingError):
        await told.ask()
    told.clock.advance(6.0)
    await told.ask()
    await told.ask()
    recovered = told.only(Recovered)
    assert (recovered.of, recovered.id) == ("key", "a")
    assert recovered.at == pytest.approx(told.clock.wall())


async def test_who_failed_everywhere_is_told_with_the_status_its_client_got() -> None:
    told = Scene(bad(401), bad(401))
    with pytest.raises(RoutingError):
        await told.ask()
    ended = told.only(RequestEnded)
    assert (ended.end, ended.status, ended.code) == ("failed", 502, "upstream_auth")
    assert [each.target for each in ended.attempts] == ["a/x", "b/y"]


async def test_a_model_that_does_not_exist_is_a_request_without_a_pool() -> None:
    told = Scene()
    with pytest.raises(RequestError):
        await told.send("nope")
    assert told.names == ["request.began", "request.ended"]
    ended = told.only(RequestEnded)
    assert (ended.model, ended.pool, ended.status) == ("nope", "", 404)
    assert (ended.code, ended.attempts) == ("model_not_found", ())


def test_a_target_put_in_front_by_hand_is_told() -> None:
    told = Scene()
    assert told.mesh.rotate("chat") == "b/y"
    rotated = told.only(Rotated)
    assert (rotated.pool, rotated.before, rotated.after) == ("chat", "a/x", "b/y")


BUDGET = {"daily_limit": 0.01, "alert_threshold": 0.5}


async def test_a_limit_that_is_nearly_used_up_is_told_once() -> None:
    told = Scene(answered(completion=3000), answered(completion=1), alone=True, budget=BUDGET)
    await told.ask(max_tokens=4000)
    await told.ask(max_tokens=1)
    near = told.only(LimitNear)
    assert near.share == pytest.approx(0.7)
    assert "0.01" in near.limit


async def test_a_limit_that_refuses_is_told_once_a_minute() -> None:
    told = Scene(answered(completion=4400), alone=True, budget=BUDGET)
    await told.ask(max_tokens=4400)
    for _ in range(3):
        with pytest.raises(RoutingError):
            await told.ask(max_tokens=4000)
    reached = told.only(LimitReached)
    assert (reached.pool, reached.target) == ("chat", "a/x")
    assert reached.seconds is not None
    assert 0 < reached.seconds <= 86_400


async def test_a_rate_that_is_used_up_is_told_once_a_minute() -> None:
    told = Scene(*[good()] * 9, alone=True, rate_limits={"rpm": 1})
    refused: list[float] = []
    for _ in range(8):
        before = told.names.count("limit.reached")
        try:
            await told.ask()
        except RoutingError:
            if told.names.count("limit.reached") > before:
                refused.append(told.clock.now())
        told.clock.advance(20.0)
    assert len(refused) > 1
    assert all(later - sooner >= 60 for sooner, later in pairwise(refused))


class Moody(Memory):
    """A store that may be away."""

    away = False

    async def exchange(self, told: Mapping[str, Note], wall: float) -> Mapping[str, Note]:
        if self.away:
            raise OSError("it is not there")
        return await super().exchange(told, wall)


async def test_a_store_that_is_lost_and_comes_back_is_told_once_each() -> None:
    clock, state, store = FakeClock(), State(), Moody(schema.Storage())
    events: list[Event] = []
    state.audience.join(events.append)
    keeper = Keeper(state, store, schema.Storage(), clock)
    store.away = True
    await keeper._exchange(1.0)
    await keeper._exchange(1.0)
    store.away = False
    await keeper._exchange(1.0)
    await keeper._exchange(1.0)
    lost, back = events
    assert isinstance(lost, StoreLost)
    assert (lost.store, lost.reason) == (store.described, "it is not there")
    assert isinstance(back, StoreBack)
    assert back.store == store.described


async def test_where_nobody_joined_nothing_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    for kind in (RequestBegan, AttemptEnded, RequestEnded, Rotated, CooldownBegan, Recovered):
        monkeypatch.setattr(kind, "__init__", lambda *_, **__: made.append("an event"))
    told = Scene(bad(429, headers={"retry-after": "5"}), *[good()] * 3, joins=False)
    assert (told.mesh.audience.of_requests, told.mesh.audience.of_changes) == (None, None)
    await told.ask()
    told.clock.advance(6.0)
    told.mesh.rotate("chat")
    await told.ask()
    assert made == []


async def test_who_left_is_told_nothing_more() -> None:
    told = Scene(good(), good())
    await told.ask()
    heard = len(told.events)
    told.leave()
    told.leave()
    await told.ask()
    assert len(told.events) == heard


async def test_who_does_not_want_requests_is_told_what_changes_only() -> None:
    told = Scene(bad(429), good(), joins=False)
    told.mesh.audience.join(told.events.append, requests=False)
    await told.ask()
    assert told.names == ["cooldown.began", "pool.rotated"]


async def test_an_observer_that_breaks_breaks_nothing_else_and_its_words_are_not_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    words = "the secret word"

    def broken(_: Event) -> None:
        raise ValueError(words)

    told = Scene(good(), joins=False)
    told.mesh.audience.join(broken)
    told.mesh.audience.join(told.events.append)
    await told.ask()
    assert told.names == ["request.began", "attempt.ended", "request.ended"]
    assert "an observer broke: ValueError" in caplog.text
    assert words not in caplog.text


@pytest.mark.parametrize(("keeps", "kept"), [(0, ""), (4, "hell"), (99, "hello")])
async def test_of_an_answer_so_much_is_kept_as_somebody_wants(keeps: int, kept: str) -> None:
    told = Scene(answered(), keeps=keeps)
    await told.ask()
    assert told.only(RequestEnded).answer == kept


@pytest.mark.parametrize(("keeps", "kept"), [(0, ""), (4, "hell"), (99, "hello")])
async def test_of_a_stream_too(keeps: int, kept: str) -> None:
    told = Scene(stream([ROLE, text("he"), text("l"), text("lo"), STOP, DONE]), keeps=keeps)
    await told.ask(stream=True)
    assert told.only(RequestEnded).answer == kept
