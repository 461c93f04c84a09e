"""`modelmesh models`: those configured, and those known of the same vendors."""

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from attrs import asdict, frozen

from modelmesh import catalogue
from modelmesh.capabilities import TREE, CapabilityTree, UnknownCapability
from modelmesh.cli._listed import (
    NOTHING,
    caps,
    configured,
    features,
    first_keys,
    free,
    parts_of,
    price,
    prices,
    tokens,
)
from modelmesh.cli._table import cut, table, width
from modelmesh.cli._terminal import FOUND, OK, say
from modelmesh.config import schema
from modelmesh.config.faults import unknown
from modelmesh.config.origin import Origin
from modelmesh.connectors import registry
from modelmesh.errors import RequestError
from modelmesh.plan import plan
from modelmesh.types import Target

_HEAD = ("MODEL", "PROVIDER", "CONFIGURED AS", "CONTEXT", "PRICE", "FREE", "DOES", "FEATURES")


@frozen(kw_only=True)
class Row:
    """A model at a provider; `configured_as` is its id in the configuration, None if in none."""

    target: Target
    configured_as: str | None
    pools: Sequence[str] = ()


def add_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--provider", metavar="ID", help="only those of this provider or connector")
    parser.add_argument("--capability", metavar="NAME", help="only those with this capability")
    parser.add_argument("--config", metavar="FILE", help=f"configuration file (default: {FOUND})")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> int:
    origin = configured(arguments.config)
    tree = TREE.extended(origin.config.capabilities) if origin else TREE
    found = list(rows(origin, arguments.provider))
    if arguments.capability:
        node = _node(arguments.capability, tree)
        found = [row for row in found if _has(row.target, node, tree)]
    if arguments.json:
        told = {"as_of": catalogue.as_of(), "models": [_record(row) for row in found]}
        say(json.dumps(told, indent=2, ensure_ascii=False))
    elif found:
        say(cut(table(_HEAD, [_cells(row, tree) for row in found], right=("CONTEXT",)), width()))
    else:
        say("No models match.")
    return OK


def rows(origin: Origin | None, provider: str | None) -> Iterator[Row]:
    """Give the configured models, then what else is known of their vendors, or of the one named.

    Raises:
        RequestError: there is no such provider.

    """
    parts = parts_of(origin) if origin else None
    own = list(first_keys(parts.plan.targets)) if parts else []
    connectors = {one.provider.id: one.provider.connector for one in own}
    if parts:
        connectors |= {id_: one.connector for id_, one in parts.plan.providers.items()}
    wanted = _wanted(provider, connectors)
    pools: dict[str, list[str]] = {}
    for pool in parts.pools.values() if parts else ():
        for one in first_keys(pool.targets):
            pools.setdefault(one.id, []).append(pool.id)
    if provider in connectors:
        own = [one for one in own if one.provider.id == provider]
    own = [one for one in own if one.provider.connector in wanted]
    for one in own:
        yield Row(target=one, configured_as=one.model, pools=pools.get(one.id, ()))
    listed = {(one.provider.connector, one.upstream.lower()) for one in own}
    for one in _known(wanted):
        if (one.provider.connector, one.upstream.lower()) not in listed:
            yield Row(target=one, configured_as=None)


def _wanted(provider: str | None, connectors: Mapping[str, str]) -> list[str]:
    """Return the connectors whose models are listed."""
    if provider is None:
        return list(dict.fromkeys(connectors.values())) or catalogue.providers()
    if provider in connectors:
        return [connectors[provider]]
    ids = dict.fromkeys([*connectors.values(), *registry.ids("providers")])
    short = {name: id_ for id_ in ids for name in (*registry.names(id_), id_.partition(".")[0])}
    if provider in short:
        return [short[provider]]
    raise RequestError(unknown("provider", provider, [*connectors, *ids], short))


def _known(connectors: Sequence[str]) -> list[Target]:
    """Return the catalogue's models as targets, which is what is known of any model."""
    providers = {id_: schema.Provider(base_url="https://vendor.invalid") for id_ in connectors}
    models = {
        f"{id_} {facts.id}": schema.Model(provider=id_, model=facts.id)
        for id_ in connectors
        for facts in catalogue.models_of(id_)
    }
    if not models:
        return []
    return list(plan(schema.MeshConfig(providers=providers, models=models), {}).targets)


def _node(name: str, tree: CapabilityTree) -> str:
    try:
        return tree.resolve(name)
    except UnknownCapability as error:
        raise RequestError(str(error)) from None


def _has(target: Target, node: str, tree: CapabilityTree) -> bool:
    return any(tree.covers(node, has) for has in target.card.capabilities)


def _cells(row: Row, tree: CapabilityTree) -> tuple[str, ...]:
    one = row.target
    return (
        one.upstream,
        one.provider.id,
        row.configured_as or NOTHING,
        tokens(one.card.context),
        price(one.card.price),
        caps(free(one)),
        ", ".join(sorted(map(tree.alias, one.card.capabilities))) or NOTHING,
        ", ".join(features(one)) or NOTHING,
    )


def _record(row: Row) -> dict[str, Any]:
    one = row.target
    end = one.card.retirement
    return {
        "model": one.upstream,
        "provider": one.provider.id,
        "connector": one.provider.connector,
        "configured_as": row.configured_as,
        "pools": list(row.pools),
        "capabilities": sorted(one.card.capabilities),
        "context": one.card.context,
        "max_output": one.card.max_output,
        "features": features(one),
        "price": prices(one.card.price),
        "free_tier": [asdict(cap) for cap in free(one)],
        "retires": end.day if end else None,
        "successor": end.successor if end else None,
    }
