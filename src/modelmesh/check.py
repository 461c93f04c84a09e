"""Checking a configuration without starting anything: `modelmesh check FILE`."""

import os
from collections.abc import Iterable, Iterator, Mapping

from attrs import evolve

from modelmesh.build import Parts, build
from modelmesh.clock import SystemClock, system_rng
from modelmesh.config.load import Examined, examine
from modelmesh.errors import ConfigError
from modelmesh.keeper import Keeper
from modelmesh.notices import notices
from modelmesh.observers import members
from modelmesh.state import State

_OK, _MISTAKES = 0, 1


def check(
    path: str | os.PathLike[str],
    environ: Mapping[str, str],
    workers: int | None = None,
    *,
    wall: float,
) -> tuple[int, str]:
    """Return the exit code and what to print: what the file sets up, or all its mistakes.

    `workers` goes before the number in the file; `wall` is the time of day, in seconds since 1970.
    """
    try:
        examined = examine(path, environ=environ, workers=workers)
        config = examined.sound()
    except ConfigError as error:
        return _MISTAKES, str(error)
    try:
        state = State()
        parts = build(config, state=state, rng=system_rng(), wall=lambda: wall)
        # Nothing is opened before it is used.
        Keeper.of(config, state, SystemClock())
        members(config)
    except ConfigError as error:
        problems = [evolve(one, line=examined.lines.get(one.path)) for one in error.problems]
        told = ConfigError(problems, examined.source)
        return _MISTAKES, "\n".join([str(told), *_noted(examined.warnings)])
    known = notices(config, parts.targets, wall=wall)
    return _OK, "\n".join([*_summary(examined, parts), *_noted([*examined.warnings, *known])])


def _summary(examined: Examined, parts: Parts) -> Iterator[str]:
    yield f"{examined.source}: no mistakes"
    yield f"  providers: {', '.join(examined.config.providers) or 'none'}"
    for id_, pool in parts.pools.items():
        targets = [target.id for target in pool.targets]
        yield f"  pool {id_}: {', '.join(targets) or 'models that servers name when asked'}"


def _noted(warnings: Iterable[str]) -> Iterator[str]:
    return (f"  note: {warning}" for warning in warnings)
