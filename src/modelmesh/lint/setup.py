"""What rules look at, and what they say."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from attrs import fields, frozen, has

from modelmesh.build import Parts
from modelmesh.config import schema
from modelmesh.config.faults import Path, dotted
from modelmesh.pool import Pool
from modelmesh.shape import Shape, endpoint_of, misfit
from modelmesh.types import Endpoint, Target


@frozen(kw_only=True)
class Finding:
    """One thing that is hardly meant so.

    Attributes:
        code: names the rule, the same in every version.
        path: where, as in problems: `pools.chat.models[0]`.
        line: of the file; None where there is no file, or nothing of it is to blame.
        message: what is wrong.
        advice: what to do.

    """

    path: str
    message: str
    advice: str
    code: str = ""
    line: int | None = None


def finding(path: Path, message: str, advice: str) -> Finding:
    """Say what is wrong at a place, and what to do; the table adds code and line."""
    return Finding(path=dotted(path), message=message, advice=advice)


@frozen(kw_only=True)
class Stored:
    """What a secret store has, and what of it the configuration asks for."""

    where: str
    names: frozenset[str] = frozenset()
    asked: frozenset[str] = frozenset()


@frozen(kw_only=True)
class Setup:
    """A configuration without mistakes, and what was made of it.

    Attributes:
        wall: the time of day, in seconds since 1970.
        stored: None where the secret store does not tell what it has.

    """

    config: schema.MeshConfig
    parts: Parts
    wall: float
    stored: Stored | None = None

    @property
    def pools(self) -> Mapping[str, Pool]:
        return self.parts.pools

    @property
    def written(self) -> Sequence[Pool]:
        """The pools which somebody wrote, and not the one there is where nobody wrote any."""
        return [pool for id_, pool in self.pools.items() if id_ in self.config.pools]

    @property
    def targets(self) -> Sequence[Target]:
        """Every target there is, whether some pool has it or not."""
        return self.parts.plan.targets

    @property
    def pooled(self) -> set[str]:
        """The ids of the targets which some pool has."""
        return {target.id for pool in self.pools.values() for target in pool.targets}

    def endpoints(self, pool: Pool) -> set[Endpoint]:
        """Return where a pool's capabilities are asked for; nothing where it names none."""
        tree = self.parts.plan.tree
        return {endpoint_of([leaf]) for node in pool.capabilities for leaf in tree.leaves(node)}

    def member(self, pool: Pool, model: str) -> Path:
        """Return where a pool names a model, or else the pool."""
        named = pool.settings.models
        path: Path = ("pools", pool.id)
        return (*path, "models", named.index(model)) if model in named else path


def answers_at(target: Target) -> set[Endpoint]:
    """Return where a target can be asked, going by its vendor and by what its model does."""
    return {
        endpoint
        for endpoint in target.provider.endpoints
        for stream in (False, True)
        if not misfit(Shape(stream=stream, endpoint=endpoint), target.card)
    }


def by_model(pool: Pool) -> list[Target]:
    """Return a pool's targets in order, of each model at a provider the first."""
    models = {(one.provider.id, one.model): one for one in reversed(pool.targets)}
    return [one for one in pool.targets if models[one.provider.id, one.model] is one]


def parts_of(part: Any, place: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Give every section of a configuration and all below it, with its path."""
    yield place, part
    for each in fields(type(part)):
        value, path = getattr(part, each.name), (*place, each.name)
        if has(type(value)):
            yield from parts_of(value, path)
        elif isinstance(value, Mapping):
            for name, entry in value.items():
                if has(type(entry)):
                    yield from parts_of(entry, (*path, name))
