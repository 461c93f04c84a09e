"""Who is in which pool, and who can never be reached."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

from modelmesh.capabilities import UnknownCapability
from modelmesh.lint.setup import Finding, Setup, answers_at, by_model, finding
from modelmesh.pool import Pool
from modelmesh.shape import endpoint_of
from modelmesh.types import Target

_NEEDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "interaction.tool-calling": "tool_calling",
        "generation.structured-generation.function-call-generation": "tool_calling",
        "generation.structured-generation.json-generation": "structured_output",
        "generation.structured-generation.schema-constrained-output": "structured_output",
        "understanding.vision-understanding.image-captioning": "vision",
    }
)
"""The feature without which a capability is none."""


def model_in_no_pool(setup: Setup) -> Iterator[Finding]:
    """Find models that are written down and that no request can be for."""
    if setup.config.proxy.expose_models:
        return
    pooled = setup.pooled
    outside = {one.model for one in setup.targets if one.id not in pooled}
    for id_ in setup.config.models:
        if id_ not in outside:
            continue
        out = [name for name, pool in setup.config.pools.items() if id_ in pool.exclude_models]
        why = f"excluded from {', '.join(out)}, and in no other pool" if out else "in no pool"
        yield finding(
            ("models", id_),
            f"model {id_!r} is {why}, so no request reaches it",
            "name it under a pool's `models`, or take it out",
        )


def provider_unused(setup: Setup) -> Iterator[Finding]:
    """Find providers none of whose models is used. A server's own models nobody knows yet."""
    if setup.config.proxy.expose_models:
        return
    used = {target.provider.id for pool in setup.pools.values() for target in pool.targets}
    for id_ in setup.parts.plan.providers:
        if id_ not in used and id_ not in setup.parts.plan.silent and not _grows(setup, id_):
            yield finding(
                ("providers", id_),
                f"no pool has a model of provider {id_!r}",
                "give a pool one of its models, set `enabled: false`, or take it out",
            )


def _grows(setup: Setup, provider: str) -> bool:
    """Whether models that a provider is found to have join pools."""
    sync, own = setup.config.discovery.sync, setup.config.providers[provider].discovery
    register = sync.auto_register if own.auto_register is None else own.auto_register
    asked = not sync.providers or provider in sync.providers
    return sync.enabled and own.enabled and asked and register


def never_fits(setup: Setup) -> Iterator[Finding]:
    """Find targets in a pool whose requests they can never serve."""
    for pool in setup.written:
        wanted = setup.endpoints(pool)
        for target in by_model(pool):
            why = _misfit(target, pool, bool(wanted) and not answers_at(target) & wanted, setup)
            if why:
                yield finding(
                    setup.member(pool, target.model),
                    f"{target.id} never serves a request to pool {pool.id!r}: {why}",
                    "take the model out of this pool, or correct its `capabilities`, "
                    "`features` or `delivery`",
                )


def _misfit(target: Target, pool: Pool, elsewhere: bool, setup: Setup) -> str | None:
    if target.card.streaming is False and target.card.whole is False:
        return "its `delivery` allows neither a whole answer nor a stream"
    if elsewhere or not answers_at(target):
        does = ", ".join(sorted(has.rpartition(".")[2] for has in target.card.capabilities))
        at = ", ".join(sorted(answers_at(target)))
        return f"it is for {does or at}, which this pool does not serve"
    leaves = [leaf for node in pool.capabilities for leaf in setup.parts.plan.tree.leaves(node)]
    needs = {_NEEDS.get(leaf) for leaf in leaves}
    if (
        needs
        and None not in needs
        and all(target.card.features.get(n or "") is False for n in needs)
    ):
        return f"it has no {' and no '.join(sorted(filter(None, needs)))}"
    return None


def name_shadowed(setup: Setup) -> Iterator[Finding]:
    """Find names which mean a pool where another meaning is as likely."""
    for pool in setup.written:
        id_, named = pool.id, {target.model for target in pool.targets}
        if setup.config.proxy.expose_models and id_ in setup.config.models and named != {id_}:
            provider = setup.config.models[id_].provider
            yield finding(
                ("pools", id_),
                f"a request for {id_!r} goes to this pool, not to the model of that name",
                f"rename the pool, or request the model as {provider}/{id_}",
            )
        meant = _meant(id_, setup)
        if meant and pool.capabilities and not _kin(meant, pool, setup):
            yield finding(
                ("pools", id_),
                f"its name means the capability {meant}, which this pool does not serve",
                "rename the pool, or give it that capability",
            )


def _meant(name: str, setup: Setup) -> str | None:
    try:
        return setup.parts.plan.tree.resolve(name)
    except UnknownCapability:
        return None


def _kin(node: str, pool: Pool, setup: Setup) -> bool:
    covers = setup.parts.plan.tree.covers
    return any(covers(node, has) or covers(has, node) for has in pool.capabilities)


def capability_without_pool(setup: Setup) -> Iterator[Finding]:
    """Find capabilities which are said to be there, and which nobody can ask for."""
    tree, pools = setup.parts.plan.tree, setup.pools.values()
    for number, path in enumerate(setup.config.capabilities):
        if not any(_kin(path, pool, setup) for pool in pools):
            yield finding(
                ("capabilities", number),
                f"no pool serves the capability {path}",
                f"add a pool with `capability: {path}`, or take it out",
            )
    for id_, model in setup.config.models.items():
        its = [pool for pool in pools if any(one.model == id_ for one in pool.targets)]
        served = {endpoint for pool in its for endpoint in setup.endpoints(pool)}
        if not all(pool.capabilities for pool in its):
            continue  # a pool of named models serves whatever they do
        for number, name in enumerate(model.capabilities):
            if its and endpoint_of([tree.resolve(name)]) not in served:
                yield finding(
                    ("models", id_, "capabilities", number),
                    f"model {id_!r} has {name}, but none of its pools serves that",
                    f"add a pool with `capability: {name}`, or take it out",
                )
