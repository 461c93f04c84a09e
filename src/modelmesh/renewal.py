"""Reading secrets again, so that a key that was replaced is used without a restart."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

from attrs import define, field

from modelmesh.audience import Audience
from modelmesh.config.schema import MeshConfig
from modelmesh.errors import ConfigError, ErrorKind
from modelmesh.events import CooldownBegan, Event

log: Final = logging.getLogger("modelmesh")

_PAUSE: Final = 30.0
"""Seconds between two readings at least, however many keys are refused."""


class Mesh(Protocol):
    """Whose secrets they are. A `cache_ttl` of 0 leaves it to refused keys."""

    config: MeshConfig
    audience: Audience


@define(eq=False)
class Renewal:
    """Reads a mesh's secrets when they are old, and when a vendor refuses a key."""

    _renew: Callable[[], Awaitable[object]]
    _mesh: Mesh
    # Stores are real ones, also where a test moves the clock.
    _sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    _wanted: asyncio.Event = field(factory=asyncio.Event, init=False)
    _tasks: list["asyncio.Task[None]"] = field(factory=list, init=False)
    _leave: Callable[[], None] | None = field(default=None, init=False)
    _failing: bool = field(default=False, init=False)

    def start(self) -> None:
        self._leave = self._mesh.audience.join(self._hear, requests=False)
        self._tasks = [asyncio.create_task(each) for each in (self._serve(), self._go_round())]

    async def close(self) -> None:
        """End it. It may have never begun."""
        if self._leave:
            self._leave()
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _hear(self, event: Event) -> None:
        if isinstance(event, CooldownBegan) and event.cause is ErrorKind.BAD_KEY:
            self._wanted.set()

    async def _go_round(self) -> None:
        while True:
            age = self._mesh.config.secrets.cache_ttl
            await self._sleep(age or _PAUSE)
            if age:
                self._wanted.set()

    async def _serve(self) -> None:
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            try:
                await self._renew()
            except ConfigError as error:
                # Told once: it is tried again at every turn.
                level = logging.DEBUG if self._failing else logging.WARNING
                log.log(level, "secrets cannot be read, so they stay as they were: %s", error)
                self._failing = True
            else:
                self._failing = False
            await self._sleep(_PAUSE)
