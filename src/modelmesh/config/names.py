"""What concerns two parts of a configuration: names that must lead somewhere."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any

from attrs import evolve, frozen

from modelmesh.capabilities import TREE, CapabilityTree, UnknownCapability, meant_by_pool
from modelmesh.config import plugs
from modelmesh.config.faults import Fault, Path, unknown
from modelmesh.config.later import is_later
from modelmesh.config.schema import (
    ENDPOINTS,
    MANAGEMENT,
    MODELS_PATH,
    OPENAPI_PATH,
    PROBES,
    MeshConfig,
    Pool,
    Provider,
    Storage,
)
from modelmesh.connectors import registry
from modelmesh.connectors.own import told
from modelmesh.errors import ConfigError


@frozen
class Names:
    """Which providers and models there are, those with mistakes of their own included."""

    providers: frozenset[str]
    models: frozenset[str]

    @classmethod
    def of(cls, config: MeshConfig) -> "Names":
        return cls(frozenset(config.providers), frozenset(config.models))

    @classmethod
    def written(cls, tree: Any) -> "Names":
        sections = tree if isinstance(tree, Mapping) else {}
        providers, models = sections.get("providers"), sections.get("models")
        return cls(
            frozenset(providers if isinstance(providers, Mapping) else ()),
            frozenset(models if isinstance(models, Mapping) else ()),
        )


def check(config: MeshConfig, names: Names) -> list[Fault]:
    """Return every name that leads nowhere, and every connector its settings do not suit."""
    tree, faults = _tree(config.capabilities)
    faults += _of_connectors(config.connectors)
    faults += _of_providers(config)
    faults += _of_models(config, names, tree)
    for id_, pool in config.pools.items():
        faults += _of_pool(("pools", id_), pool, names, tree)
        faults += _of_strategies(("pools", id_), pool, config.connectors)
    faults += _of_storage(config.storage, config.connectors)
    place = ("discovery", "sync", "providers")
    faults += _names("provider", config.discovery.sync.providers, names.providers, place)
    paths = (*ENDPOINTS, MODELS_PATH, OPENAPI_PATH, *PROBES, *MANAGEMENT)
    faults += _names("path", config.proxy.endpoints, paths, ("proxy", "endpoints"))
    return faults


def _tree(paths: Iterable[str]) -> tuple[CapabilityTree, list[Fault]]:
    tree, faults = TREE, []
    for number, path in enumerate(paths):
        try:
            tree = tree.extended([path])
        except ValueError as error:
            faults.append(Fault(("capabilities", number), str(error)))
    return tree, faults


def _of_connectors(own: Mapping[str, str]) -> Iterator[Fault]:
    for id_, path in own.items():
        module, _, name = path.partition(":")
        if not module or not name.isidentifier():
            yield Fault(("connectors", id_), f"expected package.module:Class, got {path!r}")


def _of_providers(config: MeshConfig) -> Iterator[Fault]:
    for id_, provider in config.providers.items():
        wrong = plugs.misnamed("providers", provider.connector or id_, config.connectors)
        if wrong:
            yield Fault(("providers", id_, "connector"), wrong)
        else:
            yield from _made(id_, provider, config.connectors)
        if provider.api_key and provider.api_keys:
            yield Fault(("providers", id_, "api_keys"), "give either api_key or api_keys")


def _made(id_: str, provider: Provider, own: Mapping[str, str]) -> Iterator[Fault]:
    """Try whether the connector takes its settings; some need an address or an account."""
    if is_later("providers", provider.connector or id_, own):
        return
    yield from _tried("providers", ("providers", id_), lambda: plugs.provider(id_, provider, own))


def _tried(kind: registry.Kind, place: Path, make: Callable[[], object]) -> Iterator[Fault]:
    """Try whether a connector can be made of its settings, which opens nothing."""
    try:
        registry.made(kind, make)
    except ConfigError:
        return  # told by whoever makes it, where it stands
    except ValueError as error:
        yield Fault(place, str(error))
    except Exception as error:  # noqa: BLE001 - somebody else's connector may fail in any way
        yield Fault(place, f"cannot be made: {told(error)}")


def _of_models(config: MeshConfig, names: Names, tree: CapabilityTree) -> Iterator[Fault]:
    for id_, model in config.models.items():
        place = ("models", id_)
        if model.provider not in names.providers:
            yield Fault((*place, "provider"), unknown("provider", model.provider, names.providers))
        yield from _capabilities(tree, model.capabilities, (*place, "capabilities"))


def _of_pool(place: Path, pool: Pool, names: Names, tree: CapabilityTree) -> Iterator[Fault]:
    for key in ("models", "exclude_models", "model_priority"):
        yield from _names("model", getattr(pool, key), names.models, (*place, key))
    for key in ("providers", "exclude_providers", "provider_priority"):
        yield from _names("provider", getattr(pool, key), names.providers, (*place, key))
    if isinstance(pool.capability, str):
        yield from _capability(tree, pool.capability, (*place, "capability"))
    elif pool.capability:
        yield from _capabilities(tree, pool.capability, (*place, "capability"))
    elif not pool.models:
        id_ = str(place[-1])
        for fault in _capability(tree, meant_by_pool(id_), place):
            yield Fault(place, f"needs `capability` or `models`: {fault.message}")


def _of_strategies(place: Path, pool: Pool, own: Mapping[str, str]) -> Iterator[Fault]:
    for key in ("strategy", "fallback_strategy"):
        name = getattr(pool, key)
        if name is None:
            continue
        wrong = plugs.misnamed("strategies", name, own)
        if wrong:
            yield Fault((*place, key), wrong)
        else:
            found = registry.find("strategies", name, own)
            settings = pool if key == "strategy" else evolve(pool, options={})
            yield from _tried("strategies", (*place, key), partial(found, settings))


def _of_storage(storage: Storage, own: Mapping[str, str]) -> Iterator[Fault]:
    if not storage.connector:
        return
    wrong = plugs.misnamed("storage", storage.connector, own)
    if wrong:
        yield Fault(("storage", "connector"), wrong)
    else:
        found = registry.find("storage", storage.connector, own)
        yield from _tried("storage", ("storage", "connector"), partial(found, storage))


def _names(kind: str, given: Iterable[str], known: Iterable[str], place: Path) -> Iterator[Fault]:
    for number, name in enumerate(given):
        if name not in known:
            yield Fault((*place, number), unknown(kind, name, known))


def _capabilities(tree: CapabilityTree, names: Iterable[str], place: Path) -> Iterator[Fault]:
    for number, name in enumerate(names):
        yield from _capability(tree, name, (*place, number))


def _capability(tree: CapabilityTree, name: str, place: Path) -> Iterator[Fault]:
    try:
        tree.resolve(name)
    except UnknownCapability as error:
        yield Fault(place, str(error))
