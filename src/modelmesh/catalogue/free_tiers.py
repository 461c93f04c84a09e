"""What vendors give for nothing, read from `free_tiers.json` at the first question."""

import json
from collections.abc import Mapping
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from attrs import field, frozen

Unit = Literal["requests", "tokens", "dollars", "neurons"]
Window = Literal["second", "minute", "hour", "day", "month", "once"]


@frozen
class Cap:
    """So much in each window; a window `once` is never renewed."""

    amount: float
    unit: Unit
    window: Window


@frozen(kw_only=True)
class Reset:
    """When a window begins anew: `at` an hour (HH:MM) of a time zone; rolling where that is None.

    Rolling windows have no common start: what was used comes back bit by bit.
    """

    at: str | None = None
    zone: str = "UTC"


@frozen(kw_only=True)
class FreeLimit:
    """What is free of some models.

    Attributes:
        models: their ids in lower case; `*` stands for anything.
        caps: all of them hold at once.
        when: the condition it depends on, in words; None where there is none.
        sources: names in the catalogue's `sources`.

    """

    models: tuple[str, ...]
    caps: tuple[Cap, ...]
    when: str | None = None
    sources: tuple[str, ...] = ()

    def covers(self, model: str) -> bool:
        return any(fnmatchcase(model.lower(), pattern) for pattern in self.models)


@frozen(kw_only=True)
class FreeTier:
    """A vendor's free tier.

    Attributes:
        subject: whose use counts: key, project, organization, workspace or account.
        per_model: whether each model has a count of its own; otherwise all share one.
        resets: when windows begin anew, where that is known.
        limits: what is granted, the more exact first.
        disputed: what other sources say of the same models.
        excluded: models which are no part of it, in lower case.

    """

    connector: str
    subject: str
    per_model: bool
    limits: tuple[FreeLimit, ...]
    disputed: tuple[FreeLimit, ...] = ()
    resets: Mapping[str, Reset] = field(factory=dict, hash=False)
    excluded: frozenset[str] = frozenset()

    def limits_for(self, model: str) -> tuple[FreeLimit, ...]:
        """Return the limits of a model: several where they depend on a condition; maybe none."""
        if model.lower() in self.excluded:
            return ()
        covering = [limit for limit in self.limits if limit.covers(model)]
        return tuple(limit for limit in covering if limit.models == covering[0].models)


def free_tier(connector: str) -> FreeTier | None:
    """Return what is known of a vendor's free tier; None where it has none, or none is known."""
    row = _rows().get(connector)
    return _tier(connector, row) if row else None


@cache
def _rows() -> Mapping[str, Mapping[str, Any]]:
    tiers: Mapping[str, Mapping[str, Any]]
    tiers = json.loads((files(__package__) / "free_tiers.json").read_bytes())["tiers"]
    return tiers


def _tier(connector: str, row: Mapping[str, Any]) -> FreeTier:
    own = row["sources"]
    return FreeTier(
        connector=connector,
        subject=row["subject"],
        per_model=row["per_model"],
        limits=tuple(_limit(each, own) for each in row["limits"]),
        disputed=tuple(_limit(each, own) for each in row.get("disputed", ())),
        resets={
            window: Reset() if how == "rolling" else Reset(**how)
            for window, how in row.get("resets", {}).items()
        },
        excluded=frozenset(name.lower() for name in row.get("excluded", ())),
    )


def _limit(row: Mapping[str, Any], sources: list[str]) -> FreeLimit:
    units: tuple[Unit, ...] = ("requests", "tokens", "dollars", "neurons")
    return FreeLimit(
        models=tuple(name.lower() for name in row["models"]),
        caps=tuple(
            Cap(amount, unit, window)
            for unit in units
            for window, amount in row.get(unit, {}).items()
        ),
        when=row.get("when"),
        sources=tuple(row.get("sources", sources)),
    )
