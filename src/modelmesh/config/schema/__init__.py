"""What a configuration may say: names, types, defaults. The comment above a field documents it.

Rules which concern one field are its validator. What concerns two parts of a configuration (a pool
names a model which must exist) is in `names`. Nothing here is ever changed after it was made.
"""

from collections.abc import Mapping
from typing import Literal

from attrs import field, frozen

from modelmesh.config.schema.pools import (
    Deactivation,
    Pool,
    ProviderDeactivation,
    Recovery,
    Retry,
    StrategyRateLimit,
)
from modelmesh.config.schema.server import (
    ENDPOINTS,
    MANAGEMENT,
    MODELS_PATH,
    OPENAPI_PATH,
    PROBES,
    Auth,
    Cors,
    Proxy,
)
from modelmesh.config.schema.services import (
    Content,
    Discovery,
    DiscoveryHealth,
    DiscoverySync,
    Observability,
    Observer,
    Secrets,
    Storage,
)
from modelmesh.config.schema.values import Codes, Duration, Size
from modelmesh.config.schema.vendors import (
    Budget,
    Constraints,
    Delivery,
    Features,
    LongPromptPricing,
    Maintenance,
    Model,
    Pricing,
    Provider,
    ProviderDiscovery,
    RateLimits,
    Timeouts,
)

__all__ = [
    "ENDPOINTS",
    "MANAGEMENT",
    "MODELS_PATH",
    "OPENAPI_PATH",
    "PROBES",
    "Auth",
    "Budget",
    "Codes",
    "Constraints",
    "Content",
    "Cors",
    "Deactivation",
    "Delivery",
    "Discovery",
    "DiscoveryHealth",
    "DiscoverySync",
    "Duration",
    "Features",
    "LongPromptPricing",
    "Maintenance",
    "MeshConfig",
    "Model",
    "Observability",
    "Observer",
    "Pool",
    "Pricing",
    "Provider",
    "ProviderDeactivation",
    "ProviderDiscovery",
    "Proxy",
    "RateLimits",
    "Recovery",
    "Retry",
    "Secrets",
    "Size",
    "Storage",
    "StrategyRateLimit",
    "Timeouts",
]


@frozen(kw_only=True)
class MeshConfig:
    """A whole configuration."""

    # Where secrets are.
    secrets: Secrets = field(factory=Secrets)
    # Capabilities of your own, as full paths.
    capabilities: tuple[str, ...] = ()
    # Vendors, by a name of yours or by connector id.
    providers: Mapping[str, Provider] = field(factory=dict)
    # Models, by a name of yours or by the vendor's.
    models: Mapping[str, Model] = field(factory=dict)
    # Pools, by the name clients ask for.
    pools: Mapping[str, Pool] = field(factory=dict)
    # Where state is kept.
    storage: Storage = field(factory=Storage)
    # Who receives which events.
    observability: Observability = field(factory=Observability)
    # What is found out while running.
    discovery: Discovery = field(factory=Discovery)
    # Connectors of your own: an id, and `package.module:Class`.
    connectors: Mapping[str, str] = field(factory=dict)
    # How vendors are spoken to: `direct` costs the least and needs httptools, which comes with
    # `modelmesh-lite[proxy]`; `aiohttp` works everywhere; `auto` is `direct` where it can be.
    transport: Literal["auto", "direct", "aiohttp"] = "auto"
    # The proxy server.
    proxy: Proxy = field(factory=Proxy)
