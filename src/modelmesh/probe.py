"""Asking vendors for their list of models: it costs nothing, and tells that they are there."""

import asyncio
import json
import logging
from collections.abc import Callable, Collection, Mapping
from http import HTTPStatus
from typing import Any, Final

from attrs import define, field

from modelmesh.clock import Clock
from modelmesh.errors import RULES, ErrorKind, ProviderError, as_failure
from modelmesh.pool import Pool
from modelmesh.stream import read_whole
from modelmesh.timers import Timers
from modelmesh.transport.protocol import Transport
from modelmesh.types import HttpReply, HttpRequest, Provider, Secret, Target

PATIENCE: Final = 5.0
"""Seconds a vendor has for its list."""

AGAIN: Final = 30.0
"""Seconds after which a server that had no list is asked again."""

NO_LIST: Final = (HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.NOT_IMPLEMENTED)
"""The statuses of a server that is there, and has no list of models."""

NAMES_OF_ONES_OWN: Final = frozenset({"azure.openai.v1"})
"""Where users call models as they like, and the list is of what could be had:
https://learn.microsoft.com/en-us/rest/api/azureopenai/models/list."""

Asked = Mapping[str, tuple[Provider, Secret | None]]
"""Providers by id, and the key to ask each with."""

log: Final = logging.getLogger("modelmesh")


@define(eq=False)
class Prober:
    """Asks for lists of models, once or at an interval, and lets targets that answer come back."""

    _transport: Transport
    _clock: Clock
    _tasks: list[asyncio.Task[None]] = field(factory=list, init=False)

    async def models_of(self, asked: Asked) -> dict[str, list[str]]:
        """Return what each of these providers lists; nothing for one that does not answer."""
        lists = await asyncio.gather(*(self._list(id_, *asked[id_]) for id_ in asked))
        return dict(zip(asked, lists, strict=True))

    def ask_again(self, asked: Asked, tell: Callable[[dict[str, list[str]]], None]) -> None:
        """Ask servers which are not up yet until they are, and tell what they list then."""
        self._tasks.append(asyncio.create_task(self._ask_again(asked, tell)))

    async def begin(self, pools: Collection[Pool], known: Collection[Pool] = ()) -> None:
        """Probe the targets of pools that want it at start, and go on for those that want that.

        Those that are `known` have started before.
        """
        for pool in pools:
            if pool.settings.recovery.probe_on_start and pool not in known:
                await asyncio.gather(*(self._try(pool, target) for target in pool.targets))
        # Only now, since whoever waits may leave before: then all of it is begun anew.
        for pool in pools:
            if interval := pool.settings.recovery.probe_interval:
                self._tasks.append(asyncio.create_task(self._watch(pool, interval)))

    async def close(self) -> None:
        """End all probing."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _ask_again(self, asked: Asked, tell: Callable[[dict[str, list[str]]], None]) -> None:
        while asked:
            await self._clock.sleep(AGAIN)
            lists = await self.models_of(asked)
            found = {id_: names for id_, names in lists.items() if names}
            if found:
                tell(found)
            asked = {id_: each for id_, each in asked.items() if id_ not in found}

    async def _watch(self, pool: Pool, interval: float) -> None:
        while True:
            await self._clock.sleep(interval)
            for target in pool.targets:
                if pool.standing(target).target.until > self._clock.now():
                    await self._try(pool, target)

    async def _try(self, pool: Pool, target: Target) -> None:
        """Probe one target: bring it back if its vendor answers, leave it alone if that fails.

        What the vendor itself said of a limit or a model stands, since a list is no proof against
        it. And no proof of a failure is a vendor that has no list, or not for this key. One in
        maintenance is not asked.
        """
        if pool.in_maintenance(target):
            return
        health, cooldown = pool.standing(target).target, pool.settings.recovery.cooldown
        try:
            listed = await self.ask(target.provider, target.key)
        except Exception as error:  # noqa: BLE001 - whatever a connector raises, probing goes on
            kind, now = as_failure(error).kind, self._clock.now()
            log.warning("probe: %s: %s", target.id, kind)
            if cooldown and (RULES[kind].retry or kind is ErrorKind.BAD_KEY):
                health.leave_alone(now, now + cooldown, kind, told=False)
        else:
            if listed is not None and health.told_until <= self._clock.now():
                health.recover(self._clock.now())

    async def _list(self, id_: str, provider: Provider, key: Secret | None) -> list[str]:
        try:
            return names_in(await self.ask(provider, key) or b"[]")
        except Exception as error:  # noqa: BLE001 - whatever is wrong, it is one provider's list
            log.debug("provider %s did not list its models (%s)", id_, type(error).__name__)
            return []

    async def ask(
        self, provider: Provider, key: Secret | None, patience: float = PATIENCE
    ) -> bytes | None:
        """Return a vendor's list as it is, within so many seconds; None where it has none.

        Raises:
            ProviderError: the vendor refuses, or fails.
            TransportError, TimeoutError: it is not there, or takes too long.

        """
        request = provider.models_request(key)
        if request is None:
            return None
        whole = await self._exchange(request, patience)
        if whole.status != HTTPStatus.OK:
            raise provider.error(whole, wall=self._clock.wall())
        return whole.body

    async def _exchange(self, request: HttpRequest, patience: float) -> HttpReply:
        end = self._clock.now() + patience
        timers = Timers(first=end, deadline=end, idle=patience, connect=patience)
        timer = self._clock.timer()
        with timer.until(timers.first):
            reply = await self._transport.send(request, connect=timers.connect)
            try:
                body = await read_whole(reply, self._clock, timers, timer)
            finally:
                await reply.close()
        return HttpReply(status=reply.status, headers=reply.headers, body=body)


def names_in(body: bytes) -> list[str]:
    """Return the ids in a list of models, which some vendors send without its envelope.

    Google's and Cohere's are `models`, each with a `name`. What is no JSON raises ProviderError.
    """
    try:
        listed: Any = json.loads(body)
    except (ValueError, RecursionError):
        told = "what the vendor answered is no list of models"
        raise ProviderError(ErrorKind.BAD_ANSWER, told) from None
    rows = (listed.get("data") or listed.get("models")) if isinstance(listed, dict) else listed
    objects = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    names = [row.get("id") or row.get("name") for row in objects]
    return list(dict.fromkeys(n.removeprefix("models/") for n in names if isinstance(n, str)))
