"""What the catalogue has to say of a configuration: models that retire, free tiers nobody knows."""

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Final

from modelmesh.catalogue import Retirement, free_tier
from modelmesh.config.schema import MeshConfig
from modelmesh.types import Target

_SOON: Final = timedelta(days=30)


def notices(config: MeshConfig, targets: Iterable[Target], *, wall: float) -> Iterator[str]:
    """Give what its user should know; `wall` is the time of day, in seconds since 1970."""
    for target, end, days in retiring(targets, wall=wall):
        yield ending(target, end, days)
    for _, words in tiers(config):
        yield words


def retiring(targets: Iterable[Target], *, wall: float) -> Iterator[tuple[Target, Retirement, int]]:
    """Give each model that is retired or soon will be, with the days that are left."""
    today = datetime.fromtimestamp(wall, UTC).date()
    models = {(target.provider.id, target.model): target for target in targets}
    for target in models.values():
        end = target.card.retirement
        if end and (left := date.fromisoformat(end.day) - today) <= _SOON:
            yield target, end, left.days


def ending(target: Target, end: Retirement, days: int) -> str:
    """Say that a model is retired, or will be in so many days."""
    when = "is retired" if days <= 0 else f"retires in {days} days"
    if days == 1:
        when = "retires tomorrow"
    whose = f"{target.upstream} at {target.provider.id}"
    return f"model {target.model!r} ({whose}) {when}: {end.describe()}"


def tiers(config: MeshConfig) -> Iterator[tuple[str, str]]:
    """Give each provider whose tier says nothing, or of whose free tier nothing is known."""
    for id_, provider in config.providers.items():
        connector = provider.connector or id_
        if provider.tier not in (None, "free"):
            yield (
                id_,
                f"provider {id_!r} has `tier: {provider.tier}`, which has no effect; use `free`",
            )
        elif provider.tier and free_tier(connector) is None:
            yield (
                id_,
                f"provider {id_!r} has `tier: free`, but no free tier of {connector} is known",
            )
