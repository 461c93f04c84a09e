"""How a server comes to read its configuration again: it is asked to, or the file has changed."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from attrs import define, field

from modelmesh.errors import ConfigError
from modelmesh.events import Reloaded

if TYPE_CHECKING:
    from modelmesh.mesh import ModelMesh

_PAUSE: Final = 1.0
"""Seconds between two looks at the files."""


@define(eq=False)
class Reloading:
    """Reloads a server's mesh. `spread` has others who share the port do so as well."""

    _mesh: "ModelMesh"
    _sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    spread: Callable[[], object] = field(default=lambda: None, init=False)
    _tasks: set["asyncio.Task[None]"] = field(factory=set, init=False)

    async def everywhere(self) -> Reloaded:
        """Serve by the configuration as it can be read now, also in other processes.

        Raises:
            ConfigError: it has mistakes, or cannot be read. Nothing has changed then.

        """
        told = await self._mesh.reload()
        self.spread()
        return told

    def alone(self) -> None:
        """Begin to do so in this process alone. What is wrong is told where that is found."""
        self._begin(self._reload())

    def watch(self, wanted: Callable[[], bool]) -> None:
        """Do so everywhere whenever the files are others than when they were read.

        What is wanted may be changed by the very files.
        """
        self._begin(self._watch(wanted))

    def end(self) -> None:
        for task in self._tasks:
            task.cancel()

    async def _reload(self) -> None:
        with suppress(ConfigError):
            await self._mesh.reload()

    async def _watch(self, wanted: Callable[[], bool]) -> None:
        tried = before = self._mesh.origin.stamps
        while True:
            await self._sleep(_PAUSE)
            if not wanted():
                tried = before = self._mesh.origin.stamps
                continue
            seen = await asyncio.to_thread(self._mesh.origin.look)
            # Who writes them may be in the midst of it.
            if seen != tried and seen == before:
                tried = seen
                with suppress(ConfigError):
                    await self.everywhere()
            before = seen

    def _begin(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
