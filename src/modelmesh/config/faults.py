"""What is wrong at which place, before anybody knows the line."""

import difflib
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any

from attrs import frozen

Path = tuple[str | int, ...]


@frozen
class Fault:
    path: Path
    message: str

    def under(self, path: Path) -> "Fault":
        return Fault((*path, *self.path), self.message)


class Invalid(Exception):  # noqa: N818 - it reads as what it is
    """A value cannot be used, for all these reasons; their paths begin at the value."""

    def __init__(self, *faults: Fault | str) -> None:
        super().__init__()
        self.faults = [Fault((), fault) if isinstance(fault, str) else fault for fault in faults]


def gather(parts: Iterable[tuple[Path, Callable[[], Any]]]) -> list[Any]:
    """Run each part, and only after the last one raise what was wrong with any of them.

    Raises:
        Invalid: with the faults of all parts, each under its part's path.

    """
    values: list[Any] = []
    faults: list[Fault] = []
    for path, part in parts:
        try:
            values.append(part())
        except Invalid as invalid:
            faults += [fault.under(path) for fault in invalid.faults]
    if faults:
        raise Invalid(*faults)
    return values


def dotted(path: Path) -> str:
    """Write a path as people do: `pools.chat.models[0]`."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")


def unknown(
    kind: str,
    name: str,
    known: Iterable[str],
    short: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """Say that a name means nothing, and which one may have been meant.

    `short` has names by which the known ones are also called.
    """
    names = {one: one for one in known}
    words = f"unknown {kind} {name!r}"
    near = difflib.get_close_matches(name, [*names, *short], n=1)
    if near:
        return f"{words}; did you mean {(dict(short) | names)[near[0]]!r}?"
    return (
        f"{words}; there are: {', '.join(sorted(names))}" if names else f"{words}; there are none"
    )
