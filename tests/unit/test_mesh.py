import asyncio
import re
from pathlib import Path
from random import Random
from typing import Any

import pytest
from attrs import evolve
from scene import bad, good, hosts, server

from modelmesh.config import schema
from modelmesh.config.load import load
from modelmesh.config.origin import Origin
from modelmesh.connectors.providers.openai_compatible import Provider
from modelmesh.errors import ConfigError, ErrorKind, RequestError
from modelmesh.mesh import ModelMesh
from modelmesh.testing.clock import FakeClock
from modelmesh.testing.transport import Script, ScriptedTransport, fail, reply, silence, until
from modelmesh.types import Request

CONFIG: dict[str, Any] = {
    "providers": {"a": server("a", api_key="sk-a"), "b": server("b")},
    "models": {
        "one": {"provider": "a", "capabilities": ["chat-completion"]},
        "two": {"provider": "b", "capabilities": ["chat-completion"]},
    },
    "pools": {"chat": {"capability": "chat-completion"}, "pair": {"models": ["two"]}},
}


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        ({"pools": {"chat": schema.Pool(models=("one",), strategy="nope")}}, "pools.chat.strategy"),
        ({"pools": {"chat": schema.Pool(capability="nope")}}, "pools.chat.capability"),
        ({"models": {"one": schema.Model(provider="nobody")}}, "models.one.provider"),
        ({"providers": {"a": schema.Provider(connector="openai-compatible")}}, "providers.a"),
    ],
)
def test_a_configuration_made_in_python_is_checked_like_any_other(
    parts: dict[str, Any], told: str
) -> None:
    with pytest.raises(ConfigError, match=told):
        ModelMesh(evolve(load(CONFIG, environ={}), **parts))


EMPTY_POOL = """\
providers: {local: {connector: openai-compatible, base_url: "http://127.0.0.1:9/v1"}}
models: {one: {provider: local, capabilities: [chat-completion]}}
pools:
  chat: {capability: chat-completion}
  vectors: {capability: text-embeddings}
"""


async def test_a_pool_that_turns_out_empty_is_told_by_file_and_line(tmp_path: Path) -> None:
    """At the start, and at a reload, as a check tells it."""
    (file := tmp_path / "mesh.yaml").write_text(EMPTY_POOL)
    begun = re.escape(f"{file}: 1 problem\n  line 5: pools.vectors: no model")
    with pytest.raises(ConfigError, match=begun):
        ModelMesh(Origin.of(file, environ={}))
    file.write_text(EMPTY_POOL.replace("  vectors", "  # vectors"))
    mesh = ModelMesh(Origin.of(file, environ={}), transport=ScriptedTransport((), FakeClock()))
    file.write_text(EMPTY_POOL)
    with pytest.raises(ConfigError, match=begun):
        await mesh.reload()
    await mesh.close()


async def test_a_pool_that_stays_empty_once_servers_were_asked_is_told_by_file_and_line(
    tmp_path: Path,
) -> None:
    (file := tmp_path / "mesh.yaml").write_text(EMPTY_POOL.partition("models:")[0])
    transport = ScriptedTransport([reply(body={"data": []})], FakeClock())
    mesh = ModelMesh(Origin.of(file, environ={}), transport=transport)
    begun = re.escape(f"{file}: 1 problem\n  pools.chat-completion: no model")
    with pytest.raises(ConfigError, match=begun):
        await mesh.start()
    await mesh.close()


class Scene:
    def __init__(self, script: Script = (), **config: Any) -> None:
        self.clock = FakeClock(now=1000.0)
        self.transport = ScriptedTransport(script, self.clock)
        self.mesh = ModelMesh(
            load({**CONFIG, **config}, environ={}),
            clock=self.clock,
            rng=Random(1),
            transport=self.transport,
        )

    async def send(self, model: str = "chat", **body: Any) -> str:
        asked = {"messages": [{"role": "user", "content": "hi"}], **body}
        came = await self.mesh.send(Request(id="r1", model=model, body=asked))
        await came.close()
        return came.target.id

    def state(self, pool: str = "chat") -> list[tuple[str, str]]:
        return [
            (each["target"], each["state"]) for each in self.mesh.pool_status()[pool]["targets"]
        ]


def listed(*models: str) -> Any:
    return reply(body={"object": "list", "data": [{"id": model} for model in models]})


@pytest.mark.parametrize(
    ("name", "pool"),
    [
        ("chat", "chat"),
        ("pair", "pair"),
        ("chat-completion", "chat"),
        ("generation.text-generation.chat-completion", "chat"),
    ],
)
async def test_a_request_names_a_pool_or_what_it_serves(name: str, pool: str) -> None:
    told = Scene([good()])
    assert told.mesh.pool(name).id == pool
    await told.send(name)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("chta", "did you mean 'chat'?"),
        ("gpt-4", "there are: chat, pair"),
        ("one", "there are: chat, pair"),
        ("text-to-image", "there are: chat, pair"),
        ("", "there are: chat, pair"),
    ],
)
async def test_a_model_that_does_not_exist_is_a_404_with_a_hint(name: str, hint: str) -> None:
    told = Scene()
    with pytest.raises(RequestError) as raised:
        await told.send(name)
    assert (raised.value.status, raised.value.code, raised.value.param) == (
        404,
        "model_not_found",
        "model",
    )
    assert str(raised.value) == f"The model {name!r} does not exist; {hint}"
    assert told.transport.requests == []


async def test_models_can_be_asked_for_where_exposed() -> None:
    told = Scene([good(), good()], proxy={"expose_models": True})
    assert [await told.send("two"), await told.send("a/one")] == ["b/two", "a/one"]


def test_the_list_of_models_has_pools_and_models_where_exposed() -> None:
    assert Scene().mesh.models() == [
        {"id": name, "object": "model", "created": 1_800_000_000, "owned_by": "modelmesh"}
        for name in ("chat", "pair")
    ]
    owners = {
        each["id"]: each["owned_by"] for each in Scene(proxy={"expose_models": True}).mesh.models()
    }
    assert owners == {
        "chat": "modelmesh",
        "pair": "modelmesh",
        "one": "a",
        "a/one": "a",
        "two": "b",
        "b/two": "b",
    }


async def test_a_failure_shows_in_the_status_until_it_is_over() -> None:
    told = Scene([bad(503), good(), bad(500)])
    assert told.state() == [("a/one", "ready"), ("b/two", "ready")]
    assert await told.send() == "b/two"
    status = told.mesh.pool_status()["chat"]
    assert status["current"] == "b/two"
    assert status["strategy"] == "modelmesh.stick-until-failure.v1"
    assert status["capabilities"] == ["generation.text-generation.chat-completion"]
    assert status["targets"][0] == {
        "target": "a/one",
        "provider": "a",
        "model": "one",
        "state": "left alone",
        "cause": "overloaded",
        "seconds_left": 30.0,
        "availability": None,
        "in_flight": 0,
        "requests": 1,
        "answers": 0,
        "cancelled": 0,
        "failures": {"overloaded": 1},
        "tokens_in": 0,
        "tokens_out": 0,
        "spent": 0.0,
        "tokens_estimated": 0,
        "spent_estimated": 0.0,
        "limits": [],
    }
    assert told.mesh.active_providers() == ["b"]
    told.clock.advance(30)
    assert told.state() == [("a/one", "on trial"), ("b/two", "ready")]
    assert told.mesh.active_providers() == ["a", "b"]


async def test_rotating_puts_the_next_target_in_front() -> None:
    told = Scene([good(), good()])
    assert told.mesh.rotate("chat") == "b/two"
    assert await told.send() == "b/two"
    assert told.mesh.rotate("chat-completion") == "a/one"
    assert await told.send() == "a/one"
    with pytest.raises(RequestError, match="'nowhere' does not exist"):
        told.mesh.rotate("nowhere")


def test_the_description_is_for_people_and_has_no_keys() -> None:
    text = Scene().mesh.describe()
    for word in ("chat", "pair", "a/one", "b/two"):
        assert word in text
    assert "sk-a" not in text + repr(Scene().mesh.pool("chat"))


async def test_nothing_is_asked_at_start_where_the_configuration_says_it_all() -> None:
    told = Scene()
    await told.mesh.start()
    await told.mesh.start()
    assert told.transport.requests == []
    await told.mesh.close()
    assert told.transport.closed


LOCAL: dict[str, Any] = {"providers": {"here": server("here")}, "models": {}, "pools": {}}


async def test_a_server_that_knows_its_models_itself_is_asked_once_at_the_first_request() -> None:
    told = Scene([listed("llama", "qwen", "llama"), good(), good()], **LOCAL)
    assert told.transport.requests == []
    answered = await asyncio.gather(told.send("chat-completion"), told.send("chat-completion"))
    assert list(answered) == ["here/llama"] * 2
    assert [sent.method for sent in told.transport.requests] == ["GET", "POST", "POST"]
    assert told.transport.requests[0].url == "http://here.test/v1/models"
    assert told.state("chat-completion") == [("here/llama", "ready"), ("here/qwen", "ready")]
    assert told.transport.open == 0


async def test_a_bare_list_of_models_is_understood_too() -> None:
    told = Scene([reply(body=[{"id": "llama"}, {"id": 7}, "x"]), good()], **LOCAL)
    assert await told.send("chat-completion") == "here/llama"


@pytest.mark.parametrize(
    "said",
    [fail(ErrorKind.UNREACHABLE), silence(), bad(500), reply(body=b"<html>"), reply(body=7)],
)
async def test_a_server_that_lists_nothing_is_told_and_others_are_used(said: Any) -> None:
    told = Scene([said], **LOCAL)
    with pytest.raises(ConfigError, match=r"pools\.chat-completion"):
        await told.mesh.start()
    assert told.transport.open == 0
    both: dict[str, Any] = {
        "providers": {"here": server("here"), "b": server("b")},
        "models": {"two": {"provider": "b"}},
        "pools": {},
    }
    told = Scene([said, good()], **both)
    assert await told.send("chat-completion") == "b/two"


async def test_a_server_that_lists_nothing_is_asked_once_for_all_who_wait_and_later_anew() -> None:
    told = Scene([silence(), listed("llama")], **LOCAL)
    came = await asyncio.gather(*(told.mesh.start() for _ in range(9)), return_exceptions=True)
    assert [type(one) for one in came] == [ConfigError] * 9
    assert len(told.transport.requests) == 1
    await told.mesh.start()
    assert told.state("chat-completion") == [("here/llama", "ready")]


async def test_a_server_that_was_not_up_joins_when_it_is() -> None:
    both: dict[str, Any] = {
        "providers": {"here": server("here"), "b": server("b")},
        "models": {"two": {"provider": "b"}},
        "pools": {},
    }
    gone = fail(ErrorKind.UNREACHABLE)
    told = Scene(by_purpose([good()], [gone, gone, listed("llama")]), **both)
    assert await told.send("chat-completion") == "b/two"
    assert told.state("chat-completion") == [("b/two", "ready")]
    await settle(told, 60)
    for _ in range(20):  # it was asked; now it answers
        await asyncio.sleep(0)
    assert ("here/llama", "ready") in told.state("chat-completion")
    assert [sent.method for sent in told.transport.requests].count("GET") == 3
    await told.mesh.close()


def test_an_empty_pool_cannot_be_rotated_but_can_be_looked_at() -> None:
    told = Scene(**LOCAL)
    assert told.mesh.pool_status()["chat-completion"]["current"] is None
    assert "chat-completion" in told.mesh.describe()
    assert told.mesh.explain({"model": "chat-completion"})["targets"] == []
    with pytest.raises(RequestError, match="has no targets yet"):
        told.mesh.rotate("chat-completion")


def probing(script: Script, **recovery: Any) -> Scene:
    chat = {"capability": "chat-completion", "recovery": recovery}
    return Scene(script, pools={"chat": chat})


@pytest.mark.parametrize(
    ("said", "state"),
    [
        (listed("one"), "ready"),
        (fail(ErrorKind.UNREACHABLE), "left alone"),
        (silence(), "left alone"),
        (bad(503), "left alone"),
        (bad(401), "left alone"),
        (bad(404), "ready"),
        (bad(403), "ready"),
        (reply(302), "left alone"),
    ],
)
async def test_a_target_whose_vendor_does_not_answer_at_start_is_left_alone(
    said: Any, state: str
) -> None:
    told = probing([said, listed("two")], probe_on_start=True)
    await told.mesh.start()
    assert told.state() == [("a/one", state), ("b/two", "ready")]
    assert [sent.url for sent in told.transport.requests] == [
        "http://a.test/v1/models",
        "http://b.test/v1/models",
    ]
    assert told.transport.requests[0].headers["authorization"] == "Bearer sk-a"
    assert told.transport.open == 0


class Listless(Provider):
    """A connector of one's own, for a vendor that lists no models."""

    connector = "listless"
    models_path = None


async def test_a_vendor_without_a_list_is_neither_asked_nor_judged() -> None:
    told = Scene(
        connectors={"listless": f"{__name__}:Listless"},
        providers={"a": server("a", connector="listless"), "b": server("b")},
        pools={"chat": {"models": ["one"], "recovery": {"probe_on_start": True}}},
    )
    await told.mesh.start()
    assert told.transport.requests == []
    assert told.state() == [("a/one", "ready")]


async def settle(told: Scene, seconds: float) -> None:
    """Let the probes run until the clock has gone that far; it is they who move it."""
    for _ in range(1000):
        await asyncio.sleep(0)
        if told.clock.now() >= 1000 + seconds:
            return
    raise AssertionError("no probe moves the clock")


def by_purpose(chats: list[Any], lists: list[Any]) -> Script:
    said = {"POST": iter(chats), "GET": iter(lists)}
    return lambda sent: next(said[sent.method], silence())


async def test_a_target_left_alone_comes_back_early_when_its_vendor_answers_a_probe() -> None:
    told = probing(
        by_purpose([bad(500), good()], [bad(500), listed()]), cooldown=500, probe_interval=10
    )
    assert await told.send() == "b/two"
    assert told.state()[0] == ("a/one", "left alone")
    await settle(told, 25)
    assert told.state()[0] == ("a/one", "ready")
    assert hosts(told.transport)[2:4] == ["a", "a"]
    await told.mesh.close()


@pytest.mark.parametrize("failed", [bad(429, headers={"retry-after": "300"}), bad(404)])
async def test_a_probe_proves_nothing_against_the_vendors_own_word(failed: Any) -> None:
    told = probing(by_purpose([failed, good()], [listed()] * 9), cooldown=500, probe_interval=10)
    assert await told.send() == "b/two"
    await settle(told, 45)
    assert told.state()[0] == ("a/one", "left alone")
    await told.mesh.close()


async def test_probing_ends_when_the_mesh_is_closed() -> None:
    told = probing([], probe_interval=10)
    await told.mesh.start()
    before = len(asyncio.all_tasks())
    await told.mesh.close()
    assert len(asyncio.all_tasks()) == before - 1


async def test_a_start_that_was_given_up_leaves_no_probing_behind() -> None:
    told = Scene(
        lambda _: until(asyncio.Event()),
        pools={
            "watched": {"models": ["one"], "recovery": {"probe_interval": 10}},
            "asked": {"models": ["two"], "recovery": {"probe_on_start": True}},
        },
    )
    before = asyncio.all_tasks()
    starting = asyncio.create_task(told.mesh.start())
    await asyncio.sleep(0.001)
    starting.cancel()
    await asyncio.gather(starting, return_exceptions=True)
    assert len(told.transport.requests) == 1
    assert asyncio.all_tasks() == before


def test_a_capability_without_a_pool_of_its_own_is_served_by_one_above_it() -> None:
    pools = {
        "everything": {"capability": "generation"},
        "text": {"capability": "generation.text-generation"},
    }
    mesh = Scene(pools=pools).mesh
    assert mesh.pool("chat-completion").id == "text"
    assert mesh.pool("generation.text-generation.chat-completion").id == "text"
    assert mesh.pool("text-to-image").id == "everything"
