"""What outlives a process, and what several that serve one configuration share: its limits."""

from collections.abc import Iterator
from types import MappingProxyType
from typing import Final

from attrs import evolve

from modelmesh.config import schema
from modelmesh.config.chosen import Settings, chosen
from modelmesh.config.faults import Fault
from modelmesh.connectors import registry

_QUOTAS: Final = ("request_limit", "token_limit", "budget_limit")
_LIMITS: Final[Settings] = MappingProxyType(
    {
        schema.Provider: ("tier",),
        schema.RateLimits: ("rpm", "tpm", "rpd", "tpd", "concurrency"),
        schema.Budget: ("daily_limit", "monthly_limit"),
        schema.Deactivation: _QUOTAS,
        schema.ProviderDeactivation: _QUOTAS,
    }
)
"""Settings which hold only if everybody who serves counts together."""

_BY_ITSELF: Final[Settings] = MappingProxyType({schema.StrategyRateLimit: ("min_delta", "max_rpm")})
"""Settings for which every process counts by itself, whatever the store."""

_KEPT: Final[Settings] = MappingProxyType({**_LIMITS, schema.RateLimits: ("rpd", "tpd")})
"""Those that are budgets and quotas: what is taken of them should outlive the process."""

_MEMORY: Final = "modelmesh.memory.v1"
_FILE: Final = "modelmesh.local-file.v1"
_SQLITE: Final = "modelmesh.sqlite.v1"
_HOW: Final = f"`storage: {{connector: {_SQLITE}}}` or Redis, and `sync_policy: immediate`"


def served_by(config: schema.MeshConfig, workers: int | None) -> schema.MeshConfig:
    """Return the configuration for so many workers; None leaves their number to it."""
    if workers is None:
        return config
    return evolve(config, proxy=evolve(config.proxy, workers=workers))


def storage_of(config: schema.MeshConfig) -> schema.Storage:
    """Return where state is kept: by default in SQLite if it should outlive us, else in memory."""
    if config.storage.connector:
        return config.storage
    wanted = _LIMITS if config.proxy.workers > 1 else _KEPT
    needed = any(True for _ in chosen(config, wanted))
    return evolve(config.storage, connector=_SQLITE if needed else _MEMORY)


def outlives(storage: schema.Storage) -> bool:
    """Whether state outlives the process."""
    in_memory = storage.connector in registry.names(_MEMORY)
    return not in_memory and storage.sync_policy != "in-memory"


def check(config: schema.MeshConfig) -> Iterator[Fault]:
    """Give every limit that would be another one with as many workers as there are."""
    workers = config.proxy.workers
    if workers == 1:
        return
    alone = f"{workers} workers cannot share this limit, because each would count separately"
    if not _is_shared(storage_of(config)):
        for place in chosen(config, _LIMITS):
            yield Fault(place, f"{alone}; to share it, use {_HOW}")
    for place in chosen(config, _BY_ITSELF):
        yield Fault(place, alone)


def _is_shared(storage: schema.Storage) -> bool:
    alone = storage.connector in registry.names(_FILE)
    return outlives(storage) and not alone and storage.sync_policy == "immediate"
