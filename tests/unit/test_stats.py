"""What became of all requests so far, in numbers."""

import json
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scene import bad, good, server, text

from modelmesh.config.load import load
from modelmesh.errors import ErrorKind, MeshError
from modelmesh.events import Event, LimitReached
from modelmesh.health import Downtime, Health
from modelmesh.mesh import ModelMesh
from modelmesh.testing.clock import FakeClock
from modelmesh.testing.transport import Script, ScriptedTransport, fail, reply, silence, stream
from modelmesh.types import Request

NONE = {"p50": None, "p95": None}


def answered(prompt: int = 10, completion: int = 5) -> Any:
    usage = {"prompt_tokens": prompt, "completion_tokens": completion}
    message = {"role": "assistant", "content": "hello"}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return reply(body={"id": "c1", "choices": [choice], "usage": usage})


class Scene:
    """Two vendors: pool `both` has a model of each, `one` only that of the first."""

    def __init__(
        self, script: Script, providers: Any = None, called: str = "both", **pool: Any
    ) -> None:
        self.clock = FakeClock(now=1000.0)
        own = providers or {}
        config = {
            "providers": {name: server(name, **own.get(name, {})) for name in "ab"},
            "models": {
                f"{name}1": {"provider": name, "pricing": {"input": 1.0, "output": 10.0}}
                for name in "ab"
            },
            "pools": {called: {"models": ["a1", "b1"], **pool}, "one": {"models": ["a1"], **pool}},
            "proxy": {"expose_models": True},
            "storage": {"connector": "modelmesh.memory.v1"},
        }
        self.mesh = ModelMesh(
            load(config, environ={}),
            clock=self.clock,
            rng=Random(1),
            transport=ScriptedTransport(script, self.clock),
        )

    async def send(self, model: str = "both") -> None:
        body = {"messages": [{"role": "user", "content": "hi"}]}
        try:
            came = await self.mesh.send(Request(id="r", model=model, body=body))
        except MeshError:
            return
        await came.close()

    def told(self, of: str, id_: str) -> dict[str, Any]:
        told: dict[str, Any] = self.mesh.stats()[of][id_]
        return told


def test_before_the_first_request_all_is_nothing() -> None:
    told = Scene([]).mesh.stats()
    assert {of: list(rows) for of, rows in told.items()} == {
        "pools": ["both", "one"],
        "providers": ["a", "b"],
        "targets": ["a/a1", "b/b1"],
    }
    nothing = {
        "requests": 0,
        "answers": 0,
        "cancelled": 0,
        "failures": {},
        "tokens_in": 0,
        "tokens_out": 0,
        "spent": 0.0,
        "latency": NONE,
        "first_token": NONE,
        "downtime_seconds": 0.0,
        "quota_resets": 0,
    }
    assert told["targets"]["a/a1"] == nothing
    assert told["providers"]["b"] == {**nothing, "availability": None}
    assert told["pools"]["one"] == {**nothing, "rotations": 0}
    assert json.loads(json.dumps(told)) == told


async def test_what_a_target_is_asked_counts_for_it_its_provider_and_the_pool_that_asked() -> None:
    scene = Scene([bad(503), answered(), answered(20, 7)])
    await scene.send()
    await scene.send("b/b1")
    one = scene.told("targets", "a/a1")
    assert (one["requests"], one["answers"], one["failures"]) == (1, 0, {"overloaded": 1})
    two = scene.told("targets", "b/b1")
    assert (two["requests"], two["answers"], two["failures"]) == (2, 2, {})
    assert (two["tokens_in"], two["tokens_out"]) == (30, 12)
    assert two["spent"] == pytest.approx(30e-6 + 120e-6)
    assert scene.told("providers", "b") == {**two, "availability": None}
    both = scene.told("pools", "both")
    assert (both["requests"], both["answers"], both["failures"]) == (2, 1, {"overloaded": 1})
    assert (both["tokens_in"], both["rotations"]) == (10, 1)
    assert scene.told("pools", "one")["requests"] == 0


async def test_what_nobody_answered_in_the_end_and_what_was_left_is_counted() -> None:
    scene = Scene([fail(ErrorKind.UNREACHABLE), bad(400), stream([text("hi"), silence()])])
    await scene.send()
    body = {"messages": [], "stream": True}
    came = await scene.mesh.send(Request(id="r", model="b/b1", body=body))
    await came.close()
    assert scene.told("pools", "both")["failures"] == {"unreachable": 1, "invalid_request": 1}
    told = scene.told("providers", "b")
    assert (told["requests"], told["failures"], told["cancelled"]) == (2, {"invalid_request": 1}, 1)
    assert told["first_token"] != NONE
    assert told["latency"] == NONE


async def test_times_are_those_of_the_last_answers() -> None:
    scene = Scene([answered() for _ in range(300)])
    record = scene.mesh.pool("both").standing(scene.mesh.pool("both").targets[0]).record
    for number in range(300):
        await scene.send()
        record.took[-1] = float(number)
    told = scene.told("targets", "a/a1")
    assert told["requests"] == 300
    # Of the last 256, which are 44 to 299.
    assert told["latency"] == {"p50": 171.0, "p95": 287.0}


async def test_downtime_is_the_time_in_which_it_was_not_to_be_asked() -> None:
    limited = bad(429, headers={"retry-after": "20"})
    scene = Scene([limited, bad(503), answered(), answered()], max_wait=0)
    await scene.send()
    seconds = []
    for _ in range(4):
        seconds.append(
            [
                scene.told(of, id_)["downtime_seconds"]
                for of, id_ in (
                    ("targets", "a/a1"),
                    ("targets", "b/b1"),
                    ("pools", "both"),
                    ("pools", "one"),
                    ("providers", "a"),
                )
            ]
        )
        scene.clock.advance(12)
    # The first is left alone for 20 s, the other for 30 s, both for 20 s.
    assert seconds == [
        [0, 0, 0, 0, 0],
        [12, 12, 12, 12, 0],
        [20, 24, 20, 20, 0],
        [20, 30, 20, 20, 0],
    ]


spans = st.lists(
    st.tuples(st.integers(0, 9), st.sampled_from("abr"), st.integers(1, 40)), max_size=20
)


@given(spans)
def test_downtime_is_the_length_of_all_spans_together(
    steps: list[tuple[int, str, int]],
) -> None:
    """Two healths, of which one recovers at times: counted second by second, and as it is done."""
    healths = {"a": Health(), "b": Health()}
    either = Downtime(lambda: max(one.until for one in healths.values()))
    both = Downtime(lambda: min(one.until for one in healths.values()))
    for one in healths.values():
        one.others |= {"either": either, "both": both}
    now, counted = 0, {"either": 0, "both": 0, "a": 0}
    for pause, what, length in [*steps, (50, "b", 1)]:
        for second in range(now, now + pause):
            down = [one.until > second for one in healths.values()]
            counted["either"] += any(down)
            counted["both"] += all(down)
            counted["a"] += down[0]
        now += pause
        if what == "r":
            healths["a"].recover(now)
        else:
            healths[what].leave_alone(now, now + length, ErrorKind.TIMEOUT, told=False)
    assert either.seconds(now) == counted["either"]
    assert both.seconds(now) == counted["both"]
    assert healths["a"].downtime.seconds(now) == counted["a"]


async def test_a_quota_that_refused_and_is_there_again_was_reset_once() -> None:
    limits = {"a": {"rate_limits": {"rpm": 1}}}
    scene = Scene([good()] * 9, limits, max_wait=0)
    for _ in range(4):
        await scene.send()
    assert scene.told("targets", "a/a1")["quota_resets"] == 0
    scene.clock.advance(70)
    for id_ in ("both", "one"):
        assert scene.told("pools", id_)["quota_resets"] == 1
    assert scene.told("providers", "a")["quota_resets"] == 1
    assert scene.told("targets", "b/b1")["quota_resets"] == 0


async def test_numbers_outlive_what_servers_tell_of_their_models_later() -> None:
    scene = Scene([bad(503), answered()])
    await scene.send()
    before = scene.mesh.stats()
    scene.mesh._serving._join({})
    assert scene.mesh.stats() == before
    assert before["pools"]["both"]["rotations"] == 1


async def test_a_pool_with_the_name_of_a_model_is_told_as_the_pool() -> None:
    scene = Scene([bad(503), answered()], called="a1")
    await scene.send("a1")
    scene.clock.advance(10)
    told = scene.told("pools", "a1")
    assert (told["requests"], told["rotations"], told["downtime_seconds"]) == (2, 1, 0)
    assert scene.told("targets", "a/a1")["downtime_seconds"] == 10


async def test_a_quota_of_one_pool_is_not_taken_for_that_of_another() -> None:
    quota = {"request_limit": 1, "quota_window": "daily"}
    scene = Scene([good()] * 9, max_wait=0, deactivation=quota)
    refusals: list[str] = []

    def hear(event: Event) -> None:
        if isinstance(event, LimitReached):
            refusals.append(event.pool)

    scene.mesh.audience.join(hear)
    for model in ("one", "one", "both", "both"):
        await scene.send(model)
    assert refusals == ["one", "both"]
    names = [pool["targets"][0]["limits"][0]["limit"] for pool in scene.mesh.pool_status().values()]
    assert names == ["a/a1 in both: 1 requests a day", "a/a1 in one: 1 requests a day"]
    scene.clock.advance(86_400)
    assert [scene.told("pools", id_)["quota_resets"] for id_ in ("both", "one")] == [1, 1]
    assert scene.told("targets", "a/a1")["quota_resets"] == 2
    assert scene.told("providers", "a")["quota_resets"] == 2
