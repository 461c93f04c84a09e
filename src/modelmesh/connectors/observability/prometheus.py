"""Metrics for Prometheus. It needs the library `prometheus_client`, the extra `prometheus`.

Where several processes serve one port, each writes its metrics to a folder and tells those of all.
"""

import asyncio
import os
import platform
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from importlib.metadata import version
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, ClassVar, Final, Protocol

from modelmesh import events
from modelmesh.audience import Audience
from modelmesh.config import schema
from modelmesh.config.version import version_of
from modelmesh.errors import ConfigError, Problem

if TYPE_CHECKING:
    from modelmesh.connectors.observability._series import Metrics

FOLDER: Final = "PROMETHEUS_MULTIPROC_DIR"
"""The variable that tells the library where several processes keep their metrics."""

_ROUND: Final = 5.0
"""Seconds after which a process writes anew what no event tells, for others to tell of it."""

_UNKNOWN: Final = "unknown"
"""The pool of a request for a model that does not exist, by whatever name it was asked for."""

_TOLD: Final = "told by its vendor"
"""A limit that is in no configuration, by whatever name and amount."""

_NOT_READY: Final = ("left alone", "in maintenance")


class Named(Protocol):
    """Another observer."""

    connector: ClassVar[str]


class Mesh(Protocol):
    """What is looked at for what no event tells."""

    config: schema.MeshConfig
    audience: Audience

    @property
    def observers(self) -> Sequence[Named]: ...
    def pool_status(self) -> dict[str, Any]: ...
    def store_status(self) -> dict[str, Any] | None: ...


class Observer:
    """Counts events, and tells the counts to whoever asks."""

    connector: ClassVar = "modelmesh.prometheus.v1"
    everything: ClassVar = True
    counts: ClassVar = True

    def __init__(self, settings: schema.Observer) -> None:  # noqa: ARG002 - there is none to heed
        """Make sure of the library.

        Raises:
            ConfigError: it is not there.

        """
        if find_spec("prometheus_client") is None:
            message = "Prometheus needs a library: pip install 'modelmesh-lite[prometheus]'"
            raise ConfigError([Problem("observability", message)])
        self._mesh: Mesh | None = None
        self._rounds: asyncio.Task[None] | None = None
        self._config_version = ""
        # By observer: how many events it is known to have lost.
        self._lost: dict[str, int] = {}
        # Those which the configuration names.
        self._limits: set[str] = set()
        # By limit that refuses: when it is free again, in seconds since 1970.
        self._refusing: dict[str, float] = {}
        self._takes: dict[type[events.Event], Any] = {
            events.RequestBegan: self._request_began,
            events.RequestEnded: self._request_ended,
            events.AttemptEnded: self._attempt_ended,
            events.Rotated: self._rotated,
            events.CooldownBegan: self._cooldown_began,
            events.Recovered: self._recovered,
            events.LimitReached: self._limit_reached,
        }

    def meet(self, mesh: Mesh) -> None:
        """Take the mesh that is observed, before anything happens there."""
        self._mesh = mesh
        self._config_version = version_of(mesh.config)

    async def start(self) -> None:
        _ = self._metrics  # no request shall wait until the library is loaded
        if _folder():
            self._rounds = asyncio.create_task(self._go_round())

    async def close(self) -> None:
        if self._rounds:
            self._rounds.cancel()
            await asyncio.wait([self._rounds])

    def __call__(self, event: events.Event) -> None:
        if take := self._takes.get(type(event)):
            take(event)

    async def text(self, accept: str = "") -> tuple[bytes, str]:
        """Return the metrics of all processes, and their content type by what is accepted.

        They are written in a thread: that may take a second where there are very many.
        """
        self._look()
        return await asyncio.to_thread(self._metrics.text, accept)

    @cached_property
    def _metrics(self) -> "Metrics":
        # Not before it is needed, which is in the worker that it belongs to; and as for the
        # library, only here.
        from modelmesh.connectors.observability._series import Metrics  # noqa: PLC0415 - see above

        return Metrics(_folder())

    def _request_began(self, event: events.RequestBegan) -> None:
        self._metrics["requests_in_flight"][event.pool or _UNKNOWN, event.endpoint].inc()

    def _request_ended(self, event: events.RequestEnded) -> None:
        metrics, place = self._metrics, (event.pool or _UNKNOWN, event.endpoint)
        metrics["requests_in_flight"][place].dec()
        metrics["requests"][*place, event.end, f"{event.status // 100}xx"].inc()
        metrics["request_duration"][*place, event.end].observe(event.seconds)
        if event.stream and event.attempts:
            last = event.attempts[-1]
            if last.first_token is not None:
                before = max(0.0, event.seconds - last.seconds)
                metrics["request_first_token"][place].observe(before + last.first_token)
                metrics["attempt_first_token"][_whom(last)].observe(last.first_token)

    def _attempt_ended(self, event: events.AttemptEnded) -> None:
        metrics, whom = self._metrics, _whom(event)
        metrics["attempts"][*whom, event.end, event.cause or ""].inc()
        if event.end == "answered":
            metrics["attempt_duration"][whom].observe(max(0.0, event.seconds))
        if event.usage:
            metrics["tokens"][*whom, "in"].inc(event.usage.prompt)
            metrics["tokens"][*whom, "out"].inc(event.usage.completion)
        if event.cost:
            metrics["cost"][whom].inc(event.cost)

    def _rotated(self, event: events.Rotated) -> None:
        self._metrics["rotations"][event.pool,].inc()

    def _cooldown_began(self, event: events.CooldownBegan) -> None:
        self._metrics["cooldowns"][event.of, event.id, event.cause].inc()

    def _recovered(self, event: events.Recovered) -> None:
        self._metrics["recoveries"][event.of, event.id].inc()

    def _limit_reached(self, event: events.LimitReached) -> None:
        self._note_resets(event.at)
        if not self._limits:
            self._look()
        limit = event.limit if event.limit in self._limits else _TOLD
        self._metrics["limit_refusals"][limit,].inc()
        if event.seconds is not None:
            self._refusing[limit] = event.at + event.seconds

    def _note_resets(self, wall: float) -> None:
        for limit in [limit for limit, until in self._refusing.items() if until <= wall]:
            del self._refusing[limit]
            self._metrics["limit_resets"][limit,].inc()

    async def _go_round(self) -> None:
        while True:
            self._look()
            await asyncio.sleep(_ROUND)

    def _look(self) -> None:
        """Note what is so now, and no event tells."""
        if (mesh := self._mesh) is None:
            return
        metrics = self._metrics
        metrics["build_info"][version("modelmesh-lite"), platform.python_version()].set(1)
        metrics["config_info"][self._config_version,].set(1)
        if store := mesh.store_status():
            metrics["store_up"][store["kept_in"],].set(store["answers"])
        for id_, pool in mesh.pool_status().items():
            metrics["rotations"].begin(id_)
            for target in pool["targets"]:
                self._look_at_target(id_, target)
        self._note_losses(mesh.observers)
        self._note_resets(mesh.audience.wall())

    def _note_losses(self, observers: Iterable[Named]) -> None:
        lost: Counter[str] = Counter()
        for each in observers:
            lost[each.connector] += getattr(each, "lost", 0)
        for name, count in lost.items():
            if count > self._lost.get(name, 0):
                self._metrics["observer_dropped_events"][name,].inc(count - self._lost.get(name, 0))
                self._lost[name] = count

    def _look_at_target(self, pool: str, target: Mapping[str, Any]) -> None:
        metrics, which = self._metrics, (target["target"], target["provider"])
        metrics["target_ready"][which].set(target["state"] not in _NOT_READY)
        if target["availability"] is not None:
            metrics["provider_availability"][target["provider"],].set(target["availability"])
        metrics["attempts"].begin(pool, *which, "answered", "")
        metrics["tokens"].begin(pool, *which, "in")
        metrics["tokens"].begin(pool, *which, "out")
        metrics["cost"].begin(pool, *which)
        for limit in target["limits"]:
            if limit["source"] != "vendor" and limit["amount"]:
                self._look_at_limit(limit["limit"], limit["taken"] / limit["amount"])

    def _look_at_limit(self, name: str, taken: float) -> None:
        self._limits.add(name)
        self._metrics["limit_taken"][name,].set(taken)
        self._metrics["limit_refusals"].begin(name)
        self._metrics["limit_resets"].begin(name)


def _whom(attempt: events.AttemptEnded) -> tuple[str, str, str]:
    return attempt.pool, attempt.target, attempt.provider


def _folder() -> str | None:
    """Return the folder that several processes share; None where one serves by itself."""
    return os.environ.get(FOLDER)  # noqa: TID251 - the library reads it there, too
