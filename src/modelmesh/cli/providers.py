"""`modelmesh providers`: which vendors there are, and which of them can be used here."""

import argparse
import json
import os
from collections.abc import Collection, Mapping
from typing import Any

from attrs import asdict, frozen

from modelmesh.cli._listed import NOTHING, configured
from modelmesh.cli._table import cut, table, width
from modelmesh.cli._terminal import FOUND, OK, say
from modelmesh.config.schema import MeshConfig
from modelmesh.connectors import registry

_HEAD = ("CONNECTOR", "NAME", "CONFIGURED AS", "KEY", "DOES")


@frozen(kw_only=True)
class Row:
    """One connector.

    Attributes:
        variables: environment variables which may hold its key, or the address of a server.
        found: those of them which are set.
        configured_as: its names under `providers`.
        endpoints: what it can be asked for; nothing where that cannot be told.

    """

    connector: str
    name: str
    variables: tuple[str, ...]
    found: tuple[str, ...]
    configured_as: tuple[str, ...]
    endpoints: tuple[str, ...]


def add_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--all", action="store_true", help="also list those that are not configured and have no key"
    )
    parser.add_argument("--config", metavar="FILE", help=f"configuration file (default: {FOUND})")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> int:
    origin = configured(arguments.config)
    every = rows(origin.config if origin else None, os.environ)
    shown = every if arguments.all else [row for row in every if row.configured_as or row.found]
    if arguments.json:
        say(json.dumps({"providers": list(map(asdict, shown))}, indent=2, ensure_ascii=False))
        return OK
    lines = table(_HEAD, list(map(_cells, shown))) if shown else []
    if more := len(every) - len(shown):
        lines.append(f"{more} more without a key here: modelmesh providers --all")
    say(cut(lines, width()))
    return OK


def rows(config: MeshConfig | None, environ: Mapping[str, str]) -> list[Row]:
    """Return every connector there is, those of the configuration's own included."""
    entries = config.providers if config else {}
    own = config.connectors if config else {}
    names: dict[str, list[str]] = {}
    for id_, entry in entries.items():
        names.setdefault(_id(entry.connector or id_, own), []).append(id_)
    return [
        _row(connector, own, environ, names.get(connector, ()))
        for connector in dict.fromkeys([*registry.ids("providers"), *names])
    ]


def _id(name: str, own: Mapping[str, str]) -> str:
    try:
        return str(registry.find("providers", name, own).connector)
    except registry.UnknownConnector:
        return name


def _row(
    connector: str, own: Mapping[str, str], environ: Mapping[str, str], names: Collection[str]
) -> Row:
    try:
        vendor = registry.find("providers", connector, own)
    except registry.UnknownConnector:
        vendor = None
    variables = (*getattr(vendor, "key_names", ()), *getattr(vendor, "url_names", ()))
    return Row(
        connector=connector,
        name=getattr(vendor, "name", connector),
        variables=variables,
        found=tuple(name for name in variables if environ.get(name, "").strip()),
        configured_as=tuple(names),
        endpoints=_endpoints(vendor) if vendor else (),
    )


def _endpoints(vendor: Any) -> tuple[str, ...]:
    """Ask a provider, at an address that is nobody's, what it translates."""
    try:
        made = vendor("", base_url="https://vendor.invalid", headers={}, options=None)
        return tuple(sorted(made.endpoints))
    except Exception:  # noqa: BLE001 - somebody else's connector may want more, and fail in any way
        return ()


def _cells(row: Row) -> tuple[str, ...]:
    key = ", ".join(row.found) + " is set" if row.found else " or ".join(row.variables)
    return (
        row.connector,
        row.name,
        ", ".join(row.configured_as) or NOTHING,
        key or NOTHING,
        ", ".join(row.endpoints) or NOTHING,
    )
