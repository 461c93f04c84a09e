"""Tells a web server of events: records as JSON, in batches, and never in the way of a request.

A batch is `{"dropped": 0, "records": [...]}`. One that does not arrive is sent again and keeps its
`webhook-id`. Where there is a secret it is signed as `_signature` says.
"""

import asyncio
import logging
import math
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from random import Random
from typing import ClassVar, Final
from urllib.parse import urlsplit

from attrs import Attribute, field, frozen

from modelmesh.clock import Clock, SystemClock, system_rng
from modelmesh.config import schema
from modelmesh.config.schema.values import Duration, Size, at_least_zero, header_fields, positive
from modelmesh.connectors._resets import seconds
from modelmesh.connectors.observability._outbox import Batch, Bounds, Outbox
from modelmesh.connectors.observability._records import record
from modelmesh.connectors.observability._signature import signature, signing_key
from modelmesh.errors import TransportError
from modelmesh.events import Event
from modelmesh.json_text import dumps
from modelmesh.report import report
from modelmesh.transport.address import find
from modelmesh.transport.choose import usual
from modelmesh.transport.protocol import Transport
from modelmesh.types import HttpRequest, Secret

log: Final = logging.getLogger("modelmesh")

_CLOSING: Final = 3.0
"""Seconds for what is left, when the mesh closes."""

_CONNECT: Final = 5.0
"""Seconds for a connection."""

_SUCCESS: Final = range(200, 300)
_SERVERS_FAULT: Final = range(500, 600)
_TRIED_AGAIN: Final = (408, 429, *_SERVERS_FAULT)


def _address(_: object, attribute: "Attribute[Secret]", value: Secret) -> None:
    """Refuse what is no address. There may be a key in it: it is not shown."""
    try:
        find(value.reveal())
    except TransportError:
        name = attribute.name
        raise ValueError(f"{name} must be an address such as https://example.com/events") from None


def _key(_: object, attribute: "Attribute[Secret | None]", value: Secret | None) -> None:
    try:
        signing_key(value or Secret(""))
    except ValueError as error:
        raise ValueError(f"{attribute.name} {error}") from None


@frozen(kw_only=True)
class Options:
    """The observer's own settings."""

    # Where batches are sent, by POST.
    url: Secret = field(validator=_address)
    # What signs them: `whsec_` and base64, or any text.
    secret: Secret | None = field(default=None, validator=_key)
    # Headers sent with each, such as an authorization.
    headers: Mapping[str, str] = field(factory=dict, validator=header_fields, repr=False)
    # Records after which a batch is sent.
    batch: int = field(default=500, validator=positive)
    # How long a record waits for others.
    wait: Duration = field(default=5.0, validator=at_least_zero)
    # How many records are kept for a receiver that is slow or away; then the oldest are dropped.
    queue: int = field(default=10_000, validator=positive)
    # How large they may be together.
    queue_size: Size = field(default=16 << 20, validator=positive)
    # How long the receiver may take to answer.
    timeout: Duration = field(default=15.0, validator=positive)
    # How long a batch that does not arrive is tried; then it is dropped.
    give_up: Duration = field(default=900.0, validator=positive)

    def bounds(self) -> Bounds:
        return Bounds(
            batch=self.batch,
            wait=self.wait,
            records=self.queue,
            size=self.queue_size,
            give_up=self.give_up,
        )


class Observer:
    connector: ClassVar = "modelmesh.webhook.v1"
    Options: ClassVar = Options

    def __init__(
        self,
        settings: schema.Observer,
        *,
        clock: Clock | None = None,
        rng: Random | None = None,
        transport: Transport | None = None,
    ) -> None:
        self._options = Options(**settings.options)
        self._record = partial(record, level=settings.level, content=settings.content)
        self._clock = clock or SystemClock()
        self._rng = rng or system_rng()
        self._transport = transport or usual()
        self._host = urlsplit(self._options.url.reveal()).hostname
        self._key = signing_key(self._options.secret) if self._options.secret else None
        self._outbox = Outbox(self._options.bounds())
        # Whether records are being dropped, and how many the receiver was told of.
        self._dropping = False
        self._told = 0
        self._news = asyncio.Event()
        self._closing = False
        self._sending: asyncio.Task[None] | None = None

    @property
    def lost(self) -> int:
        """How many records were dropped by now."""
        return self._outbox.lost

    def __call__(self, event: Event) -> None:
        """Put a record of an event among those to be sent."""
        if self._outbox.put(dumps(self._record(event)), self._clock.now()):
            self._news.set()
        self._note_drops()

    async def start(self) -> None:
        """Send from now on. Later calls do nothing."""
        if self._sending is None:
            # Not before: this may be the fork of a process, and others come of the same one.
            self._outbox.name = f"batch_{self._rng.getrandbits(96):024x}"
            self._sending = asyncio.create_task(self._send_all())

    async def close(self) -> None:
        """Send what is left, as far as the receiver takes it at once, for a few seconds."""
        if self._sending:
            self._closing = True
            self._news.set()
            if self._sending.done():  # who ends a loop may have ended all of its tasks
                self._sending = asyncio.create_task(self._send_all())
            await asyncio.wait([self._sending], timeout=_CLOSING)
            self._sending.cancel()
            await asyncio.wait([self._sending])
        if lost := self._outbox.left + self._outbox.dropped:
            log.warning("the webhook at %s did not get all records (missing: %d)", self._host, lost)
        await self._transport.close()

    async def _send_all(self) -> None:
        while True:
            await self._until_due()
            if self._closing and not self._outbox.left:
                return
            arrived = await self._send(self._outbox.take(self._clock.now()))
            if self._closing and not arrived:
                return

    async def _until_due(self) -> None:
        while not self._closing:
            left = self._outbox.due() - self._clock.now()
            if left <= 0:
                return
            self._news.clear()
            with suppress(TimeoutError):
                # The receiver is a real one, also where a test moves the clock.
                async with asyncio.timeout(left if left < math.inf else None):
                    await self._news.wait()

    async def _send(self, batch: Batch) -> bool:
        """Try a batch once. Return whether it arrived."""
        asked, again = None, True
        try:
            status, said = await self._post(batch)
            if status in _SUCCESS:
                self._note_arrival(batch)
                return True
            why, again = f"it answered {status}", status in _TRIED_AGAIN
            asked = seconds(said, self._clock.wall())
        except TimeoutError:
            why = f"no answer within {self._options.timeout:g} s"
        except TransportError as error:
            why = error.kind.replace("_", " ")
        except Exception as bug:  # noqa: BLE001 - what is told later is not lost for one batch
            report(log, "a webhook", bug)
            why, again = "see above", False
        if not self._outbox.failures:
            log.warning("the webhook at %s does not take records: %s", self._host, why)
        now, chance = self._clock.now(), self._rng.random()
        self._outbox.failed(now, asked=asked, chance=chance, again=again)
        self._note_drops()
        return False

    async def _post(self, batch: Batch) -> tuple[int, str]:
        """Send a batch. Return the status of the answer, and what its `retry-after` says.

        Raises:
            TransportError: there was no answer.
            TimeoutError: nor within the time for it.

        """
        body, moment = batch.body(), int(self._clock.wall())
        headers = {name.lower(): text for name, text in self._options.headers.items()}
        headers |= {
            "content-type": "application/json",
            "webhook-id": batch.id,
            "webhook-timestamp": str(moment),
        }
        if self._key is not None:
            headers["webhook-signature"] = signature(self._key, batch.id, moment, body)
        request = HttpRequest(url=self._options.url.reveal(), headers=headers, body=body)
        async with asyncio.timeout(self._options.timeout):
            reply = await self._transport.send(request, connect=_CONNECT)
            await reply.close(drain=True)
        return reply.status, reply.headers.get("retry-after", "")

    def _note_arrival(self, batch: Batch) -> None:
        recovered = self._outbox.failures > 0
        self._outbox.arrived()
        self._told += batch.dropped
        if (recovered or self._told) and not self._outbox.dropped:
            said = "the webhook at %s takes records again (dropped meanwhile: %d)"
            log.warning(said, self._host, self._told)
            self._told, self._dropping = 0, False

    def _note_drops(self) -> None:
        """Say in the log that records are dropped, once until all arrive again."""
        if self._outbox.dropped and not self._dropping:
            self._dropping = True
            log.warning("records for the webhook at %s are dropped from now on", self._host)
