"""The assembled library: its parts, their lifetime, and what can be asked about them."""

import asyncio
import difflib
import logging
from collections.abc import Mapping, Sequence
from functools import partial
from random import Random
from types import MappingProxyType
from typing import Any, Final

from modelmesh.audience import Audience
from modelmesh.build import build, keys_of, silent_about_models
from modelmesh.capabilities import UnknownCapability
from modelmesh.clock import Clock, SystemClock, system_rng
from modelmesh.config.load import examine
from modelmesh.config.schema import MeshConfig
from modelmesh.connectors.observability import Observer
from modelmesh.errors import ConfigError, RequestError
from modelmesh.explain import asked, explain
from modelmesh.keeper import Keeper
from modelmesh.notices import notices
from modelmesh.observers import Observers
from modelmesh.pool import Pool
from modelmesh.probe import Asked, Prober
from modelmesh.reply import Reply
from modelmesh.router import Router
from modelmesh.state import State
from modelmesh.stats import stats
from modelmesh.status import described, status
from modelmesh.transport.choose import choose
from modelmesh.transport.protocol import Transport
from modelmesh.types import Provider, Request, Secret
from modelmesh.watch import watched

log: Final = logging.getLogger("modelmesh")


class ModelMesh:
    """Pools of models behind one door.

    Time, chance and sockets come in here and nowhere else. It belongs to the event loop which
    first uses it.
    """

    def __init__(
        self,
        config: MeshConfig,
        *,
        clock: Clock | None = None,
        rng: Random | None = None,
        transport: Transport | None = None,
    ) -> None:
        """Assemble the parts; no socket is opened before `start`.

        Raises:
            ConfigError: the configuration has mistakes, a pool would have no targets, or what it
                asks for is not installed.

        """
        self.config = examine(config, environ={}).sound()
        self._clock = clock or SystemClock()
        self._rng = rng or system_rng()
        self._transport = transport or choose(config)
        self.audience = Audience(self._clock.wall)
        self._state = State(audience=self.audience)
        self._keeper = Keeper.of(config, self._state, self._clock)
        self._router = Router(self._transport, self._clock)
        self._parts = build(config, state=self._state, rng=self._rng, wall=self._clock.wall)
        # What servers have said of their models.
        self._found: dict[str, list[str]] = {}
        self._prober = Prober(self._transport, self._clock)
        self._observers = Observers.of(self, self.stats, self._clock)
        self._created = int(self._clock.wall())
        self._ready = False
        self._starting = asyncio.Lock()
        self._failure: ConfigError | None = None

    async def start(self) -> None:
        """Ask servers which know their models only themselves, and begin the probes asked for.

        The first request does it too. Nothing is asked where the configuration says it all. Those
        who come meanwhile wait for what comes of it, be it a failure; later ones try anew.

        Raises:
            ConfigError: a pool has no targets even so.

        """
        known = self._failure
        async with self._starting:
            if self._ready:
                return
            if self._failure is not None and self._failure is not known:
                raise self._failure
            await self._observers.start()
            if self._keeper:
                await self._keeper.start()
            try:
                absent = await self._find_models()
            except ConfigError as failure:
                self._failure = failure
                raise
            await self._prober.begin(self._parts.pools.values())
            if absent:
                self._prober.ask_again(absent, self._join)
            for notice in notices(self.config, self._parts.targets, wall=self._clock.wall()):
                log.warning(notice)
            self._ready = True

    async def look(self) -> None:
        """Take in what the store of state has, without asking a vendor or telling an observer."""
        if self._keeper:
            await self._keeper.start()
            self.pool_status()  # from now on all limits are counted, so the store is asked for them
            await self._keeper.learn()

    async def close(self) -> None:
        """End probes and connections. Streams that are still open break off."""
        await self._prober.close()
        await self._transport.close()
        if self._keeper:
            await self._keeper.close()
        await self._observers.close()

    @property
    def observers(self) -> Sequence[Observer]:
        """Those that the configuration names."""
        return self._observers.connectors

    async def send(self, request: Request, *, heartbeat: float | None = None) -> Reply:
        """Route a request. Whoever gets the reply closes it.

        `heartbeat` is the seconds of a vendor's silence after which a stream gives `b""`.

        Raises:
            ConfigError: it is the first one, and `start` has failed.
            RequestError: nothing serves that model, or nothing can serve such a request.
            RoutingError: no target answered.

        """
        if not self._ready:
            await self.start()
        route = self._router.route
        if self.audience.of_requests is None:
            return await route(self.pool(request.model), request, heartbeat=heartbeat)
        return await watched(
            request,
            self.pool,
            partial(route, heartbeat=heartbeat),
            audience=self.audience,
            clock=self._clock,
        )

    def pool(self, name: str) -> Pool:
        """Return the pool a client means: by its id, a capability, or a model where exposed.

        Raises:
            RequestError: there is none; the message names those there are.

        """
        parts = self._parts
        found = parts.pools.get(name) or self._by_capability(name) or parts.models.get(name)
        if found is None:
            raise self._no_model(name)
        return found

    def _no_model(self, name: str) -> RequestError:
        names = [*self._parts.pools, *self._parts.models]
        near = difflib.get_close_matches(name, names, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(names)}"
        return RequestError(
            f"The model {name!r} does not exist; {hint}",
            status=404,
            code="model_not_found",
            param="model",
        )

    def models(self) -> list[dict[str, Any]]:
        """Return what clients may ask for, as OpenAI's model objects: pools, and models exposed."""
        owners = dict.fromkeys(self._parts.pools, "modelmesh")
        for name, pool in self._parts.models.items():
            owners.setdefault(name, pool.targets[0].provider.id)
        return [
            {"id": id_, "object": "model", "created": self._created, "owned_by": owner}
            for id_, owner in owners.items()
        ]

    def model(self, id_: str) -> dict[str, Any]:
        """Return one of those. Raises RequestError as `pool` does."""
        for model in self.models():
            if model["id"] == id_:
                return model
        raise self._no_model(id_)

    def pool_status(self) -> dict[str, Any]:
        """Return, by pool, the strategy, the target in front and how each target fares."""
        now = self._clock.now()
        return {id_: status(pool, now) for id_, pool in self._parts.pools.items()}

    def store_status(self) -> dict[str, Any] | None:
        """Return where state is kept, and whether that answers; None where it is kept nowhere."""
        keeper = self._keeper
        return {"kept_in": keeper.described, "answers": keeper.answers} if keeper else None

    def stats(self) -> dict[str, Any]:
        """Return what became of all requests so far, by pool, by provider and by target."""
        resets = partial(self._state.alerts.resets, wall=self._clock.wall())
        parts = self._parts
        return stats(parts.pools, parts.models.values(), resets, self._clock.now())

    def active_providers(self) -> list[str]:
        """Return the providers of which some target may be asked now."""
        now = self._clock.now()
        ready = [
            target.provider.id
            for pool in self._parts.pools.values()
            for target in pool.targets
            if pool.standing(target).ready(now) and not pool.in_maintenance(target)
        ]
        return list(dict.fromkeys(ready))

    def describe(self) -> str:
        """Return the pools with their targets, and where state is kept, for people to read."""
        kept = [f"state is kept in {self._keeper.described}"] if self._keeper else []
        return "\n".join([*described(self.pool_status()), *kept])

    def rotate(self, pool: str) -> str:
        """Put a pool's next target in front; return its id.

        Raises:
            RequestError: there is no such pool, or its servers have not told their models yet.

        """
        found = self.pool(pool)
        if not found.targets:
            raise RequestError(f"Pool {found.id!r} has no targets yet")
        return found.rotate().id

    def explain(
        self,
        body: Mapping[str, Any],
        session: str = "",
        headers: Mapping[str, str] = MappingProxyType({}),
    ) -> dict[str, Any]:
        """Return where a request with this body would go, and why, asking nobody.

        Besides what a request says it may name an `endpoint`, such as "embeddings"; else it is the
        one which the pool is for. `session` and `headers` are those of a `Request`.

        Raises:
            RequestError: there is no such pool or endpoint, or such a body would be refused.

        """
        pool, request = asked(self.pool, body, session, headers)
        return explain(pool, request, self._clock.now())

    def _by_capability(self, name: str) -> Pool | None:
        """Return the pool of a capability, else of the nearest one which the tree has above it."""
        try:
            node = self._parts.tree.resolve(name)
        except UnknownCapability:
            return None
        serving = [
            (len(has), pool)
            for pool in self._parts.pools.values()
            for has in pool.capabilities
            if self._parts.tree.covers(has, node)
        ]
        return max(serving, key=lambda pair: pair[0])[1] if serving else None

    async def _find_models(self) -> Asked:
        """Ask who knows its models only itself; return who is not there yet."""
        silent = silent_about_models(self.config, self._parts.providers)
        asked = {id_: self._asked(id_) for id_ in silent}
        if asked:
            self._join(await self._prober.models_of(asked))
        absent = {id_: each for id_, each in asked.items() if not self._found[id_]}
        for id_ in absent:
            log.warning("provider %s lists no models: is it running? It is asked again", id_)
        return absent

    def _join(self, found: dict[str, list[str]]) -> None:
        """Take in what servers say of their models."""
        self._found |= found
        self._parts = build(
            self.config,
            state=self._state,
            rng=self._rng,
            wall=self._clock.wall,
            found=self._found,
        )

    def _asked(self, provider: str) -> tuple[Provider, Secret | None]:
        """Return whom to ask for a provider's models, and by which key."""
        return self._parts.providers[provider], keys_of(self.config.providers[provider])[0]
