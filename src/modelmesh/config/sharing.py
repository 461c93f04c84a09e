"""What several processes that serve one configuration would have to share: its limits."""

from collections.abc import Iterator
from types import MappingProxyType
from typing import Final

from attrs import evolve

from modelmesh.config import schema
from modelmesh.config.chosen import Settings, chosen
from modelmesh.config.faults import Fault

_QUOTAS: Final = ("request_limit", "token_limit", "budget_limit")
_LIMITS: Final[Settings] = MappingProxyType(
    {
        schema.Provider: ("tier",),
        schema.RateLimits: ("rpm", "tpm", "rpd", "tpd", "concurrency"),
        schema.Budget: ("daily_limit", "monthly_limit"),
        schema.Deactivation: _QUOTAS,
        schema.ProviderDeactivation: _QUOTAS,
        schema.StrategyRateLimit: ("min_delta", "max_rpm"),
    }
)
"""Settings which hold only if everybody who serves counts together."""


def served_by(config: schema.MeshConfig, workers: int | None) -> schema.MeshConfig:
    """Return the configuration for so many workers; None leaves their number to it."""
    if workers is None:
        return config
    return evolve(config, proxy=evolve(config.proxy, workers=workers))


def check(config: schema.MeshConfig) -> Iterator[Fault]:
    """Give every limit that would be another one with as many workers as there are."""
    workers = config.proxy.workers
    if workers == 1:
        return
    for place in chosen(config, _LIMITS):
        yield Fault(
            place,
            f"{workers} workers cannot keep this limit, for each would count by itself; sharing "
            "of limits comes with storage in a later version, until then let one worker serve",
        )
