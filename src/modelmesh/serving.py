"""What requests are served by: the parts of one configuration, and then of the next."""

import logging
from collections.abc import Collection, Mapping, Sequence
from random import Random
from typing import Final

from modelmesh.audience import Audience
from modelmesh.build import Parts, build
from modelmesh.clock import Clock
from modelmesh.config.schema import MeshConfig
from modelmesh.directory import Directory
from modelmesh.discovery import Discoveries, concerned
from modelmesh.keeper import Keeper
from modelmesh.notices import notices
from modelmesh.plan import Plan, keys_of, plan
from modelmesh.pool import Pool
from modelmesh.probe import Prober
from modelmesh.state import State
from modelmesh.transport.protocol import Transport
from modelmesh.types import Provider, Secret
from modelmesh.view import MeshView, same_vendor

Lists = Mapping[str, list[str]]
"""The models that servers list, by provider."""

log: Final = logging.getLogger("modelmesh")


class Serving:
    """Pools, and what keeps them up to date.

    Attributes:
        config: what they were made from.
        parts: the pools there are now. Requests that began before may hold earlier ones.
        directory: the names by which clients find them.

    """

    def __init__(
        self,
        config: MeshConfig,
        *,
        audience: Audience,
        clock: Clock,
        rng: Random,
        transport: Transport,
    ) -> None:
        """Make the parts. Raises ConfigError where that is not possible."""
        self.config = config
        self._clock = clock
        self._rng = rng
        self._created = int(clock.wall())
        self._prober = Prober(transport, clock)
        self._view = MeshView(self, self._prober, audience, clock, rng)
        self._discoveries = Discoveries.of(config, self._view)
        state = State(audience=audience)
        self.keeper = Keeper.of(config, state, clock)
        self.parts = build(config, state=state, rng=rng, wall=clock.wall)
        self.directory = Directory(self.parts, self._created)
        # What servers have said of their models, and discoveries; None before anybody has asked.
        self._found: Lists | None = None

    async def start(self) -> None:
        """Ask servers for the models that only they know, and begin what goes on beside requests.

        Raises:
            ConfigError: a pool has no targets even so.

        """
        if self.keeper:
            await self.keeper.start()
        if self.parts.plan.silent:
            await self._find_models(self.config, self.parts.plan, {})
        else:
            self._found = {}
        await self._begin()

    async def follow(self, config: MeshConfig) -> None:
        """Serve by another configuration from the next request on.

        Raises:
            ConfigError: that is not possible. Nothing has changed then.

        """
        before, known, discoveries = self.config, self.parts.every_pool, self._discoveries
        if anew := concerned(config) != concerned(before):
            discoveries = Discoveries.of(config, self._view)
        if self._found is None:
            self._take(config, None)
        else:
            laid = plan(config, {})
            await self._find_models(config, laid, self._still_known(laid))
            await self._prober.close()
        if anew:
            self._view.follow(before)
            await self._discoveries.close()
            self._discoveries = discoveries
        if self._found is not None:
            await self._begin(known)

    async def close(self) -> None:
        """End what goes on beside requests."""
        await self._discoveries.close()
        await self._prober.close()
        if self.keeper:
            await self.keeper.close()

    @property
    def found(self) -> Lists:
        """The models that are served because somebody found them, by provider."""
        return self._found or {}

    def register(self, provider: str, names: Sequence[str]) -> None:
        """Serve these models of a provider besides those that the configuration names.

        Raises:
            ConfigError: a pool has no targets then. Nothing has changed.

        """
        self._join({provider: list(names)})

    def _still_known(self, laid: Plan) -> Lists:
        """Return what was found and holds for another plan: of vendors that are the same there."""
        before, after = self.parts.plan, laid.config
        alike = after.discovery == before.config.discovery
        return {
            id_: names
            for id_, names in self.found.items()
            if id_ in laid.providers
            and same_vendor(before.config.providers[id_], after.providers[id_])
            and (id_ in laid.silent if id_ in before.silent else alike and id_ not in laid.silent)
        }

    async def _find_models(self, config: MeshConfig, laid: Plan, known: Lists) -> None:
        """Ask the servers which are to tell their models and have not; serve by what they say."""
        asked = {id_: _door(laid, id_) for id_ in laid.silent if not known.get(id_)}
        found = await self._prober.models_of(asked) if asked else {}
        for id_ in asked:
            if not found[id_]:
                log.warning(
                    "provider %s lists no models: is it running? It will be asked again", id_
                )
        self._take(config, {**known, **found})

    async def _begin(self, known: Collection[Pool] = ()) -> None:
        """Begin the probes that pools want, and ask servers again that are not there yet."""
        await self._prober.begin(self.parts.pools.values(), known)
        laid = self.parts.plan
        absent = {id_: _door(laid, id_) for id_ in laid.silent if not self.found.get(id_)}
        if absent:
            self._prober.ask_again(absent, self._join)
        self._discoveries.start()
        for notice in notices(self.config, self.parts.targets, wall=self._clock.wall()):
            log.warning(notice)

    def _join(self, found: Lists) -> None:
        """Take in what servers say of their models."""
        self._take(self.config, {**self.found, **found})

    def _take(self, config: MeshConfig, found: Lists | None) -> None:
        """Make parts, and serve by them. Raises ConfigError; nothing has changed then."""
        parts: Parts = build(
            config,
            state=self.parts.state,
            rng=self._rng,
            wall=self._clock.wall,
            found=found,
            before=self.parts,
        )
        self.config, self.parts, self._found = config, parts, found
        self.directory = Directory(parts, self._created)
        limits = (limit for pool in parts.every_pool for limit in pool.all_limits())
        parts.state.tidy(limits, self._clock.wall())
        if self.keeper:
            self.keeper.keep(parts.state)


def _door(laid: Plan, provider: str) -> tuple[Provider, Secret | None]:
    """Return whom to ask for a provider's models, and by which key."""
    return laid.providers[provider], keys_of(laid.config.providers[provider])[0]
