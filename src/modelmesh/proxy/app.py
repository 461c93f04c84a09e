"""The endpoints behind aiohttp's web server. With `listener` this is all that knows of it."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

from aiohttp import web
from aiohttp.web_protocol import RequestPayloadError
from attrs import define, field, frozen

from modelmesh.clock import Clock
from modelmesh.errors import MeshError
from modelmesh.proxy.endpoints import PROBES, Endpoints, Incoming, Outgoing
from modelmesh.proxy.errors import InternalError, Refused, ShuttingDown, error_event
from modelmesh.proxy.gate import Gate
from modelmesh.report import report

log = logging.getLogger("modelmesh.proxy")

# How long a client may take to accept the last words of a server that is about to stop.
_LAST_WORDS = 1.0
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


def create_app(
    respond: Callable[[web.Request], Awaitable[web.StreamResponse]],
    lifetime: Callable[[web.Application], AsyncIterator[None]],
) -> web.Application:
    """Return an application that gives every request to `respond`."""
    app = web.Application()
    app.cleanup_ctx.append(lifetime)
    app.router.add_route("*", "/{path:.*}", respond, expect_handler=_expect_nothing)
    return app


@frozen(kw_only=True)
class Responder:
    """Answers aiohttp's requests."""

    endpoints: Endpoints
    gate: Gate
    clock: Clock
    write_timeout: float

    async def respond(self, request: web.Request) -> web.StreamResponse:
        """Answer one request. Whatever happens, nothing but its cancellation gets out of here."""
        started = self.clock.now()
        call = Incoming(
            id=self.endpoints.request_id(request.headers),
            method=request.method,
            path=f"/{request.match_info['path']}",
            headers=request.headers,
            body=_pieces(request),
        )
        sending = _Sending(request, self.write_timeout)
        try:
            await self._answer(call, sending)
        except asyncio.CancelledError:
            self._note_client_gone(call, started)
            raise
        except ConnectionError:
            sending.abort()
            self._note_client_gone(call, started)
        else:
            self._note(call, sending.outgoing, started)
        return sending.response

    async def _answer(self, call: Incoming, sending: "_Sending") -> None:
        try:
            async with AsyncExitStack() as stack:
                if call.path not in PROBES:
                    await stack.enter_async_context(self.gate.admit())
                outgoing = await self.endpoints.handle(call)
                stack.push_async_callback(outgoing.close)
                await sending.send(outgoing)
        except ShuttingDown as error:
            await self._break_off(call, sending, error)
        except ConnectionError:
            raise
        except Exception as bug:  # noqa: BLE001 - whatever it is, the client gets an answer
            report(log, f"request {call.id}: the proxy", bug)
            await self._break_off(call, sending, InternalError())

    async def _break_off(self, call: Incoming, sending: "_Sending", error: MeshError) -> None:
        sending.patience = min(sending.patience, _LAST_WORDS)
        if sending.begun:
            await sending.break_off(error)
        else:
            await sending.send(self.endpoints.failure(call, error))

    def _note(self, call: Incoming, outgoing: Outgoing, started: float) -> None:
        level = logging.DEBUG if call.path in PROBES else logging.INFO
        who = outgoing.headers.get("x-modelmesh-provider", "-")
        took = (self.clock.now() - started) * 1000
        told = (call.method, call.path, outgoing.status, who, took, call.id)
        log.log(level, "%s %r %d %s %.0f ms (%s)", *told)

    def _note_client_gone(self, call: Incoming, started: float) -> None:
        took = (self.clock.now() - started) * 1000
        told = (call.method, call.path, took, call.id)
        log.info("%s %r 499 client_cancelled %.0f ms (%s)", *told)


@define(eq=False)
class _Sending:
    """One reply on its way to a client who has `patience` seconds to accept each piece."""

    request: web.Request
    patience: float
    outgoing: Outgoing = field(init=False)
    response: web.StreamResponse = field(init=False, factory=web.Response)
    begun: bool = field(init=False, default=False)

    async def send(self, outgoing: Outgoing) -> None:
        """Send a reply from its head to its end."""
        self.outgoing = outgoing
        self.response = _response(outgoing)
        if outgoing.headers.get("connection") == "close":
            self.response.force_close()
        self.begun = True
        await self._in_time(self.response.prepare(self.request))
        if outgoing.stream is not None:
            async for piece in outgoing.stream:
                await self._in_time(self.response.write(piece))
        await self._in_time(self.response.write_eof())

    async def break_off(self, error: MeshError) -> None:
        """Tell of an error within a stream and end it. A whole body can only be cut."""
        if self.outgoing.stream is None:
            self.abort()
            return
        await self._in_time(self.response.write(error_event(error)))
        await self._in_time(self.response.write_eof())

    def abort(self) -> None:
        """Cut the connection, if there still is one."""
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


async def _pieces(request: web.Request) -> AsyncIterator[bytes]:
    """Give the body as it arrives. Only now a client that waits for a word is told to send it."""
    if request.headers.get("expect", "").lower() == "100-continue":
        await request.writer.write(_CONTINUE)
        request.writer.output_size = 0
    try:
        async for piece in request.content.iter_any():
            yield piece
    except RequestPayloadError:
        raise Refused(400, "The request body cannot be read to its end.") from None


async def _expect_nothing(_request: web.Request) -> None:
    """Leave `Expect` to the reading of the body, which comes after authentication."""
