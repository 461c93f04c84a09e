"""What a discovery sees of a mesh, where there is no mesh: vendors that a test makes up."""

import asyncio
from collections.abc import Mapping, Sequence
from random import Random
from typing import TYPE_CHECKING, Any, Final

from modelmesh.config import schema
from modelmesh.errors import ErrorKind, ProviderError
from modelmesh.events import Event
from modelmesh.testing.clock import FakeClock

if TYPE_CHECKING:
    from modelmesh.clock import Clock

_MOST: Final = 20_000
"""Questions and reports of one run; who has more does not wait in between."""


class Restless(BaseException):
    """A discovery asks on and on and lets no time pass. Nothing it catches keeps it going."""


class FakeView:
    """A view of made-up vendors: each has the models it lists, or a kind of failure.

    Attributes:
        models: what is at each vendor; tests may change it between two rounds.
        closed: vendors which are not to be asked.
        asked: what was asked of whom, in order, such as `("list_models", "a")`.
        registered: by vendor, the names last found with `register`.
        seen: by vendor, the names last found.
        away: by vendor, why it is left alone.
        told: the events.
        rng: chance that is the same in every run.

    """

    def __init__(self, models: Mapping[str, Sequence[str] | ErrorKind]) -> None:
        self.models = dict(models)
        self.closed: set[str] = set()
        self.clock: Clock = FakeClock(now=1000.0)  # a `FakeClock`
        self.rng = Random(1)  # noqa: S311 - every run of a test is to be the same
        self.asked: list[tuple[str, str]] = []
        self.registered: dict[str, list[str]] = {}
        self.seen: dict[str, list[str]] = {}
        self.away: dict[str, ErrorKind] = {}
        self.told: list[Event] = []
        self._left = _MOST

    @property
    def providers(self) -> Mapping[str, schema.Provider]:
        """A provider for each vendor."""
        self._count()
        return {id_: schema.Provider(connector="openai-compatible") for id_ in self.models}

    def may_ask(self, provider: str) -> bool:
        """Whether there is such a vendor, and it is not closed."""
        self._count()
        return provider in self.models and provider not in self.closed

    async def list_models(self, provider: str) -> list[str]:
        """Return the models of a vendor, or raise its failure as a ProviderError."""
        said = await self._ask("list_models", provider)
        if isinstance(said, ErrorKind):
            raise ProviderError(said, f"{provider} fails, as it was made to: {said}")
        return list(said)

    async def probe(self, provider: str, timeout: float) -> ErrorKind | None:  # noqa: ASYNC109, ARG002 - as a View has it
        """Return how a vendor fails; None where it answers."""
        said = await self._ask("probe", provider)
        return said if isinstance(said, ErrorKind) else None

    def found(self, provider: str, names: Sequence[str], *, register: bool) -> None:
        """Note what was found, in `seen` and `registered`."""
        self._known(provider)
        if names:
            self.seen[provider] = list(names)
            if register:
                self.registered[provider] = list(names)

    def lost(self, provider: str, cause: ErrorKind, seconds: float) -> None:
        """Note in `away` that a vendor is left alone."""
        self._known(provider)
        assert seconds > 0, f"{provider} is left alone for {seconds} seconds"
        self.away[provider] = cause

    def back(self, provider: str) -> None:
        """Note that it is not any more."""
        self._known(provider)
        self.away.pop(provider, None)

    def tell(self, event: Event) -> None:
        """Note an event in `told`."""
        self._count()
        self.told.append(event)

    async def run(self, discovery: Any, seconds: float) -> None:
        """Run a discovery for so many seconds of the clock. Raises what ends it before."""
        try:
            with self.clock.timer().until(self.clock.now() + seconds):
                await discovery.run(self)
        except TimeoutError:
            return
        raise AssertionError("it ended by itself; it is to go on until it is cancelled")

    async def _ask(self, how: str, provider: str) -> Sequence[str] | ErrorKind:
        self._known(provider)
        self.asked.append((how, provider))
        await asyncio.sleep(0)
        return self.models.get(provider, ErrorKind.UNREACHABLE)

    def _known(self, provider: str) -> None:
        self._count()
        assert provider in self.models, f"there is no provider {provider!r}"

    def _count(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise Restless("it asks on and on, and lets no time pass")
