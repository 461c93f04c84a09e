import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest
from scene import bad, good

from modelmesh.build import build
from modelmesh.config.load import load
from modelmesh.errors import ErrorKind, RoutingError
from modelmesh.mesh import ModelMesh
from modelmesh.notices import notices
from modelmesh.state import State
from modelmesh.testing.clock import FakeClock
from modelmesh.testing.transport import Script, ScriptedTransport
from modelmesh.types import Request

GONE = "llama-3.3-70b-versatile"
WORDS = "its vendor's last day for it is 2026-08-16; its successor is openai/gpt-oss-120b"


def at(day: str, hour: int = 0) -> float:
    return datetime.fromisoformat(day).replace(hour=hour, tzinfo=UTC).timestamp()


def configured(models: Mapping[str, str], connector: str = "groq.api.v1", **more: Any) -> Any:
    return load(
        {
            "providers": {connector: {"api_key": "sk-canary-1", **more}},
            "models": {
                name: {"provider": connector, "model": model, "capabilities": ["chat-completion"]}
                for name, model in models.items()
            },
            "pools": {"chat": {"capability": "chat-completion"}},
        },
        environ={},
    )


def told(config: Any, wall: float) -> list[str]:
    parts = build(config, state=State(), rng=Random(1), wall=lambda: 0.0)
    return list(notices(config, parts.targets, wall=wall))


def test_a_retired_model_is_named_with_its_day_and_successor() -> None:
    assert told(configured({"fast": GONE}), at("2026-11-24")) == [
        f"model 'fast' ({GONE} at groq.api.v1) is retired: {WORDS}"
    ]


def test_a_model_is_named_once_however_many_keys_and_pools_it_has() -> None:
    config = load(
        {
            "providers": {"groq.api.v1": {"api_keys": ["sk-1", "sk-2"]}},
            "models": {"fast": {"provider": "groq.api.v1", "model": GONE}},
            "pools": {"a": {"models": ["fast"]}, "b": {"models": ["fast"]}},
            "proxy": {"expose_models": True},
        },
        environ={},
    )
    assert len(told(config, at("2026-11-24"))) == 1


@pytest.mark.parametrize(
    ("day", "when"),
    [
        ("2026-11-10", None),
        ("2026-11-11", "retires in 30 days"),
        ("2026-12-09", "retires in 2 days"),
        ("2026-12-10", "retires tomorrow"),
        ("2026-12-11", "is retired"),
        ("2027-06-01", "is retired"),
    ],
)
def test_a_model_is_named_from_thirty_days_before_it_retires(day: str, when: str | None) -> None:
    words = "its vendor's last day for it is 2026-12-11; its successor is gpt-6.1-sol"
    config = configured({"big": "gpt-5"}, "openai.llm.v1")
    expected = [f"model 'big' (gpt-5 at openai.llm.v1) {when}: {words}"] if when else []
    assert told(config, at(day, hour=23)) == expected


def test_models_which_stay_are_not_named() -> None:
    config = configured({"one": "openai/gpt-oss-20b", "two": "my-own"})
    assert told(config, at("2026-11-24")) == []


def test_a_free_tier_that_nobody_knows_is_told() -> None:
    assert told(configured({"m": "gpt-6-luna"}, "openai.llm.v1", tier="free"), 0) == [
        "provider 'openai.llm.v1' has `tier: free`, but no free tier of openai.llm.v1 is known"
    ]
    assert told(configured({"m": "openai/gpt-oss-20b"}, tier="free"), 0) == []


def test_a_tier_that_says_nothing_is_told() -> None:
    assert told(configured({"m": "openai/gpt-oss-20b"}, tier="fre"), 0) == [
        "provider 'groq.api.v1' has `tier: fre`, which has no effect; use `free`"
    ]


def mesh(script: Script, models: Mapping[str, str], day: str) -> ModelMesh:
    clock = FakeClock(now=1000.0, wall=at(day))
    transport = ScriptedTransport(script, clock)
    return ModelMesh(configured(models), clock=clock, rng=Random(1), transport=transport)


async def test_starting_warns_once(caplog: pytest.LogCaptureFixture) -> None:
    ours = mesh([good(), good()], {"fast": GONE}, "2026-11-24")
    with caplog.at_level(logging.WARNING, "modelmesh"):
        await ours.start()
        await ours.start()
    assert [record.getMessage() for record in caplog.records] == [
        f"model 'fast' ({GONE} at groq.api.v1) is retired: {WORDS}"
    ]
    await ours.close()


NOT_FOUND = bad(404, f"The model `{GONE}` does not exist", code="model_not_found")


async def ask(ours: ModelMesh) -> RoutingError:
    body = {"messages": [{"role": "user", "content": "hi"}]}
    with pytest.raises(RoutingError) as raised:
        await ours.send(Request(id="r1", model="chat", body=body))
    return raised.value


async def test_when_the_vendor_does_not_find_it_client_and_log_read_the_successor(
    caplog: pytest.LogCaptureFixture,
) -> None:
    ours = mesh([NOT_FOUND], {"fast": GONE}, "2026-11-24")
    await ours.start()
    caplog.clear()
    with caplog.at_level(logging.WARNING, "modelmesh"):
        error = await ask(ours)
    assert error.kind is ErrorKind.MODEL_NOT_FOUND
    assert f"does not exist; {WORDS}" in str(error)
    assert WORDS in error.body()["error"]["attempts"][0]["message"]
    assert caplog.records[0].getMessage() == (
        f"request r1: groq.api.v1/fast: model_not_found (404); {WORDS}"
    )
    again = await ask(ours)
    assert WORDS in str(again)
    assert str(again).count(WORDS) == 1
    await ours.close()


async def test_a_model_that_nobody_retires_is_not_found_as_before(
    caplog: pytest.LogCaptureFixture,
) -> None:
    ours = mesh([NOT_FOUND], {"fast": "my-own"}, "2026-11-24")
    with caplog.at_level(logging.WARNING, "modelmesh"):
        error = await ask(ours)
    assert "last day for it" not in str(error) + caplog.text
    await ours.close()


async def test_another_failure_of_a_retired_model_says_nothing_of_its_end() -> None:
    ours = mesh([bad(401, "wrong key")], {"fast": GONE}, "2026-11-24")
    assert "last day for it" not in str(await ask(ours))
    await ours.close()
