"""What differs between two configurations, and which of it has to wait for a restart."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from attrs import evolve, fields, has

from modelmesh.config.faults import Path, dotted
from modelmesh.config.schema import MeshConfig
from modelmesh.config.sharing import outlives, storage_of
from modelmesh.errors import ConfigError, Problem

_FIXED: Final = ("storage", "transport")
_FIXED_OF_PROXY: Final = ("host", "port", "workers", "front")
"""Sections and settings that a process cannot change while it serves."""


def changes(before: MeshConfig, after: MeshConfig) -> list[str]:
    """Return the paths of everything that is not as it was."""
    return [dotted(path) for path in _differences(before, after, ())]


def settled(before: MeshConfig, after: MeshConfig) -> MeshConfig:
    """Return a configuration as a process that serves by another one can take it over.

    Raises:
        ConfigError: it sets limits that several processes could not keep together.

    """
    kept = {name: getattr(before, name) for name in _FIXED}
    kept_of_proxy = {name: getattr(before.proxy, name) for name in _FIXED_OF_PROXY}
    taken = evolve(after, proxy=evolve(after.proxy, **kept_of_proxy), **kept)
    if before.proxy.workers > 1 and _counts_alone(before) and not _counts_alone(taken):
        message = (
            f"{before.proxy.workers} workers count separately, and cannot share the new "
            "limits; restart the server"
        )
        raise ConfigError([Problem("storage", message)])
    return taken


def pending(after: MeshConfig, taken: MeshConfig, before: MeshConfig) -> list[str]:
    """Return the paths of what only a restart brings."""
    waiting = changes(taken, after)
    if not waiting and storage_of(taken) != storage_of(before):
        waiting.append("storage")
    return waiting


def _counts_alone(config: MeshConfig) -> bool:
    return not outlives(storage_of(config))


def _differences(before: Any, after: Any, path: Path) -> Iterator[Path]:
    if before == after:
        return
    if has(type(after)) and type(before) is type(after):
        for field in fields(type(after)):
            pair = getattr(before, field.name), getattr(after, field.name)
            yield from _differences(*pair, (*path, field.name))
    elif isinstance(before, Mapping) and isinstance(after, Mapping):
        for name in dict.fromkeys([*before, *after]):
            if name in before and name in after:
                yield from _differences(before[name], after[name], (*path, name))
            else:
                yield (*path, name)
    else:
        yield path
