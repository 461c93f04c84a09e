"""What is on its way to a receiver that may be slow or away. It grows to its bounds only. Pure.

Records wait in order, and go in batches. A batch that does not arrive is tried again, the same one
each time. Where there is no room the oldest are dropped; how many is told in the next batch.
"""

import math
from collections import deque
from collections.abc import Sequence
from typing import Final

from attrs import define, field, frozen

FIRST_PAUSE: Final = 1.0
"""Seconds before a receiver is tried again, at most; each failure in a row doubles them."""

LONGEST_PAUSE: Final = 60.0
"""Seconds between tries, unless the receiver asks for more."""

LONGEST_ASKED: Final = 3600.0
"""Seconds for which a receiver is left alone where it asks for that, or for more."""

BODY: Final = 1 << 20
"""Bytes of records after which a batch is full, however few they are."""

_DOUBLINGS: Final = 6


@frozen(kw_only=True)
class Bounds:
    """How much is kept, in what portions it goes, and for how long it is tried.

    Attributes:
        batch: records after which a batch is full.
        wait: seconds that a record waits for others.
        records: how many wait at most, besides the batch that is tried.
        size: bytes of those.
        give_up: seconds after which a batch that has not arrived is dropped.

    """

    batch: int
    wait: float
    records: int
    size: int
    give_up: float


@frozen(eq=False)
class Batch:
    """Records that go together.

    Attributes:
        id: names it, however often it is sent; without a dot.
        since: when it was made.
        dropped: how many records were dropped since the batch that arrived before it.

    """

    id: str
    records: Sequence[bytes] = field(repr=False)
    dropped: int
    since: float

    def body(self) -> bytes:
        """Return the JSON that is sent."""
        return b'{"dropped":%d,"records":[%b]}' % (self.dropped, b",".join(self.records))


@define(eq=False)
class Outbox:
    """Records that have not arrived yet. A record is JSON, a moment a time on the caller's clock.

    Attributes:
        name: what the ids of its batches begin with; no other outbox has it.
        dropped: records that were dropped, and nobody was told of it yet.
        lost: all that ever were.
        failures: tries without success, since the last one with.

    """

    bounds: Bounds
    name: str = "batch"
    dropped: int = field(default=0, init=False)
    lost: int = field(default=0, init=False)
    failures: int = field(default=0, init=False)
    _waiting: deque[tuple[float, bytes]] = field(factory=deque, init=False, repr=False)
    _size: int = field(default=0, init=False)
    _trying: Batch | None = field(default=None, init=False)
    _made: int = field(default=0, init=False)
    _not_before: float = field(default=-math.inf, init=False)

    @property
    def left(self) -> int:
        """How many records have not arrived, and are not dropped."""
        return len(self._waiting) + (len(self._trying.records) if self._trying else 0)

    def put(self, record: bytes, now: float) -> bool:
        """Take a record in. Return whether something is due earlier for it."""
        if len(record) > self.bounds.size:
            self._drop(1)
            return False
        due = self.due()
        self._waiting.append((now, record))
        self._size += len(record)
        while len(self._waiting) > self.bounds.records or self._size > self.bounds.size:
            self._pop()
            self._drop(1)
        return self.due() < due

    def due(self) -> float:
        """Return the moment at which the next batch is to be tried; infinity where there is none.

        It may have passed.
        """
        if self._trying or len(self._waiting) >= self.bounds.batch or self._size >= BODY:
            return self._not_before
        if not self._waiting:
            return math.inf
        return max(self._not_before, self._waiting[0][0] + self.bounds.wait)

    def take(self, now: float) -> Batch:
        """Return the batch to try: the one that has not arrived, else the oldest records."""
        if self._trying is None:
            records: list[bytes] = []
            size = 0
            while self._waiting and len(records) < self.bounds.batch:
                size += len(self._waiting[0][1])
                if records and size > BODY:
                    break
                records.append(self._pop())
            self._made += 1
            self._trying = Batch(f"{self.name}_{self._made}", records, self.dropped, now)
            self.dropped = 0
        return self._trying

    def arrived(self) -> None:
        """Note that the batch tried has arrived."""
        self._trying, self.failures, self._not_before = None, 0, -math.inf

    def failed(self, now: float, *, asked: float | None, chance: float, again: bool = True) -> None:
        """Note that the batch tried has not arrived.

        Args:
            now: the moment.
            asked: seconds for which the receiver wants to be left alone, where it says so.
            chance: from 0 to 1; by it those who failed at the same time try again at others.
            again: the same batch may arrive another time.

        """
        self._not_before = now + pause(self.failures, asked, chance)
        self.failures += 1
        batch = self._trying
        if batch and not (again and self._not_before - batch.since <= self.bounds.give_up):
            self.dropped += batch.dropped
            self._drop(len(batch.records))
            self._trying = None

    def _drop(self, count: int) -> None:
        self.dropped += count
        self.lost += count

    def _pop(self) -> bytes:
        _, record = self._waiting.popleft()
        self._size -= len(record)
        return record


def pause(failures: int, asked: float | None, chance: float) -> float:
    """Return the seconds before a receiver is tried again, after so many failures before this one.

    They are drawn between half of their full length and all of it by `chance`.
    """
    full = min(FIRST_PAUSE * (1 << min(failures, _DOUBLINGS)), LONGEST_PAUSE)
    return max(full * (1 + chance) / 2, min(asked or 0.0, LONGEST_ASKED))
