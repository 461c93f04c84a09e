"""What the commands that list things share: what is configured, and words for what is known."""

import os
from collections.abc import Iterable, Iterator
from typing import Any, Final

from attrs import asdict

from modelmesh.build import Parts, build
from modelmesh.catalogue import Price, free_tier
from modelmesh.catalogue.free_tiers import Cap
from modelmesh.clock import SystemClock, system_rng
from modelmesh.config.origin import Origin
from modelmesh.errors import NothingFoundError
from modelmesh.proxy.sources import find_config
from modelmesh.state import State
from modelmesh.types import Target

NOTHING: Final = "-"

_UNITS: Final = (
    ("per_request", "a request"),
    ("per_image", "an image"),
    ("per_minute", "a minute"),
    ("per_million_characters", "a million characters"),
)


def configured(path: str | None) -> Origin | None:
    """Return the configuration named or found; None where there is nothing at all.

    Raises:
        ConfigError: it has mistakes.

    """
    try:
        return find_config(path, os.environ)
    except NothingFoundError:
        return None


def parts_of(origin: Origin) -> Parts:
    """Return what a configuration sets up. Nothing is asked, opened or begun."""
    with origin.placing():
        return build(origin.config, state=State(), rng=system_rng(), wall=SystemClock().wall)


def tokens(count: int | None) -> str:
    return f"{count:,}" if count else NOTHING


def price(one: Price | None) -> str:
    """Say what a model costs: per million tokens in and out, else by what is counted."""
    if one is None:
        return NOTHING
    told = [f"{each:g} {unit}" for name, unit in _UNITS if (each := getattr(one, name)) is not None]
    if one.input is not None or one.output is not None:
        told.insert(0, " / ".join(_dollars(each) for each in (one.input, one.output)))
    return ", ".join(told) or NOTHING


def _dollars(amount: float | None) -> str:
    return NOTHING if amount is None else f"{amount:g}"


def prices(one: Price | None) -> dict[str, Any] | None:
    """Return a price for programs, without what nobody knows of it."""
    if one is None:
        return None
    return {name: each for name, each in asdict(one).items() if each is not None}


def features(target: Target) -> list[str]:
    return [name for name, has in target.card.features.items() if has]


def free(target: Target) -> list[Cap]:
    """Return what is known to be free of a model."""
    tier = free_tier(target.provider.connector)
    return (
        [cap for limit in tier.limits_for(target.upstream)[:1] for cap in limit.caps]
        if tier
        else []
    )


def caps(free: Iterable[Cap]) -> str:
    return ", ".join(map(_cap, free)) or NOTHING


def _cap(one: Cap) -> str:
    amount = f"${one.amount:g}" if one.unit == "dollars" else f"{one.amount:,.12g} {one.unit}"
    return f"{amount} once" if one.window == "once" else f"{amount}/{one.window}"


def first_keys(targets: Iterable[Target]) -> Iterator[Target]:
    """Give each model at a provider once, however many keys lead to it."""
    seen: dict[tuple[str, str], Target] = {}
    for one in targets:
        seen.setdefault((one.provider.id, one.model), one)
    yield from seen.values()
