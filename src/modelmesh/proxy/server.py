"""The proxy server: its life from start to stop, and its status."""

import asyncio
import logging
import os
import signal
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future
from contextlib import asynccontextmanager, suppress
from functools import cached_property
from typing import TYPE_CHECKING, Self

from attrs import asdict, evolve

from modelmesh.clock import Clock, SystemClock, request_id
from modelmesh.config.load import Source
from modelmesh.connectors.observability import record
from modelmesh.mesh import ModelMesh
from modelmesh.proxy.access import Access
from modelmesh.proxy.endpoints import Endpoints
from modelmesh.proxy.feed import Feed
from modelmesh.proxy.gate import Gate
from modelmesh.proxy.port import Front, Port
from modelmesh.proxy.reloading import Reloading
from modelmesh.proxy.responder import Responder
from modelmesh.proxy.sources import find_config, overridden
from modelmesh.proxy.status import ServerStatus
from modelmesh.shown import Shown, keys_in
from modelmesh.transport.choose import goes_direct

if TYPE_CHECKING:
    from aiohttp import web

log = logging.getLogger("modelmesh.proxy")

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class ProxyServer:
    """OpenAI's HTTP API in front of a mesh. A server serves once: start a new one to serve again.

    `mesh` is started and closed with the server. Without one it is made from `config`: a path, a
    mapping or a MeshConfig, or else whatever is found, as for `python -m modelmesh.proxy`. What
    `host`, `port` and `token` say goes before the configuration's `proxy` section, of which
    `workers` is left aside: it serves in this process. `announce` is told, line by line, where the
    server listens and what it serves.

    Raises:
        ConfigError: the configuration is wrong, or there is nothing to serve.

    """

    def __init__(
        self,
        mesh: ModelMesh | None = None,
        *,
        config: Source | None = None,
        host: str | None = None,
        port: int | None = None,
        token: str | None = None,
        announce: Callable[[str], object] | None = None,
        clock: Clock | None = None,
    ) -> None:
        if mesh is not None and config is not None:
            raise TypeError("give a mesh or a config, not both")
        self._clock = clock or SystemClock()
        self._mesh = mesh or ModelMesh(find_config(config, os.environ), clock=self._clock)
        self._said = (host, port, token)
        self._take_settings()
        self.reloading = Reloading(self._mesh)  # what SIGHUP and a watched file do
        self.worker = 1  # its number among those that share the port
        self._announce = announce or log.info
        self._port = Port(self._settings.host, self._settings.port)
        self._gate = Gate()
        self._started: float | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._asked_to_stop = asyncio.Event()
        self._stopped = threading.Event()
        self._feed = Feed(
            self._mesh.audience, record=record, ids=lambda: request_id().removeprefix("req_")
        )
        self._gate.at_drain.append(self._feed.close)
        self._responder = Responder(
            endpoints=self._endpoints(),
            gate=self._gate,
            clock=self._clock,
            write_timeout=self._settings.write_timeout,
            shown=Shown(content=None, keys=keys_in(self._mesh.config)),
        )
        self._front = self._choose_front()
        self._mesh.at_reload.append(self._renew)

    @cached_property
    def app(self) -> "web.Application":
        """An application which does the same, to be mounted in another one of aiohttp's.

        The other one's runner should be given `handler_cancellation=True`: only so a client that
        leaves ends its request.
        """
        # It takes long, and is not needed by the other front.
        from modelmesh.proxy.app import create_app  # noqa: PLC0415 - see above

        return create_app(self._responder, self._alive, self._drain)

    def start(self, block: bool = True) -> None:
        """Serve until `stop` or a signal; with `block=False` return once the port is open.

        Raises:
            OSError: the port is taken.

        """
        if block and _running_loop():
            raise RuntimeError("an event loop runs here: use `await serve()` or start(block=False)")
        if block:
            asyncio.run(self.serve(signals=True))
            return
        opened: Future[None] = Future()
        thread = threading.Thread(
            target=self._serve_in_thread, args=(opened,), name="modelmesh-proxy", daemon=True
        )
        thread.start()
        opened.result()

    def stop(self) -> None:
        """Stop what `start` or `serve` began, from any thread, and return when all is over.

        Requests in flight may end first. Called in the event loop which serves it returns at once,
        for that loop has to do it.
        """
        if self._loop is None or self._stopped.is_set():
            return
        if _running_loop() is self._loop:
            self._asked_to_stop.set()
            return
        self._loop.call_soon_threadsafe(self._asked_to_stop.set)
        self._stopped.wait()

    async def serve(
        self, *, signals: bool = False, opened: Callable[[], object] | None = None
    ) -> None:
        """Serve until `stop`, or with `signals` until SIGINT or SIGTERM.

        Raises:
            OSError: the port is taken.

        """
        if signals and threading.current_thread() is threading.main_thread():
            with suppress(NotImplementedError):  # Windows, where Ctrl-C cancels us
                for number in _SIGNALS:
                    asyncio.get_running_loop().add_signal_handler(number, self._on_signal)
                asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self.reloading.alone)
        async with self:
            if opened:
                opened()
            await self._asked_to_stop.wait()

    async def __aenter__(self) -> Self:
        if self._loop is not None:
            raise RuntimeError("this server is running or was stopped; create a new one")
        self._loop = asyncio.get_running_loop()
        try:
            await self._front.open()
        except BaseException:
            self._stopped.set()
            raise
        self._started = self._clock.now()
        if not self._port.shared:
            self.tell()
            if self._settings.workers > 1:
                log.warning("proxy.workers needs `python -m modelmesh.proxy`: one process serves")
        return self

    async def __aexit__(self, *_: object) -> None:
        try:
            self._drain()
            await self._gate.emptied(self._settings.drain_timeout)
            await self._front.close()
        finally:
            self._started = None
            self._stopped.set()

    def share(self) -> None:
        """Open the port now, before there is an event loop, and then fork: every process can serve.

        None of them tells of it by itself; one should be had to `tell`.

        Raises:
            OSError: the port is taken.

        """
        self._port.share()

    def tell(self) -> None:
        """Announce where it listens and what it serves; warn if everybody may use it."""
        self._announce(f"ModelMesh listens at {self.url}")
        for line in self._mesh.describe().splitlines():
            self._announce(line)
        if not Access(self._settings).guarded and not self._port.is_private:
            log.warning(
                "Anyone who can reach this machine can use your keys: the server listens "
                "beyond this machine, asks for no token (--token) and lets every web page use "
                "it (proxy.cors.origins). Use --host 127.0.0.1 to keep it to yourself."
            )

    def get_status(self) -> ServerStatus:
        """Return the state of the server."""
        started = self._started
        return ServerStatus(
            running=started is not None,
            host=self._port.host,
            port=self._port.number,
            uptime_seconds=round(self._clock.now() - started, 3) if started is not None else 0.0,
            active_connections=self._gate.in_flight,
            total_requests=self._gate.total,
        )

    @property
    def url(self) -> str:
        """An address of the server that works on this machine."""
        return self._port.url

    def _choose_front(self) -> Front:
        # As with transports, neither is loaded unless it is used.
        if goes_direct(self._settings.front, "proxy.front"):
            from modelmesh.proxy.direct.listener import DirectListener  # noqa: PLC0415 - see above

            return DirectListener(self._responder, self._alive, self._port)
        from modelmesh.proxy.listener import Listener  # noqa: PLC0415 - see above

        return Listener(self.app, self._port)

    def _renew(self) -> None:
        """Serve by the settings as they are now."""
        self._take_settings()
        self._responder.endpoints = self._endpoints()
        self._responder.write_timeout = self._settings.write_timeout
        self._responder.shown = Shown(content=None, keys=self._mesh.keys)

    def _take_settings(self) -> None:
        """Let arguments go before the configuration."""
        self._settings = overridden(self._mesh.config.proxy, *self._said)
        # So that a token which came as an argument is hidden from observers as well.
        self._mesh.config = evolve(self._mesh.config, proxy=self._settings)

    def _endpoints(self) -> Endpoints:
        return Endpoints(
            self._mesh,
            self._settings,
            gate=self._gate,
            clock=self._clock,
            ids=request_id,
            feed=self._feed,
            reload=self.reloading.everywhere,
            status=lambda: asdict(self.get_status()),
            worker=self._which_worker,
        )

    def _which_worker(self) -> dict[str, int]:
        return {"number": self.worker, "of": self._settings.workers if self._port.shared else 1}

    def _drain(self) -> None:
        """Give requests in flight their last moment, also where another application stops us."""
        if not self._gate.draining:
            self._gate.drain(self._settings.drain_timeout)

    @asynccontextmanager
    async def _alive(self) -> AsyncIterator[None]:
        """Keep the mesh alive as long as what serves it, whoever runs that."""
        try:
            await self._mesh.start()
            if self.worker == 1:
                self.reloading.watch(lambda: self._settings.watch)
            yield
        finally:
            self.reloading.end()
            await self._mesh.close()

    def _serve_in_thread(self, opened: "Future[None]") -> None:
        try:
            asyncio.run(self.serve(opened=lambda: opened.set_result(None)))
        except BaseException as error:
            if opened.done():
                raise
            opened.set_exception(error)

    def _on_signal(self) -> None:
        """Stop in good order; the next signal ends the process at once."""
        log.info("stopping; requests in progress have %g s left", self._settings.drain_timeout)
        self._asked_to_stop.set()
        for number in _SIGNALS:
            asyncio.get_running_loop().remove_signal_handler(number)
            signal.signal(number, signal.SIG_DFL)


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
