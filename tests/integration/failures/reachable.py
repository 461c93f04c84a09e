"""Everything that can be reached from an object, and all that it shows of itself."""

import pickle
from collections import deque
from collections.abc import Iterable, Mapping
from functools import partial
from types import FunctionType, MethodType
from typing import Any

from modelmesh.types import Secret


def inside(value: Any) -> Iterable[Any]:
    """Give what an object holds. What is in a secret is what nobody sees."""
    match value:
        case Secret():
            return
        case Mapping():
            yield from [*value.keys(), *value.values()]
        case list() | tuple() | set() | frozenset() | deque():
            yield from value
        case partial():
            yield from (value.func, value.args, value.keywords)
        case MethodType():
            yield value.__self__
        case FunctionType():
            yield from [cell.cell_contents for cell in value.__closure__ or ()]
        case BaseException():
            yield from (value.args, value.__cause__, value.__context__)
    if is_ours(value):
        yield getattr(value, "__dict__", {})
        names = [name for kind in type(value).__mro__ for name in getattr(kind, "__slots__", ())]
        yield [getattr(value, name) for name in names if hasattr(value, name)]


def is_ours(value: Any) -> bool:
    return type(value).__module__.partition(".")[0] == "modelmesh"


def reachable(*roots: Any) -> list[Any]:
    """Return everything that can be reached, each once."""
    seen: dict[int, Any] = {}
    waiting = list(roots)
    while waiting:
        value = waiting.pop()
        if id(value) not in seen:
            seen[id(value)] = value
            waiting += inside(value)
    return list(seen.values())


def shown(value: Any) -> str:
    """Return all that an object shows of itself, pickled too where it lets itself be."""
    try:
        written = pickle.dumps(value).decode("latin-1")
    except Exception:  # noqa: BLE001 - whatever cannot be written down shows nothing
        written = ""
    return f"{value!r} {value!s} {written}"
