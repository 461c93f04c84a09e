"""Writing events in a thread of its own, so that no request waits for a disk or a terminal."""

import asyncio
import logging
import threading
from collections.abc import Callable, Sequence
from queue import Empty, Full, Queue
from typing import Final

from attrs import define, field

from modelmesh.events import Event

log: Final = logging.getLogger("modelmesh")

_WAITING: Final = 10_000
"""Events that may wait to be written. Further ones are lost, and counted."""

_AT_ONCE: Final = 256
"""Events that are written together."""

_PATIENCE: Final = 3.0
"""Seconds to write the last events in."""


@define(eq=False)
class Writer:
    """Writes events, many at once. What cannot be written is lost: `lost` counts it.

    The log is told when that begins, and when it has ended.
    """

    _what: str
    _write: Callable[[Sequence[Event]], None]
    _waiting: "Queue[Event | None]" = field(factory=lambda: Queue(_WAITING), init=False)
    _thread: threading.Thread | None = field(default=None, init=False)
    lost: int = field(default=0, init=False)
    # What the log was told, and how many were lost when it was told that all is well.
    _failing: bool = field(default=False, init=False)
    _told: int = field(default=0, init=False)

    def put(self, event: Event) -> None:
        try:
            self._waiting.put_nowait(event)
        except Full:
            self.lost += 1
            self._tell_of_loss("it is too slow")

    async def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="modelmesh observer", daemon=True)
        self._thread.start()

    async def close(self) -> None:
        """Write what is left, for a few seconds at most."""
        if self._thread:
            await asyncio.to_thread(self._end, self._thread)
            self._thread = None

    def _end(self, thread: threading.Thread) -> None:
        try:
            self._waiting.put(None, timeout=_PATIENCE)
        except Full:
            return
        thread.join(_PATIENCE)

    def _run(self) -> None:
        while events := self._next():
            told = [event for event in events if event]
            try:
                self._write(told)
            except Exception as failure:  # noqa: BLE001 - a full disk, a closed terminal, a bug
                self.lost += len(told)
                self._tell_of_loss(getattr(failure, "strerror", None) or type(failure).__name__)
            else:
                self._tell_of_success()
            if None in events:
                return

    def _next(self) -> list[Event | None]:
        """Wait for an event; return those that have come. None ends it."""
        events = [self._waiting.get()]
        while len(events) < _AT_ONCE and events[-1] is not None:
            try:
                events.append(self._waiting.get_nowait())
            except Empty:
                break
        return events

    def _tell_of_loss(self, why: str) -> None:
        if not self._failing:
            self._failing = True
            log.warning("%s cannot be written (%s): events are lost", self._what, why)

    def _tell_of_success(self) -> None:
        if self._failing:
            self._failing = False
            log.warning(
                "%s is written again; %d events were lost", self._what, self.lost - self._told
            )
            self._told = self.lost
