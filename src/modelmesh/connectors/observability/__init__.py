"""Who is told of events, one file each, with a class `Observer` as described here."""

from typing import ClassVar, Protocol

from modelmesh.config import schema
from modelmesh.connectors.observability._records import Level, record
from modelmesh.connectors.observability._sentences import Entry
from modelmesh.events import Event

__all__ = ["Entry", "Level", "Observer", "record"]


class Observer(Protocol):
    """Is told of events. What it raises is told to the log, and troubles nobody else.

    One with settings of its own has an attrs class `Options`; they are in `settings.options`.
    It may have `async def start(self) -> None`, which is awaited before the first event, and
    `async def close(self) -> None`, awaited after the last one and for a few seconds at most. With
    `everything: ClassVar = True` it is told of all events, whichever section names it; else of
    those of its section. `meet(mesh)` gives it the mesh before it starts, and `marks(request)` asks
    it for the headers that vendors are sent.

    An event holds no key, and of prompts and answers only what `settings.content` allows. With
    `counts: ClassVar = True` it is told events as they are, at less cost, for it passes on nothing
    that was said; all sections that name it share one. Where it loses events, `lost: int` tells how
    many by now.
    """

    connector: ClassVar[str]  # the id by which configurations name it

    def __init__(self, settings: schema.Observer) -> None:
        """Take the settings. Nothing is opened before `start`.

        Raises:
            ConfigError: a setting is missing, or the library which it needs.

        """
        ...

    def __call__(self, event: Event) -> None:
        """Take an event in, and return at once: a request waits for it."""
        ...
