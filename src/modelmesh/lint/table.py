"""Every rule by its code."""

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Final

from attrs import evolve

from modelmesh.lint import idle, members, models, money, quotas, secrets
from modelmesh.lint.setup import Finding, Setup

Rule = Callable[[Setup], Iterator[Finding]]

RULES: Final[Mapping[str, Rule]] = MappingProxyType(
    {
        "model-in-no-pool": members.model_in_no_pool,
        "provider-unused": members.provider_unused,
        "never-fits": members.never_fits,
        "name-shadowed": members.name_shadowed,
        "capability-without-pool": members.capability_without_pool,
        "smaller-window": models.smaller_window,
        "mixed-embedding-spaces": models.mixed_spaces,
        "mixed-embedding-dimensions": models.mixed_dimensions,
        "model-retired": models.retired,
        "model-retires-soon": models.retires_soon,
        "budget-of-zero": money.budget_of_zero,
        "budget-without-price": money.budget_without_price,
        "key-counted-twice": quotas.key_counted_twice,
        "key-given-twice": quotas.key_given_twice,
        "free-tier-counted-twice": quotas.free_tier_counted_twice,
        "tier-unknown": quotas.tier_unknown,
        "secret-unused": secrets.secret_unused,
        "weight-ignored": idle.weight_ignored,
        "setting-without-effect": idle.setting_without_effect,
    }
)

WITHOUT_A_FILE: Final = frozenset({"model-retired", "model-retires-soon"})
"""What can be found where nobody wrote anything, so that nothing is meant otherwise."""


def findings(setup: Setup, lines: Mapping[str, int]) -> list[Finding]:
    """Return what all rules find, in the order of lines; `lines` has the line of every path."""
    found = [
        evolve(one, code=code, line=_line(one.path, lines))
        for code, rule in RULES.items()
        for one in rule(setup)
    ]
    return sorted(found, key=lambda one: one.line or 0)


def _line(path: str, lines: Mapping[str, int]) -> int | None:
    """Return the line of a path, or of the nearest part of it that is written down."""
    while path:
        if path in lines:
            return lines[path]
        path = path[: max(path.rfind("."), path.rfind("["), 0)]
    return None
