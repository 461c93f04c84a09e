"""From a configuration to live parts: providers, targets, pools. The only place that makes them."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from random import Random
from typing import Any, Final

from attrs import asdict, evolve, frozen

from modelmesh import catalogue
from modelmesh.capabilities import CHAT, TREE, CapabilityTree, meant_by_pool
from modelmesh.config import plugs, schema
from modelmesh.connectors import registry
from modelmesh.errors import ConfigError, Problem
from modelmesh.ledger import configured
from modelmesh.pool import Pool
from modelmesh.state import State
from modelmesh.strategies import Strategy
from modelmesh.types import ModelCard, Provider, Secret, Target

_FEATURES: Final = (
    ("tool_calling", "tools"),
    ("structured_output", "json_schema"),
    ("vision", "vision"),
    ("audio_input", "audio_in"),
    ("audio_output", "audio_out"),
    ("pdf", "pdf"),
    ("reasoning", "reasoning"),
    ("web_search", "web_search"),
)
"""Features as the configuration calls them, and as the catalogue does."""

Found = Mapping[str, Sequence[str]]
"""The models that servers list themselves, by provider."""


@frozen(kw_only=True)
class Parts:
    """What a mesh consists of, by id. `models` has every target, one pool a model."""

    providers: Mapping[str, Provider]
    pools: Mapping[str, Pool]
    models: Mapping[str, Pool]
    tree: CapabilityTree

    @property
    def targets(self) -> list[Target]:
        """Every target that some pool or model leads to; perhaps several times."""
        pools = (*self.pools.values(), *self.models.values())
        return [target for pool in pools for target in pool.targets]


def build(
    config: schema.MeshConfig,
    *,
    state: State,
    rng: Random,
    wall: Callable[[], float],
    found: Found | None = None,
) -> Parts:
    """Make the parts a configuration describes.

    `found` has what servers say they serve; while nobody has asked them (None), a pool may be
    empty if one of theirs might belong to it.

    Raises:
        ConfigError: there are no providers, or a pool has no targets, and every such pool is named.

    """
    tree = TREE.extended(config.capabilities)
    providers = dict(_providers(config))
    targets = list(_targets(config, providers, tree, found or {}))
    granted = configured.of_targets(config, targets)
    settings = config.pools or {"chat-completion": schema.Pool(capability=CHAT)}
    members = {id_: _members(id_, pool, targets, tree) for id_, pool in settings.items()}
    if found is not None or not silent_about_models(config, providers):
        _refuse_empty(members, silent_about_models(config, providers), found or {})
    pool = partial(
        _pool, tree=tree, own=config.connectors, granted=granted, state=state, rng=rng, wall=wall
    )
    named = _by_name(targets) if config.proxy.expose_models else {}
    singles = {id_: one for id_, one in named.items() if id_ not in settings}
    return Parts(
        providers=providers,
        pools={id_: pool(id_, chosen, settings[id_]) for id_, chosen in members.items()},
        models={id_: pool(id_, one, schema.Pool(models=(id_,))) for id_, one in singles.items()},
        tree=tree,
    )


def _pool(
    id_: str,
    chosen: Sequence[Target],
    how: schema.Pool,
    *,
    tree: CapabilityTree,
    own: Mapping[str, str],
    **around: Any,
) -> Pool:
    return Pool(
        id=id_,
        capabilities=_nodes(id_, how, tree),
        targets=[_with_timeouts(target, how.timeouts) for target in chosen],
        settings=how,
        strategy=_strategy(how, own),
        **around,
    )


def _strategy(how: schema.Pool, own: Mapping[str, str]) -> Strategy:
    """Make a pool's strategy, and the one it falls back to, which has no settings of its own."""
    strategy: type[Strategy] = registry.find("strategies", how.strategy, own)
    if not how.fallback_strategy:
        return strategy(how)
    plain = evolve(how, strategy=how.fallback_strategy, fallback_strategy=None, options={})
    return strategy(how, _strategy(plain, own))


def _by_name(targets: Iterable[Target]) -> dict[str, list[Target]]:
    """Return the targets a client means by a model's id, with or without its provider's."""
    named: dict[str, list[Target]] = {}
    for target in targets:
        for name in (target.model, f"{target.provider.id}/{target.model}"):
            named.setdefault(name, []).append(target)
    return named


def silent_about_models(config: schema.MeshConfig, providers: Mapping[str, Provider]) -> list[str]:
    """Return the providers whose models only they themselves can tell."""
    named = {model.provider for model in config.models.values()}
    return [id_ for id_, one in providers.items() if id_ not in named and not one.models]


def _refuse_empty(
    members: Mapping[str, Sequence[Target]], asked: Sequence[str], found: Found
) -> None:
    empty = [id_ for id_, chosen in members.items() if not chosen]
    if empty:
        silent = [id_ for id_ in asked if not found.get(id_)]
        whose = f", and {', '.join(silent)} told of none: is it running?" if silent else ""
        message = f"no model there is fits this pool; see `models` and the pool's filters{whose}"
        raise ConfigError([Problem(f"pools.{id_}", message) for id_ in empty])


def _providers(config: schema.MeshConfig) -> Iterator[tuple[str, Provider]]:
    if not config.providers:
        message = "there are none; name a vendor, such as openai.llm.v1, with its `api_key`"
        raise ConfigError([Problem("providers", message)])
    for id_, entry in config.providers.items():
        if not entry.enabled:
            continue
        try:
            yield id_, plugs.provider(id_, entry, config.connectors)
        except registry.UnknownConnector:
            continue  # a vendor of a later version; loading has warned of it


def _targets(
    config: schema.MeshConfig,
    providers: Mapping[str, Provider],
    tree: CapabilityTree,
    found: Found,
) -> Iterator[Target]:
    """Give a target for each model at each key of its provider."""
    subjects: dict[tuple[str, str | None, Secret], str] = {}
    for id_, model in _models(config, providers, found):
        if (provider := providers.get(model.provider)) is None:
            continue
        entry = config.providers[model.provider]
        upstream = model.model or id_
        card = _card(model, upstream, provider, tree)
        for number, key in enumerate(keys_of(entry), 1):
            further = f"#{number}" if number > 1 else ""
            subject = f"{provider.id}{further}"
            if key:
                # A key is one key, in however many entries it stands.
                place = (provider.connector, entry.base_url, key)
                subject = subjects.setdefault(place, subject)
            else:
                # Where no key is limited, a limit is the model's own.
                subject = f"{provider.id}/{id_}"
            yield Target(
                id=f"{provider.id}/{id_}{further}",
                model=id_,
                upstream=upstream,
                provider=provider,
                key=key,
                key_subject=entry.quota_group or subject,
                per_model=not entry.quota_group and bool(getattr(provider, "per_model", False)),
                space=_space(model, upstream, provider),
                card=card,
                weight=model.weight,
                connect=entry.timeouts.connect,
                first_token=entry.timeouts.first_token,
                idle=entry.timeouts.idle,
                total=entry.timeouts.total or entry.timeout,
            )


def _space(model: schema.Model, upstream: str, provider: Provider) -> str:
    """Name what a model's embeddings can be compared with: a size that is not the usual differs."""
    name = model.embedding_space or upstream.rpartition("/")[2].lower()
    size = model.constraints.dimensions
    facts = catalogue.look_up(provider.connector, upstream) if size else None
    return f"{name} of {size}" if size and not (facts and facts.dims == size) else name


def _models(
    config: schema.MeshConfig, providers: Mapping[str, Provider], found: Found
) -> Iterator[tuple[str, schema.Model]]:
    """Give the models configured, and the usual ones of providers for which none is."""
    yield from config.models.items()
    named = {model.provider for model in config.models.values()}
    for id_, provider in providers.items():
        if id_ not in named:
            for name in provider.models or found.get(id_, ()):
                yield name, schema.Model(provider=id_)


def keys_of(entry: schema.Provider) -> Sequence[Secret | None]:
    """Return a provider's keys, best first; None is one that is not needed."""
    return entry.api_keys or (entry.api_key,)


def _card(
    model: schema.Model, upstream: str, provider: Provider, tree: CapabilityTree
) -> ModelCard:
    """Join what the configuration says of a model with what the catalogue knows."""
    facts = catalogue.look_up(provider.connector, upstream)
    answers = {name: facts.supports(known_as) if facts else None for name, known_as in _FEATURES}
    said = asdict(model.features)
    features = {
        name: answer
        for name in said
        if (answer := answers.get(name) if said[name] is None else said[name]) is not None
    }
    limits = model.constraints
    known = facts.max_input or facts.context if facts else None
    own_price = asdict(model.pricing) if model.pricing else {}
    declared = frozenset(tree.resolve(name) for name in model.capabilities)
    return ModelCard(
        context=limits.max_input_tokens or limits.context_window or known,
        max_output=limits.max_output_tokens or (facts.max_output if facts else None),
        features=features,
        capabilities=declared or catalogue.capabilities(provider.connector, upstream),
        streaming=None if model.delivery.streaming else False,
        price=catalogue.merged(facts.price if facts else None, own_price),
        retirement=catalogue.retirement(provider.connector, upstream),
    )


def _members(
    id_: str, pool: schema.Pool, targets: Iterable[Target], tree: CapabilityTree
) -> list[Target]:
    """Return a pool's targets in the order of preference."""
    nodes = _nodes(id_, pool, tree)
    chosen = [
        target
        for target in targets
        if target.model in pool.models
        or (_serves(target, nodes, tree) and (not pool.providers or _at(target, pool.providers)))
    ]
    chosen = [
        target
        for target in chosen
        if target.model not in pool.exclude_models and not _at(target, pool.exclude_providers)
    ]
    wanted = pool.model_priority or pool.models
    chosen.sort(key=lambda target: _place(target.provider.id, pool.provider_priority))
    chosen.sort(key=lambda target: _place(target.model, wanted))
    return chosen


def _nodes(id_: str, pool: schema.Pool, tree: CapabilityTree) -> list[str]:
    if pool.capability is None:
        return [] if pool.models else [tree.resolve(meant_by_pool(id_))]
    names = [pool.capability] if isinstance(pool.capability, str) else pool.capability
    return [tree.resolve(name) for name in names]


def _serves(target: Target, nodes: Iterable[str], tree: CapabilityTree) -> bool:
    return any(tree.covers(node, has) for node in nodes for has in target.card.capabilities)


def _at(target: Target, providers: Iterable[str]) -> bool:
    return target.provider.id in providers


def _place(name: str, wanted: Sequence[str]) -> int:
    return wanted.index(name) if name in wanted else len(wanted)


def _with_timeouts(target: Target, pool: schema.Timeouts) -> Target:
    """Let the pool's word go before the provider's. Its `total` is for all attempts together."""
    return evolve(
        target,
        connect=pool.connect or target.connect,
        first_token=pool.first_token or target.first_token,
        idle=pool.idle or target.idle,
    )
