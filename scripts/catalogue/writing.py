"""The shipped files' text, made of the fact files: the same facts give the same bytes."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from scripts.catalogue.facts import Facts, Rows
from scripts.catalogue.rules import DAYS

_SHARED: Final = ("features", "lacks", "quirks", "sources")
_NOT_SHIPPED: Final = frozenset({"note", "other_prices"})


def models_json(facts: Facts) -> str:
    """Return `models.json`: a line for each model, so that changes can be read."""
    shared = _Shared()
    vendors = _vendors(facts)
    models = {
        connector: {id_: _model(row, vendor, shared) for id_, row in vendor["models"].items()}
        for connector, vendor in vendors.items()
        if vendor.get("models")
    }
    gone = {
        connector: {id_: _end(row) for id_, row in sorted(vendor["retired"].items())}
        for connector, vendor in vendors.items()
        if vendor.get("retired")
    }
    head = {"as_of": max(vendor["as_of"] for vendor in vendors.values()), "sources": told(facts)}
    lines = [
        *(f"{_text(name)}:{_text(value)}," for name, value in head.items()),
        f'"models":{{\n{_nested(models)}\n}},',
        f'"retired":{{\n{_nested(gone)}\n}},',
        f'"shared":[\n{_joined(map(_text, shared.entries))}\n]',
    ]
    return "{" + "\n".join(lines) + "}\n"


def free_tiers_json(facts: Facts) -> str:
    """Return `free_tiers.json`: a line for each vendor."""
    tiers = facts.free_tiers["tiers"]
    lines = (f"{_text(connector)}:{_text(tier)}" for connector, tier in sorted(tiers.items()))
    return f'{{"as_of":{_text(facts.free_tiers["as_of"])},"tiers":{{\n{_joined(lines)}\n}}}}\n'


def table(facts: Facts) -> str:
    """Return the table of connectors in docs/models.md."""
    lines = [
        "| connector | models | with a price | retiring | retired | free tier | as of |",
        "|---|---|---|---|---|---|---|",
    ]
    for connector, vendor in _vendors(facts).items():
        models = (vendor.get("models") or {}).values()
        gone = vendor.get("retired") or {}
        counts = (
            len(models),
            sum("price" in row for row in models),
            sum("retires" in row for row in models),
            "all" if "*" in gone else len(gone),
            "yes" if connector in facts.free_tiers["tiers"] else "",
            vendor["as_of"],
        )
        lines.append(f"| `{connector}` | {' | '.join(map(str, counts))} |")
    return "\n".join(lines) + "\n"


def summary(facts: Facts) -> str:
    """Return what is there, in a few lines for people."""
    vendors = facts.vendors.values()
    rows = [row for vendor in vendors for row in (vendor.get("models") or {}).values()]
    ends = [end for vendor in vendors for end in (vendor.get("retired") or {}).values()]
    kinds = Counter(row["kind"] for row in rows)
    by_kind = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())

    def having(name: str, rows: Iterable[Rows]) -> int:
        return sum(name in row for row in rows)

    return (
        f"{len(rows)} models at {len(vendors)} connectors: {by_kind}\n"
        f"{having('price', rows)} with a price, {having('other_prices', rows)} with two\n"
        f"{having('retires', rows)} to be retired, {len(ends)} retired, "
        f"{having('successor', [*rows, *ends])} of these with a successor\n"
        f"{len(facts.free_tiers['tiers'])} free tiers"
    )


def told(facts: Facts) -> dict[str, str]:
    """Return what each source is, in one line."""
    return {
        name: f"{row.get('what') or row['url']} ({row['as_of']})"
        for name, row in sorted(facts.sources.items())
    }


class _Shared:
    """Values that come again, each once; a row has their number."""

    def __init__(self) -> None:
        self.entries: list[Any] = []
        self._numbers: dict[str, int] = {}

    def number(self, value: Any) -> int:
        text = _text(value)
        if text not in self._numbers:
            self._numbers[text] = len(self.entries)
            self.entries.append(value)
        return self._numbers[text]


def _vendors(facts: Facts) -> dict[str, Rows]:
    found = {vendor["connector"]: vendor for vendor in facts.vendors.values()}
    return dict(sorted(found.items()))


def _model(row: Rows, vendor: Rows, shared: _Shared) -> dict[str, Any]:
    whole = {"sources": vendor.get("sources"), **row}
    out = {name: value for name, value in whole.items() if name not in _NOT_SHIPPED}
    if "price" in out:
        out["price"] = _price(out["price"])
    return {name: shared.number(value) if name in _SHARED else value for name, value in out.items()}


def _price(price: Rows) -> dict[str, Any]:
    off_peak = price.get("off_peak")
    if not off_peak:
        return dict(price)
    hours = [
        {
            "days": [DAYS.index(day) + 1 for day in each["days"]],
            "spans": [span.split("-") for span in each["utc"]],
        }
        for each in off_peak["hours"]
    ]
    return {**price, "off_peak": {**off_peak, "hours": hours}}


def _end(row: Rows) -> list[str]:
    return [row["day"], row["successor"]] if "successor" in row else [row["day"]]


def _nested(groups: Mapping[str, Mapping[str, Any]]) -> str:
    return _joined(
        f"{_text(name)}:{{\n{_joined(_pairs(rows))}\n}}" for name, rows in groups.items()
    )


def _pairs(rows: Mapping[str, Any]) -> Iterator[str]:
    return (f"{_text(name)}:{_text(value)}" for name, value in rows.items())


def _joined(lines: Iterable[str]) -> str:
    return ",\n".join(lines)


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
