"""A source as plain dicts and lists, with the line on which everything stands."""

from collections.abc import Mapping
from typing import Any

from attrs import field, frozen

from modelmesh.config.faults import Fault, Path


@frozen
class Document:
    """What a text says, where, and what is wrong with the text itself."""

    tree: Any
    lines: Mapping[Path, int] = field(factory=dict)
    faults: tuple[Fault, ...] = ()

    def line(self, path: Path) -> int | None:
        """Return the line of a path, or of the nearest part of it that is there."""
        for end in range(len(path), -1, -1):
            if path[:end] in self.lines:
                return self.lines[path[:end]]
        return None


def plain(tree: Any) -> Document:
    """Take what a program made: its mappings and sequences, with nothing but text for keys."""
    faults: list[Fault] = []
    try:
        return Document(_plain(tree, (), faults), faults=tuple(faults))
    except RecursionError:
        return Document(None, faults=(Fault((), "too deeply nested"),))


def _plain(value: Any, path: Path, faults: list[Fault]) -> Any:
    if isinstance(value, Mapping):
        faults += [
            Fault(path, f"a key must be text, not {key!r}") for key in value if type(key) is not str
        ]
        texts = ((key, item) for key, item in value.items() if type(key) is str)
        return {key: _plain(item, (*path, key), faults) for key, item in texts}
    if isinstance(value, list | tuple):
        return [_plain(item, (*path, i), faults) for i, item in enumerate(value)]
    return value
