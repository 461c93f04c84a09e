"""Which limits a provider has by its free tier."""

from random import Random
from typing import Any

import pytest
from scene import request

from modelmesh.build import build
from modelmesh.config.load import load
from modelmesh.ledger import Limit
from modelmesh.ledger.windows import Calendar, Rolling
from modelmesh.outcome import OpenAttempt
from modelmesh.pool import Pool
from modelmesh.state import State
from modelmesh.usage import Usage


def pool_of(connector: str, model: str, **entry: Any) -> Pool:
    config = load(
        {
            "providers": {"p": {"connector": connector, "api_key": "k", "tier": "free", **entry}},
            "models": {"m": {"provider": "p", "model": model, "capabilities": ["chat-completion"]}},
            "pools": {"chat": {"models": ["m"]}},
        },
        environ={},
    )
    parts = build(config, state=State(), rng=Random(1), wall=lambda: 0.0)
    return parts.pools["chat"]


def limits(connector: str, model: str, **entry: Any) -> list[Limit]:
    pool = pool_of(connector, model, **entry)
    return [limit for limit, *_ in pool.limits(pool.targets[0])]


def caps(found: list[Limit]) -> dict[tuple[str, object], int]:
    return {(limit.unit, limit.window): limit.amount for limit in found}


def test_a_model_has_what_its_tier_grants_by_the_vendors_own_calendar() -> None:
    found = limits("google.gemini.v1", "gemini-3.1-flash-lite")
    assert caps(found) == {
        ("requests", Rolling(60.0)): 15,
        ("requests", Calendar("day", "America/Los_Angeles")): 500,
        ("tokens", Rolling(60.0)): 250_000,
    }
    assert {limit.assumed for limit in found} == {60.0, 86_400.0}


def test_what_is_configured_takes_the_place_of_the_same_fact() -> None:
    found = limits("groq.api.v1", "openai/gpt-oss-20b", rate_limits={"rpm": 90, "tpd": 7000})
    assert caps(found) == {
        ("requests", Rolling(60.0)): 90,
        ("tokens", Rolling(86_400.0)): 7000,
        ("requests", Rolling(86_400.0)): 1000,
        ("tokens", Rolling(60.0)): 8000,
    }
    assert {limit.amount for limit in found if limit.assumed} == {1000, 8000}


def test_a_grant_that_is_not_renewed_is_not_replaced_by_a_vendors_word_on_a_minute() -> None:
    (grant,) = limits("sambanova.api.v1", "gpt-oss-120b")
    assert (grant.unit, grant.assumed) == ("dollars", 0.0)


def test_models_of_a_tier_for_all_share_it_and_others_have_each_their_own() -> None:
    shared = {limits("cohere.api.v1", name)[0].subject for name in ("command-a", "command-r7b")}
    own = {limits("groq.api.v1", f"openai/gpt-oss-{size}")[0].subject for size in ("20b", "120b")}
    assert (len(shared), len(own)) == (1, 2)


CLOUDFLARE = "cloudflare.workersai.v1"
LLAMA = "@cf/meta/llama-3.3-70b-instruct-fp8-fast"


def test_neurons_are_counted_by_the_price_which_is_the_same_in_dollars() -> None:
    pool = pool_of(CLOUDFLARE, LLAMA, account_id="a")
    ((limit, *_),) = pool.limits(pool.targets[0])
    assert (limit.unit, limit.amount, limit.window) == ("dollars", 110_000_000, Calendar("day"))
    assert limit.name == "cloudflare.workersai.v1, free tier: 10,000 neurons a day"
    # A million tokens that are written are 204,805 neurons by Cloudflare's page: 48,827 make a day.
    assert pool.short(pool.targets[0], request(max_tokens=48_700)) is None
    assert pool.short(pool.targets[0], request(max_tokens=48_900))


@pytest.mark.parametrize("model", ["@cf/baai/bge-m3", "@cf/black-forest-labs/flux-1-schnell"])
def test_what_is_free_is_asked_though_nobody_knows_its_price(model: str) -> None:
    pool = pool_of(CLOUDFLARE, model, account_id="a")
    assert pool.short(pool.targets[0], request()) is None


@pytest.mark.parametrize(
    ("connector", "model"),
    [
        ("groq.api.v1", "openai/gpt-oss-20b"),
        ("cerebras.api.v1", "gpt-oss-120b"),
        (CLOUDFLARE, "@cf/deepseek-ai/deepseek-r1-distill-qwen-32b"),
    ],
)
def test_a_tier_smaller_than_the_longest_answer_serves_who_does_not_ask_for_that(
    connector: str, model: str
) -> None:
    own = {"account_id": "a"} if connector == CLOUDFLARE else {}
    pool = pool_of(connector, model, **own)
    target = pool.targets[0]
    assert target.card.max_output
    assert pool.short(target, request()) is None
    short = pool.short(target, request(max_tokens=target.card.max_output))
    assert short
    assert "free tier" in short.limit.name


def test_a_usual_answer_is_as_long_as_those_before_it() -> None:
    pool = pool_of("groq.api.v1", "openai/gpt-oss-20b")
    target = pool.targets[0]
    attempt = pool.begin(target, request(), 0.0)
    assert isinstance(attempt, OpenAttempt)
    attempt.succeed(0.0, Usage(prompt=10, completion=3900))
    assert pool.short(target, request()) is None
    attempt = pool.begin(target, request(), 0.0)
    assert isinstance(attempt, OpenAttempt)
    assert pool.short(target, request())
