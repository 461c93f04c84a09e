"""A port, and aiohttp's connections on it, whose every answer is JSON."""

import asyncio
import logging
from typing import Any, Final

from aiohttp import web
from attrs import define, field

from modelmesh.proxy.errors import NOT_HTTP, error_body, error_headers

log = logging.getLogger("modelmesh.proxy")

_SETTINGS: Final[dict[str, Any]] = {
    # Longer than a load balancer in front of us keeps a connection, so that it closes first.
    "keepalive_timeout": 75.0,
    # The endpoints decompress bodies themselves, within their limit.
    "auto_decompress": False,
    # Requests are logged where more is known of them.
    "access_log": None,
}
# Requests which had all the time there was end within so many seconds.
_LAST_CALL: Final = 0.5


class _Connection(web.RequestHandler):
    """A connection on which also what is no HTTP gets an answer in OpenAI's shape."""

    def handle_error(
        self,
        request: web.BaseRequest,  # noqa: ARG002 - the signature is aiohttp's
        status: int = 500,  # noqa: ARG002 - a request that was read fails in no endpoint
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 - it may quote a header, so nobody is told
    ) -> web.StreamResponse:
        """Answer what the parser refused."""
        log.debug("malformed request: %s", type(exc).__name__)
        response = web.Response(
            status=NOT_HTTP.status, headers=error_headers(NOT_HTTP), body=error_body(NOT_HTTP)
        )
        response.force_close()
        return response


@define(eq=False)
class Listener:
    """An application on a port."""

    _app: web.Application
    _host: str
    _port: int
    _runner: web.AppRunner = field(init=False)
    _server: asyncio.Server = field(init=False)

    async def open(self) -> int:
        """Start the application and listen; return the port. Raises OSError if it is taken."""
        self._runner = web.AppRunner(
            self._app, handler_cancellation=True, shutdown_timeout=_LAST_CALL
        )
        try:
            await self._runner.setup()
            self._server = await asyncio.get_running_loop().create_server(
                self._connect, self._host, self._port, reuse_address=True
            )
        except BaseException:
            await self._runner.cleanup()
            raise
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def close(self) -> None:
        """Stop listening, end every connection, end the application."""
        self._server.close()
        await self._runner.cleanup()

    def _connect(self) -> _Connection:
        assert self._runner.server is not None
        return _Connection(self._runner.server, loop=asyncio.get_running_loop(), **_SETTINGS)
