"""The assembled library: its parts, their lifetime, and what can be asked about them."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from random import Random
from types import MappingProxyType
from typing import Any, Final

from modelmesh.audience import Audience
from modelmesh.clock import Clock, SystemClock, system_rng
from modelmesh.config.changes import changes, pending, settled
from modelmesh.config.load import Source
from modelmesh.config.origin import Origin
from modelmesh.config.schema import MeshConfig
from modelmesh.config.version import version_of
from modelmesh.connectors.observability import Observer
from modelmesh.errors import ConfigError, RequestError
from modelmesh.events import Reloaded, ReloadRefused
from modelmesh.explain import asked, explain
from modelmesh.observers import Observers
from modelmesh.pool import Pool
from modelmesh.renewal import Renewal
from modelmesh.reply import Reply
from modelmesh.router import Router
from modelmesh.serving import Serving
from modelmesh.shown import keys_in
from modelmesh.stats import stats
from modelmesh.status import active, described, status
from modelmesh.transport.choose import choose
from modelmesh.transport.protocol import Transport
from modelmesh.types import Request
from modelmesh.watch import watched

log: Final = logging.getLogger("modelmesh")


class ModelMesh:
    """Pools of models behind one door.

    Time, chance and sockets come in here and nowhere else. It belongs to the event loop which
    first uses it.

    Attributes:
        origin: the configuration as it was read.
        config: what it serves by.
        keys: every key that may be in use, longest first, so that nobody is shown one.
        audience: those who are told of events.
        at_reload: called whenever `config` is another one.

    """

    def __init__(
        self,
        config: MeshConfig | Origin,
        *,
        clock: Clock | None = None,
        rng: Random | None = None,
        transport: Transport | None = None,
    ) -> None:
        """Assemble the parts; no socket is opened before `start`.

        With an Origin the configuration can be read again.

        Raises:
            ConfigError: the configuration has mistakes, a pool would have no targets, or what it
                asks for is not installed.

        """
        self.origin = config if isinstance(config, Origin) else Origin.made(config)
        self.config = config = self.origin.config
        self.keys = keys_in(config)
        self.at_reload: list[Callable[[], object]] = []
        self._clock = clock or SystemClock()
        self._transport = transport or choose(config)
        self.audience = Audience(self._clock.wall)
        self._router = Router(self._transport, self._clock)
        with self.origin.placing():
            self._serving = Serving(
                config,
                audience=self.audience,
                clock=self._clock,
                rng=rng or system_rng(),
                transport=self._transport,
            )
            self._observers = Observers.of(self, config, self.stats, self._clock)
        self._renewal = Renewal(self._renew, self)
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
            try:
                with self.origin.placing():
                    await self._serving.start()
            except ConfigError as failure:
                self._failure = failure
                raise
            if self.origin.has_secrets:
                self._renewal.start()
            self._ready = True

    async def reload(self, source: Source | None = None) -> Reloaded:
        """Read the configuration again, or another one, and serve by it from now on.

        Requests in flight end as they began, later ones go by the new one. What is remembered of
        targets that are where they were stays, and what is taken of limits.

        Raises:
            ConfigError: it has mistakes, or cannot be read. Nothing has changed then.

        """
        read = self.origin.again if source is None else partial(self.origin.at, source)
        async with self._starting:
            try:
                told = await self._serve_by(await asyncio.to_thread(read))
            except ConfigError as error:
                log.error("the configuration stays as it was: %s", error)  # noqa: TRY400
                if tell := self.audience.of_changes:
                    tell(ReloadRefused(at=self._clock.wall(), problems=len(error.problems)))
                raise
        for path in told.pending:
            log.warning("%s has changed too, but needs a restart", path)
        return told

    async def _renew(self) -> None:
        """Serve by the secrets as they can be read now. Raises ConfigError as `reload` does."""
        async with self._starting:
            await self._serve_by(await asyncio.to_thread(self.origin.with_secrets_again))

    async def _serve_by(self, origin: Origin) -> Reloaded:
        """Serve by what was read. Raises ConfigError; nothing has changed then."""
        before = self._serving.config
        config = settled(before, origin.config)
        told = Reloaded(
            at=self._clock.wall(),
            version=version_of(config),
            changed=changes(before, config),
            pending=pending(origin.config, config, before),
        )
        if not told.changed:
            self.origin = origin
            return told
        observers = None
        with origin.placing():
            if config.observability != before.observability:
                observers = Observers.of(self, config, self.stats, self._clock)
            await self._serving.follow(config)
        keys = keys_in(self.config)
        self.origin, self.config = origin, config
        for follow in self.at_reload:
            follow()
        self.keys = sorted({*keys, *keys_in(self.config)}, key=len, reverse=True)
        if observers:
            self._observers, old = observers, self._observers
            if self._ready:
                await observers.start()
                await old.close()
        self._observers.hide(self.keys)
        log.info("the configuration has changed: %s", ", ".join(told.changed))
        if tell := self.audience.of_changes:
            tell(told)
        return told

    async def look(self) -> None:
        """Take in what the store of state has, without asking a vendor or telling an observer."""
        if keeper := self._serving.keeper:
            await keeper.start()
            self.pool_status()  # from now on all limits are counted, so the store is asked for them
            await keeper.learn()

    async def close(self) -> None:
        """End probes and connections. Streams that are still open break off."""
        await self._renewal.close()
        await self._serving.close()
        await self._transport.close()
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
        return self._serving.directory.pool(name)

    def models(self) -> list[dict[str, Any]]:
        """Return what clients may ask for, as OpenAI's model objects: pools, and models exposed."""
        return self._serving.directory.models()

    def model(self, id_: str) -> dict[str, Any]:
        """Return one of those. Raises RequestError as `pool` does."""
        return self._serving.directory.model(id_)

    def pool_status(self) -> dict[str, Any]:
        """Return, by pool, the strategy, the target in front and the state of each target."""
        now = self._clock.now()
        return {id_: status(pool, now) for id_, pool in self._serving.parts.pools.items()}

    def store_status(self) -> dict[str, Any] | None:
        """Return where state is kept, and whether that answers; None where it is kept nowhere."""
        keeper = self._serving.keeper
        return {"kept_in": keeper.described, "answers": keeper.answers} if keeper else None

    def stats(self) -> dict[str, Any]:
        """Return totals of all requests so far, by pool, by provider and by target."""
        parts = self._serving.parts
        resets = partial(parts.state.alerts.resets, wall=self._clock.wall())
        return stats(parts.pools, parts.models.values(), resets, self._clock.now())

    def active_providers(self) -> list[str]:
        """Return the providers that have a target which may be asked now."""
        return active(self._serving.parts.pools.values(), self._clock.now())

    def describe(self) -> str:
        """Return the pools with their targets, and where state is kept, for people to read."""
        keeper = self._serving.keeper
        kept = [f"state is kept in {keeper.described}"] if keeper else []
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
        """Return where a request with this body would go, and why, without asking a vendor.

        Besides what a request says it may name an `endpoint`, such as "embeddings"; else it is the
        one which the pool is for. `session` and `headers` are those of a `Request`.

        Raises:
            RequestError: there is no such pool or endpoint, or such a body would be refused.

        """
        pool, request = asked(self.pool, body, session, headers)
        return explain(pool, request, self._clock.now())
