"""A mesh that serves by another configuration: what goes on, what is forgotten, what is refused."""

import asyncio
import gc
import json
import logging
from collections.abc import Mapping
from pathlib import Path
from random import Random
from typing import Any

import pytest
from attrs import evolve
from scene import bad, good, server

from modelmesh.audience import Audience
from modelmesh.config.load import load
from modelmesh.config.origin import Origin
from modelmesh.connectors.secrets import SecretError
from modelmesh.errors import ConfigError, ErrorKind, MeshError, Problem
from modelmesh.events import CooldownBegan, Event, Reloaded, ReloadRefused
from modelmesh.health import Health
from modelmesh.mesh import ModelMesh
from modelmesh.pool import Pool
from modelmesh.renewal import Renewal
from modelmesh.testing.clock import FakeClock
from modelmesh.testing.transport import ScriptedTransport, until
from modelmesh.types import HttpRequest, Request, Secret

CHAT = ["chat-completion"]
NEVER = {"retry": {"max_attempts": 1}, "max_wait": 0}
TREE: dict[str, Any] = {
    "providers": {"a": server("a", api_key="sk-aaaaaa"), "b": server("b", api_key="sk-bbbbbb")},
    "models": {
        "one": {"provider": "a", "capabilities": CHAT},
        "two": {"provider": "b", "capabilities": CHAT},
    },
    "pools": {"chat": {"models": ["one", "two"], **NEVER}, "second": {"models": ["two"], **NEVER}},
}


def changed(**sections: Any) -> dict[str, Any]:
    """Return the tree with other sections; what a section does not name stays."""
    tree: dict[str, Any] = json.loads(json.dumps(TREE))
    for name, section in sections.items():
        tree[name] = {**tree.get(name, {}), **section}
    return tree


class Scene:
    """A mesh, by vendors who fail where their key or host says so."""

    def __init__(self, tree: Mapping[str, Any] = TREE) -> None:
        self.clock = FakeClock(now=1000.0)
        self.failing: dict[str, int] = {}
        self.slow: dict[str, asyncio.Event] = {}
        self.asked: list[HttpRequest] = []
        self.events: list[Event] = []
        origin = Origin.of(tree, environ={})
        transport = ScriptedTransport(self._answer, self.clock)
        self.mesh = ModelMesh(origin, clock=self.clock, rng=Random(1), transport=transport)
        self.mesh.audience.join(self.events.append, requests=False)

    def _answer(self, request: HttpRequest) -> Any:
        self.asked.append(request)
        said = f"{request.url} {request.headers.get('authorization')}"
        status = next((code for part, code in self.failing.items() if part in said), None)
        answer = bad(status) if status else good()
        gate = next((gate for part, gate in self.slow.items() if part in said), None)
        return evolve(answer, before=[until(gate)]) if gate else answer

    async def send(self, model: str = "chat") -> str:
        body = {"messages": [{"role": "user", "content": "hi"}]}
        try:
            came = await self.mesh.send(Request(id="r", model=model, body=body))
        except MeshError as error:
            return str(error.code)
        await came.close()
        return came.target.id

    def state(self, target: str) -> str:
        rows = (row for pool in self.mesh.pool_status().values() for row in pool["targets"])
        return str(next(row["state"] for row in rows if row["target"] == target))

    def told(self, kind: type[Event]) -> list[Event]:
        return [event for event in self.events if isinstance(event, kind)]


async def test_later_requests_go_by_the_new_configuration() -> None:
    scene = Scene()
    assert await scene.send() == "a/one"
    told = await scene.mesh.reload(changed(pools={"chat": {"models": ["two"]}}))
    assert list(told.changed) == [
        "pools.chat.models",
        "pools.chat.retry.max_attempts",
        "pools.chat.max_wait",
    ]
    assert await scene.send() == "b/two"
    assert scene.told(Reloaded) == [told]


async def test_nothing_is_told_where_nothing_has_changed() -> None:
    scene = Scene()
    before = scene.mesh.pool("chat")
    told = await scene.mesh.reload()
    assert (told.changed, told.pending) == ([], [])
    assert scene.mesh.pool("chat") is before


async def test_a_cooldown_of_a_target_that_stays_stays() -> None:
    scene = Scene()
    scene.failing["a.test"] = 500
    assert await scene.send() == "b/two"
    tree = changed(pools={"chat": {"models": ["one", "two"], "strategy": "round-robin", **NEVER}})
    await scene.mesh.reload(tree)
    assert scene.state("a/one") == "left alone"
    assert [await scene.send() for _ in range(3)] == ["b/two"] * 3
    assert sum("a.test" in one.url for one in scene.asked) == 1


async def test_the_target_in_front_stays_in_front_of_a_pool_that_gets_another_one() -> None:
    scene = Scene()
    scene.mesh.rotate("chat")
    assert await scene.send() == "b/two"
    tree = changed(
        models={"three": {"provider": "a", "capabilities": CHAT}},
        pools={"chat": {"models": ["one", "three", "two"], **NEVER}},
    )
    await scene.mesh.reload(tree)
    assert await scene.send() == "b/two"


@pytest.mark.parametrize(
    "entry",
    [
        pytest.param({"api_key": "sk-cccccc"}, id="another key"),
        pytest.param({"base_url": "http://c.test/v1"}, id="another address"),
    ],
)
@pytest.mark.parametrize("status", [401, 500])
async def test_a_target_that_is_another_one_begins_afresh(
    entry: dict[str, str], status: int
) -> None:
    scene = Scene()
    scene.failing |= {"a.test": status}
    assert await scene.send() == "b/two"
    assert scene.state("a/one") == "left alone"
    scene.failing.clear()
    first = server("a", **{"api_key": "sk-aaaaaa", **entry})
    await scene.mesh.reload(changed(providers={"a": first}, pools=TREE["pools"]))
    assert scene.state("a/one") == "ready"
    scene.mesh.rotate("chat")
    assert await scene.send() == "a/one"


async def test_what_is_taken_of_a_limit_stays_and_a_new_amount_holds_at_once() -> None:
    limited = server("a", api_key="sk-aaaaaa", rate_limits={"rpm": 3})
    scene = Scene(changed(providers={"a": limited}))
    assert [await scene.send() for _ in range(2)] == ["a/one"] * 2
    limited = {**limited, "rate_limits": {"rpm": 2}, "headers": {"x-team": "search"}}
    await scene.mesh.reload(changed(providers={"a": limited}))
    assert await scene.send() == "b/two"


async def test_a_limit_that_went_and_came_back_has_not_forgotten_what_was_taken() -> None:
    limited = server("a", api_key="sk-aaaaaa", rate_limits={"rpm": 1})
    scene = Scene(changed(providers={"a": limited}))
    assert await scene.send() == "a/one"
    await scene.mesh.reload(TREE)
    await scene.mesh.reload(changed(providers={"a": limited}))
    assert await scene.send() == "b/two"


async def test_a_target_that_went_is_remembered_nowhere() -> None:
    scene = Scene()
    scene.failing["a.test"] = 500
    await scene.send()
    only = {"models": {"two": TREE["models"]["two"]}, "pools": {"second": {"models": ["two"]}}}
    await scene.mesh.reload({"providers": TREE["providers"], **only})
    assert list(scene.mesh.stats()["targets"]) == ["b/two"]
    assert await scene.send() == "model_not_found"
    await scene.mesh.reload(TREE)
    assert scene.state("a/one") == "ready"
    assert scene.mesh.stats()["targets"]["a/one"]["requests"] == 0
    assert scene.mesh.stats()["targets"]["b/two"]["requests"] == 1


async def test_a_request_in_flight_ends_on_the_configuration_it_began_with() -> None:
    scene = Scene()
    asked = asyncio.Event()
    scene.slow["a.test"] = asked
    scene.failing["a.test"] = 500
    request = asyncio.create_task(scene.send())
    while not scene.asked:  # noqa: ASYNC110 - what it waits for knows no event
        await asyncio.sleep(0)
    only = {"models": {"one": TREE["models"]["one"]}, "pools": {"chat": {"models": ["one"]}}}
    await scene.mesh.reload({"providers": {"a": TREE["providers"]["a"]}, **only})
    asked.set()
    assert await request == "b/two"
    assert scene.mesh.stats()["targets"].keys() == {"a/one"}


@pytest.mark.parametrize(
    ("tree", "where"),
    [
        pytest.param(
            {"pools": {"chat": {"models": ["nobody"]}}}, "pools.chat.models[0]", id="name"
        ),
        pytest.param({"providers": {}}, "models.one.provider", id="reference"),
        pytest.param(
            changed(pools={"chat": {"capability": "text-embeddings"}}), "pools.chat", id="empty"
        ),
        pytest.param(
            changed(observability={"logging": {"connector": "nobody.v1"}}),
            "observability.logging.connector",
            id="observer",
        ),
    ],
)
async def test_a_configuration_with_mistakes_changes_nothing(
    tree: dict[str, Any], where: str, caplog: pytest.LogCaptureFixture
) -> None:
    scene = Scene()
    await scene.send()
    before = (scene.mesh.config, scene.mesh.pool("chat"), scene.mesh.stats())
    caplog.clear()
    with pytest.raises(ConfigError) as caught:
        await scene.mesh.reload({**TREE, **tree})
    assert where in [problem.path for problem in caught.value.problems]
    assert (scene.mesh.config, scene.mesh.pool("chat"), scene.mesh.stats()) == before
    assert [type(event) for event in scene.events] == [ReloadRefused]
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert where in caplog.text
    assert await scene.send() == "a/one"


async def test_what_takes_a_restart_is_told_and_left_as_it_is(
    caplog: pytest.LogCaptureFixture,
) -> None:
    scene = Scene()
    tree = changed(
        proxy={"port": 9999, "page": False}, storage={"connector": "modelmesh.memory.v1"}
    )
    with caplog.at_level(logging.WARNING, "modelmesh"):
        told = await scene.mesh.reload(tree)
    assert (list(told.changed), list(told.pending)) == (
        ["proxy.page"],
        ["storage.connector", "proxy.port"],
    )
    assert scene.mesh.config.proxy.port == 8080
    assert "proxy.port" in caplog.text


async def test_workers_which_count_alone_take_no_limit_that_they_would_have_to_share() -> None:
    scene = Scene(changed(proxy={"workers": 2}))
    limited = server("a", api_key="sk-aaaaaa", rate_limits={"rpm": 3})
    with pytest.raises(ConfigError, match="restart the server"):
        await scene.mesh.reload(changed(proxy={"workers": 2}, providers={"a": limited}))


async def test_a_thousand_reloads_leave_nothing_behind() -> None:
    scene = Scene()
    await scene.send()

    def tree(number: int) -> dict[str, Any]:
        """Return a configuration in which everything has a name of its own."""
        limited = server(f"p{number}", api_key=f"sk-{number:06}", rate_limits={"rpm": 5})
        return changed(
            providers={f"p{number}": limited},
            models={f"m{number}": {"provider": f"p{number}", "capabilities": CHAT}},
            pools={f"pool{number}": {"models": [f"m{number}", "two"]}},
        )

    def left() -> dict[str, int]:
        gc.collect()
        kinds = [type(one) for one in gc.get_objects()]
        return {kind.__name__: kinds.count(kind) for kind in (Pool, Health, Origin)}

    await scene.mesh.reload(tree(0))
    before, tasks = left(), len(asyncio.all_tasks())
    for number in range(1, 1000):
        await scene.mesh.reload(tree(number))
    assert left() == before
    assert len(asyncio.all_tasks()) == tasks
    assert await scene.send("pool999") == "p999/m999"


class Vault:
    """A store whose secrets change while a mesh runs."""

    connector = "test.vault.v1"
    described = "the vault"
    secrets: Mapping[str, str] = {}

    def __init__(self, *_: Any) -> None: ...

    def get(self, name: str) -> Secret | None:
        if name not in Vault.secrets:
            raise SecretError("access denied")
        return Secret(Vault.secrets[name])


def in_vault(**secrets: Any) -> dict[str, Any]:
    Vault.secrets = {"KEY": "sk-old-key"}
    first = server("a", api_key="${secrets:KEY}")
    return changed(
        secrets={"store": f"{__name__}:Vault", **secrets},
        providers={"a": first},
        pools={"chat": {"models": ["one"], **NEVER}},
    )


async def test_a_key_that_was_replaced_is_used_once_the_old_one_is_refused() -> None:
    scene = Scene(in_vault(cache_ttl=0))
    assert await scene.send() == "a/one"
    Vault.secrets = {"KEY": "sk-new-key"}
    scene.failing["sk-old-key"] = 401
    assert await scene.send() == "upstream_auth"
    await _renewed(scene)
    assert await scene.send() == "a/one"
    assert scene.asked[-1].headers["authorization"] == "Bearer sk-new-key"
    await scene.mesh.close()


async def _renewed(scene: Scene) -> None:
    async with asyncio.timeout(20):
        while not scene.told(Reloaded):  # noqa: ASYNC110 - a thread reads the secrets
            await asyncio.sleep(0.005)


class Nights:
    """Sleeps that end when the test says so. Each is told by its seconds."""

    def __init__(self) -> None:
        self.asleep: list[tuple[float, asyncio.Event]] = []

    async def sleep(self, seconds: float) -> None:
        wake = asyncio.Event()
        self.asleep.append((seconds, wake))
        await wake.wait()

    async def end(self, seconds: float) -> None:
        """Wake those who sleep for so long, and let them do what they have to do."""
        for night in [one for one in self.asleep if one[0] == seconds]:
            self.asleep.remove(night)
            night[1].set()
        for _ in range(10):
            await asyncio.sleep(0)


class Renewed:
    """A mesh whose secrets are read again, or not."""

    def __init__(self, **secrets: Any) -> None:
        self.config = load(in_vault(**secrets), environ={})
        self.audience = Audience(lambda: 0.0)
        self.readings = 0
        self.failure: ConfigError | None = None
        self.nights = Nights()
        self.renewal = Renewal(self._read, self, self.nights.sleep)

    async def _read(self) -> None:
        self.readings += 1
        if self.failure:
            raise self.failure

    def refuse(self, cause: ErrorKind = ErrorKind.BAD_KEY) -> None:
        tell = self.audience.of_changes
        assert tell
        tell(CooldownBegan(at=0.0, of="key", id="a", cause=cause, seconds=3600.0))


async def test_secrets_are_read_again_when_they_are_old() -> None:
    mesh = Renewed(cache_ttl=60)
    mesh.renewal.start()
    await mesh.nights.end(0)
    assert mesh.readings == 0
    for number in (1, 2, 3):
        await mesh.nights.end(60)
        assert mesh.readings == number
        await mesh.nights.end(30)
    await mesh.renewal.close()


async def test_secrets_that_are_kept_for_ever_are_read_again_only_for_a_refused_key() -> None:
    mesh = Renewed(cache_ttl=0)
    mesh.renewal.start()
    await mesh.nights.end(30)
    assert mesh.readings == 0
    mesh.refuse(ErrorKind.RATE_LIMIT)
    await mesh.nights.end(0)
    assert mesh.readings == 0
    mesh.refuse()
    await mesh.nights.end(0)
    assert mesh.readings == 1
    await mesh.renewal.close()


async def test_any_number_of_refused_keys_has_secrets_read_again_once_and_then_after_a_pause() -> (
    None
):
    mesh = Renewed(cache_ttl=0)
    mesh.renewal.start()
    for _ in range(50):
        mesh.refuse()
        await mesh.nights.end(0)
    assert mesh.readings == 1
    await mesh.nights.end(30)
    assert mesh.readings == 2
    await mesh.renewal.close()


async def test_secrets_that_cannot_be_read_again_stay_and_that_is_told_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    mesh = Renewed(cache_ttl=60)
    mesh.renewal.start()
    mesh.failure = ConfigError([Problem("providers.a.api_key", "access denied")])
    await mesh.nights.end(0)
    for _ in range(3):
        await mesh.nights.end(60)
        await mesh.nights.end(30)
    assert mesh.readings == 3
    assert caplog.text.count("access denied") == 1
    await mesh.renewal.close()


async def test_reading_the_secrets_again_takes_nothing_else_from_a_file_in_work(
    tmp_path: Path,
) -> None:
    file = tmp_path / "mesh.yaml"
    file.write_text(json.dumps(in_vault(cache_ttl=60)))
    origin = Origin.of(file, environ={})
    file.write_text("pools: [not ready")
    Vault.secrets = {"KEY": "sk-new-key"}
    renewed = origin.with_secrets_again()
    assert renewed.config.providers["a"].api_key == Secret("sk-new-key")
    assert renewed.config.pools == origin.config.pools
    with pytest.raises(ConfigError):
        origin.again()


def test_an_origin_sees_that_its_files_are_others(tmp_path: Path) -> None:
    file, secrets = tmp_path / "mesh.yaml", tmp_path / ".env"
    secrets.write_text("KEY=sk-old-key\n")
    tree = {**in_vault(), "secrets": {"store": "dotenv", "path": str(secrets)}}
    file.write_text(json.dumps(tree))
    origin = Origin.of(file, environ={})
    assert origin.look() == origin.stamps
    secrets.write_text("KEY=sk-newer-key\n")
    assert origin.look() != origin.stamps
    assert origin.again().stamps == origin.look()
    file.unlink()
    assert origin.look()[0] is None


async def test_a_limit_that_is_shared_holds_for_all_after_one_of_them_has_reloaded(
    tmp_path: Path,
) -> None:
    def tree(rpd: int) -> dict[str, Any]:
        limited = server("a", api_key="sk-aaaaaa", rate_limits={"rpd": rpd})
        patient = {"timeout": "20s", "on_failure": "refuse"}
        kept = {"connector": "sqlite", "path": str(tmp_path / "state.db"), **patient}
        alone = {"chat": {"models": ["one"], **NEVER}}
        return changed(providers={"a": limited}, storage=kept, pools=alone)

    first, second = Scene(tree(50)), Scene(tree(50))
    answered = [await first.send() for _ in range(4)] + [await second.send() for _ in range(4)]
    assert answered == ["a/one"] * 8
    for scene in (first, second):
        await scene.mesh.reload(tree(10))
    answered = [await first.send() for _ in range(4)] + [await second.send() for _ in range(4)]
    assert answered.count("a/one") <= 2
    await first.mesh.close()
    second.clock.advance(2)
    assert (answered + [await second.send() for _ in range(4)]).count("a/one") == 2
    await second.mesh.close()


async def test_a_reload_does_not_probe_pools_that_are_as_they_were() -> None:
    probing = {"models": ["two"], "recovery": {"probe_on_start": True}, **NEVER}
    scene = Scene(changed(pools={"second": probing}))
    await scene.mesh.start()
    assert len(scene.asked) == 1
    await scene.mesh.reload(changed(pools={"second": probing, "third": {"models": ["one"]}}))
    assert len(scene.asked) == 1
    await scene.mesh.close()
