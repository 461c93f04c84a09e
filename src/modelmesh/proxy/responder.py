"""The story of one request, whichever front it came in by: admitted, answered, noted."""

import asyncio
import logging
from collections.abc import AsyncIterable, Mapping
from typing import Final, Protocol

from attrs import define

from modelmesh.clock import Clock
from modelmesh.config.schema import PROBES
from modelmesh.errors import MeshError
from modelmesh.proxy.calls import Incoming, Outgoing
from modelmesh.proxy.endpoints import Endpoints
from modelmesh.proxy.errors import InternalError, ShuttingDown
from modelmesh.proxy.gate import Gate
from modelmesh.report import report
from modelmesh.shown import Shown

log = logging.getLogger("modelmesh.proxy")

# How long a client may take to accept the last words of a server that is about to stop.
_LAST_WORDS: Final = 1.0
# Statuses from here on are told of wherever they come from.
_REFUSED: Final = 400
# Characters of a path in the log.
_PATH: Final = 200


class Sending(Protocol):
    """One reply on its way to a client.

    Attributes:
        patience: seconds that the client has to accept each piece.
        outgoing: what is being sent.
        begun: something of it is out.

    """

    patience: float
    outgoing: Outgoing
    begun: bool

    def peer(self) -> str:
        """Return the address of who gets it; nothing where it has none."""
        ...

    async def send(self, outgoing: Outgoing) -> None:
        """Send a reply from its head to its end. Raises ConnectionError if nobody takes it."""
        ...

    async def break_off(self, error: MeshError) -> None:
        """Tell of an error within a stream and end it. A whole body can only be cut."""
        ...

    def abort(self) -> None:
        """Cut the connection, if there still is one."""
        ...


@define(kw_only=True)
class Responder:
    """Answers requests. What it answers by may be exchanged at any time."""

    endpoints: Endpoints
    gate: Gate
    clock: Clock
    write_timeout: float
    shown: Shown

    async def respond(
        self,
        sending: Sending,
        *,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: AsyncIterable[bytes],
        mount: str = "",
    ) -> None:
        """Answer one request. Whatever happens, nothing but its cancellation gets out of here."""
        started = self.clock.now()
        call = Incoming(
            id=self.endpoints.request_id(headers),
            method=method,
            path=path,
            mount=mount,
            headers=headers,
            body=body,
            peer=sending.peer,
        )
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

    async def _answer(self, call: Incoming, sending: Sending) -> None:
        try:
            if self._is_aside(call):
                await self._pass_on(call, sending)
            else:
                with self.gate.admit():
                    await self._pass_on(call, sending)
        except ShuttingDown as error:
            await self._break_off(call, sending, error)
        except ConnectionError:
            raise
        except MeshError as error:  # in the midst of what cannot tell of it
            await self._break_off(call, sending, error)
        except Exception as bug:  # noqa: BLE001 - whatever it is, the client gets an answer
            report(log, f"request {call.id}: the proxy", bug)
            await self._break_off(call, sending, InternalError())

    async def _pass_on(self, call: Incoming, sending: Sending) -> None:
        outgoing = await self.endpoints.handle(call)
        try:
            await sending.send(outgoing)
        finally:
            await outgoing.close()

    async def _break_off(self, call: Incoming, sending: Sending, error: MeshError) -> None:
        sending.patience = min(sending.patience, _LAST_WORDS)
        if sending.begun:
            await sending.break_off(error)
        else:
            await sending.send(self.endpoints.failure(call, error))

    def _note(self, call: Incoming, outgoing: Outgoing, started: float) -> None:
        quiet = call.path in PROBES or (self._is_aside(call) and outgoing.status < _REFUSED)
        level = logging.DEBUG if quiet else logging.INFO
        if not log.isEnabledFor(level):
            return
        who = outgoing.headers.get("x-modelmesh-provider", "-")
        took = (self.clock.now() - started) * 1000
        # Who asks for the wrong thing may have put a key there.
        path = call.path if outgoing.status < _REFUSED else self.shown.text(call.path, _PATH)
        told = (call.method, path, outgoing.status, who, took, call.id)
        log.log(level, "%s %r %d %s %.0f ms (%s)", *told)

    def _note_client_gone(self, call: Incoming, started: float) -> None:
        took = (self.clock.now() - started) * 1000
        told = (call.method, self.shown.text(call.path, _PATH), took, call.id)
        level = logging.DEBUG if self._is_aside(call) else logging.INFO
        log.log(level, "%s %r 499 client_cancelled %.0f ms (%s)", *told)

    def _is_aside(self, call: Incoming) -> bool:
        return call.path in self.endpoints.aside
