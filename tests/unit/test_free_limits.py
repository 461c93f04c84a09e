"""Which limits a provider has by its free tier."""

from random import Random
from typing import Any

from modelmesh.build import build
from modelmesh.config.load import load
from modelmesh.ledger import Limit
from modelmesh.ledger.windows import Calendar, Rolling
from modelmesh.pool import Pool
from modelmesh.state import State


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
