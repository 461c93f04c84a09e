"""The models and pools of a configuration for which nobody wrote any."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from modelmesh import catalogue
from modelmesh.capabilities import CHAT, PREDEFINED_POOLS, TREE, UnknownCapability
from modelmesh.config import schema
from modelmesh.errors import ConfigError, Problem
from modelmesh.shape import endpoint_of

Entries = Mapping[str, schema.Provider]
Vendors = Mapping[str, Any]


def nodes(capabilities: Iterable[str]) -> list[str]:
    """Return the full paths of capabilities. Raises ConfigError where there is no such one."""
    try:
        return [TREE.resolve(name) for name in capabilities]
    except UnknownCapability as error:
        raise ConfigError([Problem("", str(error))], "capabilities") from None


def models(
    asked_for: Iterable[str] | None, vendors: Vendors, entries: Entries, wanted: Sequence[str]
) -> Iterator[tuple[str, schema.Model]]:
    """Give the models asked for, or else the usual ones of all vendors.

    `wanted` has capabilities. What no usual model can do, of these and of the usual pools, others
    from the catalogue will. Of one name the second says in its id whose it is.

    Raises:
        ConfigError: nobody is known to have one that was asked for.

    """
    taken: set[str] = set()
    found = _asked_for(asked_for, entries) if asked_for else _usual(vendors, entries, wanted)
    for name, provider, upstream in found:
        yield _unique(name, provider, taken), schema.Model(provider=provider, model=upstream)


def _usual(
    vendors: Vendors, entries: Entries, wanted: Sequence[str]
) -> Iterator[tuple[str, str, str]]:
    usual = [(id_, name) for id_ in entries for name in vendors[id_].models]
    has = {path for id_, name in usual for path in catalogue.capabilities(id_, name)}
    for node in dict.fromkeys([*wanted, *PREDEFINED_POOLS.values()]):
        if not _covers(node, has):
            usual += _others(node, vendors, entries)
    return ((name, id_, name) for id_, name in dict.fromkeys(usual))


def _others(node: str, vendors: Vendors, entries: Entries) -> Iterator[tuple[str, str]]:
    """Give the catalogue's models for a capability which is not asked for in a chat.

    A vendor without usual models is asked which it has.
    """
    for id_ in entries:
        if vendors[id_].models and endpoint_of([node]) in vendors[id_].translators:
            # First those which nobody is about to withdraw.
            for facts in sorted(catalogue.models_of(id_), key=lambda facts: bool(facts.retires)):
                if _covers(node, facts.capabilities):
                    yield id_, facts.id


def _covers(node: str, paths: Iterable[str]) -> bool:
    return any(TREE.covers(node, path) for path in paths)


def _asked_for(names: Iterable[str], entries: Entries) -> Iterator[tuple[str, str, str]]:
    """Give each name with every provider known to have such a model, and its name there."""
    problems: list[Problem] = []
    for name in dict.fromkeys(names):
        places = list(_places(name, entries))
        yield from ((name, id_, upstream) for id_, upstream in places)
        if not places:
            example = f"{short(next(iter(entries)))}/{name}"
            problems.append(Problem(name, f"which provider has it? write {example} or the like"))
    if problems:
        raise ConfigError(problems, "models")


def _places(name: str, entries: Entries) -> Iterator[tuple[str, str]]:
    """Give each provider that a model's name may mean, and what it is called there."""
    known = [id_ for id_ in entries if catalogue.find(id_, name)]
    prefix, _, rest = name.partition("/")
    prefixed = [id_ for id_ in entries if rest and prefix in (id_, short(id_))]
    if known:
        yield from ((id_, name) for id_ in known)
    elif prefixed:
        yield from ((id_, rest) for id_ in prefixed)
    elif len(entries) == 1:
        yield from ((id_, name) for id_ in entries)


def _unique(name: str, provider: str, taken: set[str]) -> str:
    id_ = f"{short(provider)}/{name}" if name in taken else name
    taken.add(id_)
    return id_


def short(connector: str) -> str:
    return connector.partition(".")[0]


def pools(
    models: Mapping[str, schema.Model], entries: Entries, wanted: Iterable[str]
) -> Iterator[tuple[str, schema.Pool]]:
    """Give a pool for each usual capability that some model has, and for each one `wanted`.

    A provider without a model here is asked for its models later; it is taken to have one for chat.
    """
    has = {
        path
        for model in models.values()
        for path in catalogue.capabilities(model.provider, model.model or "")
    }
    if not set(entries) <= {model.provider for model in models.values()}:
        has.add(CHAT)
    usual = {"chat-completion": CHAT, **PREDEFINED_POOLS}
    names = {node: id_ for id_, node in usual.items()}
    for node in dict.fromkeys([*(node for node in names if _covers(node, has)), *wanted]):
        yield names.get(node) or TREE.alias(node), schema.Pool(capability=node)
