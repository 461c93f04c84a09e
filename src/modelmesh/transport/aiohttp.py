"""HTTP by aiohttp's client: the transport that always works, proxies and odd vendors included."""

import asyncio
import io
import re
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final, Self

import aiohttp
from aiohttp.http_exceptions import ContentEncodingError, HttpProcessingError
from attrs import define, field, frozen

from modelmesh.errors import ErrorKind, RequestError, TransportError
from modelmesh.transport import failures
from modelmesh.transport.limits import CODINGS, DRAIN, FRAMING, KEPT, PER_HOST
from modelmesh.types import HttpRequest

FAILURES: Final[Mapping[str, failures.Failure]] = {
    "ServerTimeoutError": failures.TIMED_OUT,
    "TimeoutError": failures.TIMED_OUT,
    "ClientConnectorDNSError": failures.NO_SUCH_HOST,
    "ClientSSLError": failures.NOT_SECURE,
    "ServerFingerprintMismatch": failures.NOT_SECURE,
    "ClientConnectorError": failures.NO_CONNECTION,
    "ClientConnectionError": failures.HUNG_UP,
    "UploadAbortedError": failures.HUNG_UP,
    "OSError": failures.HUNG_UP,
    "InvalidURL": failures.NO_URL,
    "NonHttpUrlClientError": failures.NOT_HTTP,
    "RedirectClientError": failures.UNSOUND,
    "ClientResponseError": failures.UNSOUND,
    "HttpProcessingError": failures.UNSOUND,
    "ClientPayloadError": failures.BROKE_OFF,
}
"""What the errors of aiohttp mean, by the name of the nearest class."""

_CAUGHT: Final = (aiohttp.ClientError, HttpProcessingError, OSError)
_LARGE: Final = 1 << 18
_UNFIT: Final = re.compile(r"[\r\n\0]")


def transport_error(error: BaseException) -> TransportError:
    """Say in our words what went wrong."""
    if isinstance(error.__cause__, ContentEncodingError):
        error = error.__cause__
    for kind in type(error).__mro__:
        if kind.__name__ in FAILURES:
            return TransportError(*FAILURES[kind.__name__])
    return TransportError(ErrorKind.BAD_ANSWER, "the exchange with the vendor failed")


@define(eq=False)
class AiohttpReply:
    """A reply whose body is still to be read; see `TransportReply`."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    _response: aiohttp.ClientResponse = field(repr=False)

    def chunks(self) -> AsyncIterator[bytes]:
        return _Pieces(self._response.content)

    async def close(self, *, drain: bool = False) -> None:
        content = self._response.content
        try:
            if drain:
                async with asyncio.timeout(DRAIN):
                    while not content.at_eof():
                        await content.readany()
        except _CAUGHT:
            pass  # it is ended below
        finally:
            if content.at_eof():
                self._response.release()
            else:
                self._response.close()


class _Response(aiohttp.ClientResponse):
    def close(self) -> None:
        """End the connection at once, though part of the request may still be on its way."""
        connection = self.connection
        if connection is not None and connection.transport is not None:
            connection.transport.abort()
        super().close()


@define(eq=False)
class _Pieces:
    """A body in pieces. Unlike a generator it outlives a wait that was cancelled."""

    _content: aiohttp.StreamReader

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        try:
            piece = await self._content.readany()
        except _CAUGHT as error:
            raise transport_error(error) from None
        if not piece:
            raise StopAsyncIteration
        return piece


@define(eq=False)
class _Way:
    """How a request went out."""

    reused: bool = False


@frozen(eq=False)
class AiohttpTransport:
    """Sends requests by aiohttp, from any event loop."""

    per_host: int = PER_HOST
    # By event loop, and whether connections are kept.
    _sessions: dict[tuple[asyncio.AbstractEventLoop, bool], aiohttp.ClientSession] = field(
        factory=dict, init=False, repr=False
    )

    async def send(self, request: HttpRequest, *, connect: float) -> AiohttpReply:
        _check(request.headers)
        way = _Way()
        try:
            try:
                response = await self._send(request, connect, way, keep=True)
            except aiohttp.ClientConnectionError as error:
                if not (way.reused and _before_any_reply(error)):
                    raise
                response = await self._send(request, connect, way, keep=False)
        except _CAUGHT as error:
            raise transport_error(error) from None
        headers = _headers(response)
        reply = AiohttpReply(response.status, headers, response)
        coding = response.headers.get("Content-Encoding", "").strip().lower()
        if coding not in CODINGS:
            await reply.close()
            raise TransportError(*failures.UNKNOWN_CODING)
        return reply

    async def close(self) -> None:
        here = asyncio.get_running_loop()
        sessions = dict(self._sessions)
        self._sessions.clear()
        for (loop, _), session in sessions.items():
            if loop is here:
                await session.close()
            elif loop.is_running():
                elsewhere = asyncio.run_coroutine_threadsafe(session.close(), loop)
                await asyncio.wait({asyncio.wrap_future(elsewhere)}, timeout=1.0)

    async def _send(
        self, request: HttpRequest, connect: float, way: _Way, *, keep: bool
    ) -> aiohttp.ClientResponse:
        coding = "identity" if request.stream else "gzip, deflate"
        timeout = aiohttp.ClientTimeout(
            total=None,
            connect=connect,
            sock_connect=connect,
            sock_read=None,
            ceil_threshold=float("inf"),
        )
        return await self._session(keep=keep).request(
            request.method,
            request.url,
            headers={**request.headers, "accept-encoding": coding},
            data=_body(request.body),
            allow_redirects=False,
            timeout=timeout,
            trace_request_ctx=way,
        )

    def _session(self, *, keep: bool) -> aiohttp.ClientSession:
        place = (asyncio.get_running_loop(), keep)
        if place not in self._sessions:
            self._sessions[place] = self._new_session(keep=keep)
        return self._sessions[place]

    def _new_session(self, *, keep: bool) -> aiohttp.ClientSession:
        kept: dict[str, Any] = {"keepalive_timeout": KEPT} if keep else {"force_close": True}
        connector = aiohttp.TCPConnector(
            limit=0, limit_per_host=self.per_host, ttl_dns_cache=60, **kept
        )
        trace = aiohttp.TraceConfig()
        trace.on_connection_reuseconn.append(_note_reuse)
        return aiohttp.ClientSession(
            connector=connector,
            response_class=_Response,
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            trace_configs=[trace],
        )


async def _note_reuse(_session: aiohttp.ClientSession, context: Any, _params: object) -> None:
    context.trace_request_ctx.reused = True


def _before_any_reply(error: aiohttp.ClientConnectionError) -> bool:
    """Whether nothing of a reply had come. aiohttp hands a head that was begun to the error."""
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return isinstance(error.message, str)
    return not isinstance(error, aiohttp.ServerTimeoutError)


def _check(headers: Mapping[str, str]) -> None:
    for name, text in headers.items():
        if _UNFIT.search(name) or _UNFIT.search(text):
            raise RequestError("a header holds a line break or a null character")


def _body(body: bytes) -> bytes | io.BytesIO | None:
    # aiohttp writes bytes in one go and warns of large ones.
    return io.BytesIO(body) if len(body) > _LARGE else body or None


def _headers(response: aiohttp.ClientResponse) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name, text in response.headers.items():
        key = name.lower()
        if key not in FRAMING:
            headers[key] = f"{headers[key]}, {text}" if key in headers else text
    return headers
