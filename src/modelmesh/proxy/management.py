"""What the proxy tells of itself: status, events, why a target is chosen, metrics, and the page."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from modelmesh.clock import Clock
from modelmesh.config.schema import MANAGEMENT, Proxy
from modelmesh.connectors.observability.prometheus import Observer as Metrics
from modelmesh.errors import ConfigError
from modelmesh.events import Reloaded
from modelmesh.proxy import bodies
from modelmesh.proxy.access import Access
from modelmesh.proxy.calls import Handler, Incoming, Outgoing, json_reply
from modelmesh.proxy.errors import ConfigurationRefused, Refused
from modelmesh.proxy.feed import Feed
from modelmesh.proxy.routes import page_files
from modelmesh.proxy.streams import EVENT_HEADERS
from modelmesh.types import SESSION_HEADER

if TYPE_CHECKING:
    from modelmesh.mesh import ModelMesh

STATUS, EVENTS, EXPLAIN, RELOAD, METRICS, _ = MANAGEMENT
_OURS: Final = "/v1/mesh/"

HEADERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "cache-control": "no-store",
        "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
        "connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'",
        "cross-origin-resource-policy": "same-origin",
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
    }
)
"""Headers of all replies here: none of it is for other pages, frames, or a cache."""


class Management:
    """The endpoints by which people and programs look inside.

    Attributes:
        routes: what answers at which path, and to which method.
        files: the page's files by their paths, which hold nothing of what is inside.

    """

    def __init__(
        self,
        mesh: "ModelMesh",
        settings: Proxy,
        *,
        access: Access,
        clock: Clock,
        feed: Feed,
        reload: Callable[[], Awaitable[Reloaded]],
        server: Callable[[], Mapping[str, Any]],
    ) -> None:
        self._mesh = mesh
        self._settings = settings
        self._access = access
        self._clock = clock
        self._server = server
        self._feed = feed
        self._reload = reload
        self.files = page_files() if settings.page else {}
        self.routes: Mapping[str, tuple[str, Handler]] = {
            STATUS: ("GET", self._status),
            EVENTS: ("GET", self._events),
            EXPLAIN: ("POST", self._explain),
            RELOAD: ("POST", self._reload_now),
            METRICS: ("GET", self._metrics),
            **dict.fromkeys(self.files, ("GET", self._file)),
        }

    def covers(self, path: str) -> bool:
        """Whether a path is one of ours, also where nothing is at it."""
        return path in self.routes or path.startswith(_OURS)

    def check(self, call: Incoming) -> None:
        """Let nobody in who has no right to look inside. Raises Refused."""
        may = self._access.check_page if call.path in self.files else self._access.check_inside
        may(call.headers, call.peer())

    async def _status(self, _call: Incoming) -> Outgoing:
        return json_reply(
            {
                "at": self._clock.wall(),
                **self._server(),
                "store": self._mesh.store_status(),
                "pools": self._mesh.pool_status(),
                "stats": self._mesh.stats(),
            }
        )

    async def _events(self, call: Incoming) -> Outgoing:
        if call.method == "HEAD":
            return Outgoing(headers={**EVENT_HEADERS}, stream=_unheard())
        listener = self._feed.listen(
            call.headers.get("last-event-id", ""), heartbeat=self._settings.heartbeat or None
        )
        return Outgoing(headers={**EVENT_HEADERS}, stream=listener, close=listener.close)

    async def _explain(self, call: Incoming) -> Outgoing:
        bodies.check_headers(call.headers, self._settings.max_body, (bodies.JSON,))
        raw = await bodies.read(call.body, call.headers, self._settings.max_body)
        session = call.headers.get(SESSION_HEADER, "")
        return json_reply(self._mesh.explain(bodies.parse(raw, call.headers), session))

    async def _reload_now(self, _call: Incoming) -> Outgoing:
        try:
            told = await self._reload()
        except ConfigError as error:
            raise ConfigurationRefused(error) from None
        return json_reply(
            {
                "config_version": told.version,
                "changed": list(told.changed),
                "pending": list(told.pending),
            }
        )

    async def _metrics(self, call: Incoming) -> Outgoing:
        for observer in self._mesh.observers:
            if isinstance(observer, Metrics):
                text, kind = await observer.text(call.headers.get("accept", ""))
                return Outgoing(headers={"content-type": kind}, body=text)
        raise Refused(
            404,
            "There are no metrics: set `connector: modelmesh.prometheus.v1` in a section of "
            "`observability`.",
            code="not_found",
        )

    async def _file(self, call: Incoming) -> Outgoing:
        kind, content = self.files[call.path]
        return Outgoing(headers={"content-type": kind}, body=content)


async def _unheard() -> AsyncIterator[bytes]:
    """Give no events: who only looks at the head does not listen."""
    nothing: tuple[bytes, ...] = ()
    for piece in nothing:
        yield piece
