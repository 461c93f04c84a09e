"""The discoveries that a configuration names, and the tasks in which they go on beside requests."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Any, Final, Self

from attrs import define, field

from modelmesh.config import plugs, schema
from modelmesh.connectors.discovery import Discovery
from modelmesh.report import report
from modelmesh.view import MeshView, without_keys

log: Final = logging.getLogger("modelmesh")

_AGAIN: Final = 60.0
"""Seconds after which a discovery that broke is run again."""

_SECTIONS: Final = ("sync", "health")


@define(eq=False)
class Discoveries:
    """The discoveries that a configuration names, and their tasks."""

    _view: MeshView
    _found: Sequence[Discovery]
    _tasks: list["asyncio.Task[None]"] = field(factory=list, init=False)

    @classmethod
    def of(cls, config: schema.MeshConfig, view: MeshView) -> Self:
        """Make the discoveries.

        Raises:
            ConfigError: one lacks a setting, or a library, or is none.

        """
        sections = {name: getattr(config.discovery, name) for name in _SECTIONS}
        found = [
            plugs.section("discovery", name, settings, config.connectors)
            for name, settings in sections.items()
            if settings.enabled
        ]
        return cls(view, found)

    def start(self) -> None:
        """Let them go on beside requests. Later calls do nothing."""
        if not self._tasks:
            self._tasks = [asyncio.create_task(self._run(each)) for each in self._found]

    async def close(self) -> None:
        """End them. They may have never begun."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self, discovery: Discovery) -> None:
        while True:
            try:
                return await discovery.run(self._view)
            except Exception as bug:  # noqa: BLE001 - a discovery may be anybody's
                report(log, f"{discovery.connector}, which is run again,", bug)
            await self._view.clock.sleep(_AGAIN)


def concerned(config: schema.MeshConfig) -> tuple[Any, ...]:
    """Return what discoveries go by: where that changes, they begin anew."""
    vendors = {id_: without_keys(entry) for id_, entry in config.providers.items()}
    return config.discovery, config.connectors, config.models, vendors
