"""Reads vendors' lists of models on a schedule, and tells what is new there and what is gone."""

import asyncio
import logging
from typing import ClassVar, Final

from modelmesh.config import schema
from modelmesh.connectors.discovery import View, begin
from modelmesh.errors import ConfigError, Problem, ProviderError

log: Final = logging.getLogger("modelmesh")

_AGAIN: Final = 60.0
"""Seconds after which a vendor that did not list its models is asked again at the latest."""


class Discovery:
    connector: ClassVar = "modelmesh.registry-sync.v1"

    def __init__(self, settings: schema.DiscoverySync | schema.DiscoveryHealth) -> None:
        """Take no settings of its own.

        Raises:
            ConfigError: they are those of another section.

        """
        if not isinstance(settings, schema.DiscoverySync):
            message = f"{self.connector} belongs into `discovery.sync`"
            raise ConfigError([Problem("discovery", message)])
        self._settings = settings
        # By provider: when its list is to be read, by the clock.
        self._due: dict[str, float] = {}

    async def run(self, view: View) -> None:
        await view.clock.sleep(begin(view.rng, self._settings.interval))
        while True:
            pauses = self._pauses(view)
            now = view.clock.now()
            due = [id_ for id_ in pauses if self._due.get(id_, now) <= now]
            read = await asyncio.gather(*(self._read(view, id_) for id_ in due))
            now = view.clock.now()
            for id_, done in zip(due, read, strict=True):
                self._due[id_] = now + (pauses[id_] if done else min(pauses[id_], _AGAIN))
            nearest = min(map(self._due.__getitem__, pauses), default=now + self._settings.interval)
            await view.clock.sleep(nearest - now)

    async def _read(self, view: View, id_: str) -> bool:
        """Take in a vendor's list; whether there is one now."""
        if not view.may_ask(id_):
            return False
        wanted = view.providers[id_].discovery.auto_register
        try:
            names = await view.list_models(id_)
        except ProviderError as failure:
            log.info("provider %s did not list its models: %s", id_, failure.kind)
            return False
        register = self._settings.auto_register if wanted is None else wanted
        view.found(id_, names, register=register)
        return True

    def _pauses(self, view: View) -> dict[str, float]:
        """Return the seconds between two readings, by provider."""
        usual, chosen = self._settings.interval, self._settings.providers
        return {
            id_: entry.discovery.interval or usual
            for id_, entry in view.providers.items()
            if entry.discovery.enabled and (not chosen or id_ in chosen)
        }
