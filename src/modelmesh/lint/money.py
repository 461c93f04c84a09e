"""Budgets which do not do what they seem to."""

from collections.abc import Iterator

from modelmesh.config import schema
from modelmesh.ledger import costs
from modelmesh.lint.setup import Finding, Setup, answers_at, finding
from modelmesh.sanity import LEAST
from modelmesh.types import Request, Target

_LIMITS = ("daily_limit", "monthly_limit")


def budget_of_zero(setup: Setup) -> Iterator[Finding]:
    """Find budgets which leave nothing to spend where something has to be paid."""
    for id_, provider in setup.config.providers.items():
        for name in _LIMITS:
            if getattr(provider.budget, name) != 0 or not provider.budget.enforce:
                continue
            if any(_cost(one) != 0 for one in setup.targets if one.provider.id == id_):
                yield finding(
                    ("providers", id_, "budget", name),
                    f"nothing may be spent at {id_!r}, so its models that cost something are"
                    " never asked",
                    "allow something, or say `enabled: false` where that is meant",
                )


def budget_without_price(setup: Setup) -> Iterator[Finding]:
    """Find models whose cost nobody can count against the budget they are under."""
    told = set()
    for id_, provider in setup.config.providers.items():
        if not _limited(provider.budget):
            continue
        for target in setup.targets:
            model = (id_, target.model)
            if target.provider.id == id_ and _cost(target) is None and model not in told:
                told.add(model)
                known = target.model in setup.config.models
                yield finding(
                    ("models", target.model) if known else ("providers", id_, "budget"),
                    f"model {target.model!r} has no known price, and {id_!r} has a budget:"
                    f" {_EFFECTS[provider.budget.on_unknown_cost]}",
                    "set the model's `pricing`",
                )


_EFFECTS = {
    "refuse": "its requests are refused",
    "warn": "its requests are not counted",
    "allow": "its requests are not counted",
}


def _limited(budget: schema.Budget) -> bool:
    return any(getattr(budget, name) is not None for name in _LIMITS)


def _cost(target: Target) -> int | None:
    """Return what the least request costs in nano-dollars; None where nobody knows.

    The ledger reckons it, so that what is unknown there is unknown here.
    """
    asked = sorted(answers_at(target))
    found = [
        costs.worst(Request(id="", model="", body=LEAST[at], endpoint=at), target.card).nano
        for at in asked
    ]
    known = [nano for nano in found if nano is not None]
    return max(known, default=None) if len(known) == len(found) or known else None
