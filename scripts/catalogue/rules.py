"""What fact files may say. Every rule gives the mistakes it finds, as `place: what is wrong`."""

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from types import MappingProxyType
from typing import Any, Final, get_args
from zoneinfo import available_timezones

from attrs import fields_dict

from modelmesh.catalogue.facts import CAPABILITIES, FEATURES
from modelmesh.catalogue.free_tiers import Unit, Window
from modelmesh.catalogue.prices import DOLLARS, LongPromptPrice, OffPeakPrice
from scripts.catalogue.facts import Facts, Rows

SIZES: Final = ("context", "max_input", "max_output", "dims")
FIELDS: Final = frozenset(
    {
        *SIZES,
        "kind",
        "features",
        "lacks",
        "price",
        "other_prices",
        "quirks",
        "retires",
        "successor",
        "sources",
        "note",
    }
)
DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
EFFORTS: Final = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
SUBJECTS: Final = ("key", "project", "organization", "workspace", "account")
# No model costs ten thousand dollars a million tokens.
_TYPING_MISTAKE: Final = 10_000
_SPAN: Final = re.compile(r"([01]\d|2[0-3]):[0-5]\d-(([01]\d|2[0-3]):[0-5]\d|24:00)")
_CLOCK: Final = re.compile(r"([01]\d|2[0-3]):[0-5]\d")


def is_size(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def is_price(value: Any) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and math.isfinite(value) and 0 <= value < _TYPING_MISTAKE


def is_day(value: Any) -> bool:
    try:
        return isinstance(value, str) and date.fromisoformat(value).isoformat() == value
    except ValueError:
        return False


def _is_yes_or_no(value: Any) -> bool:
    return isinstance(value, bool)


def _is_range(value: Any) -> bool:
    ends = value if isinstance(value, Mapping) else {"": value}
    low, high = ends.get("min"), ends.get("max", math.inf)
    return ends.keys() <= {"min", "max"} and isinstance(low, int) and 0 <= low <= high


def _are_lengths(value: Any) -> bool:
    several = isinstance(value, list) and bool(value) and all(map(is_size, value))
    return several or (_is_range(value) and value["min"] > 0)


QUIRKS: Final[Mapping[str, Callable[[Any], bool]]] = MappingProxyType(
    {
        "supports_sampling_params": _is_yes_or_no,
        "supports_system_messages": _is_yes_or_no,
        "supports_mid_conversation_system": _is_yes_or_no,
        "supports_assistant_prefill": _is_yes_or_no,
        "supports_forced_tool_use": _is_yes_or_no,
        "supports_native_structured_output": _is_yes_or_no,
        "supports_adaptive_thinking": _is_yes_or_no,
        "supports_legacy_thinking": _is_yes_or_no,
        "thinking_always_on": _is_yes_or_no,
        "thinking": ("budget", "adaptive", "level").__contains__,
        "thinking_budget": _is_range,
        "default_reasoning_effort": EFFORTS.__contains__,
        "reasoning_effort_values": lambda value: bool(value) and set(value) <= set(EFFORTS),
        "prompt_cache_min_tokens": is_size,
        "dimensions": _are_lengths,
    }
)


def mistakes(facts: Facts) -> list[str]:
    """Return everything that is wrong with the fact files."""
    found = [*_of_sources(facts.sources), *_of_free_tiers(facts.free_tiers, facts.sources)]
    owners: dict[str, str] = {}
    for file, vendor in facts.vendors.items():
        found += [f"{file}: {each}" for each in of_vendor(vendor, facts.sources)]
        connector = vendor.get("connector", "")
        if connector in owners:
            found.append(f"{file}: {owners[connector]} has {connector} as well")
        owners[connector] = file
    return found


def of_vendor(vendor: Rows, sources: Rows) -> Iterator[str]:
    """Give the mistakes in one vendor's file."""
    yield from _unknown(vendor, {"connector", "as_of", "sources", "models", "retired"}, "file")
    if not is_day(vendor.get("as_of")):
        yield "as_of: is to be a day"
    models, gone = vendor.get("models") or {}, vendor.get("retired") or {}
    common = vendor.get("sources", [])
    for id_, row in models.items():
        yield from (f"{id_}: {each}" for each in of_model(row))
        yield from (f"{id_}: {each}" for each in _named(row.get("sources", common), sources))
    for id_, row in gone.items():
        yield from _unknown(row, {"day", "successor", "sources", "note"}, id_)
        if not is_day(row.get("day")):
            yield f"{id_}: day: is to be a day"
        yield from (f"{id_}: {each}" for each in _named(row.get("sources", common), sources))
    spelt = [id_.lower() for id_ in (*models, *gone)]
    yield from (f"{id_}: stands twice" for id_ in sorted(set(spelt)) if spelt.count(id_) > 1)
    for id_, row in (*models.items(), *gone.items()):
        if row.get("successor", id_) not in (*models, id_):
            yield f"{id_}: successor: {row['successor']} is no model here"


def of_model(row: Rows) -> Iterator[str]:
    """Give the mistakes in what is said of one model."""
    yield from _unknown(row, FIELDS, "model")
    if row.get("kind") not in CAPABILITIES:
        yield f"kind: there is no {row.get('kind')}"
    yield from _of_sizes(row)
    features, lacks = row.get("features", []), row.get("lacks", [])
    for name in {*features, *lacks} - FEATURES:
        yield f"features: there is no {name}"
    for name in {*features} & {*lacks}:
        yield f"lacks: it is said to have {name}"
    for name, value in row.get("quirks", {}).items():
        if name not in QUIRKS or not QUIRKS[name](value):
            yield f"quirks: {name}: {value} is not known"
    if "retires" in row and not is_day(row["retires"]):
        yield "retires: is to be a day"
    yield from _of_price(row.get("price", {}))
    for other in row.get("other_prices", {}).values():
        yield from _of_price(other)


def _of_sizes(row: Rows) -> Iterator[str]:
    wrong = [name for name in SIZES if name in row and not is_size(row[name])]
    yield from (f"{name}: is to be a whole number above 0" for name in wrong)
    if not wrong and "context" in row:
        parts = [name for name in ("max_input", "max_output") if row.get(name, 0) > row["context"]]
        yield from (f"{name}: is more than the context" for name in parts)


def _of_price(price: Rows) -> Iterator[str]:
    yield from _unknown(price, DOLLARS | {"above", "off_peak", "valid_from"}, "price")
    above, off_peak = price.get("above", {}), price.get("off_peak", {})
    yield from _unknown(above, fields_dict(LongPromptPrice), "price.above")
    yield from _unknown(off_peak, fields_dict(OffPeakPrice), "price.off_peak")
    for place, part in (("price", price), ("price.above", above), ("price.off_peak", off_peak)):
        for name in part.keys() & DOLLARS:
            if not is_price(part[name]):
                yield f"{place}.{name}: {part[name]} is no price"
        if part.get("cached_input", 0) > part.get("input", math.inf):
            yield f"{place}.cached_input: the cache is dearer than no cache"
    if above and not is_size(above.get("prompt_tokens")):
        yield "price.above.prompt_tokens: is to be a whole number above 0"
    if "valid_from" in price and not is_day(price["valid_from"]):
        yield "price.valid_from: is to be a day"
    for hours in off_peak.get("hours", [{}]) if off_peak else ():
        spans = hours.get("utc", [])
        days = hours.get("days", [])
        if not days or not spans or {*days} - {*DAYS} or not all(map(_SPAN.fullmatch, spans)):
            yield "price.off_peak.hours: needs days such as mon, and utc such as 10:00-24:00"


def _of_sources(sources: Rows) -> Iterator[str]:
    for name, row in sources.items():
        yield from _unknown(row, {"what", "url", "as_of"}, f"sources.yaml: {name}")
        if not is_day(row.get("as_of")) or not (row.get("what") or row.get("url")):
            yield f"sources.yaml: {name}: needs as_of, and what or url"


def _of_free_tiers(document: Rows, sources: Rows) -> Iterator[str]:
    if not is_day(document.get("as_of")):
        yield "free_tiers.yaml: as_of: is to be a day"
    for connector, tier in document["tiers"].items():
        yield from (f"free_tiers.yaml: {connector}: {each}" for each in of_tier(tier, sources))


def of_tier(tier: Rows, sources: Rows) -> Iterator[str]:
    """Give the mistakes in what is said of one free tier."""
    known = {"subject", "per_model", "resets", "sources", "limits", "disputed", "excluded"}
    yield from _unknown(tier, known, "tier")
    yield from _named(tier.get("sources", []), sources)
    if tier.get("subject") not in SUBJECTS or not isinstance(tier.get("per_model"), bool):
        yield f"subject is to be one of {', '.join(SUBJECTS)}, per_model true or false"
    for window, how in tier.get("resets", {}).items():
        if window not in get_args(Window) or not _is_reset(how):
            yield f"resets.{window}: {how} is not known"
    for limit in (*tier.get("limits", ()), *tier.get("disputed", ())):
        units = limit.keys() & {*get_args(Unit)}
        yield from _unknown(limit, {"models", "when", "sources", *get_args(Unit)}, "limit")
        yield from _named(limit.get("sources", tier["sources"]), sources)
        caps = [pair for unit in units for pair in limit[unit].items()]
        if not limit.get("models") or not caps:
            yield "limits: each needs models, and how much"
        for window, amount in caps:
            if window not in get_args(Window) or not is_price(min(amount, 1)) or not amount > 0:
                yield f"limits: {amount} in a {window} is not known"


def _is_reset(how: Any) -> bool:
    if not isinstance(how, Mapping):
        return bool(how == "rolling")
    known = how.keys() <= {"at", "zone"} and how.get("zone", "UTC") in available_timezones()
    return known and bool(_CLOCK.fullmatch(str(how.get("at"))))


def _named(names: list[str], sources: Rows) -> Iterator[str]:
    if not names:
        yield "sources: it needs some"
    yield from (f"sources: there is no {name}" for name in names if name not in sources)


def _unknown(row: Rows, known: Iterable[str], place: str) -> Iterator[str]:
    yield from (f"{place}: there is no {name}" for name in row.keys() - {*known})
