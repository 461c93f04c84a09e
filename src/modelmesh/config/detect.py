"""A configuration made from what the environment holds: keys of vendors, addresses of servers."""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from attrs import evolve

from modelmesh.config import plugs, schema, usual
from modelmesh.config.address import server_address
from modelmesh.config.faults import Invalid
from modelmesh.config.later import is_later, later
from modelmesh.config.load import load
from modelmesh.config.structure import secret
from modelmesh.connectors import registry
from modelmesh.errors import ConfigError, NothingFoundError, Problem
from modelmesh.types import Secret

Environ = Mapping[str, str]
Vendors = Mapping[str, Any]

_SOURCE: Final = "environment"

_log = logging.getLogger("modelmesh")


def detect(
    environ: Environ,
    *,
    capabilities: Iterable[str] = (),
    providers: Iterable[str] | None = None,
    models: Iterable[str] | None = None,
    strategy: str | None = None,
    api_keys: Mapping[str, str] | None = None,
) -> schema.MeshConfig:
    """Return a configuration over all providers whose variables are set.

    Args:
        environ: the environment.
        capabilities: what there must be a pool for, besides the usual ones.
        providers: only these: connector ids, or short names such as `openai`.
        models: only these, as `provider/model` or, where that leaves no doubt, by name alone.
        strategy: how pools put their targets in order.
        api_keys: keys by provider, which go before those in the environment.

    Raises:
        ConfigError: something asked for does not exist; a NothingFoundError if nothing was found.

    """
    every = registry.available("providers")
    keys = {_connector(name, every): key for name, key in (api_keys or {}).items()}
    wanted = [_connector(name, every) for name in providers or ()]
    ids = wanted or list(dict.fromkeys([*every, *keys]))
    vendors = {id_: registry.find("providers", id_) for id_ in ids}
    entries = dict(_entries(vendors, environ, keys, asked=bool(wanted)))
    if not entries:
        raise NothingFoundError([Problem("", _nothing_found(vendors))], _SOURCE)
    nodes = usual.nodes(capabilities)
    chosen = dict(usual.models(models, vendors, entries, nodes))
    if models:
        used = {model.provider for model in chosen.values()}
        entries = {id_: entry for id_, entry in entries.items() if id_ in used}
    pools = dict(usual.pools(chosen, entries, nodes))
    if strategy:
        pools = {id_: evolve(pool, strategy=strategy) for id_, pool in pools.items()}
    return load(schema.MeshConfig(providers=entries, models=chosen, pools=pools), environ=environ)


def _connector(name: str, every: Vendors) -> str:
    """Return the connector id a name stands for: itself, without version, or its first part."""
    known = (
        id_
        for id_ in (*every, *later("providers"))
        if name in (*registry.names(id_), usual.short(id_))
    )
    id_ = next(known, name)
    wrong = plugs.misnamed("providers", id_, {})
    if is_later("providers", id_):
        wrong = f"provider {id_!r} is not available in this version"
    if wrong:
        raise ConfigError([Problem("", wrong)], _SOURCE)
    return id_


def _entries(
    vendors: Vendors, environ: Environ, keys: Mapping[str, str], *, asked: bool
) -> Iterator[tuple[str, schema.Provider]]:
    """Give an entry for each vendor that can be used; raise if one asked for cannot."""
    problems: list[Problem] = []
    for id_, vendor in vendors.items():
        key = keys.get(id_) or _first(vendor.key_names, environ)
        address = _first(vendor.url_names, environ)
        if not key and not (vendor.local and (address or asked)):
            if asked:
                problems.append(Problem(id_, _no_key(vendor)))
            continue
        try:
            yield id_, _entry(id_, vendor, environ, key, address)
        except ValueError as error:
            if asked or id_ in keys:
                problems.append(Problem(id_, str(error)))
            else:
                _log.warning("%s is left out: %s", vendor.name, error)
    if problems:
        raise ConfigError(problems, _SOURCE)


def _entry(
    id_: str, vendor: Any, environ: Environ, key: str | None, address: str | None
) -> schema.Provider:
    """Make an entry. Raises ValueError where the vendor needs more than is there."""
    if address and vendor.local:
        address = server_address(address, vendor.base_url)
    options = {
        option: environ[variable]
        for option, variable in vendor.option_names.items()
        if environ.get(variable)
    }
    entry = schema.Provider(
        connector=id_,
        api_key=_secret(key) if key else None,
        base_url=address,
        options=options,
    )
    plugs.provider(id_, entry, {})
    return entry


def _secret(key: str) -> Secret:
    try:
        return secret(key)
    except Invalid as invalid:
        raise ValueError(f"its key {invalid.faults[0].message}") from None


def _first(names: Iterable[str], environ: Environ) -> str | None:
    return next((text for name in names if (text := environ.get(name, "").strip())), None)


def _no_key(vendor: Any) -> str:
    short = usual.short(vendor.connector)
    names = " or ".join(vendor.key_names) or "its key"
    return f"no key for {vendor.name}: set {names}, or pass api_keys={{{short!r}: …}}"


def _nothing_found(vendors: Vendors) -> str:
    """Say what was looked for, a line each, and what else can be done."""
    remote = [v for v in vendors.values() if v.key_names and not v.local]
    local = [v for v in vendors.values() if v.url_names and v.local]
    lines = [
        "no provider was found. Set one of these variables,",
        *_listed("a vendor's key", [(v.name, v.key_names) for v in remote]),
        *_listed("a local server's address", [(v.name, v.url_names) for v in local]),
        "or give a configuration file (--config modelmesh.yaml),",
        "or look around without any key (--demo).",
    ]
    return "\n  ".join(lines)


def _listed(title: str, rows: Sequence[tuple[str, Sequence[str]]]) -> list[str]:
    width = max((len(name) for name, _ in rows), default=0)
    return [f"{title}:", *(f"  {name:{width}}  {' or '.join(names)}" for name, names in rows)]
