"""Models that stand together and do not go together, and models that end."""

from collections.abc import Iterator
from typing import Final

from modelmesh import catalogue
from modelmesh.connectors import registry
from modelmesh.lint.setup import Finding, Setup, answers_at, by_model, finding
from modelmesh.notices import ending, retiring
from modelmesh.pool import Pool
from modelmesh.types import Target

_IN_ORDER: Final = ("modelmesh.stick-until-failure.v1", "modelmesh.priority-selection.v1")
"""The strategies which have an order of preference: what comes later is there for failures."""


def smaller_window(setup: Setup) -> Iterator[Finding]:
    """Find targets which may be too small for what those before them would have taken."""
    for pool in setup.written:
        if not _in_order(pool):
            continue
        chat = [one for one in by_model(pool) if "chat" in answers_at(one) and one.card.context]
        largest = max(chat, key=_window, default=None)
        behind = chat[chat.index(largest) + 1 :] if largest else []
        smaller = [one for one in behind if largest and _window(one) < _window(largest)]
        if smaller and largest:
            told = ", ".join(f"{one.id} ({_window(one):,})" for one in smaller)
            yield finding(
                setup.member(pool, smaller[0].model),
                f"pool {pool.id!r} falls back from {largest.id} ({_window(largest):,} tokens) to"
                f" smaller windows: {told}; a prompt that fits the first may be too long for "
                "the others",
                f"add a fallback of {_window(largest):,} tokens or more, or keep prompts shorter",
            )


def _in_order(pool: Pool) -> bool:
    return any(pool.settings.strategy in registry.names(known) for known in _IN_ORDER)


def _window(target: Target) -> int:
    return target.card.context or 0


def mixed_spaces(setup: Setup) -> Iterator[Finding]:
    """Find models in a pool whose embeddings compare to nothing the pool's first one makes."""
    for pool in setup.written:
        embedding = _embedding(pool)
        others = [one for one in embedding if one.space != embedding[0].space]
        if others and not pool.settings.mix_embeddings:
            yield finding(
                setup.member(pool, others[0].model),
                f"embeddings of {_ids(others)} cannot be compared with those of {embedding[0].id},"
                f" so pool {pool.id!r} never uses them",
                "give them their own pool; if they are compatible, set the same `embedding_space`",
            )


def mixed_dimensions(setup: Setup) -> Iterator[Finding]:
    """Find pools which answer now with vectors of one length, now with those of another."""
    for pool in setup.written:
        if not pool.settings.mix_embeddings:
            continue
        sizes = {one.id: size for one in _embedding(pool) if (size := _dimensions(one, setup))}
        if len(set(sizes.values())) > 1:
            told = ", ".join(f"{id_} {size}" for id_, size in sizes.items())
            yield finding(
                ("pools", pool.id, "mix_embeddings"),
                f"the embeddings of pool {pool.id!r} differ in length: {told}",
                "use models of one length in a pool, or send `dimensions` with every request",
            )


def _embedding(pool: Pool) -> list[Target]:
    return [one for one in by_model(pool) if answers_at(one) == {"embeddings"}]


def _dimensions(target: Target, setup: Setup) -> int | None:
    model = setup.config.models.get(target.model)
    facts = catalogue.look_up(target.provider.connector, target.upstream)
    return (model and model.constraints.dimensions) or (facts.dims if facts else None)


def _ids(targets: list[Target]) -> str:
    return ", ".join(one.id for one in targets)


def retired(setup: Setup) -> Iterator[Finding]:
    """Find models which their vendors have withdrawn."""
    return (one for days, one in _endings(setup) if days <= 0)


def retires_soon(setup: Setup) -> Iterator[Finding]:
    """Find models which their vendors are about to withdraw."""
    return (one for days, one in _endings(setup) if days > 0)


def _endings(setup: Setup) -> Iterator[tuple[int, Finding]]:
    for target, end, days in retiring(setup.parts.targets, wall=setup.wall):
        successor = f"switch to {end.successor}" if end.successor else "switch to another model"
        known = target.model in setup.config.models
        path = ("models", target.model) if known else ("providers", target.provider.id)
        yield days, finding(path, ending(target, end, days), successor)
