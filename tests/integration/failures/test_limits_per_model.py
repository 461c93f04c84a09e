"""Case 7 within one key: a limit rests what its vendor limits, the model or the whole key."""

from typing import Any

import pytest

from failures.scenes import Pools, Scene, text_of
from failures.vendors import refusing
from modelmesh.testing.fake_answers import talk
from modelmesh.testing.fake_wire import Exchange, Fault

pytestmark = pytest.mark.asyncio(loop_scope="module")

POOLS = Pools()
NAMED = "Rate limit reached for model `x` in organization `org_1` on tokens per minute (TPM)"


def at_one_key(pool: str, first: Fault, connector: str = "groq.api.v1", **more: Any) -> None:
    """Add two models of one key, of which the first does so, and a third elsewhere."""
    provider = {"connector": connector, **more}
    POOLS.add(pool, first, "ok", "ok", account="ab", providers={"a": provider})


def leaving_nothing(what: str) -> Fault:
    """Answer well, and tell that nothing is left."""
    told = {f"x-ratelimit-remaining{what}": "0", f"x-ratelimit-reset{what}": "60s"}

    async def answer(exchange: Exchange) -> None:
        await exchange.deliver(talk(exchange).parts(), headers=told)

    return answer


LIMITED = refusing(429, retry_after="60")
at_one_key("known", LIMITED)
at_one_key("grouped", LIMITED, quota_group="of known ones")
at_one_key("named", refusing(429, retry_after="60", message=NAMED), quota_group="of named ones")
at_one_key("unknown", LIMITED, "openai-compatible")
at_one_key("account", LIMITED, "openrouter.api.v1")
at_one_key("money", refusing(429, code="insufficient_quota"))
at_one_key("unpaid", refusing(402))
at_one_key("bad-key", refusing(401))
at_one_key("left-to-model", leaving_nothing("-requests"))
at_one_key("left-to-key", leaving_nothing(""), "openrouter.api.v1")
POOLS.add("two-keys", LIMITED, "ok", "ok")
for letter, key in {"a": "one", "b": "two", "c": "two"}.items():
    POOLS.providers[f"two-keys.{letter}"] |= {"connector": "groq.api.v1", "api_key": key}
OTHER = POOLS.add("other-name", "ok", "ok", models={"a": {"provider": "known.a"}})
POOLS.models[POOLS.pools[OTHER]["models"][0]]["model"] = POOLS.pools["known"]["models"][0]


@pytest.mark.parametrize(
    ("pool", "asked"),
    [
        ("known", "ab"),
        ("named", "ab"),
        ("two-keys", "ab"),
        ("grouped", "ac"),
        ("unknown", "ac"),
        ("account", "ac"),
        ("money", "ac"),
        ("unpaid", "ac"),
        ("bad-key", "ac"),
    ],
)
async def test_case_7_a_limit_rests_the_model_or_the_key_as_its_vendor_has_it(
    scene: Scene, pool: str, asked: str
) -> None:
    for _ in range(3):
        assert text_of(await scene.ask(pool), stream=False).endswith(f"{pool}.{asked[-1]}")
    assert scene.asked(pool) == asked + asked[-1] * 2
    assert len(await scene.notes(pool)) == 1


async def test_case_7_a_limited_model_rests_in_other_pools_and_by_other_names(scene: Scene) -> None:
    await scene.ask("known")
    before = scene.asked("known").count("a")
    assert text_of(await scene.ask(OTHER), stream=False).endswith(f"{OTHER}.b")
    assert scene.asked("known").count("a") == before == 1
    assert scene.asked(OTHER) == "b"


@pytest.mark.parametrize(("pool", "asked"), [("left-to-model", "abb"), ("left-to-key", "acc")])
async def test_case_7_what_is_left_counts_for_the_model_or_the_key_as_well(
    scene: Scene, pool: str, asked: str
) -> None:
    for letter in asked:
        assert text_of(await scene.ask(pool), stream=False).endswith(f".{letter}")
    assert scene.asked(pool) == asked
    assert await scene.notes(pool) == []
