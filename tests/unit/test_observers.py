"""From the sections of a configuration to who is told what."""

import asyncio
import logging
from collections.abc import Mapping
from typing import Any, ClassVar

import pytest
from attrs import define, field
from happened import attempt, began, ended

from modelmesh.audience import Audience
from modelmesh.check import check
from modelmesh.config import schema
from modelmesh.config.load import load
from modelmesh.errors import ConfigError, ErrorKind
from modelmesh.events import (
    CooldownBegan,
    Event,
    Recovered,
    RequestBegan,
    RequestEnded,
    StatisticsTaken,
)
from modelmesh.observers import Observers
from modelmesh.testing.clock import FakeClock
from modelmesh.types import Request

KEY = "canary-key-of-the-mesh"


class Listener:
    """An observer that keeps what it is told."""

    connector: ClassVar = "test.listener.v1"
    made: ClassVar[list["Listener"]] = []

    def __init__(self, settings: schema.Observer) -> None:
        self.settings = settings
        self.told: list[Event] = []
        self.did: list[str] = []
        self.made.append(self)

    def __call__(self, event: Event) -> None:
        self.told.append(event)

    async def start(self) -> None:
        self.did.append("start")

    async def close(self) -> None:
        self.did.append("close")

    @property
    def names(self) -> list[str]:
        return [event.name for event in self.told]


class Curious(Listener):
    connector: ClassVar = "test.curious.v1"
    everything: ClassVar = True

    def meet(self, mesh: Any) -> None:
        self.did.append(f"met {type(mesh).__name__}")

    def marks(self, request: Request) -> Mapping[str, str]:
        return {"traceparent": request.id}


class Refusing(Listener):
    def __init__(self, settings: schema.Observer) -> None:
        super().__init__(settings)
        raise ZeroDivisionError


class Absent(Listener):
    connector: ClassVar = "test.absent.v1"

    async def start(self) -> None:
        raise OSError(KEY)

    async def close(self) -> None:
        raise OSError(KEY)


OWN = {
    "test.listener.v1": "test_observers:Listener",
    "test.curious.v1": "test_observers:Curious",
    "test.absent.v1": "test_observers:Absent",
}


@define(eq=False)
class Mesh:
    """What is observed."""

    config: schema.MeshConfig
    audience: Audience = field(factory=lambda: Audience(wall=float))

    def stats(self) -> Mapping[str, Any]:
        return {"pools": {"chat": {"requests": 3}}}


class Rounds:
    """Sleeps until the test says that the time has come."""

    def __init__(self) -> None:
        self.slept: list[float] = []
        self._over = asyncio.Event()

    async def __call__(self, seconds: float) -> None:
        self.slept.append(seconds)
        await self._over.wait()
        self._over.clear()

    async def pass_by(self) -> None:
        self._over.set()
        for _ in range(3):
            await asyncio.sleep(0)


class Scene:
    def __init__(self, **sections: Any) -> None:
        Listener.made.clear()
        config = {
            "connectors": OWN,
            "observability": sections,
            "providers": {"openai.llm.v1": {"api_key": KEY}},
            "models": {"m": {"provider": "openai.llm.v1"}},
            "pools": {"chat": {"models": ["m"]}},
        }
        self.mesh = Mesh(load(config, environ={}))
        self.clock, self.rounds = FakeClock(), Rounds()
        self.observers = Observers.of(
            self.mesh, self.mesh.config, self.mesh.stats, self.clock, self.rounds
        )
        self.listeners = list(Listener.made)

    def tell(self) -> None:
        """Let one event of each sort happen."""
        audience = self.mesh.audience
        for event in (BEGAN, ATTEMPT, ENDED):
            if tell := audience.of_requests:
                tell(event)
        if tell := audience.of_changes:
            tell(CHANGE)


BEGAN = began(
    at=1.0,
    body={"messages": [{"role": "user", "content": f"hello {KEY}"}], "temperature": 1},
    headers={"x-tenant": "t", "traceparent": "00-1-2-01"},
)
ATTEMPT = attempt(at=2.0)
ENDED = ended(at=2.0, answer=f"hi {KEY}")
CHANGE = CooldownBegan(at=2.0, of="key", id="a", cause=ErrorKind.RATE_LIMIT, seconds=3.0)

ROUTING = ["attempt.ended", "cooldown.began"]
LOGGING = ["request.began", "request.ended"]
ALL = ["request.began", "attempt.ended", "request.ended", "cooldown.began"]


@pytest.mark.parametrize(
    ("sections", "told"),
    [
        ({"routing": {"connector": "test.listener.v1"}}, [ROUTING]),
        ({"logging": {"connector": "test.listener.v1"}}, [LOGGING]),
        ({"statistics": {"connector": "test.listener.v1"}}, [[]]),
        ({"statistics": {"connector": "test.curious.v1"}}, [ALL]),
        (
            {
                "routing": {"connector": "test.listener.v1"},
                "logging": {"connector": "test.listener.v1"},
            },
            [ALL],
        ),
        (
            {
                "routing": {"connector": "test.listener.v1"},
                "logging": {"connector": "test.listener.v1", "level": "full"},
            },
            [ROUTING, LOGGING],
        ),
    ],
)
async def test_a_section_is_told_what_is_its_own(
    sections: dict[str, Any], told: list[list[str]]
) -> None:
    scene = Scene(**sections)
    await scene.observers.start()
    scene.tell()
    assert [listener.names for listener in scene.listeners] == told
    await scene.observers.close()
    scene.tell()
    assert [[n for n in one.names if n != "statistics.taken"] for one in scene.listeners] == told


@pytest.mark.parametrize("connector", ["null", "modelmesh.null.v1", "null.v1"])
async def test_nobody_costs_nothing(connector: str) -> None:
    scene = Scene(routing={"connector": connector}, logging={"connector": connector})
    await scene.observers.start()
    assert scene.observers.connectors == []
    assert (scene.mesh.audience.of_requests, scene.mesh.audience.of_changes) == (None, None)
    await scene.observers.close()


async def test_who_is_told_of_statistics_only_costs_a_request_nothing() -> None:
    scene = Scene(statistics={"connector": "test.listener.v1"})
    await scene.observers.start()
    assert scene.mesh.audience.of_requests is None
    await scene.observers.close()


async def test_statistics_are_told_at_each_interval_and_at_the_end() -> None:
    scene = Scene(statistics={"connector": "test.listener.v1", "interval": "5m"})
    (listener,) = scene.listeners
    await scene.observers.start()
    assert listener.told == []
    for _ in range(2):
        await scene.rounds.pass_by()
    assert listener.names == ["statistics.taken"] * 2
    await scene.observers.close()
    assert listener.names == ["statistics.taken"] * 3
    assert set(scene.rounds.slept) == {300.0}
    last = listener.told[-1]
    assert isinstance(last, StatisticsTaken)
    assert (last.at, last.stats) == (scene.clock.wall(), scene.mesh.stats())


async def test_an_observer_begins_once_and_ends_once() -> None:
    scene = Scene(
        routing={"connector": "test.curious.v1"}, logging={"connector": "test.curious.v1"}
    )
    (curious,) = scene.listeners
    await scene.observers.start()
    await scene.observers.start()
    assert scene.mesh.audience.marked(Request(id="r1", model="m", body={})).headers == {
        "traceparent": "r1"
    }
    await scene.observers.close()
    assert curious.did == ["met Mesh", "start", "close"]


async def test_one_that_cannot_begin_is_left_out_and_its_words_are_not_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    scene = Scene(
        routing={"connector": "test.absent.v1"}, logging={"connector": "test.listener.v1"}
    )
    await scene.observers.start()
    scene.tell()
    await scene.observers.close()
    absent, listener = scene.listeners
    assert (absent.told, listener.names) == ([], LOGGING)
    assert "test.absent.v1, which gets no events, broke: OSError" in caplog.text
    assert KEY not in caplog.text


@pytest.mark.parametrize("content", [None, {}, {"sample": 0.000001}])
async def test_what_is_said_is_seen_where_it_is_asked_for_and_keys_never(
    content: dict[str, Any] | None,
) -> None:
    scene = Scene(logging={"connector": "test.listener.v1", "content": content})
    (listener,) = scene.listeners
    await scene.observers.start()
    scene.tell()
    await scene.observers.close()
    began, ended = listener.told
    assert isinstance(began, RequestBegan)
    assert isinstance(ended, RequestEnded)
    shown = content == {}
    assert ("hello" in str(began.body)) is shown
    assert ended.answer == ("hi ***" if shown else "")
    assert began.body["temperature"] == 1
    assert began.headers == {"traceparent": "00-1-2-01"}
    assert KEY not in str([began.body, ended.answer])


@pytest.mark.parametrize(("content", "keeps"), [(None, 0), ({}, 2000), ({"max_chars": 10}, 10)])
async def test_no_more_of_an_answer_is_kept_than_is_seen_and_a_key_may_take(
    content: dict[str, Any] | None, keeps: int
) -> None:
    scene = Scene(logging={"connector": "test.listener.v1", "content": content})
    await scene.observers.start()
    kept = scene.mesh.audience.keeps
    assert keeps <= kept <= keeps + 1000
    assert bool(kept) is bool(keeps)
    await scene.observers.close()


async def test_routing_keeps_no_answers() -> None:
    scene = Scene(routing={"connector": "test.listener.v1", "content": {}})
    await scene.observers.start()
    assert scene.mesh.audience.keeps == 0
    await scene.observers.close()


@pytest.mark.parametrize(
    ("entry", "line", "wrong"),
    [
        ("{connector: consle}", 3, "did you mean 'modelmesh.console.v1'?"),
        ("{connector: console, lvel: full}", 3, "did you mean 'level'?"),
        ("{connector: console, level: loud}", 3, "metadata, summary or full"),
        ("{connector: local-file, max_sise: 1MiB}", 3, "did you mean 'max_size'?"),
        ("{connector: local-file, max_files: 0}", 3, "must be more than 0"),
        ("{connector: console, interval: 0}", 3, "must be more than 0"),
        ("{connector: console, content: {sample: 2}}", 3, "at most 1"),
        ("{connector: console, content: {max_chars: none}}", 3, "whole number"),
        ("{connector: console, content: {all: true}}", 3, "unknown key 'all'"),
    ],
)
def test_mistakes_are_told_with_their_line(
    entry: str, line: int, wrong: str, tmp_path: Any
) -> None:
    file = tmp_path / "mesh.yaml"
    file.write_text(f"observability:\n  routing: {{}}\n  logging: {entry}\n")
    with pytest.raises(ConfigError) as raised:
        load(file, environ={})
    (problem,) = raised.value.problems
    assert problem.line == line
    assert problem.path.startswith("observability.logging.")
    assert wrong in problem.message


@pytest.mark.parametrize(
    ("connector", "wrong"),
    [
        ("builtins:dict", "cannot be used here: it has no `connector`; it has no method `__call__"),
        ("builtins:len", "cannot be used here: it is no class"),
        ("test_observers:Refusing", "cannot be made: ZeroDivisionError"),
    ],
)
def test_what_is_no_observer_is_told_with_its_line(
    connector: str, wrong: str, tmp_path: Any
) -> None:
    file = tmp_path / "mesh.yaml"
    file.write_text(f"""\
providers: {{a: {{connector: openai-compatible, base_url: "http://a.test/v1"}}}}
models: {{m: {{provider: a}}}}
pools: {{chat: {{models: [m]}}}}
observability:
  logging: {{connector: "{connector}"}}
""")
    [problem] = check(file, environ={}, wall=0.0).problems
    told = f"line 5: observability.logging.connector: '{connector}' {wrong}"
    assert str(problem).startswith(told)


async def test_an_observer_that_does_not_end_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def never(_: Listener) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(Listener, "close", never)
    scene = Scene(routing={"connector": "test.listener.v1"})
    await scene.observers.start()
    monkeypatch.setattr("modelmesh.observers._PATIENCE", 0.0)
    with caplog.at_level(logging.ERROR):
        await scene.observers.close()
    assert "test.listener.v1 broke: TimeoutError" in caplog.text


def test_an_event_of_a_kind_nobody_knows_is_routings() -> None:
    scene = Scene(routing={"connector": "test.listener.v1"})
    (member,) = scene.observers._members
    assert member.wants(Recovered)
    assert not member.wants(StatisticsTaken)
