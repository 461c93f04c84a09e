"""Reading a configuration: text, secrets, classes, names, and every mistake of all of them.

`load` is what most callers want; `examine` also tells what a person should know of a configuration
that can be used.
"""

import errno
import logging
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path as FilePath
from typing import Any, Final

from attrs import evolve, field, frozen

from modelmesh.config import names, sharing
from modelmesh.config.document import Document, plain
from modelmesh.config.faults import Fault, Invalid, Path, dotted
from modelmesh.config.interpolation import Interpolation
from modelmesh.config.later import warnings
from modelmesh.config.schema import MeshConfig, Secrets
from modelmesh.config.structure import Structure
from modelmesh.connectors import registry
from modelmesh.connectors.own import look_beside
from modelmesh.errors import ConfigError, Problem

Source = str | os.PathLike[str] | Mapping[str, Any] | MeshConfig
"""What a configuration is read from: a file, a mapping, or one that is made already."""

_HINTS: Final = {
    errno.ENOENT: " (in {folder}); name another, or none to use the keys in the environment",
    errno.EISDIR: "; Docker creates a folder if the file to mount does not exist",
}
"""What else is worth saying of a file that cannot be read, by the error of the system."""

_log = logging.getLogger("modelmesh")


@frozen
class Examined:
    """A configuration as far as it could be read, its mistakes, and what else is worth saying.

    `lines` has the line of every path, written as in problems; `document` is what was read, None
    where a program made the configuration itself.
    """

    config: MeshConfig
    source: str
    problems: Sequence[Problem]
    warnings: Sequence[str]
    lines: Mapping[str, int] = field(factory=dict)
    document: Document | None = field(default=None, repr=False)

    def sound(self) -> MeshConfig:
        """Return the configuration. Raises ConfigError if it has mistakes."""
        if self.problems:
            raise ConfigError(self.problems, self.source)
        return self.config

    @contextmanager
    def placing(self) -> Iterator[None]:
        """Say in which file, and where in it, is what turns out later to be a mistake."""
        try:
            yield
        except ConfigError as error:
            problems = [evolve(one, line=self.lines.get(one.path)) for one in error.problems]
            raise ConfigError(problems, self.source) from error


def load(source: Source, *, environ: Mapping[str, str], workers: int | None = None) -> MeshConfig:
    """Return the configuration in a YAML file or a mapping; check one that is made already.

    `workers` goes before the configuration's own.

    Raises:
        ConfigError: with every mistake.

    """
    return told(examine(source, environ=environ, workers=workers))


def told(examined: Examined) -> MeshConfig:
    """Return a configuration, and warn of what is worth saying. Raises ConfigError as `load`."""
    config = examined.sound()
    for warning in examined.warnings:
        _log.warning(warning)
    return config


def examine(source: Source, *, environ: Mapping[str, str], workers: int | None = None) -> Examined:
    """Read a configuration and say all there is to say of it.

    Raises:
        ConfigError: there is nothing to read.

    """
    if isinstance(source, MeshConfig):
        config = sharing.served_by(source, workers)
        faults = [*names.check(config, names.Names.of(config)), *sharing.check(config)]
        problems = [Problem(dotted(fault.path), fault.message) for fault in faults]
        return Examined(config, "configuration", problems, list(warnings(config)))
    if isinstance(source, Mapping):
        return examine_document(plain(source), "configuration", environ, workers)
    look_beside(source)
    return examine_document(read(source), os.fspath(source), environ, workers)


def examine_document(
    document: Document, source: str, environ: Mapping[str, str], workers: int | None
) -> Examined:
    """Fill in the secrets of what was read from a source, and say all there is to say of it."""
    tree = document.tree
    structure = Structure(own_connectors(tree))
    faults = list(document.faults)
    interpolate, store_faults = _interpolation(tree, structure, environ)
    faults += store_faults
    lacking: list[Fault] = []
    if interpolate:
        tree = interpolate(tree)
        interpolate.close()
        lacking = interpolate.faults
        faults += (fault for fault in lacking if not _switched_off(tree, fault.path))
    config, structure_faults = _built(structure, tree)
    faults += _news(structure_faults, [*faults, *lacking])
    config = sharing.served_by(config, workers)
    faults += _news(names.check(config, names.Names.written(tree)), [*faults, *lacking])
    faults += _news(sharing.check(config), faults)
    hide = interpolate.hidden if interpolate else str
    return Examined(
        config,
        source,
        _problems(faults, document, hide),
        [hide(warning) for warning in warnings(config)],
        {dotted(path): line for path, line in document.lines.items()},
        document,
    )


def _switched_off(tree: Any, path: Path) -> bool:
    """Tell whether a place is in a provider that is not used, and may lack its secrets."""
    match path:
        case ("providers", id_, _, *_):
            entry = tree["providers"][id_]
            return isinstance(entry, Mapping) and entry.get("enabled") is False
    return False


def read(source: str | os.PathLike[str]) -> Document:
    """Return what a YAML file says. Raises ConfigError where nobody can read it."""
    from modelmesh.config import yaml_text  # noqa: PLC0415 - only files need YAML

    try:
        return yaml_text.parse(FilePath(source).read_text(encoding="utf-8-sig"))
    except OSError as error:
        hint = _HINTS.get(error.errno or 0, "").format(folder=FilePath(source).absolute().parent)
        message = f"cannot be read: {error.strerror or 'no such file'}{hint}"
    except ValueError:
        message = "cannot be read: it is not UTF-8 text"
    raise ConfigError([Problem("", message)], os.fspath(source))


def own_connectors(tree: Any) -> Mapping[str, str]:
    """Return the user's connectors; those which are no text are found out later."""
    section = tree.get("connectors") if isinstance(tree, Mapping) else None
    own = section if isinstance(section, Mapping) else {}
    return {id_: path for id_, path in own.items() if isinstance(path, str)}


def _interpolation(
    tree: Any, structure: Structure, environ: Mapping[str, str]
) -> tuple[Interpolation | None, list[Fault]]:
    """Open the secret store. None if its section has mistakes, which are found out later."""
    section = tree.get("secrets") if isinstance(tree, Mapping) else None
    try:
        settings = structure(section, Secrets)
    except Invalid:
        return None, []
    found = registry.find("secrets", settings.store, structure.own)
    try:
        return Interpolation(registry.made("secrets", lambda: found(settings, environ))), []
    except ConfigError as error:
        return None, [_placed(problem, error.source) for problem in error.problems]
    except Exception as error:  # noqa: BLE001 - somebody else's store may fail in any way
        return None, [Fault(("secrets", "store"), f"cannot be opened: {error}")]


def _placed(problem: Problem, source: str) -> Fault:
    """Tell a store's mistake at the setting it names; at `path` where it is in the store's file."""
    if problem.path.startswith("secrets.") and not problem.line:
        return Fault(tuple(problem.path.split(".")), problem.message)
    return Fault(("secrets", "path"), f"{source}: {problem}")


def _built(structure: Structure, tree: Any) -> tuple[MeshConfig, list[Fault]]:
    """Make the classes; without the parts that have faults, so that all others can be checked."""
    try:
        return structure(tree, MeshConfig), []
    except Invalid as invalid:
        rest = tree
        for fault in invalid.faults:
            rest = _without(rest, _present(tree, fault.path))
        return _built(structure, rest)[0], invalid.faults


def _present(tree: Any, path: Path) -> Path:
    """Return the part of a path that is there. Something missing makes what lacks it useless."""
    for depth, key in enumerate(path):
        if not isinstance(tree, Mapping) or key not in tree:
            return path[:depth]
        tree = tree[key]
    return path


def _without(tree: Any, path: Path) -> Any:
    """Return the tree without what is at a path; as it is if that is gone already."""
    if not path:
        return None
    key, below = path[0], path[1:]
    if tree is None or key not in tree:
        return tree
    rest = {key: _without(tree[key], below)} if below else {}
    return {name: value for name, value in tree.items() if name != key} | rest


def _news(faults: Iterable[Fault], known: Sequence[Fault]) -> list[Fault]:
    """Leave out what is wrong because of something known to be wrong at its place, or in it."""
    wrong = [fault.path for fault in known]
    return [
        fault
        for fault in faults
        if not any(path[: len(fault.path)] == fault.path for path in wrong)
    ]


def _problems(
    faults: Iterable[Fault], document: Document, hide: Callable[[str], str]
) -> list[Problem]:
    """Give every fault its line, in the order of lines."""
    problems = [
        Problem(dotted(fault.path), hide(fault.message), document.line(fault.path))
        for fault in faults
    ]
    return sorted(problems, key=lambda problem: problem.line or 0)
