"""The limits that a configuration sets, and those known of a vendor's free tier."""

from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Final

from modelmesh.catalogue.free_tiers import Cap, FreeTier, free_tier
from modelmesh.clock import MINUTE
from modelmesh.config import schema
from modelmesh.ledger.limits import NANO, Limit, Unit
from modelmesh.ledger.windows import Always, Anchored, Calendar, Daily, Rolling, Window
from modelmesh.types import Target

_DAY: Final = 86_400.0
_RATES: Final[tuple[tuple[str, Unit, Window, str], ...]] = (
    ("rpm", "requests", Rolling(MINUTE), "requests a minute"),
    ("tpm", "tokens", Rolling(MINUTE), "tokens a minute"),
    ("rpd", "requests", Rolling(_DAY), "requests a day"),
    ("tpd", "tokens", Rolling(_DAY), "tokens a day"),
    ("concurrency", "at once", Always(), "requests at once"),
)
_SAID: Final = {
    "rpm": ("requests", "minute"),
    "tpm": ("tokens", "minute"),
    "rpd": ("requests", "day"),
    "tpd": ("tokens", "day"),
}
_QUOTAS: Final[tuple[tuple[str, Unit, str], ...]] = (
    ("request_limit", "requests", "requests"),
    ("token_limit", "tokens", "tokens"),
    ("budget_limit", "dollars", "US dollars"),
)
_RENEWED: Final[dict[str, Calendar]] = {
    "hourly": Calendar("hour"),
    "daily": Calendar("day"),
    "daily_utc": Calendar("day"),
    "daily_pacific": Calendar("day", "America/Los_Angeles"),
    "monthly": Calendar("month"),
}
_ROLLING: Final = {
    "second": 1.0,
    "minute": MINUTE,
    "hour": 3600.0,
    "day": _DAY,
    "month": 31 * _DAY,
}
_UNITS: Final[Mapping[str, tuple[Unit, int]]] = {
    "requests": ("requests", 1),
    "tokens": ("tokens", 1),
    "dollars": ("dollars", NANO),
    "neurons": ("dollars", 11 * NANO // 1_000_000),
}
"""In which unit a free tier's is counted, and how many of that it is.

Cloudflare's prices in dollars and in neurons are the same, at $0.011 for a thousand:
https://developers.cloudflare.com/workers-ai/platform/pricing/.
"""


def of_targets(
    config: schema.MeshConfig, targets: Iterable[Target]
) -> Mapping[str, tuple[Limit, ...]]:
    """Return, by target, what its provider grants."""
    return {one.id: tuple(_of_target(config.providers[one.provider.id], one)) for one in targets}


def _of_target(entry: schema.Provider, target: Target) -> Iterator[Limit]:
    # Where there is no key, the server as a whole is limited.
    subject = target.key_subject if target.key or entry.quota_group else target.provider.id
    yield from of_provider(target.provider.id, entry, subject)
    yield from of_maintenance(entry.maintenance_window, target.provider.id)
    if entry.tier == "free":
        said = {cap for name, cap in _SAID.items() if getattr(entry.rate_limits, name) is not None}
        yield from of_free_tier(target.provider.connector, target.upstream, subject, said)


def of_provider(id_: str, entry: schema.Provider, key_subject: str) -> Iterator[Limit]:
    """Give what one provider entry sets: rates of each key, and a budget of all its keys."""
    for name, unit, window, words in _RATES:
        amount = getattr(entry.rate_limits, name)
        if amount is not None:
            told = f"{id_}: {amount:,} {words}"
            yield Limit(name=told, subject=key_subject, unit=unit, amount=amount, window=window)
    budget = entry.budget
    for amount, unit_of_time in ((budget.daily_limit, "day"), (budget.monthly_limit, "month")):
        if amount is not None:
            yield Limit(
                name=f"{id_}: ${_in_full(amount)} a {unit_of_time}",
                subject=id_,
                unit="dollars",
                amount=round(amount * NANO),
                window=Calendar("day" if unit_of_time == "day" else "month"),
                enforced=budget.enforce,
                unknown=budget.on_unknown_cost,
                alert=budget.alert_threshold,
            )


def of_pool(
    pool: str, rule: schema.Deactivation, recovery: schema.Recovery, subject: str
) -> Iterator[Limit]:
    """Give the quotas after which a pool leaves a target, or a provider, alone, and maintenance."""
    yield from of_maintenance(rule.maintenance_window, subject)
    window = _quota_window(rule, recovery)
    for name, unit, words in _QUOTAS:
        amount = getattr(rule, name)
        if amount is not None:
            yield Limit(
                name=f"{subject} in {pool}: {_in_full(amount)} {words}{_each(window)}",
                # Not the subject of a budget, nor of another pool's quota, which count the same.
                subject=f"{subject} (quota of {pool})",
                unit=unit,
                amount=round(amount * NANO) if unit == "dollars" else amount,
                window=window,
            )


def _in_full(amount: float) -> str:
    """Return an amount as it was configured, a small one too: 0.00005, and not 5e-05."""
    return f"{amount:,.9f}".rstrip("0").rstrip(".")


def _quota_window(rule: schema.Deactivation, recovery: schema.Recovery) -> Window:
    renewed = recovery.quota_reset_schedule or rule.quota_window
    if not recovery.on_quota_reset:
        return Always()
    if rule.quota_duration:
        return Anchored(rule.quota_duration)
    return _RENEWED[renewed] if renewed else Always()


def _each(window: Window) -> str:
    if isinstance(window, Anchored):
        return f" in {window.seconds:g} seconds from the first"
    if not isinstance(window, Calendar):
        return ""
    return " an hour" if window.unit == "hour" else f" a {window.unit}"


def of_maintenance(window: schema.Maintenance | None, subject: str) -> Iterator[Limit]:
    """Give a limit of no requests in a part of each day."""
    if window:
        yield Limit(
            name=f"maintenance, {window.start} to {window.end} {window.timezone}",
            subject=subject,
            unit="requests",
            amount=0,
            window=Daily(_minutes(window.start), _minutes(window.end), window.timezone),
        )


def _minutes(clock: str) -> int:
    """Return minutes after midnight."""
    hour, minute = map(int, clock.split(":"))
    return hour * 60 + minute


def of_free_tier(
    connector: str,
    model: str,
    key_subject: str,
    said: AbstractSet[tuple[str, str]] = frozenset(),
) -> Iterator[Limit]:
    """Give what a vendor's free tier grants a model, as far as that is known.

    What is `said` by the configuration, of a unit in a window, goes before it.
    """
    tier = free_tier(connector)
    if tier is None:
        return
    subject = f"{key_subject}/{model}" if tier.per_model else key_subject
    for granted in tier.limits_for(model)[:1]:
        for cap in granted.caps:
            if (cap.unit, cap.window) not in said:
                yield _granted(connector, subject, cap, tier)


def _granted(connector: str, subject: str, cap: Cap, tier: FreeTier) -> Limit:
    unit, size = _UNITS[cap.unit]
    article = "an" if cap.window == "hour" else "a"
    words = "" if cap.window == "once" else f" {article} {cap.window}"
    return Limit(
        name=f"{connector}, free tier: {cap.amount:,.12g} {cap.unit}{words}",
        subject=f"{subject} (free)",
        unit=unit,
        amount=round(cap.amount * size),
        window=_window(cap, tier),
        unknown="allow",
        assumed=0.0 if cap.window == "once" else _ROLLING[cap.window],
        source="free tier",
    )


def _window(cap: Cap, tier: FreeTier) -> Window:
    if cap.window == "once":
        return Always()
    reset = tier.resets.get(cap.window)
    if reset is None or reset.at is None or cap.window not in ("day", "month"):
        return Rolling(_ROLLING[cap.window])
    return Calendar("day" if cap.window == "day" else "month", reset.zone, _minutes(reset.at))
