"""What a configuration may say: names, types, defaults. The comment above a field documents it.

Rules which concern one field are its validator. What concerns two parts of a configuration (a pool
names a model which must exist) is in `references`. Nothing here is ever changed after it was made.
"""

from collections.abc import Mapping
from typing import Any, Literal, NewType

from attrs import field, frozen
from attrs.validators import and_, ge, gt, le, lt, optional

from modelmesh.types import Secret

Duration = NewType("Duration", float)
"""Seconds; written as a number or as 500ms, 60s, 5m, 1h, 1d."""

Size = NewType("Size", int)
"""Bytes; written as a number or as 64KiB, 64MiB, 1GiB."""

Codes = tuple[int, ...]

_positive = gt(0)
_at_least_zero = ge(0)
_share = and_(gt(0), le(1))


@frozen(kw_only=True)
class Secrets:
    """Where `${secrets:NAME}` is looked up."""

    # The secret store's connector id.
    store: str = "modelmesh.env.v1"
    # The file of a dotenv store.
    path: str = ".env"
    # How long a value is kept before it is read again.
    cache_ttl: Duration = field(default=Duration(300.0), validator=_at_least_zero)
    # Settings of the store's own.
    options: Mapping[str, Any] = field(factory=dict)


@frozen(kw_only=True)
class Timeouts:
    """How long to wait for a vendor. A pool's word goes before the provider's, then the default."""

    # For finding or opening a connection. Default 5s.
    connect: Duration | None = field(default=None, validator=optional(_positive))
    # From sending a request until something of the answer is there: the first text of a stream, the
    # head of a plain reply. Default 60s for a stream, 5m for a plain answer, which many vendors
    # begin to send only when it is whole.
    first_token: Duration | None = field(default=None, validator=optional(_positive))
    # Between two pieces of an answer; comments that keep a connection alive do not count.
    # Default 60s.
    idle: Duration | None = field(default=None, validator=optional(_positive))
    # For everything: in a pool all attempts for one request together, at a provider each attempt.
    # Default 10m.
    total: Duration | None = field(default=None, validator=optional(_positive))


@frozen(kw_only=True)
class RateLimits:
    """What a provider grants one key."""

    # Requests a minute.
    rpm: int | None = field(default=None, validator=optional(_positive))
    # Tokens a minute.
    tpm: int | None = field(default=None, validator=optional(_positive))
    # Requests a day.
    rpd: int | None = field(default=None, validator=optional(_positive))
    # Tokens a day.
    tpd: int | None = field(default=None, validator=optional(_positive))
    # Requests at one time.
    concurrency: int | None = field(default=None, validator=optional(_positive))


@frozen(kw_only=True)
class Budget:
    """What may be spent, in US dollars."""

    # In a calendar day.
    daily_limit: float | None = field(default=None, validator=optional(_at_least_zero))
    # In a calendar month.
    monthly_limit: float | None = field(default=None, validator=optional(_at_least_zero))
    # The share of a limit at which an event tells of it.
    alert_threshold: float = field(default=0.8, validator=_share)
    # Whether requests beyond a limit are refused; otherwise they are only told of.
    enforce: bool = True
    # What becomes of a request whose price nobody knows.
    on_unknown_cost: Literal["refuse", "warn", "allow"] = "refuse"


@frozen(kw_only=True)
class ProviderDiscovery:
    """What discovery does for one provider."""

    # Whether its list of models is read.
    enabled: bool = True
    # Whether models found there are registered.
    auto_register: bool = False
    # How often the list is read.
    interval: Duration | None = field(default=None, validator=optional(_positive))


@frozen(kw_only=True)
class Provider:
    """One vendor account or server. Settings of the connector's own stand beside these."""

    # The connector id; the entry's own name where absent.
    connector: str | None = None
    # Whether its models are used at all.
    enabled: bool = True
    # The key, usually `${secrets:NAME}`.
    api_key: Secret | None = None
    # Several keys, each of which makes targets of its own.
    api_keys: tuple[Secret, ...] = ()
    # Replaces the vendor's documented address, version path included.
    base_url: str | None = None
    # `free` applies what is known about the vendor's free tier.
    tier: str | None = None
    # Providers and keys of one group share one quota.
    quota_group: str | None = None
    # Short for `timeouts.total`.
    timeout: Duration | None = field(default=None, validator=optional(_positive))
    # How long to wait for this vendor.
    timeouts: Timeouts = field(factory=Timeouts)
    # What this vendor grants.
    rate_limits: RateLimits = field(factory=RateLimits)
    # What may be spent here.
    budget: Budget = field(factory=Budget)
    # Headers sent with every request.
    headers: Mapping[str, str] = field(factory=dict, repr=False)
    # What discovery does here.
    discovery: ProviderDiscovery = field(factory=ProviderDiscovery)
    # The connector's own settings, as written.
    options: Mapping[str, Any] = field(factory=dict)


@frozen(kw_only=True)
class Delivery:
    """How a model can answer."""

    # In one piece.
    synchronous: bool = True
    # As a stream.
    streaming: bool = True
    # As a batch job.
    batch: bool = False


@frozen(kw_only=True)
class Features:
    """What a model can do; what is not said is taken from the catalogue, and unknown is allowed."""

    # Calls tools.
    tool_calling: bool | None = None
    # Calls several tools in one turn.
    parallel_tool_calls: bool | None = None
    # Follows a JSON schema.
    structured_output: bool | None = None
    # Answers in JSON.
    json_mode: bool | None = None
    # Heeds a system prompt.
    system_prompt: bool | None = None
    # Reads images.
    vision: bool | None = None
    # Hears audio.
    audio_input: bool | None = None
    # Speaks.
    audio_output: bool | None = None
    # Reads PDF files.
    pdf: bool | None = None
    # Thinks before it answers.
    reasoning: bool | None = None
    # Gives the probabilities of tokens.
    logprobs: bool | None = None
    # Searches the web.
    web_search: bool | None = None


@frozen(kw_only=True)
class Constraints:
    """How much a model takes and gives."""

    # Tokens of prompt and answer together.
    context_window: int | None = field(default=None, validator=optional(_positive))
    # Tokens of an answer.
    max_output_tokens: int | None = field(default=None, validator=optional(_positive))
    # Tokens of a prompt, where fewer than the context window.
    max_input_tokens: int | None = field(default=None, validator=optional(_positive))
    # Numbers in an embedding.
    dimensions: int | None = field(default=None, validator=optional(_positive))


# Anything above is a typing mistake: no model costs ten thousand dollars a million tokens.
_price = optional(and_(ge(0), lt(10_000)))


@frozen(kw_only=True)
class Pricing:
    """Prices in US dollars; token prices are per million tokens."""

    # Tokens read.
    input: float | None = field(default=None, validator=_price)
    # Tokens written.
    output: float | None = field(default=None, validator=_price)
    # Tokens read from the vendor's cache.
    cached_input: float | None = field(default=None, validator=_price)
    # Each request, whatever its size.
    per_request: float | None = field(default=None, validator=_price)
    # Each image made.
    per_image: float | None = field(default=None, validator=_price)
    # Each minute of audio.
    per_minute: float | None = field(default=None, validator=_price)
    # A million characters of speech.
    per_million_characters: float | None = field(default=None, validator=_price)


@frozen(kw_only=True)
class Model:
    """A model at a provider."""

    # The provider's name in this configuration.
    provider: str
    # What the vendor calls it; the entry's own name where absent.
    model: str | None = None
    # Paths or aliases in the capability tree; from the catalogue where absent.
    capabilities: tuple[str, ...] = ()
    # How it can answer.
    delivery: Delivery = field(factory=Delivery)
    # What it can do.
    features: Features = field(factory=Features)
    # How much it takes and gives.
    constraints: Constraints = field(factory=Constraints)
    # What it costs; from the catalogue where absent.
    pricing: Pricing | None = None
    # Its share where a strategy weighs targets.
    weight: float = field(default=1.0, validator=_positive)


@frozen(kw_only=True)
class Maintenance:
    """A time in which a target is left alone."""

    # When it begins, HH:MM.
    start: str
    # When it ends, HH:MM.
    end: str
    # The time zone of both.
    timezone: str = "UTC"


@frozen(kw_only=True)
class Deactivation:
    """When something is left alone."""

    # Failures in a row after which it is. Failures which speak for themselves (a rate limit, a bad
    # key, a model that is gone) do not wait for it.
    retry_limit: int | None = field(default=1, validator=optional(_positive))
    # The share of failures among the recent requests from which on it is.
    error_rate_threshold: float | None = field(default=None, validator=optional(_share))
    # How many requests there must have been before the share counts.
    min_requests: int = field(default=10, validator=_positive)
    # How far back the share looks.
    window: Duration = field(default=Duration(60.0), validator=_positive)
    # HTTP statuses after which it is at once.
    error_codes: Codes = ()
    # Requests in a quota window after which it is.
    request_limit: int | None = field(default=None, validator=optional(_positive))
    # Tokens in a quota window after which it is.
    token_limit: int | None = field(default=None, validator=optional(_positive))
    # US dollars in a quota window after which it is.
    budget_limit: float | None = field(default=None, validator=optional(_positive))
    # The window these three limits count in.
    quota_window: Literal["hourly", "daily", "monthly"] | None = None
    # A time in which it is in any case.
    maintenance_window: Maintenance | None = None


@frozen(kw_only=True)
class ProviderDeactivation(Deactivation):
    """When a provider as a whole is left alone, with all its targets. By default it never is."""

    retry_limit: int | None = field(default=None, validator=optional(_positive))


@frozen(kw_only=True)
class Recovery:
    """How something comes back that was left alone."""

    # How long it is left alone where the vendor does not say. 0 leaves nothing alone.
    cooldown: Duration = field(default=Duration(30.0), validator=_at_least_zero)
    # The longest that a vendor's own word (Retry-After) is heeded.
    max_cooldown: Duration = field(default=Duration(3600.0), validator=_positive)
    # Whether a target left alone on our own guess is asked all the same where none else is left.
    last_resort: bool = True
    # Whether each target's vendor is asked for its list of models, which costs nothing, at start.
    probe_on_start: bool = False
    # How often a target left alone is asked so; it comes back early if it answers.
    probe_interval: Duration | None = field(default=None, validator=optional(_positive))
    # Whether a target comes back when its quota is renewed.
    on_quota_reset: bool = True
    # When quotas are renewed.
    quota_reset_schedule: Literal["hourly", "daily_utc", "daily_pacific", "monthly"] | None = None


@frozen(kw_only=True)
class Retry:
    """Asking again after a failure. Going on to another target is not a retry and has no pause."""

    # How often one target is asked for one request, the first time included.
    max_attempts: int = field(default=2, validator=_positive)
    # How the pauses grow. Each is drawn at random between nothing and its full length.
    backoff: Literal["exponential", "linear", "constant", "none"] = "exponential"
    # The first pause.
    initial_delay: Duration = field(default=Duration(0.5), validator=_at_least_zero)
    # The longest pause.
    max_delay: Duration = field(default=Duration(10.0), validator=_at_least_zero)
    # Statuses after which to ask again besides those which mean it anyway.
    retryable_codes: Codes = ()
    # Statuses after which never to.
    non_retryable_codes: Codes = ()
    # What is asked again: `any` goes on to other targets first and asks one again only when none is
    # left; `same-model` asks the same target again first, `same-provider` its provider's others.
    scope: Literal["any", "same-model", "same-provider"] = "any"
    # Whether a vendor's Retry-After sets the pause.
    honor_retry_after: bool = True
    # Retries allowed for each request on average, so that a failing vendor is not stormed.
    budget: float = field(default=0.2, validator=_at_least_zero)


@frozen(kw_only=True)
class StrategyRateLimit:
    """When a strategy that minds rate limits goes on to the next target."""

    # The share of a quota from which on it does.
    threshold: float = field(default=0.9, validator=_share)
    # The least time between two requests to one target.
    min_delta: Duration = field(default=Duration(0.0), validator=_at_least_zero)
    # The most requests a minute to one target.
    max_rpm: int | None = field(default=None, validator=optional(_positive))


@frozen(kw_only=True)
class Pool:
    """The targets which serve one capability. Its name is the model that clients ask for."""

    # A path or alias in the capability tree, or several; all models which have one of them or one
    # below it belong to the pool. The pool's own name where it has neither this nor `models`.
    capability: str | tuple[str, ...] | None = None
    # Models by name: alone exactly these, with a capability these as well.
    models: tuple[str, ...] = ()
    # Only models of these providers.
    providers: tuple[str, ...] = ()
    # None of these models.
    exclude_models: tuple[str, ...] = ()
    # No models of these providers.
    exclude_providers: tuple[str, ...] = ()
    # Models in the order in which they are preferred.
    model_priority: tuple[str, ...] = ()
    # Providers in the order in which they are preferred.
    provider_priority: tuple[str, ...] = ()
    # How targets are put in order: a strategy's name.
    strategy: str = "modelmesh.stick-until-failure.v1"
    # The strategy for what the first one leaves open.
    fallback_strategy: str | None = None
    # How a balancing strategy counts.
    balance_mode: Literal["absolute", "relative"] = "absolute"
    # When a strategy that minds rate limits goes on.
    rate_limit: StrategyRateLimit = field(factory=StrategyRateLimit)
    # Settings of the strategy's own.
    options: Mapping[str, Any] = field(factory=dict)
    # When a target is left alone.
    deactivation: Deactivation = field(factory=Deactivation)
    # How it comes back.
    recovery: Recovery = field(factory=Recovery)
    # When a provider as a whole is left alone.
    provider_deactivation: ProviderDeactivation = field(factory=ProviderDeactivation)
    # How a provider comes back.
    provider_recovery: Recovery = field(factory=Recovery)
    # Asking again.
    retry: Retry = field(factory=Retry)
    # How long to wait, for all targets.
    timeouts: Timeouts = field(factory=Timeouts)
    # How long a request may wait for a target whose limit is about to be renewed.
    max_wait: Duration = field(default=Duration(20.0), validator=_at_least_zero)
    # What becomes of parameters a vendor does not take: `strict` passes such targets by, `lenient`
    # leaves the parameters out, `default` leaves out mere hints and passes by for the rest.
    parameters: Literal["strict", "default", "lenient"] = "default"
    # What happens at a spent budget: the next target, or an error.
    on_budget_exceeded: Literal["rotate", "error"] = "rotate"


@frozen(kw_only=True)
class Storage:
    """Where state is kept between runs."""

    # The store's connector id.
    connector: str = "modelmesh.memory.v1"
    # The file of a store in a file.
    path: str | None = None
    # The address of a store on the network.
    url: Secret | None = None
    # When state is written.
    sync_policy: Literal["in-memory", "sync-on-boundary", "periodic", "immediate"] = "in-memory"
    # How often it is written, where periodic.
    sync_interval: Duration = field(default=Duration(30.0), validator=_positive)
    # Settings of the store's own.
    options: Mapping[str, Any] = field(factory=dict)


@frozen(kw_only=True)
class Observer:
    """Who is told of events of one sort."""

    # The observer's connector id.
    connector: str = "modelmesh.null.v1"
    # How much is told.
    level: Literal["metadata", "summary", "full"] = "metadata"
    # How often a statistic is told.
    interval: Duration = field(default=Duration(60.0), validator=_positive)
    # Settings of the observer's own.
    options: Mapping[str, Any] = field(factory=dict)


@frozen(kw_only=True)
class Observability:
    """Who is told what."""

    # Of routing: attempts, rotations, cooldowns.
    routing: Observer = field(factory=Observer)
    # Of requests.
    logging: Observer = field(factory=Observer)
    # Of sums over requests.
    statistics: Observer = field(factory=Observer)


@frozen(kw_only=True)
class DiscoverySync:
    """Reading vendors' lists of models."""

    # Whether it is done.
    enabled: bool = False
    # How often.
    interval: Duration = field(default=Duration(3600.0), validator=_positive)
    # Whether models found are registered.
    auto_register: bool = False
    # For which providers; all where empty.
    providers: tuple[str, ...] = ()


@frozen(kw_only=True)
class DiscoveryHealth:
    """Asking vendors whether they are there, at no cost."""

    # Whether it is done.
    enabled: bool = False
    # How often.
    interval: Duration = field(default=Duration(60.0), validator=_positive)
    # How long to wait for an answer.
    timeout: Duration = field(default=Duration(10.0), validator=_positive)
    # Failures in a row after which a provider counts as gone.
    failure_threshold: int = field(default=3, validator=_positive)


@frozen(kw_only=True)
class Discovery:
    """What is found out while running."""

    # Vendors' lists of models.
    sync: DiscoverySync = field(factory=DiscoverySync)
    # Whether vendors are there.
    health: DiscoveryHealth = field(factory=DiscoveryHealth)


@frozen(kw_only=True)
class Auth:
    """Who may use the proxy."""

    # Whether a token is asked for; by default if there is one.
    enabled: bool | None = None
    # How it is sent.
    method: Literal["bearer"] = "bearer"
    # The tokens which are accepted.
    tokens: tuple[Secret, ...] = ()
    # The tokens which are accepted for management; `tokens` where absent.
    admin_tokens: tuple[Secret, ...] = ()


@frozen(kw_only=True)
class Cors:
    """Which web pages may use the proxy."""

    # Whether any may.
    enabled: bool = True
    # The origins of those which may; `*` is all.
    origins: tuple[str, ...] = ("*",)


@frozen(kw_only=True)
class Proxy:
    """The proxy server."""

    # The address it listens at.
    host: str = "0.0.0.0"  # noqa: S104 - the guide promises it; start-up warns
    # The port it listens at; 0 takes a free one.
    port: int = field(default=8080, validator=and_(ge(0), le(65535)))
    # A token which clients must send.
    token: Secret | None = None
    # The paths which are served; all where empty.
    endpoints: tuple[str, ...] = ()
    # Who may use it.
    auth: Auth = field(factory=Auth)
    # Which web pages may use it.
    cors: Cors = field(factory=Cors)
    # Processes.
    workers: int = field(default=1, validator=_positive)
    # Whether clients may ask for models as well as pools.
    expose_models: bool = False
    # The largest body of a request.
    max_body: Size = field(default=Size(64 << 20), validator=_positive)
    # How long requests in flight may take to end after a signal to stop.
    drain_timeout: Duration = field(default=Duration(30.0), validator=_at_least_zero)
    # How long a client may take to accept one piece of an answer.
    write_timeout: Duration = field(default=Duration(60.0), validator=_positive)
    # How often a comment keeps a silent stream alive; 0 is never.
    heartbeat: Duration = field(default=Duration(15.0), validator=_at_least_zero)
    # Whether the page at `/` is served.
    page: bool = True
    # Headers of clients sent on to vendors besides the usual few.
    forward_headers: tuple[str, ...] = ()


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
    # Who is told what.
    observability: Observability = field(factory=Observability)
    # What is found out while running.
    discovery: Discovery = field(factory=Discovery)
    # Connectors of your own: an id, and `package.module:Class`.
    connectors: Mapping[str, str] = field(factory=dict)
    # The proxy server.
    proxy: Proxy = field(factory=Proxy)
