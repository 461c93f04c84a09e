"""Writing events in a thread of its own, so that no request waits for a disk or a terminal."""

import asyncio
import logging
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from queue import Empty, Queue
from typing import Final

from attrs import define, field

from modelmesh.events import Event

log: Final = logging.getLogger("modelmesh")

_WAITING: Final = 10_000
"""Events that may wait to be written. Further ones are lost, and counted."""

_AT_ONCE: Final = 256
"""Events that are written together."""

_GATHERING: Final = 0.05
"""Seconds for which an event waits for others: to write one by itself costs as much as many."""

_PATIENCE: Final = 3.0
"""Seconds to write the last events in."""


def _nothing() -> None:
    """Do nothing."""


@define(eq=False)
class Writer:
    """Writes events, many at once. What cannot be written is lost: `lost` counts it.

    The log is told when that begins, and when it has ended.
    """

    _what: str
    _write: Callable[[Sequence[Event]], None]
    # Is called in the end, where no more is written.
    _finish: Callable[[], None] = _nothing
    # What ends it, which is None, always finds a place.
    _waiting: "Queue[Event | None]" = field(factory=lambda: Queue(_WAITING + 1), init=False)
    _thread: threading.Thread | None = field(default=None, init=False)
    _hurry: threading.Event = field(factory=threading.Event, init=False)
    _tell_of_end: Callable[[], object] = field(default=_nothing, init=False)
    # Lost because there was no place, and because they could not be written.
    _dropped: int = field(default=0, init=False)
    _unwritten: int = field(default=0, init=False)
    # What the log was told, and how many were lost when it was told that all is well.
    _failing: bool = field(default=False, init=False)
    _told: int = field(default=0, init=False)

    @property
    def lost(self) -> int:
        return self._dropped + self._unwritten

    def put(self, event: Event) -> None:
        if self._waiting.qsize() < _WAITING:
            self._waiting.put_nowait(event)
        else:
            self._dropped += 1
            self._tell_of_loss("it is too slow")

    async def start(self) -> None:
        self._hurry.clear()
        self._thread = threading.Thread(target=self._run, name="modelmesh observer", daemon=True)
        self._thread.start()

    async def close(self) -> None:
        """Write what is left, for a few seconds at most."""
        if self._thread is None:
            return
        # A thread that waits for the other one cannot be had when the interpreter ends.
        over = asyncio.Event()
        self._tell_of_end = partial(asyncio.get_running_loop().call_soon_threadsafe, over.set)
        self._thread = None
        self._waiting.put_nowait(None)
        self._hurry.set()
        with suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE):
                await over.wait()

    def _run(self) -> None:
        while events := self._next():
            if told := [event for event in events if event]:
                self._write_down(told)
            if None in events:
                break
        self._finish()
        with suppress(RuntimeError):  # nobody waits any more
            self._tell_of_end()

    def _write_down(self, told: Sequence[Event]) -> None:
        try:
            self._write(told)
        except Exception as failure:  # noqa: BLE001 - a full disk, a closed terminal, a bug
            self._unwritten += len(told)
            self._tell_of_loss(getattr(failure, "strerror", None) or type(failure).__name__)
        else:
            self._tell_of_success()

    def _next(self) -> list[Event | None]:
        """Wait for an event; return those that have come. None ends it."""
        events = [self._waiting.get()]
        if self._waiting.qsize() < _AT_ONCE:
            self._hurry.wait(_GATHERING)
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
        if self._failing and self._waiting.empty():
            self._failing = False
            log.warning(
                "%s is written again; %d events were lost", self._what, self.lost - self._told
            )
            self._told = self.lost
