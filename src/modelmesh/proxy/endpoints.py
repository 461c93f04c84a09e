"""OpenAI's endpoints over a mesh: from method, path, headers and body to a reply or a stream.

Nothing here knows of a web framework; `app` puts it behind one.
"""

import asyncio
import difflib
import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from modelmesh.clock import Clock
from modelmesh.config.schema import ENDPOINTS, MODELS_PATH, OPENAPI_PATH, PROBES, Proxy
from modelmesh.config.version import version_of
from modelmesh.errors import MeshError
from modelmesh.events import Reloaded
from modelmesh.proxy import bodies, forms, uploads
from modelmesh.proxy.access import Access
from modelmesh.proxy.calls import Handler, Incoming, Outgoing, json_reply
from modelmesh.proxy.errors import (
    InternalError,
    Refused,
    ShuttingDown,
    error_body,
    error_headers,
)
from modelmesh.proxy.feed import Feed
from modelmesh.proxy.gate import Gate
from modelmesh.proxy.management import HEADERS, Management
from modelmesh.proxy.openapi import document, server_of
from modelmesh.proxy.routes import ONE_MODEL, is_served
from modelmesh.proxy.streams import EVENT_HEADERS, Bytes, Events
from modelmesh.proxy.trail import printable, trail
from modelmesh.report import report
from modelmesh.types import FORWARDED_HEADERS, SESSION_HEADER, Endpoint, Request

if TYPE_CHECKING:
    from modelmesh.mesh import ModelMesh
    from modelmesh.reply import Reply

log = logging.getLogger("modelmesh.proxy")

# An upload is a form, and may be JSON as well.
_KINDS: Final[Mapping[Endpoint, tuple[str, ...]]] = {
    "transcriptions": (forms.KIND, bodies.JSON),
}
_SOUND_ID: Final = re.compile(r"[\x21-\x7e]{1,128}")
_LINE_BREAK: Final = re.compile(r"[\r\n\0]")


class Endpoints:
    """Serves a mesh as OpenAI's API, and what the proxy tells of itself.

    Attributes:
        aside: the paths of requests which are no work of the server's own.

    """

    def __init__(
        self,
        mesh: "ModelMesh",
        settings: Proxy,
        *,
        gate: Gate,
        clock: Clock,
        ids: Callable[[], str],
        feed: Feed,
        reload: Callable[[], Awaitable[Reloaded]],
        status: Callable[[], Mapping[str, Any]],
        worker: Callable[[], Mapping[str, Any]],
    ) -> None:
        self._mesh = mesh
        self._settings = settings
        self._gate = gate
        self._clock = clock
        self._ids = ids
        self._status = status
        self._worker = worker
        self._access = Access(settings)
        self._version = version_of(mesh.config)
        self._management = Management(
            mesh,
            settings,
            access=self._access,
            clock=clock,
            feed=feed,
            reload=reload,
            server=self._server,
        )
        self._forwarded = FORWARDED_HEADERS | {name.lower() for name in settings.forward_headers}
        self._routes = self._all_routes()
        self.aside = PROBES | self._management.routes.keys()

    def _all_routes(self) -> dict[str, tuple[str, Handler]]:
        """Return what answers at which path, and to which method."""
        return {
            **dict.fromkeys(ENDPOINTS, ("POST", self._ask)),
            MODELS_PATH: ("GET", self._models),
            ONE_MODEL: ("GET", self._model),
            OPENAPI_PATH: ("GET", self._openapi),
            "/health": ("GET", self._health),
            "/livez": ("GET", self._livez),
            "/readyz": ("GET", self._readyz),
            **self._management.routes,
        }

    def request_id(self, headers: Mapping[str, str]) -> str:
        """Return the client's own name for its request if that is a sound one, else a new one."""
        for name in ("x-request-id", "x-client-request-id"):
            given = headers.get(name)
            if given and _SOUND_ID.fullmatch(given):
                return given
        return self._ids()

    async def handle(self, call: Incoming) -> Outgoing:
        """Answer a request. Raises nothing but what cancels it."""
        try:
            outgoing = await self._answer(call)
        except MeshError as error:
            return self.failure(call, error)
        except Exception as bug:  # noqa: BLE001 - whatever it is, the client gets an answer
            report(log, f"request {call.id}: the proxy", bug)
            return self.failure(call, InternalError())
        return self._with_common_headers(call, outgoing)

    def failure(self, call: Incoming, error: MeshError) -> Outgoing:
        """Return the reply which tells of an error."""
        failed = Outgoing(status=error.status, headers=error_headers(error), body=error_body(error))
        return self._with_common_headers(call, failed)

    async def _answer(self, call: Incoming) -> Outgoing:
        """Pass a request on to its endpoint, unless something forbids it."""
        inside = self._is_inside(call.path)
        if call.method == "OPTIONS":
            headers = {} if inside else self._access.preflight_headers(call.headers)
            return Outgoing(status=204, headers=headers)
        method, answer = self._routes.get(route := _route(call.path), (None, None))
        if self._gate.draining and call.path not in PROBES:
            raise ShuttingDown
        if inside:
            self._management.check(call)
        elif route not in ("/livez", "/readyz"):
            self._access.check_origin(call.method, call.headers.get("origin"))
            self._access.check_token(call.headers.get("authorization"))
        if answer is None or not is_served(route, self._settings):
            raise Refused(404, self._nothing_at(call.path), code="not_found")
        if call.method != method and (call.method, method) != ("HEAD", "GET"):
            allowed = "POST, OPTIONS" if method == "POST" else "GET, HEAD, OPTIONS"
            message = f"{call.path} does not accept {call.method}; send {method}."
            raise Refused(405, message, code="method_not_allowed", headers={"allow": allowed})
        return await answer(call)

    async def _ask(self, call: Incoming) -> Outgoing:
        """Answer what only a model can."""
        started = self._clock.now()
        request = await self._read(call, ENDPOINTS[call.path])
        heartbeat = self._settings.heartbeat or None
        reply = await self._mesh.send(request, heartbeat=heartbeat if request.stream else None)
        about = self._about(reply, self._clock.now() - started)
        if reply.answer is not None:
            return Outgoing(
                headers={"content-type": reply.answer.content_type, **about},
                body=reply.answer.body,
                close=reply.close,
            )
        stream = reply.stream
        assert stream is not None
        if request.stream:
            headers = {**EVENT_HEADERS, **about}
            return Outgoing(
                headers=headers, stream=Events(stream, reply.attempts), close=reply.close
            )
        kind = stream.content_type or "application/octet-stream"
        return Outgoing(
            headers={"content-type": kind, **about},
            stream=Bytes(stream),
            of_events=False,
            close=reply.close,
        )

    async def _read(self, call: Incoming, endpoint: Endpoint) -> Request:
        headers, limit, upload = call.headers, self._settings.max_body, None
        kinds = _KINDS.get(endpoint, (bodies.JSON,)) if self._access.guarded else ()
        bodies.check_headers(headers, limit, kinds)
        raw = await bodies.read(call.body, headers, limit)
        if endpoint == "transcriptions":
            body, upload = uploads.transcription(raw, headers)
            raw = b""
        else:
            body = bodies.parse(raw, headers)
        bodies.check(endpoint, body)
        return Request(
            id=call.id,
            model=body["model"],
            body=body,
            raw=raw,
            headers=self._forwarded_headers(headers),
            session=headers.get(SESSION_HEADER, ""),
            endpoint=endpoint,
            upload=upload,
        )

    def _forwarded_headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        names = self._forwarded
        if names.isdisjoint(headers):
            return {}
        if "connection" in headers:  # what it names is meant for us alone
            names -= {name.strip().lower() for name in headers["connection"].split(",")}
        forwarded = {name: headers[name] for name in names if name in headers}
        for name, text in forwarded.items():
            if _LINE_BREAK.search(text):
                raise Refused(400, f"The header `{name}` holds a line break.")
        return forwarded

    def _about(self, reply: "Reply", seconds: float) -> dict[str, str]:
        """Return the headers that say who answered, and what it took."""
        overhead = max(0.0, seconds - reply.upstream_seconds) * 1000
        headers = {
            "x-modelmesh-model": printable(reply.target.upstream),
            "x-modelmesh-provider": printable(reply.target.provider.id),
            "x-modelmesh-attempts": str(len(reply.attempts)),
            "x-modelmesh-trail": trail(reply.attempts),
            "x-modelmesh-overhead-ms": f"{overhead:.1f}",
        }
        if reply.dropped:
            headers["x-modelmesh-dropped-params"] = ", ".join(sorted(reply.dropped))
        return headers

    async def _models(self, _call: Incoming) -> Outgoing:
        return json_reply({"object": "list", "data": self._mesh.models()})

    async def _model(self, call: Incoming) -> Outgoing:
        return json_reply(self._mesh.model(call.path.removeprefix(f"{MODELS_PATH}/")))

    async def _openapi(self, call: Incoming) -> Outgoing:
        server = server_of(call.headers, call.mount)
        return json_reply(await asyncio.to_thread(document, self._settings, server))

    async def _health(self, _call: Incoming) -> Outgoing:
        return json_reply({**self._status(), "config_version": self._version})

    async def _livez(self, _call: Incoming) -> Outgoing:
        return json_reply({"status": "ok"})

    async def _readyz(self, _call: Incoming) -> Outgoing:
        if self._gate.draining:
            raise ShuttingDown
        return json_reply({"status": "ok"})

    def _is_inside(self, path: str) -> bool:
        """Whether a path is one to look inside by. What most requests are about costs nothing."""
        return path not in ENDPOINTS and self._management.covers(path)

    def _server(self) -> dict[str, Any]:
        """Return what is told of this server to those who look inside."""
        return {
            "config_version": self._version,
            "uptime_seconds": self._status()["uptime_seconds"],
            "worker": self._worker(),
        }

    def _nothing_at(self, path: str) -> str:
        """Say so, and which path may be meant."""
        aside = self._management.files
        served = [
            route
            for route in self._routes
            if is_served(route, self._settings) and route not in aside
        ]
        near = difflib.get_close_matches(path, served, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(served)}"
        return f"There is nothing at {path}; {hint}"

    def _with_common_headers(self, call: Incoming, outgoing: Outgoing) -> Outgoing:
        if self._is_inside(call.path):
            outgoing.headers = {**HEADERS, **outgoing.headers}
        else:
            outgoing.headers |= self._access.cors_headers(call.headers.get("origin"))
        outgoing.headers["x-request-id"] = call.id
        outgoing.headers["x-modelmesh-config"] = self._version
        return outgoing


def _route(path: str) -> str:
    before, _, model = path.partition(f"{MODELS_PATH}/")
    return ONE_MODEL if model and not before else path
