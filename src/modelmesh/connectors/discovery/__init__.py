"""What is found out while running, one file each, with a class `Discovery` as described here."""

from collections.abc import Mapping, Sequence
from random import Random
from typing import ClassVar, Final, Protocol

from modelmesh.clock import Clock
from modelmesh.config import schema
from modelmesh.errors import ErrorKind
from modelmesh.events import Event

_SPREAD: Final = 5.0
"""Seconds within which processes that start together begin to ask."""


class View(Protocol):
    """What a discovery sees of a mesh, and may do there. It is up to date after a reload, too."""

    clock: Clock  # the mesh's
    rng: Random  # the mesh's chance

    @property
    def providers(self) -> Mapping[str, schema.Provider]:
        """What the configuration says of those that are enabled."""
        ...

    def may_ask(self, provider: str) -> bool:
        """Whether a vendor has a list of models, and is in no maintenance now."""
        ...

    async def list_models(self, provider: str) -> list[str]:
        """Return what a vendor lists, by its own names; nothing where there is no list.

        It costs nothing, and takes a few seconds at most.

        Raises:
            ProviderError: the vendor does not answer, or with something else.

        """
        ...

    def found(self, provider: str, names: Sequence[str], *, register: bool) -> None:
        """Take in all the models that are at a provider now, by the vendor's names.

        What is new since the last time, and what is gone, is told as events. With `register` those
        that the configuration does not name join the pools they fit, in place of those that joined
        before. No names at all change nothing.
        """
        ...

    async def probe(self, provider: str, timeout: float) -> ErrorKind | None:  # noqa: ASYNC109 - vendors are waited for by the mesh's clock
        """Ask whether a vendor is there; return how it failed, None where it answered.

        It is an answer, too, that there is no list, or that it is not for everybody. It costs
        nothing. A key that is refused is left alone, and comes back with an answer.
        """
        ...

    def lost(self, provider: str, cause: ErrorKind, seconds: float) -> None:
        """Leave a provider alone for so many seconds."""
        ...

    def back(self, provider: str) -> None:
        """Ask a provider again, and its targets, unless their vendor said for how long not to."""
        ...

    def tell(self, event: Event) -> None:
        """Tell those who want to know what changes."""
        ...


class Discovery(Protocol):
    """Finds something out beside requests, for as long as a mesh is there.

    One with settings of its own has an attrs class `Options`; they are in `settings.options`.
    """

    connector: ClassVar[str]  # the id by which configurations name it

    def __init__(self, settings: schema.DiscoverySync | schema.DiscoveryHealth) -> None:
        """Take the settings of the section that names it.

        Raises:
            ConfigError: a setting is missing, or the library which it needs.

        """
        ...

    async def run(self, view: View) -> None:
        """Go on until it is cancelled. What it raises is told to the log; it is run again then."""
        ...


def begin(rng: Random, interval: float) -> float:
    """Return the seconds to wait first, so that several processes do not ask all at once."""
    return rng.uniform(0, min(interval, _SPREAD))
