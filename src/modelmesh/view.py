"""What discoveries see of a mesh, and may do there."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from random import Random
from typing import Final, Protocol

from attrs import define, evolve, field

from modelmesh.audience import Audience
from modelmesh.build import Parts
from modelmesh.clock import Clock
from modelmesh.config import schema
from modelmesh.errors import RULES, ConfigError, ErrorKind, ProviderError, as_failure
from modelmesh.events import Event, ModelsFound, ModelsGone
from modelmesh.ledger import configured, maintenance
from modelmesh.listed import Known, News, compare
from modelmesh.plan import Found, keys_of
from modelmesh.pool import Pool
from modelmesh.probe import NAMES_OF_ONES_OWN, NO_LIST, Prober, names_in
from modelmesh.types import Provider, Secret, Target

log: Final = logging.getLogger("modelmesh")

_FAILURES: Final = frozenset(
    {ErrorKind.OVERLOADED, ErrorKind.SERVER_ERROR, ErrorKind.TIMEOUT, ErrorKind.UNREACHABLE}
)
"""What says that a vendor is not there; anything else is an answer."""


class Served(Protocol):
    """What a mesh serves by."""

    config: schema.MeshConfig
    parts: Parts

    @property
    def found(self) -> Found: ...
    def register(self, provider: str, names: Sequence[str]) -> None: ...


@define(eq=False)
class MeshView:
    """The view that discoveries have of a mesh; see `connectors.discovery.View`."""

    _served: Served
    _prober: Prober
    _audience: Audience
    clock: Clock
    rng: Random
    _known: dict[str, Known] = field(factory=dict, init=False)
    # By provider: when it was last probed.
    _probed: dict[str, float] = field(factory=dict, init=False)

    @property
    def providers(self) -> Mapping[str, schema.Provider]:
        entries = self._served.config.providers
        return {id_: entries[id_] for id_ in self._served.parts.plan.providers}

    def may_ask(self, provider: str) -> bool:
        found = self._served.parts.plan.providers.get(provider)
        return (
            found is not None
            and found.models_request(self._doors(provider)[0][1]) is not None
            and not self._in_maintenance(provider)
        )

    async def list_models(self, provider: str) -> list[str]:
        for vendor, key in self._doors(provider):
            try:
                body = await self._prober.ask(vendor, key)
                return names_in(body) if body else []
            except Exception as error:  # noqa: BLE001 - whatever a connector raises, it is a failure
                failure = as_failure(error)
            if failure.vendor_status in NO_LIST:
                return []
            if failure.kind is not ErrorKind.BAD_KEY:
                break
        raise failure

    def found(self, provider: str, names: Sequence[str], *, register: bool) -> None:
        names = list(dict.fromkeys(name for name in names if name.isprintable()))
        if not names or provider not in self.providers:
            return
        vendor = self._served.parts.plan.providers[provider].connector
        of_ones_own = vendor in NAMES_OF_ONES_OWN
        before = self._in_pools(provider)
        if register and not of_ones_own:
            self._register(provider, names)
        joined = [name for name in self._in_pools(provider) if name not in before]
        served = () if of_ones_own else self._planned(provider)
        known, news = compare(self._known.get(provider), vendor, names, served)
        self._known[provider] = known
        self._tell_of(provider, news, joined)

    async def probe(self, provider: str, timeout: float) -> ErrorKind | None:  # noqa: ASYNC109 - vendors are waited for by the mesh's clock
        begun = self.clock.now()
        since = self._probed.get(provider, begun)
        self._probed[provider] = begun
        failure = await self._fails(provider, timeout)
        gone = failure and failure.kind in _FAILURES and failure.vendor_status not in NO_LIST
        for pool, target in self._led(provider):
            health = pool.standing(target).provider
            # The list alone may be out of order.
            gone = gone and not health.answered_since(since)
            health.probed(answered=not gone)
            break
        return failure.kind if failure and gone else None

    def lost(self, provider: str, cause: ErrorKind, seconds: float) -> None:
        now = self.clock.now()
        for pool, target in self._led(provider):
            health = pool.standing(target).provider
            health.leave_alone(now, now + seconds, cause, told=False)
            break

    def back(self, provider: str) -> None:
        now = self.clock.now()
        for pool, target in self._led(provider):
            standing = pool.standing(target)
            for health in (standing.provider, standing.target):
                if health.on_trial and health.told_until <= now:
                    health.recover(now)

    def tell(self, event: Event) -> None:
        if tell := self._audience.of_changes:
            tell(event)

    def follow(self, before: schema.MeshConfig) -> None:
        """Forget what was known of vendors that are others now."""
        after = self._served.config.providers
        for id_ in [*self._known]:
            if id_ not in after or not same_vendor(before.providers[id_], after[id_]):
                del self._known[id_]
        self._probed = {id_: when for id_, when in self._probed.items() if id_ in after}

    async def _fails(self, provider: str, patience: float) -> ProviderError | None:
        """Return how a vendor fails to answer; what that says of a key is noted."""
        failure: ProviderError | None = None
        for vendor, key in self._doors(provider):
            try:
                await self._prober.ask(vendor, key, patience)
                failure = None
            except Exception as error:  # noqa: BLE001 - whatever a connector raises, it is a failure
                failure = as_failure(error)
            refused = failure is not None and failure.kind is ErrorKind.BAD_KEY
            if refused or failure is None:
                self._judge(provider, key, refused=refused)
            if not refused:
                break
        return failure

    def _judge(self, provider: str, key: Secret | None, *, refused: bool) -> None:
        """Leave a key that is refused alone, or ask it again."""
        now = self.clock.now()
        for pool, target in self._led(provider):
            health = pool.standing(target).own
            if target.key != key:
                continue
            if refused and health.until <= now:
                pause = RULES[ErrorKind.BAD_KEY].cooldown or 0.0
                health.leave_alone(now, now + pause, ErrorKind.BAD_KEY, told=False)
            elif not refused and health.cause is ErrorKind.BAD_KEY and health.told_until <= now:
                health.recover(now)

    def _register(self, provider: str, names: Sequence[str]) -> None:
        """Let models join pools, in the order in which they were found."""
        before, there = self._served.found.get(provider, ()), set(names)
        stay = [name for name in before if name in there]
        wanted = list(dict.fromkeys([*stay, *names]))
        if wanted == list(before):
            return
        try:
            self._served.register(provider, wanted)
        except ConfigError as error:
            log.warning(
                "provider %s gave an unusable list of models, so nothing changes: %s",
                provider,
                error,
            )

    def _tell_of(self, provider: str, news: News, joined: Sequence[str]) -> None:
        at, found = self._audience.wall(), list(dict.fromkeys([*news.new, *joined]))
        if found:
            log.info("provider %s has new models: %s", provider, ", ".join(found))
            self.tell(ModelsFound(at=at, provider=provider, models=found, registered=joined))
        if news.gone:
            planned = self._planned(provider)
            kept = [name for name in news.gone if name in planned]
            if kept:
                names = ", ".join(kept)
                log.warning("provider %s does not list %s; still served", provider, names)
            self.tell(ModelsGone(at=at, provider=provider, models=news.gone, kept=kept))

    def _doors(self, provider: str) -> list[tuple[Provider, Secret | None]]:
        """Return whom to ask, and by which keys, best first."""
        vendor = self._served.parts.plan.providers[provider]
        return [(vendor, key) for key in keys_of(self._served.config.providers[provider])]

    def _led(self, provider: str) -> Iterator[tuple[Pool, Target]]:
        """Give the targets at a provider, and the pools that lead to them."""
        for pool in self._served.parts.every_pool:
            for target in pool.targets:
                if target.provider.id == provider:
                    yield pool, target

    def _in_pools(self, provider: str) -> list[str]:
        return list(dict.fromkeys(target.upstream for _, target in self._led(provider)))

    def _planned(self, provider: str) -> list[str]:
        targets = self._served.parts.plan.targets
        return list(dict.fromkeys(one.upstream for one in targets if one.provider.id == provider))

    def _in_maintenance(self, provider: str) -> bool:
        window = self._served.config.providers[provider].maintenance_window
        if maintenance.now(configured.of_maintenance(window, provider), self.clock.wall()):
            return True
        led = [pool.in_maintenance(target) for pool, target in self._led(provider)]
        return bool(led) and all(led)


def same_vendor(one: schema.Provider, other: schema.Provider) -> bool:
    """Whether two entries say the same, whatever the keys."""
    return without_keys(one) == without_keys(other)


def without_keys(entry: schema.Provider) -> schema.Provider:
    return evolve(entry, api_key=None, api_keys=())
