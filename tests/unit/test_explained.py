"""What `modelmesh explain` prints for people."""

from typing import Any

import pytest

from modelmesh.cli.explained import table
from modelmesh.ledger.limits import dollars


def row(place: int, **more: Any) -> dict[str, Any]:
    usual = {
        "target": f"vendor/model-{place}",
        "place": place,
        "why": "next in turn",
        "eligible": True,
        "reason": None,
        "expected_cost": 0.00012,
        "limits": [],
    }
    return {**usual, **more}


def told(*rows: dict[str, Any], first: Any = None) -> str:
    return table({"pool": "chat", "strategy": "round-robin", "next": first, "targets": rows})


def limit(**more: Any) -> dict[str, Any]:
    usual = {"limit": "a: $5 a day", "unit": "dollars", "taken": 1.5, "left": 3.5, "amount": 5.0}
    return {**usual, "renewed_in": 3600.4, **more}


def test_targets_are_listed_in_their_order_with_the_next_one_marked() -> None:
    left_alone = row(2, eligible=False, reason="left alone for 12s (timeout)", expected_cost=None)
    first = {"target": "vendor/model-1", "seconds": 0.0}
    assert told(row(1, limits=[limit()]), left_alone, first=first).splitlines() == [
        "chat  (round-robin)",
        ">  1  vendor/model-1  next in turn",
        "      cost: about $0.00012",
        "      a: $5 a day: $3.50 of $5.00 left, all of it in 3600 s",
        "   2  vendor/model-2  next in turn",
        "      not asked: left alone for 12s (timeout)",
        "      cost: unknown",
    ]


@pytest.mark.parametrize(
    ("more", "line"),
    [
        ({"taken": 0.0, "left": 5.0}, "a: $5 a day: $5.00 of $5.00 left"),
        ({"renewed_in": None}, "a: $5 a day: $3.50 of $5.00 left"),
        (
            {"limit": "vendor says", "unit": "tokens", "left": 12000, "amount": None},
            "vendor says: 12,000 of an unknown amount left, all of it in 3600 s",
        ),
    ],
)
def test_of_each_limit_it_is_told_what_is_left(more: dict[str, Any], line: str) -> None:
    assert f"      {line}\n" in told(row(1, limits=[limit(**more)]))


@pytest.mark.parametrize(
    ("first", "eligible", "line"),
    [
        (None, False, "Such a request would be refused."),
        (
            {"target": "vendor/model-1", "seconds": 2.5},
            False,
            "Such a request would wait 2.5 s for vendor/model-1.",
        ),
        (
            {"target": "vendor/model-1", "seconds": 0.0},
            False,
            "No other target is left, so vendor/model-1 would be asked anyway.",
        ),
        ({"target": "vendor/model-1", "seconds": 0.0}, True, "      cost: about $0.00012"),
    ],
)
def test_the_last_line_tells_what_becomes_of_a_request(
    first: Any, eligible: bool, line: str
) -> None:
    assert told(row(1, eligible=eligible), first=first).splitlines()[-1] == line


def test_a_pool_without_targets_says_why() -> None:
    assert (
        told().splitlines()[1] == "  no targets yet: its servers list their models only when asked"
    )


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (0, "$0.00"),
        (0.5, "$0.50"),
        (1234.5, "$1,234.50"),
        (0.099, "$0.099"),
        (0.00012345, "$0.00012"),
        (1e-9, "$0.0000000010"),
        (-0.25, "$-0.25"),
    ],
)
def test_money_is_told_in_cents_or_two_digits(amount: float, text: str) -> None:
    assert dollars(amount) == text
