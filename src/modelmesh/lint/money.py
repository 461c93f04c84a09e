"""Budgets which do not do what they seem to."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

from modelmesh.catalogue.prices import DOLLARS
from modelmesh.config import schema
from modelmesh.ledger import costs
from modelmesh.lint.setup import Finding, Setup, answers_at, finding
from modelmesh.sanity import LEAST
from modelmesh.types import Request, Target

_LIMITS: Final = ("daily_limit", "monthly_limit")
_EFFECTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "refuse": "its requests are refused",
        "warn": "its requests are not counted",
        "allow": "its requests are not counted",
    }
)
"""What becomes of a model whose price nobody knows, by `on_unknown_cost`."""


def budget_of_zero(setup: Setup) -> Iterator[Finding]:
    """Find budgets which leave nothing to spend where something has to be paid."""
    for id_, provider in setup.config.providers.items():
        for name in _LIMITS:
            if getattr(provider.budget, name) != 0 or not provider.budget.enforce:
                continue
            if any(not _is_free(one) for one in setup.targets if one.provider.id == id_):
                yield finding(
                    ("providers", id_, "budget", name),
                    f"nothing may be spent at {id_!r}, so its paid models are never used",
                    "raise the limit, or set `enabled: false` if that is what you want",
                )


def budget_without_price(setup: Setup) -> Iterator[Finding]:
    """Find models whose cost nobody can count against the budget they are under."""
    told = set()
    for id_, provider in setup.config.providers.items():
        if not _limited(provider.budget):
            continue
        for target in setup.targets:
            model = (id_, target.model)
            if target.provider.id == id_ and not _is_known(target) and model not in told:
                told.add(model)
                known = target.model in setup.config.models
                yield finding(
                    ("models", target.model) if known else ("providers", id_, "budget"),
                    f"model {target.model!r} has no known price, and {id_!r} has a budget:"
                    f" {_EFFECTS[provider.budget.on_unknown_cost]}",
                    "set the model's `pricing`",
                )


def _limited(budget: schema.Budget) -> bool:
    return any(getattr(budget, name) is not None for name in _LIMITS)


def _is_known(target: Target) -> bool:
    """Whether the ledger can reckon what a request costs, wherever the target can be asked."""
    return all(
        costs.worst(Request(id="", model="", body=LEAST[at], endpoint=at), target.card).nano
        is not None
        for at in answers_at(target)
    )


def _is_free(target: Target) -> bool:
    price = target.card.price
    return price is not None and not any(getattr(price, name) for name in DOLLARS)
