"""Whether a class can be a connector of its kind, by the protocol of that kind."""

import inspect
from collections.abc import Callable, Iterator
from types import FunctionType
from typing import Any, ClassVar, Final, get_origin

import attrs

_SPECIAL: Final = ("__call__",)


def unfit(found: Any, protocol: type[Any]) -> str:
    """Say what keeps a class from being what a protocol asks for; nothing where it is that."""
    if not isinstance(found, type):
        return "it is no class"
    return "; ".join(_complaints(found, protocol))


def lacking(made: Any, protocol: type[Any]) -> str:
    """Say what a connector has to have once it is made, and has not; nothing where it has all."""
    asked = [name for name, one in vars(protocol).items() if isinstance(one, property)]
    asked += inspect.get_annotations(protocol)
    return "; ".join(f"it has no `{name}`" for name in asked if not hasattr(made, name))


def _complaints(found: type[Any], protocol: type[Any]) -> Iterator[str]:
    for name, kind in inspect.get_annotations(protocol).items():
        of_class = get_origin(kind) is ClassVar  # type: ignore[comparison-overlap] # mypy knows better
        if of_class and not hasattr(found, name):
            yield f"it has no `{name}`"
    for name, asked in vars(protocol).items():
        if isinstance(asked, FunctionType) and (name[0] != "_" or name in _SPECIAL):
            yield from _of_method(found, name, asked)
    if not _takes(found, _parameters(protocol.__init__)):
        yield f"it is made with ({_written(protocol.__init__)}), which it does not take"
    options = getattr(found, "Options", None)
    if options is not None and not (isinstance(options, type) and attrs.has(options)):
        yield "its `Options` is no attrs class"


def _of_method(found: type[Any], name: str, asked: Callable[..., Any]) -> Iterator[str]:
    own = next((vars(one)[name] for one in found.__mro__ if name in vars(one)), None)
    if own is None:
        yield f"it has no method `{name}({_written(asked)})`"
        return
    if not isinstance(own, FunctionType):
        return  # whatever it is, only calling it can tell
    awaited = inspect.iscoroutinefunction(asked)
    if not awaited and (inspect.iscoroutinefunction(own) or inspect.isasyncgenfunction(own)):
        yield f"its `{name}` is async, and may not be"
    if not _takes(own, [None, *_parameters(asked)]):
        yield f"its `{name}` is called with ({_written(asked)}), which it does not take"


def _parameters(function: Callable[..., Any]) -> list[inspect.Parameter]:
    """Return what a method is always called with."""
    _, *asked = inspect.signature(function).parameters.values()
    return [one for one in asked if one.default is one.empty]


def _takes(function: Callable[..., Any], asked: list[Any]) -> bool:
    """Whether a function can be called so: by place, but for what is told by name only."""
    named = [one for one in asked if one and one.kind is inspect.Parameter.KEYWORD_ONLY]
    placed = [one for one in asked if one not in named]
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # it does not tell
        return True
    try:
        signature.bind(*placed, **{one.name: one for one in named})
    except TypeError:
        return False
    return True


def _written(function: Callable[..., Any]) -> str:
    """Write what a method is called with, without types."""
    empty = inspect.Parameter.empty
    plain = [one.replace(annotation=empty) for one in _parameters(function)]
    return str(inspect.Signature(plain))[1:-1].removesuffix(", /")
