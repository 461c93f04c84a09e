"""Asks vendors whether they are there, before a request finds out that they are not."""

import asyncio
import logging
from typing import ClassVar, Final

from modelmesh.config import schema
from modelmesh.connectors.discovery import View, begin
from modelmesh.errors import ConfigError, Problem

log: Final = logging.getLogger("modelmesh")

_ROUNDS: Final = 4
"""So many failures later it is said anew that a provider is to be left alone."""


class Discovery:
    connector: ClassVar = "modelmesh.health-monitor.v1"

    def __init__(self, settings: schema.DiscoverySync | schema.DiscoveryHealth) -> None:
        """Take no settings of its own.

        Raises:
            ConfigError: they are those of another section.

        """
        if not isinstance(settings, schema.DiscoveryHealth):
            message = f"{self.connector} belongs into `discovery.health`"
            raise ConfigError([Problem("discovery", message)])
        self._settings = settings
        # By provider: failures in a row. It has none before it is asked.
        self._failures: dict[str, int] = {}

    async def run(self, view: View) -> None:
        await view.clock.sleep(begin(view.rng, self._settings.interval))
        while True:
            asked = [id_ for id_ in view.providers if view.may_ask(id_)]
            await asyncio.gather(*(self._look(view, id_) for id_ in asked))
            await view.clock.sleep(self._settings.interval)

    async def _look(self, view: View, id_: str) -> None:
        settings, before = self._settings, self._failures.get(id_)
        cause = await view.probe(id_, settings.timeout)
        if cause is None:
            self._failures[id_] = 0
            if before and before >= settings.failure_threshold:
                log.info("provider %s answers again", id_)
            # That it goes on answering is no news, and says nothing of what else may fail there.
            if before != 0:
                view.back(id_)
            return
        failures = self._failures[id_] = (before or 0) + 1
        beyond = failures - settings.failure_threshold
        if beyond == 0:
            log.warning("provider %s does not answer and is left alone: %s", id_, cause)
        if beyond >= 0 and beyond % _ROUNDS == 0:
            # Until it is said anew, with some to spare.
            view.lost(id_, cause, (_ROUNDS + 1) * (settings.interval + settings.timeout))
