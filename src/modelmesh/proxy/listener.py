"""A port, and aiohttp's connections on it, whose every answer is JSON."""

import asyncio
import logging
from typing import Any, Final

from aiohttp import web
from attrs import define, field

from modelmesh.proxy.errors import NOT_HTTP, error_body, error_headers
from modelmesh.proxy.port import IDLE, LAST_CALL, Port

log = logging.getLogger("modelmesh.proxy")

_SETTINGS: Final[dict[str, Any]] = {
    "keepalive_timeout": IDLE,
    # The endpoints decompress bodies themselves, within their limit.
    "auto_decompress": False,
    # Requests are logged where more is known of them.
    "access_log": None,
}


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
    _port: Port
    _runner: web.AppRunner = field(init=False)

    async def open(self) -> None:
        """Start the application and listen. Raises OSError if it is taken."""
        self._runner = web.AppRunner(
            self._app, handler_cancellation=True, shutdown_timeout=LAST_CALL
        )
        try:
            await self._runner.setup()
            await self._port.open(self._connect)
        except BaseException:
            await self._runner.cleanup()
            raise

    async def close(self) -> None:
        """Stop listening, end every connection, end the application."""
        self._port.close()
        await self._runner.cleanup()

    def _connect(self) -> _Connection:
        assert self._runner.server is not None
        return _Connection(self._runner.server, loop=asyncio.get_running_loop(), **_SETTINGS)
