"""Who is told of what, as the configuration says: from its sections to members of the audience."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, Protocol, Self

from attrs import define, field

from modelmesh.audience import Audience, telling
from modelmesh.clock import Clock
from modelmesh.config import plugs, schema
from modelmesh.connectors import registry
from modelmesh.connectors.observability import Observer
from modelmesh.events import Event, RequestBegan, RequestEnded, StatisticsTaken
from modelmesh.report import report
from modelmesh.shown import Shown, keys_in

log: Final = logging.getLogger("modelmesh")

_NOBODY: Final = registry.names("modelmesh.null.v1")
_SECTIONS: Final = ("routing", "logging", "statistics")
_SECTION_OF: Final[Mapping[type[Event], str]] = {
    RequestBegan: "logging",
    RequestEnded: "logging",
    StatisticsTaken: "statistics",
}
"""Where an event belongs; any other one to routing."""

_PATIENCE: Final = 5.0
"""Seconds an observer may take to begin, and to end."""


class Mesh(Protocol):
    """What is observed."""

    config: schema.MeshConfig
    audience: Audience


@define(eq=False)
class Observers:
    """The observers of one mesh."""

    _mesh: Mesh
    _stats: Callable[[], Mapping[str, Any]]
    _clock: Clock
    _sleep: Callable[[float], Awaitable[None]]
    _members: "list[_Member]"
    _started: bool = field(default=False, init=False)
    _leave: list[Callable[[], None]] = field(factory=list, init=False)
    _rounds: "asyncio.Task[None] | None" = field(default=None, init=False)

    @classmethod
    def of(
        cls,
        mesh: Mesh,
        config: schema.MeshConfig,
        stats: Callable[[], Mapping[str, Any]],
        clock: Clock,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> Self:
        """Make the observers of a mesh that a configuration names.

        `stats` gives the sums that are told.

        Raises:
            ConfigError: as `members`.

        """
        return cls(mesh, stats, clock, sleep, members(config))

    @property
    def connectors(self) -> Sequence[Observer]:
        return [member.observer for member in self._members]

    def hide(self, keys: Sequence[str]) -> None:
        """Show nobody these keys, longest first, from now on."""
        for member in self._members:
            member.hide(keys)

    async def start(self) -> None:
        """Begin to tell. One that cannot begin is left out. Later calls do nothing."""
        if self._started:
            return
        self._started = True
        for member in list(self._members):
            if await member.begin(self._mesh):
                self._leave.append(member.join(self._mesh.audience))
            else:
                self._members.remove(member)
        if any(member.wants(StatisticsTaken) for member in self._members):
            self._rounds = asyncio.create_task(self._go_round())

    async def close(self) -> None:
        """Tell the last sums, and end. Later calls do nothing."""
        if not self._started:
            return
        self._started = False
        if self._rounds:
            self._rounds.cancel()
            await asyncio.wait([self._rounds])
            self._take_statistics()
        while self._leave:
            self._leave.pop()()
        await asyncio.gather(*(member.end() for member in self._members))

    async def _go_round(self) -> None:
        while True:
            await self._sleep(self._mesh.config.observability.statistics.interval)
            self._take_statistics()

    def _take_statistics(self) -> None:
        taken = StatisticsTaken(at=self._clock.wall(), stats=self._stats())
        if tell := telling([one for one in self._members if one.wants(StatisticsTaken)]):
            tell(taken)


def members(config: schema.MeshConfig) -> "list[_Member]":
    """Return the observers that a configuration names; sections alike share one.

    Raises:
        ConfigError: one lacks a setting, or a library, or is none.

    """
    made: list[_Member] = []
    for section in _SECTIONS:
        settings = getattr(config.observability, section)
        if settings.connector in _NOBODY:
            continue
        member = next((one for one in made if one.serves(settings)), None)
        if member is None:
            observer = plugs.section("observability", section, settings, config.connectors)
            member = _Member(observer, settings)
            made.append(member)
        member.sections.add(section)
    return made


@define(eq=False)
class _Member:
    """An observer, and what it is told."""

    observer: Observer
    settings: schema.Observer
    sections: set[str] = field(factory=set, init=False)
    _shown: Shown = field(init=False)
    _everything: bool = field(init=False)
    _counts: bool = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._everything = getattr(self.observer, "everything", False)
        self._counts = getattr(self.observer, "counts", False)

    def __call__(self, event: Event) -> None:
        if self.wants(type(event)):
            self.observer(event if self._counts else self._shown(event))

    def serves(self, settings: schema.Observer) -> bool:
        """Whether it does for another section, too: one that counts knows no levels."""
        alike = self._counts and settings.connector == self.settings.connector
        return alike or settings == self.settings

    def wants(self, event: type[Event]) -> bool:
        return self._everything or _SECTION_OF.get(event, "routing") in self.sections

    def join(self, audience: Audience) -> Callable[[], None]:
        if not (self._everything or self.sections - {"statistics"}):
            return lambda: None
        return audience.join(
            self,
            keeps=self._shown.keeps if self.wants(RequestEnded) else 0,
            marks=getattr(self.observer, "marks", None),
        )

    def hide(self, keys: Sequence[str]) -> None:
        self._shown = Shown(self.settings.content, keys)

    async def begin(self, mesh: Mesh) -> bool:
        """Whether the observer could begin."""
        try:
            self.hide(keys_in(mesh.config))
            if meet := getattr(self.observer, "meet", None):
                meet(mesh)
            await self._within("start")
        except Exception as bug:  # noqa: BLE001 - an observer may be anybody's
            report(log, f"{self.settings.connector}, which gets no events,", bug)
            return False
        return True

    async def end(self) -> None:
        try:
            await self._within("close")
        except Exception as bug:  # noqa: BLE001 - an observer may be anybody's
            report(log, self.settings.connector, bug)

    async def _within(self, name: str) -> None:
        if method := getattr(self.observer, name, None):
            async with asyncio.timeout(_PATIENCE):
                await method()
