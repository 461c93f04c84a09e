"""Vendors and the models they serve."""

from collections.abc import Mapping
from typing import Any, Literal

from attrs import field, frozen

from modelmesh.config.schema.values import (
    Duration,
    at_least_zero,
    clock_time,
    header_fields,
    positive,
    price,
    share,
    time_zone,
    web_address,
)
from modelmesh.types import Secret


@frozen(kw_only=True)
class Timeouts:
    """How long to wait for a vendor. A pool's setting overrides the one of the provider."""

    # For finding or opening a connection. Default 5s.
    connect: Duration | None = field(default=None, validator=positive)
    # From sending a request until something of the answer arrives: the first text of a stream, the
    # head of a plain reply. Default 60s for a stream, 5m for a plain answer, which many vendors
    # only begin to send when it is complete.
    first_token: Duration | None = field(default=None, validator=positive)
    # Between two pieces of an answer; comments that keep a connection alive do not count.
    # Default 60s.
    idle: Duration | None = field(default=None, validator=positive)
    # For everything: in a pool all attempts for one request together, at a provider each attempt.
    # Default 10m.
    total: Duration | None = field(default=None, validator=positive)


@frozen(kw_only=True)
class RateLimits:
    """What a provider grants one key."""

    # Requests a minute.
    rpm: int | None = field(default=None, validator=positive)
    # Tokens a minute.
    tpm: int | None = field(default=None, validator=positive)
    # Requests a day.
    rpd: int | None = field(default=None, validator=positive)
    # Tokens a day.
    tpd: int | None = field(default=None, validator=positive)
    # Requests at one time.
    concurrency: int | None = field(default=None, validator=positive)


@frozen(kw_only=True)
class Budget:
    """What may be spent, in US dollars."""

    # In a calendar day.
    daily_limit: float | None = field(default=None, validator=at_least_zero)
    # In a calendar month.
    monthly_limit: float | None = field(default=None, validator=at_least_zero)
    # The used share of a limit at which there is a warning.
    alert_threshold: float = field(default=0.8, validator=share)
    # Whether requests beyond a limit are refused; otherwise there is only a warning.
    enforce: bool = True
    # What happens to a request whose price is not known.
    on_unknown_cost: Literal["refuse", "warn", "allow"] = "refuse"


@frozen(kw_only=True)
class Maintenance:
    """A part of each day in which nothing is asked. It may go past midnight."""

    # When it begins, in local time, HH:MM.
    start: str = field(validator=clock_time)
    # When it ends, HH:MM.
    end: str = field(validator=clock_time)
    # The time zone of both.
    timezone: str = field(default="UTC", validator=time_zone)

    def __attrs_post_init__(self) -> None:
        if self.start == self.end:
            raise ValueError(f"start and end must differ, and both are {self.start}")


@frozen(kw_only=True)
class ProviderDiscovery:
    """What discovery does for one provider."""

    # Whether its list of models is read, if `discovery.sync` reads lists.
    enabled: bool = True
    # Whether models found there join the pools they fit; where absent, as `discovery.sync` says.
    auto_register: bool | None = None
    # How often the list is read; where absent, as `discovery.sync` says.
    interval: Duration | None = field(default=None, validator=positive)


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
    base_url: str | None = field(default=None, validator=web_address)
    # `free` applies what is known about the vendor's free tier.
    tier: str | None = None
    # Providers and keys of one group share one quota.
    quota_group: str | None = None
    # Short for `timeouts.total`.
    timeout: Duration | None = field(default=None, validator=positive)
    # How long to wait for this vendor.
    timeouts: Timeouts = field(factory=Timeouts)
    # What this vendor grants.
    rate_limits: RateLimits = field(factory=RateLimits)
    # What may be spent here.
    budget: Budget = field(factory=Budget)
    # The part of each day in which this vendor is not asked, while others are.
    maintenance_window: Maintenance | None = None
    # Headers sent with every request.
    headers: Mapping[str, str] = field(factory=dict, validator=header_fields, repr=False)
    # What discovery does here.
    discovery: ProviderDiscovery = field(factory=ProviderDiscovery)
    # The connector's own settings.
    options: Mapping[str, Any] = field(factory=dict, repr=False)


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
    """What a model can do. By default the catalogue decides; what is unknown is tried."""

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
    """How much a model accepts and returns."""

    # Tokens of prompt and answer together.
    context_window: int | None = field(default=None, validator=positive)
    # Tokens of an answer.
    max_output_tokens: int | None = field(default=None, validator=positive)
    # Tokens of a prompt, where fewer than the context window.
    max_input_tokens: int | None = field(default=None, validator=positive)
    # Numbers in an embedding.
    dimensions: int | None = field(default=None, validator=positive)


@frozen(kw_only=True)
class LongPromptPricing:
    """Prices of a whole request whose prompt is long, in US dollars per million tokens."""

    # The tokens of a prompt beyond which they hold.
    prompt_tokens: int = field(validator=positive)
    # Tokens read.
    input: float | None = field(default=None, validator=price)
    # Tokens written.
    output: float | None = field(default=None, validator=price)
    # Tokens read from the vendor's cache.
    cached_input: float | None = field(default=None, validator=price)


@frozen(kw_only=True)
class Pricing:
    """Prices in US dollars; token prices are per million tokens.

    Prices that are not set are taken from the catalogue. If `input` or `output` is set, the
    catalogue's prices for long prompts and quiet hours do not apply.
    """

    # Tokens read.
    input: float | None = field(default=None, validator=price)
    # Tokens written.
    output: float | None = field(default=None, validator=price)
    # Tokens read from the vendor's cache.
    cached_input: float | None = field(default=None, validator=price)
    # Tokens written to the vendor's cache, to be kept for minutes.
    cache_write: float | None = field(default=None, validator=price)
    # Tokens written to it, to be kept for an hour.
    cache_write_1h: float | None = field(default=None, validator=price)
    # Tokens read in a batch job.
    batch_input: float | None = field(default=None, validator=price)
    # Tokens written in a batch job.
    batch_output: float | None = field(default=None, validator=price)
    # Each request, whatever its size.
    per_request: float | None = field(default=None, validator=price)
    # Each image made.
    per_image: float | None = field(default=None, validator=price)
    # Each minute of audio.
    per_minute: float | None = field(default=None, validator=price)
    # A million characters of speech.
    per_million_characters: float | None = field(default=None, validator=price)
    # Other prices for requests with a long prompt.
    above: LongPromptPricing | None = None


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
    # How much it accepts and returns.
    constraints: Constraints = field(factory=Constraints)
    # What it costs, where that is not what the catalogue says.
    pricing: Pricing | None = None
    # Its share where a strategy weighs targets.
    weight: float = field(default=1.0, validator=positive)
    # A name for what its embeddings can be compared with, if its vendor has another name for the
    # model than others do; by default the last part of the vendor's name.
    embedding_space: str | None = None
