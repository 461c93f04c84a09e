"""The endpoints behind aiohttp's web server. With `listener` this is all that knows of it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager

from aiohttp import HttpVersion11, web
from aiohttp.web_protocol import RequestPayloadError
from attrs import define, field

from modelmesh.errors import MeshError
from modelmesh.proxy.calls import Outgoing
from modelmesh.proxy.errors import Refused, error_event
from modelmesh.proxy.responder import Responder
from modelmesh.proxy.tcp import address, reset

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


def create_app(
    responder: Responder,
    lifetime: Callable[[], AbstractAsyncContextManager[None]],
    drain: Callable[[], object],
) -> web.Application:
    """Return an application that has every request answered.

    It lives within `lifetime`, and calls `drain` when it is about to stop.
    """

    async def respond(request: web.Request) -> web.StreamResponse:
        sending = _Sending(request, responder.write_timeout)
        path = f"/{request.match_info['path']}"
        await responder.respond(
            sending,
            method=request.method,
            path=path,
            mount=request.path.removesuffix(path),
            headers=_headers(request),
            body=_pieces(request),
        )
        return sending.response

    async def live(_app: web.Application) -> AsyncIterator[None]:
        async with lifetime():
            yield

    async def stop(_app: web.Application) -> None:
        drain()

    app = web.Application()
    app.cleanup_ctx.append(live)
    app.on_shutdown.append(stop)
    app.router.add_route("*", "/{path:.*}", respond, expect_handler=_expect_nothing)
    return app


@define(eq=False)
class _Sending:
    """A reply of aiohttp's; see `Sending`."""

    request: web.Request
    patience: float
    outgoing: Outgoing = field(init=False)
    response: web.StreamResponse = field(init=False, factory=web.Response)
    begun: bool = field(init=False, default=False)

    def peer(self) -> str:
        transport = self.request.transport
        return address(transport) if transport is not None else ""

    async def send(self, outgoing: Outgoing) -> None:
        self.outgoing = outgoing
        self.response = _response(outgoing)
        if outgoing.headers.get("connection") == "close":
            self.response.force_close()
        self.begun = True
        await self._in_time(self.response.prepare(self.request))
        if outgoing.stream is not None and self.request.method != "HEAD":
            async for piece in outgoing.stream:
                await self._in_time(self.response.write(piece))
        await self._in_time(self.response.write_eof())

    async def break_off(self, error: MeshError) -> None:
        if self.outgoing.stream is None or not self.outgoing.of_events:
            if self.request.version < HttpVersion11 and self.request.transport is not None:
                reset(self.request.transport)
            self.abort()
            return
        await self._in_time(self.response.write(error_event(error)))
        await self._in_time(self.response.write_eof())

    def abort(self) -> None:
        if self.request.transport is not None:
            self.request.transport.abort()

    async def _in_time(self, writing: Awaitable[object]) -> None:
        try:
            async with asyncio.timeout(self.patience):
                await writing
        except TimeoutError:
            raise ConnectionAbortedError("the client accepts nothing more") from None


def _response(outgoing: Outgoing) -> web.StreamResponse:
    if outgoing.stream is not None:
        return web.StreamResponse(status=outgoing.status, headers=outgoing.headers)
    return web.Response(status=outgoing.status, headers=outgoing.headers, body=outgoing.body)


def _headers(request: web.Request) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name, text in request.headers.items():
        key = name.lower()
        headers[key] = f"{headers[key]}, {text}" if key in headers else text
    return headers


async def _pieces(request: web.Request) -> AsyncIterator[bytes]:
    """Give the body as it arrives. Only now a client that waits for a word is told to send it."""
    if request.headers.get("expect", "").lower() == "100-continue":
        await request.writer.write(_CONTINUE)
        request.writer.output_size = 0
    try:
        async for piece in request.content.iter_any():
            yield piece
    except RequestPayloadError:
        raise Refused(400, "The request body breaks off before its end.") from None


async def _expect_nothing(_request: web.Request) -> None:
    """Leave `Expect` to the reading of the body, which comes after authentication."""
