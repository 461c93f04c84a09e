"""The metrics: what they count, by which names, and how many series there can be."""

import re
import subprocess
import sys
from random import Random
from typing import Any

import happened
import pytest
from happened import began
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as plain
from scene import bad, good, server

from modelmesh import events
from modelmesh.config import schema
from modelmesh.config.load import load
from modelmesh.connectors import registry
from modelmesh.connectors.observability._metrics import METRICS
from modelmesh.connectors.observability.prometheus import Observer
from modelmesh.errors import ConfigError, ErrorKind, RequestError
from modelmesh.mesh import ModelMesh
from modelmesh.testing.clock import FakeClock
from modelmesh.testing.transport import Script, ScriptedTransport
from modelmesh.types import Request
from modelmesh.usage import Usage

PROMETHEUS = {"connector": "modelmesh.prometheus.v1"}
Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]

CONFIG: dict[str, Any] = {
    "providers": {name: server(name, rate_limits={"rpm": 100_000}) for name in ("a", "b")},
    "models": {
        "one": {
            "provider": "a",
            "capabilities": ["chat-completion"],
            "pricing": {"input": 1.0, "output": 2.0},
        },
        "two": {"provider": "b", "capabilities": ["chat-completion"]},
    },
    "pools": {"chat": {"models": ["one", "two"], "retry": {"max_attempts": 1}}},
}
TARGET = {"target": "a/one", "provider": "a"}


class Slow:
    """An observer that loses events."""

    connector = "a slow one"

    def __init__(self, settings: schema.Observer) -> None:
        self.lost = int(settings.interval)

    def __call__(self, event: events.Event) -> None: ...


class Scene:
    """A mesh that plays a script, and is observed."""

    def __init__(self, script: Script = (), config: dict[str, Any] = CONFIG) -> None:
        self.clock = FakeClock(now=1000.0)
        transport = ScriptedTransport(script, self.clock)
        loaded = load(config, environ={})
        self.mesh = ModelMesh(loaded, clock=self.clock, rng=Random(1), transport=transport)
        self.observer = Observer(schema.Observer())
        self.observer.meet(self.mesh)
        self.mesh.audience.join(self.observer)

    async def send(self, model: str = "chat", id_: str = "r1", session: str = "") -> None:
        body = {"messages": [{"role": "user", "content": "hi"}]}
        reply = await self.mesh.send(Request(id=id_, model=model, body=body, session=session))
        await reply.close()

    async def series(self, name: str) -> dict[frozenset[tuple[str, str]], float]:
        return {
            labels: value
            for (of, labels), value in (await samples(self.observer)).items()
            if of == name
        }


async def samples(observer: Observer) -> Samples:
    text, _ = await observer.text()
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in plain(text.decode())
        for sample in family.samples
    }


def told(*happened: events.Event) -> Observer:
    observer = Observer(schema.Observer())
    for event in happened:
        observer(event)
    return observer


def attempt(**more: Any) -> events.AttemptEnded:
    usual = {"model": "one", **TARGET, "connector": "openai.llm.v1", "seconds": 1.5}
    return happened.attempt(**{**usual, **more})


def ended(**more: Any) -> events.RequestEnded:
    return happened.ended(**{"seconds": 2.0, **more})


async def value(observer: Observer, name: str, /, **labels: str) -> float:
    return (await samples(observer))[name, frozenset(labels.items())]


async def test_a_request_is_in_flight_until_it_ended() -> None:
    observer = told(began(), began(), ended())
    place = {"pool": "chat", "endpoint": "chat"}
    assert await value(observer, "modelmesh_requests_in_flight", **place) == 1
    outcome = {**place, "outcome": "answered"}
    assert await value(observer, "modelmesh_requests_total", **outcome, status="2xx") == 1
    assert await value(observer, "modelmesh_request_duration_seconds_sum", **outcome) == 2.0
    assert (
        await value(observer, "modelmesh_request_duration_seconds_bucket", **outcome, le="1.0") == 0
    )
    assert (
        await value(observer, "modelmesh_request_duration_seconds_bucket", **outcome, le="2.0") == 1
    )


@pytest.mark.parametrize(
    ("end", "status", "class_"),
    [("failed", 503, "5xx"), ("failed", 404, "4xx"), ("cancelled", 499, "4xx")],
)
async def test_a_request_is_counted_by_how_it_ended(end: Any, status: int, class_: str) -> None:
    observer = told(ended(end=end, status=status))
    labels = {"pool": "chat", "endpoint": "chat", "outcome": end, "status": class_}
    assert await value(observer, "modelmesh_requests_total", **labels) == 1


async def test_an_attempt_is_counted_with_its_cause_its_tokens_and_its_cost() -> None:
    usage = Usage(prompt=10, completion=20)
    observer = told(
        attempt(usage=usage, cost=0.25),
        attempt(usage=usage, cost=0.5),
        attempt(end="failed", cause=ErrorKind.RATE_LIMIT, status=429),
    )
    whom = {"pool": "chat", **TARGET}
    fine = {**whom, "outcome": "answered"}
    assert await value(observer, "modelmesh_attempts_total", **fine, cause="") == 2
    limited = {**whom, "outcome": "failed", "cause": "rate_limit"}
    assert await value(observer, "modelmesh_attempts_total", **limited) == 1
    assert await value(observer, "modelmesh_attempt_duration_seconds_sum", **whom) == 3.0
    assert await value(observer, "modelmesh_tokens_total", **whom, direction="in") == 20
    assert await value(observer, "modelmesh_tokens_total", **whom, direction="out") == 40
    assert await value(observer, "modelmesh_cost_dollars_total", **whom) == 0.75


async def test_the_first_token_counts_from_the_request_and_from_the_attempt_that_gave_it() -> None:
    failed = attempt(end="failed", seconds=1.0, cause=ErrorKind.TIMEOUT)
    last = attempt(seconds=3.0, first_token=0.4)
    observer = told(ended(stream=True, seconds=4.5, attempts=(failed, last)))
    place = {"pool": "chat", "endpoint": "chat"}
    assert await value(observer, "modelmesh_request_first_token_seconds_sum", **place) == 1.9
    whom = {"pool": "chat", **TARGET}
    assert await value(observer, "modelmesh_attempt_first_token_seconds_sum", **whom) == 0.4


@pytest.mark.parametrize(
    ("stream", "attempts"),
    [(False, (attempt(first_token=0.4),)), (True, ()), (True, (attempt(end="failed"),))],
)
async def test_what_was_not_streamed_has_no_first_token(stream: bool, attempts: Any) -> None:
    observer = told(ended(stream=stream, attempts=attempts))
    assert not [name for name, _ in await samples(observer) if "first_token" in name]


async def test_what_changes_is_counted() -> None:
    observer = told(
        events.Rotated(at=5.0, pool="chat", before="a/one", after="b/two"),
        events.CooldownBegan(
            at=5.0, of="target", id="a/one", cause=ErrorKind.OVERLOADED, seconds=60.0
        ),
        events.Recovered(at=65.0, of="target", id="a/one"),
    )
    assert await value(observer, "modelmesh_rotations_total", pool="chat") == 1
    which = {"of": "target", "id": "a/one"}
    assert await value(observer, "modelmesh_cooldowns_total", **which, cause="overloaded") == 1
    assert await value(observer, "modelmesh_recoveries_total", **which) == 1


async def test_a_key_is_told_by_its_name_however_often_it_is_another_one() -> None:
    keys = CONFIG["providers"]["a"]
    for key in ("sk-one-of-them", "sk-another-one"):
        providers = {**CONFIG["providers"], "a": {**keys, "api_key": key}}
        scene = Scene([bad(401), good()], {**CONFIG, "providers": providers})
        await scene.send()
        labels = frozenset({("of", "key"), ("id", "a"), ("cause", "bad_key")})
        assert await scene.series("modelmesh_cooldowns_total") == {labels: 1}
        text, _ = await scene.observer.text()
        assert key.encode() not in text


async def test_a_target_that_is_left_alone_is_not_ready_until_it_may_be_asked() -> None:
    scene = Scene([bad(401), good()])
    name = frozenset(TARGET.items())
    assert (await scene.series("modelmesh_target_ready"))[name] == 1
    await scene.send()
    assert (await scene.series("modelmesh_target_ready"))[name] == 0
    await scene.clock.sleep(3601.0)
    assert (await scene.series("modelmesh_target_ready"))[name] == 1


async def test_the_share_of_probes_that_a_provider_answered_is_told_where_it_is_probed() -> None:
    scene = Scene()
    assert await scene.series("modelmesh_provider_availability_ratio") == {}
    pool = scene.mesh.pool("chat")
    health = pool.standing(pool.targets[0]).provider
    for answered in (True, True, False, True):
        health.probed(answered=answered)
    told = await scene.series("modelmesh_provider_availability_ratio")
    assert told == {frozenset({("provider", "a")}): 0.75}


async def test_how_much_of_a_limit_is_taken_is_looked_up_when_somebody_asks() -> None:
    scene = Scene(lambda _: good())
    for _ in range(3):
        await scene.send()
    taken = await scene.series("modelmesh_limit_taken_ratio")
    name = frozenset({("limit", "a: 100,000 requests a minute")})
    assert taken[name] == 3 / 100_000
    assert len(taken) == 2


async def test_a_limit_counts_what_it_refuses_and_when_it_is_free_again() -> None:
    providers = {
        "a": {**CONFIG["providers"]["a"], "rate_limits": {"rpm": 1}},
        "b": CONFIG["providers"]["b"],
    }
    scene = Scene(lambda _: good(), {**CONFIG, "providers": providers})
    for _ in range(3):
        await scene.send()
    name = frozenset({("limit", "a: 1 requests a minute")})
    assert (await scene.series("modelmesh_limit_refusals_total"))[name] == 1
    assert (await scene.series("modelmesh_limit_resets_total"))[name] == 0
    await scene.clock.sleep(120.0)
    assert (await scene.series("modelmesh_limit_refusals_total"))[name] == 1
    assert (await scene.series("modelmesh_limit_resets_total"))[name] == 1


async def test_counters_are_at_zero_before_there_is_anything_to_count() -> None:
    """Else Prometheus takes their first value for where they began, and no increase is seen."""
    scene = Scene()
    for name, count in (("tokens_total", 4), ("cost_dollars_total", 2), ("attempts_total", 2)):
        assert list((await scene.series(f"modelmesh_{name}")).values()) == [0] * count
    assert await scene.series("modelmesh_rotations_total") == {frozenset({("pool", "chat")}): 0}
    for name in ("refusals", "resets"):
        assert list((await scene.series(f"modelmesh_limit_{name}_total")).values()) == [0, 0]


async def test_a_limit_that_its_vendor_told_of_has_no_name_of_its_own() -> None:
    observer = told(
        *(
            events.LimitReached(
                at=float(n), limit=f"a: {n} requests", pool="chat", target="a/one", seconds=1.0
            )
            for n in range(100)
        )
    )
    counted = [
        labels for name, labels in await samples(observer) if name.startswith("modelmesh_limit_re")
    ]
    assert set(counted) == {frozenset({("limit", "told by its vendor")})}


async def test_the_mesh_tells_its_program_its_configuration_and_no_store_where_it_has_none() -> (
    None
):
    scene = Scene()
    [(build, one)] = (await scene.series("modelmesh_build_info")).items()
    assert (one, {name for name, _ in build}) == (1, {"version", "python"})
    [(served, one)] = (await scene.series("modelmesh_config_info")).items()
    assert one == 1
    assert re.fullmatch("[0-9a-f]{12}", dict(served)["version"])
    assert await scene.series("modelmesh_store_up") == {}


async def test_ten_thousand_names_of_clients_make_no_series() -> None:
    scene = Scene(lambda _: good())
    rng = Random(7)
    await scene.send()
    with pytest.raises(RequestError):
        await scene.send(model="nothing like it")
    before = set(await samples(scene.observer))
    for _ in range(10_000):
        model, id_, session = (f"{rng.getrandbits(64):x}" for _ in range(3))
        if rng.random() < 0.9:
            with pytest.raises(RequestError):
                await scene.send(model, id_, session)
        else:
            await scene.send("chat", id_, session)
    assert set(await samples(scene.observer)) == before
    labels = {"pool": "unknown", "endpoint": "chat", "outcome": "failed", "status": "4xx"}
    assert await value(scene.observer, "modelmesh_requests_total", **labels) > 8_000


async def test_whoever_accepts_openmetrics_gets_it() -> None:
    observer = told(began(), ended(stream=True, attempts=(attempt(first_token=0.1),)), attempt())
    accept = "application/openmetrics-text;version=1.0.0;q=0.8,text/plain;version=0.0.4;q=0.3"
    text, kind = await observer.text(accept)
    assert kind == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    assert list(openmetrics(text.decode()))
    for other in ("", "*/*", "text/plain", "text/html"):
        text, kind = await observer.text(other)
        assert kind == "text/plain; version=0.0.4; charset=utf-8"
        assert list(plain(text.decode()))


async def test_both_formats_tell_the_same() -> None:
    observer = told(began(), ended(), attempt(usage=Usage(prompt=1, completion=2), cost=0.5))
    text, _ = await observer.text("application/openmetrics-text")
    other = {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in openmetrics(text.decode())
        for sample in family.samples
    }
    assert other == await samples(observer)


_ABBREVIATED = re.compile(r"_(s|ms|us|ns|sec|secs|min|hours|b|kb|mb|pct|percent|usd|count)(_|$)")


@pytest.mark.parametrize("name", METRICS)
def test_a_metric_is_called_as_prometheus_wants_it(name: str) -> None:
    """What `promtool check metrics` looks for: https://prometheus.io/docs/practices/naming/."""
    metric = METRICS[name]
    exposed = metric.exposed(name)
    assert re.fullmatch(r"modelmesh(_[a-z]+)+", exposed)
    assert exposed.endswith("_total") == (metric.kind == "counter")
    assert not exposed.endswith(("_bucket", "_sum", "_count"))
    assert not _ABBREVIATED.search(exposed)
    assert not {"counter", "gauge", "histogram", "metric"} & set(exposed.split("_"))
    assert metric.unit in ("", "seconds", "ratio", "dollars", "tokens")
    assert metric.says.endswith(".")
    assert metric.says[0].isupper() or metric.says[0].isdigit()
    assert "\n" not in metric.says
    for label in metric.labels:
        assert re.fullmatch("[a-z]+", label)
        assert label not in ("le", "quantile", "job", "instance", "pid")
    assert list(metric.buckets) == sorted(set(metric.buckets))
    assert bool(metric.buckets) == (metric.kind == "histogram")


async def test_every_metric_is_there_with_its_help_its_type_and_its_unit() -> None:
    text, _ = await told().text("application/openmetrics-text")
    families = {family.name: family for family in openmetrics(text.decode())}
    assert set(families) == {metric.family(name) for name, metric in METRICS.items()}
    for name, metric in METRICS.items():
        family = families[metric.family(name)]
        assert (family.type, family.documentation) == (metric.kind, metric.says)
        assert family.unit == metric.unit


def observing(**sections: Any) -> ModelMesh:
    return ModelMesh(load({**CONFIG, "observability": sections}, environ={}), clock=FakeClock())


async def test_sections_that_name_it_share_one_whatever_else_they_say() -> None:
    mesh = observing(
        routing=PROMETHEUS,
        logging={**PROMETHEUS, "level": "full"},
        statistics={**PROMETHEUS, "interval": 5},
    )
    [observer] = mesh.observers
    assert isinstance(observer, Observer)


async def test_what_other_observers_lose_is_counted_as_it_grows() -> None:
    slow = {"connector": f"{__name__}:Slow"}
    mesh = observing(
        routing=PROMETHEUS, logging={**slow, "interval": 3}, statistics={**slow, "interval": 4}
    )
    observer, one, _ = mesh.observers
    assert isinstance(observer, Observer)
    assert isinstance(one, Slow)
    observer.meet(mesh)
    name = "modelmesh_observer_dropped_events_total"
    for _ in range(2):
        assert await value(observer, name, observer="a slow one") == 7
    one.lost += 5
    assert await value(observer, name, observer="a slow one") == 12


async def test_meshes_in_one_process_do_not_mix() -> None:
    one, other = told(began()), told()
    place = {"pool": "chat", "endpoint": "chat"}
    assert await value(one, "modelmesh_requests_in_flight", **place) == 1
    assert not [name for name, _ in await samples(other) if "in_flight" in name]


def test_without_the_library_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    with pytest.raises(ConfigError, match=r"modelmesh-lite\[prometheus\]"):
        Observer(schema.Observer())


def test_nobody_loads_the_library_who_has_no_metrics() -> None:
    program = (
        "import sys, modelmesh.cli.proxy;"
        "from modelmesh.connectors.observability.prometheus import Observer;"
        "from modelmesh.config import schema; Observer(schema.Observer());"
        "assert 'prometheus_client' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_it_is_found_by_its_id() -> None:
    for name in ("modelmesh.prometheus.v1", "prometheus"):
        assert registry.find("observability", name) is Observer
