"""Lists of models that change, and vendors that are asked whether they are there."""

import asyncio
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from attrs import define, field, frozen
from scene import bad, good, server

from modelmesh.config import schema
from modelmesh.config.load import load
from modelmesh.connectors.discovery import View
from modelmesh.connectors.providers.openai_compatible import Provider
from modelmesh.errors import ConfigError, ErrorKind
from modelmesh.events import CooldownBegan, Event, ModelsFound, ModelsGone, Recovered
from modelmesh.mesh import ModelMesh
from modelmesh.testing import clock as clocks
from modelmesh.testing.transport import ScriptedTransport, fail, pause, reply
from modelmesh.types import HttpRequest, Request

if TYPE_CHECKING:
    from collections.abc import Callable

CONFIG: dict[str, Any] = {
    "providers": {"a": server("a", api_key="sk-a"), "b": server("b", api_key="sk-b")},
    "models": {
        "one": {"provider": "a", "capabilities": ["chat-completion"]},
        "two": {"provider": "b", "capabilities": ["chat-completion"]},
    },
    "pools": {"chat": {"capability": "chat-completion"}},
}
SYNC = {"enabled": True, "interval": "10m"}
HEALTH = {"enabled": True, "interval": "60s", "timeout": "5s", "failure_threshold": 2}
UNREACHABLE = fail(ErrorKind.UNREACHABLE)
Said = Any


def listed(*models: str) -> Said:
    return reply(body={"object": "list", "data": [{"id": model} for model in models]})


@define(eq=False)
class Passing(clocks.FakeClock):
    """A clock on which discoveries sleep until a test lets the time pass."""

    _sleeping: list[tuple[float, asyncio.Future[None]]] = field(factory=list, init=False)

    def __attrs_pre_init__(self) -> None:
        super().__init__(now=1000.0)

    async def sleep(self, seconds: float) -> None:
        # Whoever asks a vendor waits on its own, as with the usual clock of tests.
        if clocks._deadlines.get():
            await super().sleep(seconds)
            return
        awake = asyncio.get_running_loop().create_future()
        self._sleeping.append((self.now() + seconds, awake))
        await awake

    async def pass_(self, seconds: float) -> None:
        end = self.now() + seconds
        await self._settle()
        while (due := min((when for when, _ in self._sleeping), default=end + 1)) <= end:
            self.advance(max(0.0, due - self.now()))
            for each in [one for one in self._sleeping if one[0] <= due]:
                self._sleeping.remove(each)
                if not each[1].done():
                    each[1].set_result(None)
            await self._settle()
        self.advance(max(0.0, end - self.now()))

    async def _settle(self) -> None:
        for _ in range(40):
            await asyncio.sleep(0)


class Scene:
    """A mesh whose vendors list what `lists` says, by host, until that is changed."""

    def __init__(self, lists: dict[str, Said] | None = None, **config: Any) -> None:
        self.clock = Passing()
        self.lists = {"a": listed("one"), "b": listed("two"), **(lists or {})}
        self.asked: list[tuple[float, str, str]] = []
        self.answers: Callable[[str], Said] = lambda _: good()
        self.events: list[Event] = []
        self.mesh = ModelMesh(
            load({**CONFIG, **config}, environ={}),
            clock=self.clock,
            rng=Random(1),
            transport=ScriptedTransport(self._say, self.clock),
        )
        self.mesh.audience.join(self.events.append, requests=False)

    def _say(self, sent: HttpRequest) -> Said:
        host = sent.url.split("/")[2].removesuffix(".test")
        key = sent.headers.get("authorization", "").removeprefix("Bearer ")
        if sent.method != "GET":
            return self.answers(host)
        self.asked.append((self.clock.now(), host, key))
        said = self.lists[host]
        return said(key) if callable(said) else said

    async def pass_(self, seconds: float) -> None:
        """Let discoveries run for so long."""
        await self.mesh.start()
        await self.clock.pass_(seconds)

    async def send(self) -> str:
        body = {"messages": [{"role": "user", "content": "hi"}]}
        came = await self.mesh.send(Request(id="r1", model="chat", body=body))
        await came.close()
        return came.target.id

    def states(self) -> dict[str, str]:
        targets = self.mesh.pool_status()["chat"]["targets"]
        return {each["target"]: each["state"] for each in targets}

    def told(self, *kinds: type[Event]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kinds)]

    def availability(self, provider: str) -> float | None:
        told: float | None = self.mesh.stats()["providers"][provider]["availability"]
        return told


def syncing(lists: dict[str, Said] | None = None, **sync: Any) -> Scene:
    return Scene(lists, discovery={"sync": {**SYNC, **sync}})


def watching(lists: dict[str, Said] | None = None, /, **more: Any) -> Scene:
    return Scene(lists, discovery={"health": HEALTH}, **more)


async def test_nobody_is_asked_unless_that_is_wanted() -> None:
    scene = Scene()
    await scene.mesh.start()
    await asyncio.sleep(0)
    assert scene.asked == []
    await scene.mesh.close()


async def test_the_first_list_tells_what_is_configured_and_missing_and_later_ones_what_changed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    scene = syncing({"a": listed("old", "other")})
    await scene.pass_(10)
    (gone,) = scene.told(ModelsFound, ModelsGone)
    assert (gone.provider, gone.models, gone.kept) == ("a", ["one"], ["one"])
    assert "provider a does not list one; still served" in caplog.messages
    scene.lists["a"] = listed("new", "other")
    await scene.pass_(600)
    _, found, gone = scene.told(ModelsFound, ModelsGone)
    assert (found.provider, found.models, found.registered) == ("a", ["new"], [])
    assert (gone.provider, gone.models, gone.kept) == ("a", ["old"], [])
    await scene.pass_(6000)
    assert len(scene.told(ModelsFound, ModelsGone)) == 3
    assert scene.states() == {"a/one": "ready", "b/two": "ready"}
    assert sum("does not list" in told for told in caplog.messages) == 1
    await scene.mesh.close()


async def test_models_found_join_the_pools_they_fit_and_leave_them_when_they_are_gone() -> None:
    scene = syncing({"a": listed("one", "llama", "text-embedding-9")}, auto_register=True)
    await scene.pass_(10)
    (found,) = scene.told(ModelsFound)
    assert (found.models, found.registered) == (["llama"], ["llama"])
    assert scene.states() == {"a/one": "ready", "a/llama": "ready", "b/two": "ready"}
    scene.lists["a"] = listed("text-embedding-9", "qwen", "one")
    await scene.pass_(600)
    assert scene.states() == {"a/one": "ready", "a/qwen": "ready", "b/two": "ready"}
    (gone,) = scene.told(ModelsGone)
    assert (gone.models, gone.kept) == (["llama"], [])
    await scene.mesh.close()


@pytest.mark.parametrize("said", [listed(), reply(body=b"<html>"), bad(500), bad(404), UNREACHABLE])
async def test_a_list_that_is_empty_or_cannot_be_read_changes_nothing(said: Said) -> None:
    scene = syncing({"a": listed("one", "llama")}, auto_register=True)
    await scene.pass_(10)
    before, told = scene.states(), len(scene.events)
    scene.lists["a"] = said
    await scene.pass_(3000)
    assert (scene.states(), len(scene.events)) == (before, told)
    await scene.mesh.close()


async def test_a_vendor_that_did_not_list_its_models_is_asked_again_soon() -> None:
    scene = syncing({"a": UNREACHABLE}, auto_register=True)
    await scene.pass_(10)
    scene.lists["a"] = listed("llama")
    await scene.pass_(60)
    assert "a/llama" in scene.states()
    await scene.mesh.close()


async def test_what_is_remembered_of_other_targets_outlives_a_model_that_joins() -> None:
    scene = syncing(auto_register=True)
    scene.answers = lambda host: (
        bad(429, headers={"retry-after": "3600"}) if host == "a" else good()
    )
    await scene.pass_(10)
    assert await scene.send() == "b/two"
    scene.lists["b"] = listed("two", "llama")
    await scene.pass_(600)
    states = {"a/one": "left alone", "b/two": "ready", "b/llama": "ready"}
    assert scene.states() == states
    await scene.mesh.close()


async def test_each_provider_has_its_own_interval_and_can_be_left_out() -> None:
    providers = {
        "a": server("a", discovery={"interval": "1m", "auto_register": True}),
        "b": server("b", discovery={"enabled": False}),
    }
    scene = Scene({"a": listed("one", "llama")}, providers=providers, discovery={"sync": SYNC})
    await scene.pass_(300)
    assert {host for _, host, _ in scene.asked} == {"a"}
    assert len(scene.asked) in (5, 6)
    assert "a/llama" in scene.states()
    await scene.mesh.close()


async def test_only_those_providers_are_asked_that_are_named() -> None:
    scene = syncing(providers=["b"])
    await scene.pass_(10)
    assert {host for _, host, _ in scene.asked} == {"b"}
    await scene.mesh.close()


async def test_names_that_are_others_for_a_configured_model_join_nothing() -> None:
    providers = {"a": server("a", connector="ollama.local.v1"), "b": server("b")}
    models = {**CONFIG["models"], "one": {"provider": "a", "model": "llama3.2"}}
    lists = {"a": listed("llama3.2:latest", "one", "qwen3:8b")}
    sync = {"sync": {**SYNC, "auto_register": True}}
    scene = Scene(lists, providers=providers, models=models, discovery=sync)
    await scene.pass_(10)
    assert list(scene.states()) == ["a/one", "b/two", "a/qwen3:8b"]
    assert scene.told(ModelsGone) == []
    await scene.mesh.close()


async def test_a_reload_keeps_what_was_found_until_another_configuration_lets_it_go() -> None:
    scene = syncing({"a": listed("one", "llama")}, auto_register=True)
    await scene.pass_(10)
    sync = {"sync": {**SYNC, "auto_register": True}}
    key = {**CONFIG["providers"], "a": server("a", api_key="sk-new")}
    await scene.mesh.reload({**CONFIG, "providers": key, "discovery": sync})
    assert "a/llama" in scene.states()
    before = len(scene.asked)
    await scene.pass_(600)
    assert [key for _, host, key in scene.asked[before:] if host == "a"] == ["sk-new"]
    await scene.mesh.reload(CONFIG)
    assert scene.states() == {"a/one": "ready", "b/two": "ready"}
    tasks = {task.get_coro().__qualname__ for task in asyncio.all_tasks()}  # type: ignore[union-attr] # they are coroutines
    assert not any("Discover" in name for name in tasks)
    await scene.mesh.close()


async def test_a_dead_vendor_is_left_alone_before_a_request_fails_and_is_back_with_an_answer() -> (
    None
):
    scene = watching({"a": UNREACHABLE})
    await scene.pass_(70)
    assert scene.states() == {"a/one": "left alone", "b/two": "ready"}
    (left,) = scene.told(CooldownBegan)
    assert (left.of, left.id, left.cause) == ("provider", "a", ErrorKind.UNREACHABLE)
    assert await scene.send() == "b/two"
    status = scene.mesh.pool_status()["chat"]["targets"][0]
    assert (status["requests"], status["availability"]) == (0, 0.0)
    await scene.pass_(1000)
    assert scene.states()["a/one"] == "left alone"
    assert len(scene.told(CooldownBegan)) < 6
    scene.lists["a"] = listed("one")
    await scene.pass_(60)
    assert scene.states() == {"a/one": "ready", "b/two": "ready"}
    assert [(event.of, event.id) for event in scene.told(Recovered)] == [("provider", "a")]
    seen = scene.availability("a")
    assert seen is not None
    assert 0 < seen < 0.1
    assert scene.availability("b") == 1.0
    await scene.mesh.close()


async def test_the_log_tells_once_who_is_not_there_and_once_who_is_back(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO", logger="modelmesh")
    scene = watching({"a": UNREACHABLE})
    await scene.pass_(1000)
    scene.lists["a"] = listed("one")
    await scene.pass_(1000)
    assert caplog.messages == [
        "provider a does not answer and is left alone: unreachable",
        "provider a answers again",
    ]
    await scene.mesh.close()


@pytest.mark.parametrize(
    "said", [bad(404), bad(405), bad(501), bad(403), bad(429), reply(body=b"OK"), listed()]
)
async def test_an_answer_that_is_no_list_is_an_answer(said: Said) -> None:
    scene = watching({"a": said})
    await scene.pass_(600)
    assert scene.states()["a/one"] == "ready"
    assert scene.availability("a") == 1.0
    await scene.mesh.close()


@pytest.mark.parametrize("said", [bad(500), bad(503), UNREACHABLE, pause(6.0)])
async def test_a_vendor_that_fails_as_often_as_configured_is_left_alone(said: Said) -> None:
    scene = watching({"a": said})
    await scene.pass_(20)
    assert scene.states()["a/one"] == "ready"
    await scene.pass_(60)
    assert scene.states()["a/one"] == "left alone"
    await scene.mesh.close()


async def test_a_vendor_that_answers_requests_is_there_whatever_becomes_of_its_list() -> None:
    scene = watching({"a": bad(500)})
    for _ in range(6):
        assert await scene.send() == "a/one"
        await scene.pass_(60)
        assert scene.states()["a/one"] == "ready"
    await scene.mesh.close()


async def test_an_answer_may_be_far_away_and_then_the_interval_is_counted_from_it() -> None:
    scene = syncing({"a": pause(4.0)}, interval="1m")
    await scene.pass_(200)
    first, second, *_ = [when for when, host, _ in scene.asked if host == "b"]
    assert 60 <= second - first <= 65
    await scene.mesh.close()


async def test_a_key_that_is_refused_is_left_alone_and_its_provider_is_not() -> None:
    def said(key: str) -> Said:
        return bad(401) if key == "sk-old" else listed("one")

    keys = {"a": server("a", api_keys=["sk-old", "sk-good"]), "b": server("b")}
    scene = watching({"a": said}, providers=keys)
    await scene.pass_(10)
    assert scene.states() == {"a/one": "left alone", "a/one#2": "ready", "b/two": "ready"}
    (left,) = scene.told(CooldownBegan)
    assert (left.of, left.cause) == ("key", ErrorKind.BAD_KEY)
    assert await scene.send() == "a/one#2"
    assert scene.availability("a") == 1.0
    scene.lists["a"] = listed("one")
    await scene.pass_(60)
    assert scene.states()["a/one"] == "ready"
    await scene.mesh.close()


async def test_the_end_of_an_outage_brings_targets_back_and_the_vendors_own_word_stands() -> None:
    pools: dict[str, Any] = {
        "chat": {"capability": "chat-completion", "recovery": {"cooldown": "1h"}}
    }
    pools["chat"] |= {"retry": {"max_attempts": 1}, "max_wait": 0}
    scene = watching({"a": UNREACHABLE, "b": UNREACHABLE}, pools=pools)
    limited = bad(429, headers={"retry-after": "3600"})
    scene.answers = lambda host: UNREACHABLE if host == "a" else limited
    await scene.mesh.start()
    with pytest.raises(Exception, match="Routing error"):
        await scene.send()
    await scene.pass_(100)
    assert scene.states() == {"a/one": "left alone", "b/two": "left alone"}
    scene.lists |= {"a": listed("one"), "b": listed("two")}
    await scene.pass_(60)
    assert scene.states() == {"a/one": "ready", "b/two": "left alone"}
    await scene.mesh.close()


async def test_a_list_is_no_proof_against_what_requests_find_while_the_vendor_is_there() -> None:
    pools = {"chat": {"capability": "chat-completion", "recovery": {"cooldown": "1h"}}}
    scene = watching(pools=pools)
    await scene.pass_(10)
    scene.answers = lambda host: bad(500) if host == "a" else good()
    assert await scene.send() == "b/two"
    await scene.pass_(600)
    assert scene.states()["a/one"] == "left alone"
    await scene.mesh.close()


class Listless(Provider):
    """A connector of one's own, for a vendor that lists no models."""

    connector = "listless"
    models_path = None


async def test_nobody_is_probed_who_has_no_list_or_is_in_maintenance() -> None:
    # The clock on the wall of the tests begins at 08:00 UTC.
    window = {"start": "07:00", "end": "09:00"}
    providers = {
        "a": server("a", connector="listless"),
        "b": server("b", maintenance_window=window),
    }
    own = {"listless": f"{__name__}:Listless"}
    both = {"health": HEALTH, "sync": SYNC}
    scene = Scene(providers=providers, connectors=own, discovery=both)
    await scene.pass_(1800)
    assert scene.asked == []
    assert (scene.availability("a"), scene.availability("b")) == (None, None)
    await scene.pass_(3600)
    assert {host for _, host, _ in scene.asked} == {"b"}
    await scene.mesh.close()


def test_processes_that_start_together_do_not_ask_at_the_same_moment() -> None:
    async def first(seed: int) -> float:
        scene = watching()
        scene.mesh._serving._view.rng = Random(seed)
        await scene.pass_(10)
        await scene.mesh.close()
        return scene.asked[0][0]

    assert asyncio.run(first(1)) != asyncio.run(first(2))


@frozen
class Options:
    path: str


class FromFile:
    """A discovery of one's own: models stand in a file, one a line."""

    connector = "mine"
    Options = Options

    def __init__(self, settings: schema.DiscoverySync) -> None:
        self._path = Path(settings.options["path"])
        self._interval = settings.interval

    async def run(self, view: View) -> None:
        while True:
            view.found("a", self._path.read_text().split(), register=True)
            await view.clock.sleep(self._interval)


async def test_ones_own_discovery_is_one_class_and_is_run_again_when_it_breaks(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "models"
    own = {"sync": {**SYNC, "connector": f"{__name__}:FromFile", "path": str(file)}}
    scene = Scene(discovery=own)
    await scene.pass_(60)
    assert "mine, which is run again, broke: FileNotFoundError" in caplog.text
    file.write_text("llama\n")
    await scene.pass_(120)
    assert "a/llama" in scene.states()
    await scene.mesh.close()


@pytest.mark.parametrize(
    ("discovery", "told"),
    [
        ({"sync": {"enabled": True, "connector": "nope"}}, "unknown connector 'nope'"),
        ({"sync": {"enabled": True, "connector": "health-monitor"}}, "belongs into"),
        ({"health": {"enabled": True, "connector": "registry-sync"}}, "belongs into"),
        ({"health": {"enabled": True, "connector": f"{__name__}:Listless"}}, "no method `run"),
        ({"sync": {"enabled": True, "pth": "x"}}, "unknown key 'pth'"),
        ({"sync": {"enabled": True, "providers": ["nobody"]}}, "unknown provider 'nobody'"),
    ],
)
def test_a_discovery_that_cannot_be_is_a_mistake_in_the_configuration(
    discovery: dict[str, Any], told: str
) -> None:
    with pytest.raises(ConfigError, match=told):
        Scene(discovery=discovery)


async def test_a_name_that_would_break_lines_of_a_log_is_passed_by() -> None:
    scene = syncing({"a": listed("one", "evil\nname", "llama")}, auto_register=True)
    await scene.pass_(10)
    (found,) = scene.told(ModelsFound)
    assert found.models == ["llama"]
    await scene.mesh.close()
