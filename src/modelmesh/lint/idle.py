"""Settings which change nothing beside the others that are there."""

from collections.abc import Callable, Iterator, Mapping
from operator import attrgetter
from types import MappingProxyType
from typing import Any, Final

from attrs import frozen

from modelmesh.config import schema
from modelmesh.connectors import registry
from modelmesh.lint.heeded import heeded, weighs
from modelmesh.lint.setup import Finding, Setup, finding, parts_of

_QUOTAS: Final = ("request_limit", "token_limit", "budget_limit")
_IN_FILES: Final = ("modelmesh.local-file.v1", "modelmesh.sqlite.v1")
_ELSEWHERE: Final = ("modelmesh.memory.v1", "redis.redis.v1")


@frozen(kw_only=True)
class Idle:
    """Settings of a section which do nothing where that is so of the section, and why.

    Those of a section within it have a dot: `recovery.quota_reset_schedule`.
    """

    settings: tuple[str, ...]
    where: Callable[[Any], bool]
    why: str


def _is(name: str | None, *ids: str) -> bool:
    return any(name in registry.names(id_) for id_ in ids)


def _no_quota(rule: schema.Deactivation) -> bool:
    return all(getattr(rule, name) is None for name in _QUOTAS)


_IDLE: Final[Mapping[type[Any], tuple[Idle, ...]]] = MappingProxyType(
    {
        schema.Secrets: (
            Idle(
                settings=("path",),
                where=lambda secrets: _is(secrets.store, "modelmesh.env.v1"),
                why=(
                    "environment variables are not in a file; to read one, set `store: "
                    "modelmesh.dotenv.v1`"
                ),
            ),
        ),
        schema.Storage: (
            Idle(
                settings=("path",),
                where=lambda storage: _is(storage.connector, *_ELSEWHERE),
                why="this store does not use a file",
            ),
            Idle(
                settings=("url",),
                where=lambda storage: _is(storage.connector, "modelmesh.memory.v1", *_IN_FILES),
                why="this store is not on the network",
            ),
            Idle(
                settings=("sync_interval",),
                where=lambda storage: storage.sync_policy != "periodic",
                why="it applies only with `sync_policy: periodic`",
            ),
        ),
        schema.Provider: (
            Idle(
                settings=("timeout",),
                where=lambda provider: provider.timeouts.total is not None,
                why="`timeouts.total` overrides it",
            ),
        ),
        schema.Budget: (
            Idle(
                settings=("alert_threshold", "enforce", "on_unknown_cost"),
                where=lambda budget: budget.daily_limit is None and budget.monthly_limit is None,
                why="there is no `daily_limit` or `monthly_limit`",
            ),
        ),
        schema.Pool: (
            Idle(
                settings=("providers",),
                where=lambda pool: bool(pool.models) and pool.capability is None,
                why=(
                    "without a `capability` the pool has exactly its `models`, whichever "
                    "provider they are from"
                ),
            ),
            Idle(
                settings=("recovery.quota_reset_schedule",),
                where=lambda pool: _no_quota(pool.deactivation),
                why="`deactivation` sets no quota",
            ),
            Idle(
                settings=("provider_recovery.quota_reset_schedule",),
                where=lambda pool: _no_quota(pool.provider_deactivation),
                why="`provider_deactivation` sets no quota",
            ),
        ),
        schema.Deactivation: (
            Idle(
                settings=("min_requests", "window"),
                where=lambda rule: rule.error_rate_threshold is None,
                why="there is no `error_rate_threshold`",
            ),
            Idle(
                settings=("quota_window", "quota_duration"),
                where=_no_quota,
                why=f"none of these is set: {', '.join(f'`{name}`' for name in _QUOTAS)}",
            ),
        ),
        schema.Retry: (
            Idle(
                settings=("backoff", "initial_delay", "max_delay", "scope", "budget"),
                where=lambda retry: retry.max_attempts == 1,
                why="`max_attempts: 1` means no retries",
            ),
            Idle(
                settings=("initial_delay", "max_delay"),
                where=lambda retry: retry.max_attempts > 1 and retry.backoff == "none",
                why="`backoff: none` means no pauses",
            ),
        ),
        schema.DiscoverySync: (
            Idle(
                settings=("interval", "auto_register", "providers"),
                where=lambda sync: not sync.enabled,
                why="it is not `enabled`",
            ),
        ),
        schema.DiscoveryHealth: (
            Idle(
                settings=("interval", "timeout", "failure_threshold"),
                where=lambda health: not health.enabled,
                why="it is not `enabled`",
            ),
        ),
        schema.Cors: (
            Idle(
                settings=("origins",),
                where=lambda cors: not cors.enabled,
                why="it is not `enabled`",
            ),
        ),
    }
)


def setting_without_effect(setup: Setup) -> Iterator[Finding]:
    """Find settings which would do something only beside others."""
    for path, part in parts_of(setup.config):
        for kind in type(part).__mro__:
            for idle in _IDLE.get(kind, ()):
                if idle.where(part):
                    for name in idle.settings:
                        yield from _idle(path, name, part, idle.why)
    yield from _of_strategies(setup)
    yield from _of_observers(setup)
    if not setup.config.discovery.sync.enabled:
        for id_, provider in setup.config.providers.items():
            why = "`discovery.sync` is not `enabled`"
            yield from _idle(("providers", id_), "discovery", provider, why)


def _idle(path: tuple[str | int, ...], name: str, part: Any, why: str) -> Iterator[Finding]:
    """Tell of a setting, unless it is as it is by default."""
    usual = _usual(type(part))
    if usual is not None and attrgetter(name)(part) != attrgetter(name)(usual):
        yield finding((*path, *name.split(".")), f"has no effect: {why}", "take it out")


def _usual(kind: type[Any]) -> Any:
    """Return a section in which nothing was set; None where something has to be."""
    try:
        return kind()
    except TypeError:
        return None


def _of_strategies(setup: Setup) -> Iterator[Finding]:
    for id_, pool in setup.config.pools.items():
        heeds = heeded(pool, setup.config.connectors)
        for name in ("fallback_strategy", "balance_mode", "rate_limit"):
            if name not in heeds:
                why = f"the strategy {pool.strategy} does not use it"
                yield from _idle(("pools", id_), name, pool, why)


def _of_observers(setup: Setup) -> Iterator[Finding]:
    for section in ("routing", "logging", "statistics"):
        observer = getattr(setup.config.observability, section)
        path = ("observability", section)
        found = registry.find("observability", observer.connector, setup.config.connectors)
        everything = getattr(found, "everything", False)
        if _is(observer.connector, "modelmesh.null.v1"):
            for name in ("level", "interval", "content"):
                yield from _idle(path, name, observer, "no `connector` is set in this section")
            continue
        if section != "statistics":
            why = "only `statistics` has an interval"
            yield from _idle(path, "interval", observer, why)
        if getattr(found, "counts", False):
            for name in ("level", "content"):
                yield from _idle(path, name, observer, f"{observer.connector} records only numbers")
        elif section != "logging" and not everything:
            why = "prompts and answers go only to `logging`"
            yield from _idle(path, "content", observer, why)


def weight_ignored(setup: Setup) -> Iterator[Finding]:
    """Find weights of models in pools none of whose strategies weighs anything."""
    for id_, model in setup.config.models.items():
        if model.weight == 1:
            continue
        pools = [
            pool
            for pool in setup.pools.values()
            if any(target.model == id_ for target in pool.targets)
        ]
        own = setup.config.connectors
        if pools and not any(weighs(pool.settings, own) for pool in pools):
            told = ", ".join(f"{pool.id} ({pool.settings.strategy})" for pool in pools)
            yield finding(
                ("models", id_, "weight"),
                f"has no effect: no strategy uses weights in {told}",
                "take it out, or choose `load-balanced`, `session-stickiness`, or `round-robin`"
                " with `balance_mode: relative`",
            )
