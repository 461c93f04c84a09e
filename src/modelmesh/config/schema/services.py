"""What surrounds routing: secrets, storage, observers, discovery."""

from collections.abc import Mapping
from typing import Any, Literal

from attrs import field, frozen
from attrs.validators import optional

from modelmesh.config.schema.values import Duration, at_least_zero, positive, share
from modelmesh.types import Secret


@frozen(kw_only=True)
class Secrets:
    """Where `${secrets:NAME}` is looked up."""

    # The secret store's connector id.
    store: str = "modelmesh.env.v1"
    # The file of a dotenv store.
    path: str = ".env"
    # How long values are kept before all are read again; 0 leaves it to reloads and refused keys.
    cache_ttl: Duration = field(default=300.0, validator=at_least_zero)
    # Settings of the store's own.
    options: Mapping[str, Any] = field(factory=dict, repr=False)


@frozen(kw_only=True)
class Storage:
    """Where state is kept between runs."""

    # The store's connector id. By default SQLite where there is a budget or a quota, else memory.
    connector: str | None = None
    # The file of a store in a file.
    path: str | None = None
    # The address of a store on the network.
    url: Secret | None = None
    # When state is written.
    sync_policy: Literal["in-memory", "sync-on-boundary", "periodic", "immediate"] = "immediate"
    # How often it is written, where periodic.
    sync_interval: Duration = field(default=30.0, validator=positive)
    # How long the store may take to answer before it counts as away. By default 250ms, for SQLite
    # and a file 1s.
    timeout: Duration | None = field(default=None, validator=optional(positive))
    # What limits do while the store is away; by default money refuses, rates allow.
    on_failure: Literal["allow", "refuse"] | None = None
    # Settings of the store's own.
    options: Mapping[str, Any] = field(factory=dict, repr=False)


@frozen(kw_only=True)
class Content:
    """How much of prompts and answers is included."""

    # Characters of a prompt, and of an answer, at most.
    max_chars: int = field(default=2000, validator=positive)
    # The share of requests for which they are included.
    sample: float = field(default=1.0, validator=share)


@frozen(kw_only=True)
class Observer:
    """Who receives one sort of events."""

    # The observer's connector id.
    connector: str = "modelmesh.null.v1"
    # How much an event contains.
    level: Literal["metadata", "summary", "full"] = "metadata"
    # How often statistics are taken.
    interval: Duration = field(default=60.0, validator=positive)
    # Includes prompts and answers, which are left out by default.
    content: Content | None = None
    # Settings of the observer's own.
    options: Mapping[str, Any] = field(factory=dict, repr=False)


@frozen(kw_only=True)
class Observability:
    """Who receives which events."""

    # Routing: attempts, rotations, cooldowns.
    routing: Observer = field(factory=Observer)
    # Requests.
    logging: Observer = field(factory=Observer)
    # Totals over requests.
    statistics: Observer = field(factory=Observer)


@frozen(kw_only=True)
class DiscoverySync:
    """Reading vendors' lists of models."""

    # Whether it is turned on.
    enabled: bool = False
    # The connector id of the discovery.
    connector: str = "modelmesh.registry-sync.v1"
    # How often.
    interval: Duration = field(default=3600.0, validator=positive)
    # Whether models found join the pools they fit.
    auto_register: bool = False
    # For which providers; all where empty.
    providers: tuple[str, ...] = ()
    # Settings of the connector's own.
    options: Mapping[str, Any] = field(factory=dict, repr=False)


@frozen(kw_only=True)
class DiscoveryHealth:
    """Asking vendors whether they are there, at no cost."""

    # Whether it is turned on.
    enabled: bool = False
    # The connector id of the discovery.
    connector: str = "modelmesh.health-monitor.v1"
    # How often.
    interval: Duration = field(default=60.0, validator=positive)
    # How long to wait for an answer.
    timeout: Duration = field(default=10.0, validator=positive)
    # Failures in a row after which a provider is left alone.
    failure_threshold: int = field(default=3, validator=positive)
    # Settings of the connector's own.
    options: Mapping[str, Any] = field(factory=dict, repr=False)


@frozen(kw_only=True)
class Discovery:
    """What is found out while running."""

    # Vendors' lists of models.
    sync: DiscoverySync = field(factory=DiscoverySync)
    # Whether vendors are there.
    health: DiscoveryHealth = field(factory=DiscoveryHealth)
