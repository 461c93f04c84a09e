"""A configuration made from what the environment holds: keys of vendors, addresses of servers."""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from modelmesh import catalogue
from modelmesh.capabilities import PREDEFINED_POOLS, TREE, UnknownCapability
from modelmesh.config import schema
from modelmesh.config.address import server_address
from modelmesh.config.faults import Invalid
from modelmesh.config.later import is_later
from modelmesh.config.load import load
from modelmesh.config.plugs import misnamed
from modelmesh.config.structure import secret
from modelmesh.connectors import registry
from modelmesh.errors import ConfigError, Problem
from modelmesh.types import Secret

Environ = Mapping[str, str]
Vendors = Mapping[str, Any]
Entries = Mapping[str, schema.Provider]

_CHAT: Final = "generation.text-generation.chat-completion"
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
        ConfigError: nothing was found, or something asked for does not exist.

    """
    every = registry.available("providers")
    keys = {_connector(name, every): key for name, key in (api_keys or {}).items()}
    wanted = [_connector(name, every) for name in providers or ()]
    vendors = {id_: registry.find("providers", id_) for id_ in wanted} or {
        **every,
        **{id_: registry.find("providers", id_) for id_ in keys},
    }
    entries = dict(_entries(vendors, environ, keys, asked=bool(wanted)))
    if not entries:
        raise ConfigError([Problem("", _nothing_found(vendors))], _SOURCE)
    if models:
        named = dict(_named(models, entries))
        used = {model.provider for model in named.values()}
        entries = {id_: entry for id_, entry in entries.items() if id_ in used}
    else:
        named = dict(_usual(vendors, entries))
    pools = dict(_pools(named, capabilities, silent=_silent(named, entries)))
    if strategy:
        pools = {
            id_: schema.Pool(capability=p.capability, strategy=strategy) for id_, p in pools.items()
        }
    return load(schema.MeshConfig(providers=entries, models=named, pools=pools), environ=environ)


def _connector(name: str, every: Vendors) -> str:
    """Return the connector id a name stands for: itself, without version, or its first part."""
    for id_ in every:
        if name in (*registry.names(id_), id_.partition(".")[0]):
            return id_
    wrong = misnamed("providers", name, {})
    if is_later("providers", name):
        wrong = f"provider {name!r} is not available in this version"
    if wrong:
        raise ConfigError([Problem("", wrong)], _SOURCE)
    return name


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
            yield id_, _entry(vendor, environ, key, address)
        except (ValueError, TypeError) as error:
            if asked or id_ in keys:
                problems.append(Problem(id_, str(error)))
            else:
                _log.warning("%s is left out: %s", vendor.name, error)
    if problems:
        raise ConfigError(problems, _SOURCE)


def _entry(vendor: Any, environ: Environ, key: str | None, address: str | None) -> schema.Provider:
    """Make an entry. Raises ValueError where the vendor needs more than is there."""
    if address and vendor.local:
        address = server_address(address, vendor.base_url)
    options = {
        option: environ[variable]
        for option, variable in vendor.option_names.items()
        if environ.get(variable)
    }
    vendor(vendor.connector, base_url=address, options=vendor.Options(**options))
    return schema.Provider(
        connector=vendor.connector,
        api_key=_secret(key) if key else None,
        base_url=address,
        options=options,
    )


def _secret(key: str) -> Secret:
    try:
        return secret(key)
    except Invalid as invalid:
        raise ValueError(f"its key {invalid.faults[0].message}") from None


def _first(names: Iterable[str], environ: Environ) -> str | None:
    return next((text for name in names if (text := environ.get(name, "").strip())), None)


def _usual(vendors: Vendors, entries: Entries) -> Iterator[tuple[str, schema.Model]]:
    """Give the usual models of all vendors; of one name the second says whose it is."""
    taken: set[str] = set()
    for id_ in entries:
        for name in vendors[id_].models:
            yield _unique(name, id_, taken), schema.Model(provider=id_, model=name)


def _named(models: Iterable[str], entries: Entries) -> Iterator[tuple[str, schema.Model]]:
    """Give the models asked for, each at every provider that is known to have it."""
    taken: set[str] = set()
    problems: list[Problem] = []
    for name in models:
        places = list(_places(name, entries))
        if not places:
            message = (
                f"which provider has it? write {_short(next(iter(entries)))}/{name} or the like"
            )
            problems.append(Problem(name, message))
        for id_, upstream in places:
            yield _unique(name, id_, taken), schema.Model(provider=id_, model=upstream)
    if problems:
        raise ConfigError(problems, "models")


def _places(name: str, entries: Entries) -> Iterator[tuple[str, str]]:
    """Give each provider that a model's name may mean, and what it is called there."""
    known = [id_ for id_ in entries if catalogue.find(id_, name)]
    prefix, _, rest = name.partition("/")
    prefixed = [id_ for id_ in entries if rest and prefix in (id_, _short(id_))]
    if known:
        yield from ((id_, name) for id_ in known)
    elif prefixed:
        yield from ((id_, rest) for id_ in prefixed)
    elif len(entries) == 1:
        yield from ((id_, name) for id_ in entries)


def _unique(name: str, provider: str, taken: set[str]) -> str:
    id_ = f"{_short(provider)}/{name}" if name in taken else name
    taken.add(id_)
    return id_


def _short(connector: str) -> str:
    return connector.partition(".")[0]


def _silent(models: Mapping[str, schema.Model], entries: Entries) -> bool:
    """Whether some provider's models are only known to itself; what they can do is not known."""
    return not set(entries) <= {model.provider for model in models.values()}


def _pools(
    models: Mapping[str, schema.Model], capabilities: Iterable[str], *, silent: bool
) -> Iterator[tuple[str, schema.Pool]]:
    has = [path for model in models.values() for path in _abilities(model)]
    usual = {"chat-completion": _CHAT, **PREDEFINED_POOLS}
    for id_, node in usual.items():
        if any(TREE.covers(node, path) for path in has) or (silent and node == _CHAT):
            yield id_, schema.Pool(capability=node)
    for name in capabilities:
        try:
            node = TREE.resolve(name)
        except UnknownCapability as error:
            raise ConfigError([Problem("", str(error))], _SOURCE) from None
        if node not in usual.values():
            yield TREE.alias(node), schema.Pool(capability=node)


def _abilities(model: schema.Model) -> frozenset[str]:
    name = model.model or ""
    facts = catalogue.find(model.provider, name) or catalogue.find_anywhere(name)
    return facts.capabilities if facts else frozenset({_CHAT})


def _no_key(vendor: Any) -> str:
    short = _short(vendor.connector)
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
