"""Finding a connector by its id: a module of ours, an entry point, or `package.module:Class`.

The file name is the registration: `groq.api.v1` is the class `Provider` in `providers/groq.py`,
`modelmesh.env.v1` (short: `env`) the class `SecretStore` in `secrets/env.py`. Nothing is imported
before somebody asks for it.
"""

import importlib
import pkgutil
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib.metadata import EntryPoints, entry_points
from types import MappingProxyType
from typing import Any, Final, Literal, TypeVar

from attrs import frozen

from modelmesh.connectors._shape import lacking, unfit
from modelmesh.connectors.own import NotLoaded, load

T = TypeVar("T")

Kind = Literal["providers", "strategies", "secrets", "storage", "observability", "discovery"]


@frozen
class _Home:
    """Where the connectors of a kind live, and what the class in each of their files is called."""

    package: str
    name: str
    protocol_at: str | None = None

    @property
    def protocol(self) -> type[Any]:
        """What each of them has to be like: a protocol of the same name."""
        module = importlib.import_module(self.protocol_at or self.package)
        protocol: type[Any] = getattr(module, self.name)
        return protocol


_HOMES: Final[Mapping[Kind, _Home]] = MappingProxyType(
    {
        "providers": _Home("modelmesh.connectors.providers", "Provider", "modelmesh.types"),
        "strategies": _Home("modelmesh.strategies", "Strategy"),
        "secrets": _Home("modelmesh.connectors.secrets", "SecretStore"),
        "storage": _Home("modelmesh.connectors.storage", "Storage"),
        "observability": _Home("modelmesh.connectors.observability", "Observer"),
        "discovery": _Home("modelmesh.connectors.discovery", "Discovery"),
    }
)
_VERSION: Final = re.compile(r"\.v\d+$")
_OURS: Final = "modelmesh."


class UnknownConnector(LookupError):  # noqa: N818 - it reads as what it is
    """There is no connector of this kind and id."""


class BrokenConnector(UnknownConnector):
    """There is one, and it cannot be loaded, or be of this kind; the message says why."""


def find(kind: Kind, id_: str, own: Mapping[str, str] = MappingProxyType({})) -> Any:
    """Return the class of a connector.

    `own` has the user's connectors: an id, and `package.module:Class`.

    Raises:
        UnknownConnector: there is none.
        BrokenConnector: it cannot be loaded, or is of another shape.

    """
    if id_ in own or ":" in id_:
        path = own.get(id_, id_)
        return _loaded(kind, path, repr(path))
    for module in _modules(kind, id_):
        found = getattr(importlib.import_module(module), _HOMES[kind].name)
        if id_ in names(found.connector):
            return found
    for point in _entry_points(kind):
        if point.name == id_:
            of = f", which {point.dist.name} has installed," if point.dist else ""
            return _loaded(kind, f"{point.module}:{point.attr}", f"{point.value!r}{of}")
    raise UnknownConnector(f"unknown connector {id_!r}")


def made(kind: Kind, make: Callable[[], T]) -> T:
    """Return a connector that was made; raises ValueError where it is not whole, and as `make`."""
    connector = make()
    wrong = lacking(connector, _HOMES[kind].protocol)
    if wrong:
        raise ValueError(f"cannot be used here: {wrong}")
    return connector


def available(kind: Kind) -> dict[str, Any]:
    """Return the connectors of ours of a kind, by id. Imports all of them."""
    home = _HOMES[kind]
    modules = [importlib.import_module(f"{home.package}.{file}") for file in _files(home.package)]
    classes = [getattr(module, home.name) for module in modules]
    return {found.connector: found for found in classes}


def ids(kind: Kind) -> list[str]:
    """Return the ids of ours of a kind and of those that are installed."""
    return [*available(kind), *(point.name for point in _entry_points(kind))]


def _modules(kind: Kind, id_: str) -> Iterator[str]:
    """Give the modules which may hold a connector of ours, by what files are called."""
    package = _HOMES[kind].package
    # No module's name begins with a digit.
    plain = _VERSION.sub("", id_.removeprefix(_OURS)).replace("1password", "onepassword")
    parts = plain.replace("-", "_").split(".")
    files = _files(package)
    for name in ("_".join(parts), parts[0], parts[-1]):
        if name in files:
            yield f"{package}.{name}"


def _files(package: str) -> tuple[str, ...]:
    return _files_in(tuple(importlib.import_module(package).__path__))


@cache
def _files_in(folders: tuple[str, ...]) -> tuple[str, ...]:
    names = (file.name for file in pkgutil.iter_modules(folders))
    return tuple(name for name in names if not name.startswith("_"))


def _entry_points(kind: Kind) -> EntryPoints:
    return entry_points(group=f"modelmesh.{kind}")


def _loaded(kind: Kind, path: str, named: str) -> Any:
    try:
        found = load(path)
    except NotLoaded as failure:
        raise BrokenConnector(f"{named} cannot be loaded: {failure}") from failure
    wrong = unfit(found, _HOMES[kind].protocol)
    if wrong:
        raise BrokenConnector(f"{named} cannot be used here: {wrong}")
    return found


def names(id_: str) -> tuple[str, str, str]:
    """Return what a connector may be called: its id, and what is left without our name, version."""
    plain = id_.removeprefix(_OURS)
    return id_, plain, _VERSION.sub("", plain)
