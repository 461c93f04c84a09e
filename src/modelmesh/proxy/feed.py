"""The feed of events: what changed lately, and then everything, as it happens.

Requests and attempts are told only while somebody listens: else nobody has to make them.
"""

import asyncio
import json
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final, Self

from attrs import define, field

from modelmesh.audience import Audience
from modelmesh.errors import MeshError
from modelmesh.events import AttemptEnded, Event, RequestBegan, RequestEnded
from modelmesh.proxy.streams import PING

KEPT: Final = 100
"""Changes that are kept for those who come later."""

LISTENERS: Final = 32
"""Clients that may listen at once."""

WAITING: Final = 500
"""Events that may wait for a listener; then the oldest are lost to it."""

_OF_REQUESTS: Final = (RequestBegan, AttemptEnded, RequestEnded)


class TooManyListeners(MeshError):  # noqa: N818 - it reads as what it is
    """Nobody else can listen for now."""

    status = 503
    code = "too_many_listeners"
    retry_after = 5.0

    def __init__(self) -> None:
        super().__init__(
            f"{LISTENERS} clients are listening to the events already, which is the most allowed."
        )


class Feed:
    """Tells listeners of a mesh's events, each as what `record` makes of it.

    `ids` gives a name for this run of this process; with a number it is the id of an event.
    """

    def __init__(
        self,
        audience: Audience,
        *,
        record: Callable[[Event], Mapping[str, Any]],
        ids: Callable[[], str],
    ) -> None:
        self._audience = audience
        self._record = record
        self._ids = ids
        # Chosen once there is a listener: workers are forked before that.
        self._name = ""
        self._kept: deque[tuple[int, Event]] = deque(maxlen=KEPT)
        self._count = 0
        self._listeners: set[Listener] = set()
        self._leave = audience.join(self._tell, requests=False)

    def listen(self, last: str = "", *, heartbeat: float | None = None) -> "Listener":
        """Return a new listener, who is told first what is kept, from behind the id `last` on.

        `heartbeat` is the seconds of silence after which it gets a comment; None is never.

        Raises:
            TooManyListeners: there is no room for one more.

        """
        if len(self._listeners) >= LISTENERS:
            raise TooManyListeners
        self._name = self._name or self._ids()
        name, _, number = last.rpartition("-")
        known = int(number) if name == self._name and number.isdecimal() else 0
        listener = Listener(self._forget, heartbeat)
        for count, event in self._kept:
            if count > known:
                listener.tell(self._written(count, event))
        self._listeners.add(listener)
        self._rejoin()
        return listener

    def close(self) -> None:
        """End what listeners get, after what waits for them, and hear of nothing any more."""
        listeners, self._listeners = self._listeners, set()
        for listener in listeners:
            listener.end()
        self._leave()

    def _forget(self, listener: "Listener") -> None:
        if listener in self._listeners:
            self._listeners.discard(listener)
            self._rejoin()

    def _rejoin(self) -> None:
        """Ask for requests as long as somebody wants to hear of them."""
        self._leave()
        self._leave = self._audience.join(self._tell, requests=bool(self._listeners))

    def _tell(self, event: Event) -> None:
        self._count += 1
        if not isinstance(event, _OF_REQUESTS):
            self._kept.append((self._count, event))
        if self._listeners:
            piece = self._written(self._count, event)
            for listener in self._listeners:
                listener.tell(piece)

    def _written(self, count: int, event: Event) -> bytes:
        return _event(event.name, self._record(event), f"{self._name}-{count}")


@define(eq=False)
class Listener:
    """What one client gets, as server-sent events. Who takes it too slowly loses the oldest."""

    _forget: Callable[["Listener"], object]
    _heartbeat: float | None
    # With a comment the client sees at once that it is heard.
    _greeting: bytes = field(default=PING, init=False)
    _pieces: deque[bytes] = field(factory=deque, init=False, repr=False)
    _lost: int = field(default=0, init=False)
    _over: bool = field(default=False, init=False)
    _news: asyncio.Event = field(factory=asyncio.Event, init=False, repr=False)

    def tell(self, piece: bytes) -> None:
        if len(self._pieces) >= WAITING:
            self._pieces.popleft()
            self._lost += 1
        self._pieces.append(piece)
        self._news.set()

    def end(self) -> None:
        self._over = True
        self._news.set()

    async def close(self) -> None:
        """Listen no more."""
        self._forget(self)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        if not (self._greeting or self._pieces or self._over):
            self._news.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._heartbeat):
                    await self._news.wait()
        if self._greeting or self._pieces:
            return self._taken()
        if self._over:
            raise StopAsyncIteration
        return PING

    def _taken(self) -> bytes:
        """Return all that waits, and before it how much was lost."""
        lost = _event("lost", {"event": "lost", "count": self._lost}) if self._lost else b""
        taken = b"".join((self._greeting, lost, *self._pieces))
        self._greeting, self._lost = b"", 0
        self._pieces.clear()
        return taken


def _event(name: str, record: Mapping[str, Any], id_: str = "") -> bytes:
    named = f"id: {id_}\n" if id_ else ""
    said = json.dumps(record, ensure_ascii=False, separators=(",", ":"))
    return f"event: {name}\n{named}data: {said}\n\n".encode(errors="replace")
