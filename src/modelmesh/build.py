"""From a configuration to live parts: pools of targets. The only place that makes them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from random import Random
from typing import Any

from attrs import evolve, frozen

from modelmesh.capabilities import CHAT, CapabilityTree, meant_by_pool
from modelmesh.config import schema
from modelmesh.connectors import registry
from modelmesh.errors import ConfigError, Problem
from modelmesh.plan import Found, Plan, plan
from modelmesh.pool import Pool
from modelmesh.state import State
from modelmesh.strategies import Strategy
from modelmesh.types import Target


@frozen(kw_only=True)
class Parts:
    """What a mesh consists of, by id. `models` has every target, one pool a model."""

    plan: Plan
    state: State
    pools: Mapping[str, Pool]
    models: Mapping[str, Pool]

    @property
    def targets(self) -> list[Target]:
        """Every target that some pool or model leads to; perhaps several times."""
        return [target for pool in self.every_pool for target in pool.targets]

    @property
    def every_pool(self) -> tuple[Pool, ...]:
        return (*self.pools.values(), *self.models.values())


def build(
    config: schema.MeshConfig,
    *,
    state: State,
    rng: Random,
    wall: Callable[[], float],
    found: Found | None = None,
    before: Parts | None = None,
) -> Parts:
    """Make the parts a configuration describes.

    `found` has what servers say they serve; while nobody has asked them (None), a pool may be
    empty if one of theirs might belong to it. What is as it was `before` goes on, with all that is
    remembered of it; what is remembered of anything else is not in the new parts' state.

    Raises:
        ConfigError: there are no providers, or a pool has no targets, and every such pool is named.

    """
    laid = plan(config, found or {})
    settings = config.pools or {"chat-completion": schema.Pool(capability=CHAT)}
    members = {id_: _members(id_, how, laid.targets, laid.tree) for id_, how in settings.items()}
    if found is not None or not laid.silent:
        _refuse_empty(members, laid, found or {})
    named = _by_name(laid.targets) if config.proxy.expose_models else {}
    singles = {id_: one for id_, one in named.items() if id_ not in settings}
    if before:
        state = state.of(laid.unchanged(before.plan), [*settings, *singles])
    pool = partial(_pool, plan=laid, state=state, rng=rng, wall=wall, before=before)
    return Parts(
        plan=laid,
        state=state,
        pools={id_: pool(id_, chosen, settings[id_]) for id_, chosen in members.items()},
        models={id_: pool(id_, one, schema.Pool(models=(id_,))) for id_, one in singles.items()},
    )


def _pool(
    id_: str,
    chosen: Sequence[Target],
    how: schema.Pool,
    *,
    plan: Plan,
    before: Parts | None,
    **around: Any,
) -> Pool:
    """Make a pool, or go on with the one there was where nothing about it is new."""
    made = Pool(
        id=id_,
        capabilities=_nodes(id_, how, plan.tree),
        targets=[_with_timeouts(target, how.timeouts) for target in chosen],
        settings=how,
        strategy=_strategy(how, plan.config.connectors),
        granted=plan.granted,
        **around,
    )
    known = before and (before.pools.get(id_) or before.models.get(id_))
    if before and known:
        if _is_as_before(known, made, plan, before.plan):
            return known
        made.follow(known)
    return made


def _is_as_before(pool: Pool, made: Pool, plan: Plan, before: Plan) -> bool:
    return (
        (pool.settings, pool.capabilities) == (made.settings, made.capabilities)
        and plan.config.connectors == before.config.connectors
        and len(pool.targets) == len(made.targets)
        and all(
            plan.is_as_before(one, other, before)
            for one, other in zip(made.targets, pool.targets, strict=True)
        )
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


def _refuse_empty(members: Mapping[str, Sequence[Target]], plan: Plan, found: Found) -> None:
    empty = [id_ for id_, chosen in members.items() if not chosen]
    if empty:
        silent = [id_ for id_ in plan.silent if not found.get(id_)]
        whose = f", and {', '.join(silent)} listed none: is it running?" if silent else ""
        off = [id_ for id_, entry in plan.config.providers.items() if not entry.enabled]
        whose += f", and {', '.join(off)} is switched off (`enabled`)" if off else ""
        message = f"no model fits this pool; check its `models` and filters{whose}"
        raise ConfigError([Problem(f"pools.{id_}", message) for id_ in empty])


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
