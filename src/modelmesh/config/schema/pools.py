"""Pools: which targets, in which order, and what becomes of one that fails."""

from collections.abc import Mapping
from typing import Any, Literal

from attrs import field, frozen

from modelmesh.config.schema.values import (
    Codes,
    Duration,
    at_least_zero,
    positive,
    share,
    statuses,
)
from modelmesh.config.schema.vendors import Maintenance, Timeouts


@frozen(kw_only=True)
class Deactivation:
    """When something is left alone."""

    # Failures in a row after which it is left alone. Some failures leave it alone at once: a rate
    # limit, a bad key, a model that is gone.
    retry_limit: int | None = field(default=1, validator=positive)
    # The share of failures among the recent requests at which it is left alone.
    error_rate_threshold: float | None = field(default=None, validator=share)
    # How many requests there must have been before the share counts.
    min_requests: int = field(default=10, validator=positive)
    # How far back the share looks.
    window: Duration = field(default=60.0, validator=positive)
    # HTTP statuses after which it is left alone at once.
    error_codes: Codes = field(default=(), validator=statuses)
    # Requests in a quota window after which it is left alone.
    request_limit: int | None = field(default=None, validator=positive)
    # Tokens in a quota window after which it is left alone.
    token_limit: int | None = field(default=None, validator=positive)
    # US dollars in a quota window after which it is left alone.
    budget_limit: float | None = field(default=None, validator=positive)
    # The window these three limits count in.
    quota_window: Literal["hourly", "daily", "monthly"] | None = None
    # How long a window lasts instead; it begins with the first request after the previous window.
    quota_duration: Duration | None = field(default=None, validator=positive)
    # The part of each day in which it is left alone in any case.
    maintenance_window: Maintenance | None = None


@frozen(kw_only=True)
class ProviderDeactivation(Deactivation):
    """When a provider as a whole is left alone, with all its targets. By default it never is."""

    retry_limit: int | None = field(default=None, validator=positive)


@frozen(kw_only=True)
class Recovery:
    """How something that was left alone comes back."""

    # How long it is left alone if the vendor does not say. With 0 it never is.
    cooldown: Duration = field(default=30.0, validator=at_least_zero)
    # The most that is granted to a vendor's Retry-After.
    max_cooldown: Duration = field(default=3600.0, validator=positive)
    # Whether a target that is left alone on a guess is asked all the same if no other is left.
    last_resort: bool = True
    # Whether each target's vendor is asked for its list of models, which costs nothing, at start.
    probe_on_start: bool = False
    # How often a target that is left alone is asked that; it comes back early if it answers.
    probe_interval: Duration | None = field(default=None, validator=positive)
    # Whether a target comes back when its quota is renewed.
    on_quota_reset: bool = True
    # When quotas are renewed.
    quota_reset_schedule: Literal["hourly", "daily_utc", "daily_pacific", "monthly"] | None = None


@frozen(kw_only=True)
class Retry:
    """Asking again after a failure. Moving on to another target is not a retry and has no pause."""

    # How often one target is asked for one request, the first time included.
    max_attempts: int = field(default=2, validator=positive)
    # How the pauses grow. Each is drawn at random between nothing and its full length.
    backoff: Literal["exponential", "linear", "constant", "none"] = "exponential"
    # The first pause.
    initial_delay: Duration = field(default=0.5, validator=at_least_zero)
    # The longest pause.
    max_delay: Duration = field(default=10.0, validator=at_least_zero)
    # Further statuses after which to ask again.
    retryable_codes: Codes = field(default=(), validator=statuses)
    # Statuses after which never to ask again.
    non_retryable_codes: Codes = field(default=(), validator=statuses)
    # What is asked again: `any` goes on to other targets first and asks one again only when none is
    # left; `same-model` asks the same target again first, `same-provider` its provider's others.
    scope: Literal["any", "same-model", "same-provider"] = "any"
    # Whether a vendor's Retry-After sets the pause.
    honor_retry_after: bool = True
    # Retries allowed for each request on average, so that a failing vendor is not flooded.
    budget: float = field(default=0.2, validator=at_least_zero)


@frozen(kw_only=True)
class StrategyRateLimit:
    """When the strategy rate-limit-aware moves on to the next target."""

    # The used share of a quota at which it does.
    threshold: float = field(default=0.9, validator=share)
    # The least time between two requests to one target.
    min_delta: Duration = field(default=0.0, validator=at_least_zero)
    # The most requests a minute to one target.
    max_rpm: int | None = field(default=None, validator=positive)


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
    # Decides what the strategy leaves open: targets of equal priority, the order that
    # rate-limit-aware starts from, requests without a session.
    fallback_strategy: str | None = None
    # What is balanced. Of round-robin, `absolute` treats all targets alike and `relative` goes by
    # weights; of load-balanced, `absolute` goes by weights and `relative` by what limits leave too.
    balance_mode: Literal["absolute", "relative"] = "absolute"
    # When rate-limit-aware moves on.
    rate_limit: StrategyRateLimit = field(factory=StrategyRateLimit)
    # Settings of the strategy's own.
    options: Mapping[str, Any] = field(factory=dict, repr=False)
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
    max_wait: Duration = field(default=20.0, validator=at_least_zero)
    # What happens to parameters that a vendor does not accept: `strict` passes such targets over,
    # `lenient` leaves the parameters out, `default` leaves out mere hints, and does
    # as `strict` for the rest.
    parameters: Literal["strict", "default", "lenient"] = "default"
    # Whether a request for embeddings may go to any of the models. By default it goes only to those
    # whose embeddings can be compared with those of the pool's first.
    mix_embeddings: bool = False
    # What happens at a spent budget: the next target, or an error.
    on_budget_exceeded: Literal["rotate", "error"] = "rotate"
