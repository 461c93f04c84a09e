"""Where a request would go, and why."""

import json
from pathlib import Path
from random import Random
from typing import Any, ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scene import STRATEGIES, bad, good, server

from modelmesh.config.load import load
from modelmesh.errors import RequestError, RoutingError
from modelmesh.mesh import ModelMesh
from modelmesh.testing.clock import FakeClock
from modelmesh.testing.transport import Script, ScriptedTransport
from modelmesh.types import Request

SPAN = 61.0
"""Seconds until a request a minute is free again, in a window of whole seconds."""

HELLO = [{"role": "user", "content": "hi"}]


class Scene:
    """A mesh of three vendors, whose pool `chat` has these settings."""

    def __init__(
        self, script: Script = (), providers: Any = None, storage: Any = None, **pool: Any
    ) -> None:
        self.clock = FakeClock(now=1000.0)
        self.transport = ScriptedTransport(script, self.clock)
        own = providers or {}
        config = {
            "providers": {name: server(name, **own.get(name, {})) for name in "abc"},
            "models": {
                model: {
                    "provider": model[0],
                    "weight": weight,
                    "pricing": {"input": price, "output": 4 * price},
                    "capabilities": ["chat-completion"],
                }
                for model, weight, price in (("a1", 1, 1.0), ("b1", 2, 0.1), ("c1", 1, 10.0))
            },
            "pools": {"chat": {"capability": "chat-completion", **pool}},
            "storage": storage or {"connector": "modelmesh.memory.v1"},
        }
        self.mesh = ModelMesh(
            load(config, environ={}),
            clock=self.clock,
            rng=Random(1),
            transport=self.transport,
        )

    async def send(self, **body: Any) -> str:
        asked = {"messages": HELLO, **body}
        try:
            came = await self.mesh.send(Request(id="r", model="chat", body=asked))
        except (RoutingError, RequestError) as error:
            return type(error).__name__
        await came.close()
        return came.target.id

    def explain(self, **body: Any) -> dict[str, Any]:
        return self.mesh.explain({"model": "chat", "messages": HELLO, **body})

    def told(self, key: str, **body: Any) -> dict[str, Any]:
        return {row["target"]: row[key] for row in self.explain(**body)["targets"]}


# What is told.


async def test_an_explanation_asks_nobody_and_changes_nothing() -> None:
    scene = Scene([bad(429, headers={"retry-after": "12"}), good()])
    await scene.send()
    before = repr(scene.mesh.pool("chat")), scene.mesh.pool_status()
    told = scene.explain()
    assert (told["pool"], told["strategy"]) == ("chat", "modelmesh.stick-until-failure.v1")
    assert told["next"] == {"target": "b/b1", "seconds": 0.0}
    assert told["targets"][2] == {
        "target": "a/a1",
        "provider": "a",
        "model": "a1",
        "place": 3,
        "why": "behind the one in front",
        "eligible": False,
        "reason": "left alone for 12s (rate_limit)",
        "expected_cost": pytest.approx(0.0012, rel=0.2),
        "limits": [],
    }
    assert [row["place"] for row in told["targets"]] == [1, 2, 3]
    assert before == (repr(scene.mesh.pool("chat")), scene.mesh.pool_status())
    assert len(scene.transport.requests) == 2
    assert json.loads(json.dumps(told)) == told


async def test_quotas_and_budgets_are_told_with_what_is_left() -> None:
    limited = {"a": {"rate_limits": {"rpm": 1}, "budget": {"daily_limit": 5.0}}}
    scene = Scene([good()], limited, max_wait=0)
    await scene.send()
    told = {row["target"]: row for row in scene.explain()["targets"]}
    [money, rate] = sorted(told["a/a1"]["limits"], key=lambda each: str(each["unit"]))
    assert (money["unit"], money["amount"]) == ("dollars", 5.0)
    assert 0 < money["left"] < 5.0
    assert (rate["unit"], rate["left"], rate["renewed_in"]) == ("requests", 0, SPAN)
    assert told["a/a1"]["reason"] == (
        "it has reached its limit, a: 1 requests a minute, for another 61s"
    )
    assert told["b/b1"]["limits"] == []


def test_an_expected_cost_is_that_of_the_request() -> None:
    scene = Scene()
    short, long = scene.told("expected_cost"), scene.told("expected_cost", max_tokens=10)
    for target in short:
        assert 0 < long[target] < short[target] < 1
    assert short["c/c1"] == pytest.approx(100 * short["b/b1"], rel=0.01)


async def test_where_all_are_left_alone_on_a_guess_one_is_asked_all_the_same() -> None:
    scene = Scene([bad(500)] * 3 + [good()], retry={"max_attempts": 1})
    assert await scene.send() == "RoutingError"
    told = scene.explain()
    assert not any(row["eligible"] for row in told["targets"])
    assert told["next"] == {"target": await scene.send(), "seconds": 0.0}


async def test_where_a_limit_is_free_again_soon_a_request_waits_for_it() -> None:
    limited = {name: {"rate_limits": {"rpm": 1}} for name in "abc"}
    scene = Scene([good()] * 4, limited, max_wait="70s")
    assert [await scene.send() for _ in range(3)] == ["a/a1", "b/b1", "c/c1"]
    told, began = scene.explain(), scene.clock.now()
    assert told["next"] == {"target": "a/a1", "seconds": SPAN}
    assert scene.explain() == told
    assert await scene.send() == "a/a1"
    assert scene.clock.now() - began == pytest.approx(SPAN)


@pytest.mark.parametrize(
    "limited",
    [
        {"rate_limits": {"rpd": 2}},
        {"budget": {"daily_limit": 0.04}},
        {"rate_limits": {"tpd": 9_000}},
    ],
)
async def test_what_a_store_was_last_heard_to_have_left_is_believed(
    tmp_path: Path, limited: dict[str, Any]
) -> None:
    storage = {"connector": "modelmesh.sqlite.v1", "path": str(tmp_path / "state.db")}
    scene = Scene([good()] * 9, {"a": limited}, storage, max_wait=0)
    assert [await scene.send() for _ in range(9)] == ["a/a1"] * 2 + ["b/b1"] * 7
    scene.clock.advance(5)
    told = scene.explain()
    assert told["targets"][0]["reason"].startswith("it has reached its limit, a: ")
    assert told["next"]["target"] == "b/b1"
    await scene.mesh.close()


async def test_nobody_is_next_where_a_request_would_be_refused() -> None:
    scene = Scene([bad(401)] * 3)
    assert await scene.send() == "RoutingError"
    assert scene.explain()["next"] is None
    assert await scene.send() == "RoutingError"


async def test_a_pool_which_ends_at_its_budget_goes_no_further() -> None:
    spent = {"a": {"budget": {"daily_limit": 0.000001}}}
    scene = Scene([], spent, on_budget_exceeded="error")
    told = scene.explain()
    first, *others = (row["reason"] for row in told["targets"])
    assert "daily" in first or "day" in first
    assert [reason and "goes no further" in reason for reason in others] == [True, True]
    assert told["next"] is None
    assert await scene.send() == "RequestError"


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({}, 400, "say which model"),
        ({"model": 7}, 400, "say which model"),
        ({"model": "chet"}, 404, "did you mean 'chat'"),
        ({"model": "chat", "endpoint": "chats"}, 400, "`endpoint` must be one of chat, emb"),
        ({"model": "chat", "endpoint": ["chat"]}, 400, "`endpoint` must be one of chat, emb"),
        ({"model": "chat", "messages": "hi"}, 400, "`messages` must be a list"),
        ({"model": "chat", "messages": [], "stream": "yes"}, 400, "must be"),
    ],
)
def test_what_would_be_refused_is_not_explained(
    body: dict[str, Any], status: int, words: str
) -> None:
    with pytest.raises(RequestError, match=words) as refused:
        Scene().mesh.explain(body)
    assert refused.value.status == status


def test_a_request_need_not_say_anything_to_be_explained() -> None:
    told = Scene().mesh.explain({"model": "chat"})
    assert told["next"]["target"] == "a/a1"
    other = Scene().mesh.explain({"model": "chat", "endpoint": "embeddings"})
    assert other["next"] is None
    assert other["targets"][0]["reason"] == "it cannot embed; it is for chat-completion"


@pytest.mark.parametrize(
    ("can", "next_"),
    [(["embeddings"], "a/m"), (["embeddings", "chat-completion"], "a/m"), ([], None)],
)
def test_a_pool_that_says_not_what_it_is_for_is_for_what_its_models_can(
    can: list[str], next_: str | None
) -> None:
    config = {
        "providers": {"a": server("a")},
        "models": {"m": {"provider": "a", "capabilities": can or ["embeddings"]}},
        "pools": {"mine": {"models": ["m"]}},
        "storage": {"connector": "modelmesh.memory.v1"},
    }
    asks = {"model": "mine"} | ({} if can else {"endpoint": "chat"})
    told = ModelMesh(load(config, environ={}), clock=FakeClock()).explain(asks)
    assert (told["next"] and told["next"]["target"]) == next_


def test_the_session_of_a_request_counts() -> None:
    scene = Scene(strategy="session-stickiness")
    body = {"model": "chat", "messages": HELLO}
    firsts = {
        scene.mesh.explain(body, session)["next"]["target"] for session in map(str, range(50))
    }
    assert firsts == {"a/a1", "b/b1", "c/c1"}


# Why a target is where it is.


@pytest.mark.parametrize(
    ("name", "settings", "whys"),
    [
        ("stick-until-failure", {}, ["in front until it fails", "behind the one in front"]),
        ("round-robin", {}, ["next in turn", "after the one whose turn it is"]),
        (
            "round-robin",
            {"balance_mode": "relative"},
            ["next in turn, by weight 1", "after the one whose turn it is"],
        ),
        (
            "cost-first",
            {},
            ["$0.00 spent so far, expected $0.00012", "$0.00 spent so far, expected $0.0012"],
        ),
        (
            "cost-first",
            {"options": {"by": "expected"}},
            ["expected $0.00012, $0.00 spent so far", "expected $0.0012, $0.00 spent so far"],
        ),
        ("latency-first", {}, ["never asked so far", "never asked so far"]),
        (
            "priority-selection",
            {"model_priority": ["b1"], "provider_priority": ["c", "a"]},
            ["model 1 of 1, provider not listed", "model not listed, provider 1 of 2"],
        ),
        (
            "priority-selection",
            {"model_priority": ["c1"], "fallback_strategy": "round-robin"},
            ["model 1 of 1", "model not listed, next in turn"],
        ),
        ("session-stickiness", {}, ["first choice of its session", "choice 2 of its session"]),
        ("rate-limit-aware", {}, ["in front until it fails", "behind the one in front"]),
        (
            "load-balanced",
            {},
            [
                "the less busy of two that were drawn: 0 under way, weight 1",
                "0 under way, weight 1",
            ],
        ),
    ],
)
def test_a_strategy_says_why(name: str, settings: dict[str, Any], whys: list[str]) -> None:
    assert [row["why"] for row in Scene(strategy=name, **settings).explain()["targets"]][:2] == whys


def test_without_a_session_it_is_the_fallback_that_says_why() -> None:
    told = Scene(strategy="session-stickiness").mesh.explain({"model": "chat"})
    assert told["targets"][0]["why"] == "no session; next in turn"


async def test_the_time_seen_is_why_a_target_is_among_the_fastest() -> None:
    scene = Scene([good()] * 3, strategy="latency-first")
    await scene.send()
    scene.clock.advance(7)
    told = scene.told("why")
    assert told["b/b1"] == "never asked so far"
    assert told["a/a1"] == "first token 0.00 s, last asked 7 s ago"


async def test_what_is_near_its_limit_says_so() -> None:
    limits = {"a": {"rate_limits": {"rpm": 10}}}
    scene = Scene([good()], limits, strategy="rate-limit-aware", rate_limit={"max_rpm": 1})
    await scene.send()
    scene.clock.advance(3)
    assert scene.told("why")["a/a1"] == (
        "near a limit: 90% left, 1 requests a minute, last 3.0 s ago"
    )


class Backwards:
    """A strategy which says nothing of its order."""

    connector: ClassVar = "test.backwards.v1"

    def __init__(self, *_: Any) -> None:
        pass

    def order(self, targets: Any, _turn: Any) -> Any:
        return reversed(targets)


def test_a_strategy_of_somebody_elses_need_not_say_why() -> None:
    scene = Scene()
    scene.mesh.pool("chat").strategy = Backwards()
    told = scene.explain()
    assert told["next"]["target"] == "c/c1"
    assert {row["why"] for row in told["targets"]} == {"so test.backwards.v1 has it"}


# What holds of every explanation.


async def walked(
    steps: list[tuple[int, bool, float]], name: str, mode: str, *, explained: bool
) -> list[str]:
    """Return whom requests went to; where each is explained before, that is checked to be true."""
    statuses = [status for status, _, _ in steps]
    script = [good() if status == 200 else bad(status) for status in statuses for _ in range(9)]
    limits = {"b": {"rate_limits": {"rpm": 4}}}
    scene = Scene(
        script, limits, strategy=name, balance_mode=mode, retry={"max_attempts": 1}, max_wait="1s"
    )
    went = []
    for number, (_, named, pause) in enumerate(steps):
        body: dict[str, Any] = {"user": f"u{number}"} if named else {}
        if explained:
            told = [scene.explain(**body) for _ in range(3)]
            assert told[0] == told[1] == told[2]
            asked = len(scene.transport.requests)
        went.append(await scene.send(**body))
        if explained:
            first = told[0]["next"] and told[0]["next"]["target"].partition("/")[0]
            sent = scene.transport.requests[asked:]
            assert first == (sent[0].url.split("//")[1][0] if sent else None)
        scene.clock.advance(pause)
    return went


@pytest.mark.parametrize("name", STRATEGIES)
@settings(max_examples=25, deadline=None)
@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from([200, 200, 429, 500, 401, 400]),
            st.booleans(),
            st.sampled_from([0.0, 0.5, 20.0, 70.0]),
        ),
        min_size=1,
        max_size=12,
    ),
    mode=st.sampled_from(["absolute", "relative"]),
)
async def test_an_explanation_is_true_and_leaves_the_next_request_as_it_is(
    name: str, steps: list[tuple[int, bool, float]], mode: str
) -> None:
    plain = await walked(steps, name, mode, explained=False)
    assert await walked(steps, name, mode, explained=True) == plain


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)
names = st.sampled_from(
    ["messages", "tools", "stream", "input", "endpoint", "max_tokens", "n", "response_format"]
)


@settings(deadline=None)
@given(body=st.dictionaries(names | st.text(max_size=5), anything, max_size=5))
def test_whatever_a_body_holds_it_is_explained_or_refused(body: dict[str, Any]) -> None:
    try:
        told = Scene().mesh.explain({**body, "model": "chat"})
    except RequestError:
        return
    assert len(told["targets"]) == 3
    json.dumps(told)
