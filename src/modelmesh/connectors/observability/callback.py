"""Tells a function of yours: `function: package.module:function`.

It is called with each event, on the event loop, and returns at once: a request waits for it. In
Python, `mesh.audience.join(function)` does the same with no configuration, and with events as they
are: with the words of clients in them.
"""

import inspect
from typing import TYPE_CHECKING, Any, ClassVar

from attrs import field, frozen

from modelmesh.config import schema
from modelmesh.connectors.own import NotLoaded, load
from modelmesh.events import Event

if TYPE_CHECKING:
    from attrs import Attribute


def _is_function(_: object, attribute: "Attribute[Any]", path: str) -> None:
    if not all(path.partition(":")):
        raise ValueError(f"{attribute.name} must be like package.module:function, not {path!r}")
    try:
        found = load(path)
    except NotLoaded as failure:
        raise ValueError(f"{attribute.name} {path!r} cannot be loaded: {failure}") from None
    if not callable(found) or inspect.iscoroutinefunction(found):
        raise ValueError(f"{attribute.name} {path!r} must be a function that is not async")


@frozen
class Options:
    """The observer's own settings."""

    # The function, as package.module:function.
    function: str = field(validator=_is_function)


class Observer:
    connector: ClassVar = "modelmesh.callback.v1"
    Options: ClassVar = Options

    def __init__(self, settings: schema.Observer) -> None:
        """Take `function`."""
        self._function = load(Options(**settings.options).function)

    def __call__(self, event: Event) -> None:
        self._function(event)
