"""Which of a pool's settings its strategy goes by."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

from modelmesh.config import schema
from modelmesh.connectors import registry

_ROUND_ROBIN: Final = "modelmesh.round-robin.v1"
_FALLBACK: Final = "fallback_strategy"

_HEEDS: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "modelmesh.cost-first.v1": frozenset(),
        "modelmesh.latency-first.v1": frozenset(),
        "modelmesh.load-balanced.v1": frozenset({"balance_mode", "weight"}),
        "modelmesh.priority-selection.v1": frozenset({_FALLBACK}),
        "modelmesh.rate-limit-aware.v1": frozenset({_FALLBACK, "rate_limit"}),
        _ROUND_ROBIN: frozenset({"balance_mode"}),
        "modelmesh.session-stickiness.v1": frozenset({_FALLBACK, "weight"}),
        "modelmesh.stick-until-failure.v1": frozenset(),
    }
)
_ALL: Final = frozenset({"balance_mode", _FALLBACK, "rate_limit", "weight"})
"""What somebody else's strategy may heed."""

_FALLS_BACK: Final = MappingProxyType({"modelmesh.session-stickiness.v1": _ROUND_ROBIN})
"""What a strategy falls back to by itself."""


def heeded(pool: schema.Pool, own: Mapping[str, str]) -> frozenset[str]:
    """Return those of these settings which the pool's strategies heed."""
    return frozenset().union(*(_HEEDS.get(id_, _ALL) for id_ in _strategies(pool, own)))


def weighs(pool: schema.Pool, own: Mapping[str, str]) -> bool:
    """Whether a pool's targets get what they weigh."""
    relative = pool.balance_mode == "relative" and _ROUND_ROBIN in _strategies(pool, own)
    return relative or "weight" in heeded(pool, own)


def _strategies(pool: schema.Pool, own: Mapping[str, str]) -> Iterator[str]:
    """Give the ids of a pool's strategy and of the one it falls back to."""
    id_ = _id(pool.strategy, own)
    yield id_
    if _FALLBACK in _HEEDS.get(id_, _ALL):
        fallback = pool.fallback_strategy
        yield from [_id(fallback, own)] if fallback else filter(None, [_FALLS_BACK.get(id_)])


def _id(name: str, own: Mapping[str, str]) -> str:
    found = registry.find("strategies", name, own)
    return str(getattr(found, "connector", name))
