"""What is told of a target's limits, and by whom each is known."""

from typing import Any

import pytest
from attrs import evolve
from scene import begun, pool, target

from modelmesh.config.load import load
from modelmesh.ledger import Limit, configured
from modelmesh.ledger.told import Told
from modelmesh.ledger.windows import Rolling
from modelmesh.pool import Pool
from modelmesh.status import status

MINUTE = 60.0
GRANTED = Limit(
    name="a: 10 requests a minute", subject="a", unit="requests", amount=10, window=Rolling(MINUTE)
)


def limits_of(made: Pool) -> list[dict[str, Any]]:
    (first,) = status(made, 0.0)["targets"]
    limits: list[dict[str, Any]] = first["limits"]
    return limits


def tell(made: Pool, *, amount: int | None = 30, left: int = 29, whose: int = 0) -> None:
    wall = made.wall()
    lefts = made.standing(made.targets[0]).left
    lefts[whose].hear(Told("left", "requests", MINUTE, left, amount, wall, wall + 20), longest=60.0)


def test_what_is_configured_and_what_the_vendor_says_stand_side_by_side() -> None:
    one = target("a/m")
    made = pool(one, granted={one.id: (GRANTED, evolve(GRANTED, subject="f", source="free tier"))})
    tell(made)
    tell(made, amount=None, left=2, whose=1)
    begun(made, one)
    ours, free, told, shared = limits_of(made)
    assert (ours["source"], ours["taken"], ours["left"]) == ("configured", 1, 9)
    assert (free["source"], free["taken"], free["left"]) == ("free tier", 1, 9)
    assert told == {
        "limit": "a: 30 requests by its vendor's own word (left)",
        "source": "vendor",
        "unit": "requests",
        "taken": 2,
        "left": 28,
        "amount": 30,
        "renewed_in": 20.0,
    }
    assert (shared["taken"], shared["left"], shared["amount"]) == (None, 1, None)


def test_what_a_vendor_said_is_told_until_it_is_renewed() -> None:
    made = pool(target("a/m"))
    assert limits_of(made) == []
    tell(made, left=0)
    (told,) = limits_of(made)
    assert (told["taken"], told["left"]) == (30, 0)
    later = made.wall() + 20
    made.wall = lambda: later
    assert limits_of(made) == []


@pytest.mark.parametrize(
    ("provider", "source"),
    [({"rate_limits": {"rpm": 5}}, "configured"), ({"tier": "free"}, "free tier")],
)
def test_a_limit_says_where_it_is_known_from(provider: dict[str, Any], source: str) -> None:
    config = load({"providers": {"groq.api.v1": {"api_key": "k", **provider}}}, environ={})
    entry = config.providers["groq.api.v1"]
    limits = [
        *configured.of_provider("groq.api.v1", entry, "k"),
        *(configured.of_free_tier("groq.api.v1", "openai/gpt-oss-20b", "k") if entry.tier else ()),
    ]
    assert limits
    assert {limit.source for limit in limits} == {source}
