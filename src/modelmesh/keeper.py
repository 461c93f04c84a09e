"""Keeps state in a store: refills leases, tells other processes of cooldowns and hears of theirs.

A request waits for the store only where a lease is too small for it, and never longer than the
store's timeout. What does not answer is left alone by requests, and tried again beside them.
"""

import asyncio
import logging
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final, Self, TypeVar

from attrs import define, field

from modelmesh.clock import Clock, request_id
from modelmesh.config import schema, sharing
from modelmesh.connectors import registry
from modelmesh.connectors.storage import Storage
from modelmesh.events import StoreBack, StoreLost
from modelmesh.ledger.claims import FOREVER, Claim
from modelmesh.ledger.leases import Leased, Term
from modelmesh.ledger.sharing import Sharing
from modelmesh.state import Note, State

T = TypeVar("T")
log: Final = logging.getLogger("modelmesh")

_MARK: Final = "mark"
"""The name of a note by whose text it is seen that a store lost what it had."""

_TRIAL: Final = "trial"
"""What the names of notes begin with by which it is seen that a store can be written again."""

_PATIENCE: Final = 5.0
"""Seconds that the store may take where no request waits for it: at the start, and at the end."""

_LOOKS: Final = 4
"""How often the event loop looks for an answer that is late."""

_ROUND: Final = 0.4
"""Seconds between exchanges, so that what one process learns others know within a second."""

_PAUSE: Final = 5.0
"""Seconds without exchanges after which others may have been as far from the store, or asleep."""

_AGAIN: Final = 0.2
"""Seconds after which a store that is away is tried again."""


@define(eq=False)
class Keeper:
    """Keeps one process's state in a store. `operations` counts what the store was asked."""

    _state: State
    _store: Storage
    _settings: schema.Storage
    _clock: Clock
    operations: int = field(default=0, init=False)
    _holder: str = field(default="", init=False)
    _sharing: Sharing = field(init=False)
    # One operation at a time: what is held is told in the order in which it is decided.
    _turn: asyncio.Lock = field(factory=asyncio.Lock, init=False)
    _wanting: dict[int, Leased] = field(factory=dict, init=False)
    _drawing: "asyncio.Task[None] | None" = field(default=None, init=False)
    _rounds: "asyncio.Task[None] | None" = field(default=None, init=False)
    # When the store was last asked with success.
    _answered: float = field(default=0.0, init=False)
    # What the store had of notes when last asked.
    _heard: Mapping[str, Note] = field(factory=dict, init=False)

    def __attrs_post_init__(self) -> None:
        self._sharing = Sharing(
            self.refill,
            strict=self._settings.sync_policy == "immediate",
            on_failure=self._settings.on_failure,
        )

    @classmethod
    def of(cls, config: schema.MeshConfig, state: State, clock: Clock) -> Self | None:
        """Return what keeps state as a configuration says; None where it ends with the process.

        Raises:
            ConfigError: the store needs a setting or a library that is not there.

        """
        chosen = sharing.storage_of(config)
        if not sharing.outlives(chosen):
            return None
        found = registry.find("storage", chosen.connector or "", config.connectors)
        return cls(state, found(chosen), chosen, clock)

    @property
    def described(self) -> str:
        """Where state is kept, for people."""
        return self._store.described

    @property
    def answers(self) -> bool:
        """Whether the store answered when it was last asked."""
        return not self._sharing.away

    async def start(self) -> None:
        """Take in what the store has, and go on exchanging with it. Later calls do nothing."""
        if self._holder:
            return
        self._holder = request_id().removeprefix("req_")
        self._answered = self._clock.wall()
        self._state.ledger.share(self._sharing)
        await self._exchange(_PATIENCE)
        if self._settings.sync_policy != "sync-on-boundary":
            self._rounds = asyncio.create_task(self._go_round())

    def keep(self, state: State) -> None:
        """Keep this state from now on, which goes on with the one before and has its ledger."""
        self._state = state

    async def learn(self) -> None:
        """Hear what the store has by now, also of limits that are counted only since a moment."""
        await self._exchange(_PATIENCE)

    async def close(self) -> None:
        """Give back what is left of leases, and leave the store."""
        if not self._holder:
            return
        if self._rounds:
            self._rounds.cancel()
            await asyncio.wait([self._rounds])
        await self._exchange(_PATIENCE, closing=True)
        # Whatever it says, it is not heard of any more.
        with suppress(Exception):
            await _within(_PATIENCE, self._store.close())

    async def refill(self, wants: Sequence[tuple[Leased, int]]) -> None:
        """Get more for leases, together with all others that are in need."""
        wall = self._clock.wall()
        for lease, amount in wants:
            lease.want(amount, wall)
            self._wanting[id(lease)] = lease
        if self._drawing is None or self._drawing.done():
            self._drawing = asyncio.create_task(self._draw())
        # Whoever gives up waiting leaves it to the others.
        await asyncio.shield(self._drawing)

    async def _draw(self) -> None:
        async with self._turn:
            if self._sharing.away:
                return
            wall = self._clock.wall()
            self._note_presence(wall)
            leases, self._wanting = list(self._wanting.values()), {}
            wishes = [(lease, *lease.wish(wall)) for lease in leases]
            await self._claim(wishes, wall, self._store.timeout)

    async def _go_round(self) -> None:
        usual = _ROUND if self._sharing.strict else self._settings.sync_interval
        while True:
            pause = _AGAIN if self._sharing.away else usual
            self._sharing.tried_at = self._clock.wall() + pause
            # The store is a real one, also where a test moves the clock.
            await asyncio.sleep(pause)
            await self._exchange(self._store.timeout)

    async def _exchange(self, patience: float, *, closing: bool = False) -> None:
        """Tell the store what it does not know yet, and hear what it knows of others."""
        async with self._turn:
            now, wall = self._clock.now(), self._clock.wall()
            told = self._state.untold(self._heard, now, wall)
            if _MARK not in self._heard:
                told[_MARK] = Note(self._holder, FOREVER)
            if self._sharing.away:
                told[f"{_TRIAL} {self._holder}"] = Note("", wall + _AGAIN)
            kept = await self._asked(self._store.exchange(told, wall), patience)
        if kept is None:
            return
        self._note_presence(wall)
        news = {name: note for name, note in kept.items() if self._heard.get(name) != note}
        self._state.heed(news, now, wall)
        leases = list(self._state.ledger.leases())
        if kept.get(_MARK) != self._heard.get(_MARK):
            for lease in leases:
                lease.tell_again()
        self._heard = kept
        async with self._turn:
            wall = self._clock.wall()
            claims = [(one, *claim) for one in leases for claim in one.tidy(wall, closing=closing)]
            await self._claim(claims, wall, patience)

    def _note_presence(self, wall: float) -> None:
        """Note that this process is there, and since when without a pause."""
        if self._sharing.strict and wall - self._answered > _PAUSE:
            self._sharing.since = wall
        self._answered = wall

    async def _claim(
        self, claims: Sequence[tuple[Leased, Term, Claim]], wall: float, patience: float
    ) -> None:
        if not claims:
            return
        asked = [claim for _, _, claim in claims]
        grants = await self._asked(self._store.claim(self._holder, asked, wall), patience)
        for number, (lease, term, claim) in enumerate(claims):
            lease.settle(term, claim, grants[number] if grants else None, wall)

    async def _asked(self, answer: Coroutine[Any, Any, T], patience: float) -> T | None:
        """Return what the store answers; None where it does not."""
        self.operations += 1
        try:
            got = await _within(patience, answer)
        except Exception as failure:  # noqa: BLE001 - whatever a store raises, it is away
            if not self._sharing.away:
                why = str(failure) or type(failure).__name__
                log.warning("%s does not answer (%s); it will be tried again", self.described, why)
                if tell := self._state.audience.of_changes:
                    at = self._clock.wall()
                    tell(StoreLost(at=at, store=self.described, reason=why))
            self._sharing.away = True
            return None
        if self._sharing.away:
            log.warning("%s answers again", self.described)
            if tell := self._state.audience.of_changes:
                tell(StoreBack(at=self._clock.wall(), store=self.described))
        self._sharing.away = False
        return got


async def _within(patience: float, answer: Coroutine[Any, Any, T]) -> T:
    """Return an answer. Raises TimeoutError if it has not come in time; it is not waited for then.

    What came while this process was too busy to look is in time.
    """
    task = asyncio.ensure_future(answer)
    # How it ends is perhaps nobody's concern any more.
    task.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
    try:
        await asyncio.wait([task], timeout=patience)
        for _ in range(_LOOKS):
            if task.done():
                return task.result()
            await asyncio.sleep(0)
        raise TimeoutError(f"no answer within {patience * 1000:.0f} ms")
    finally:
        task.cancel()
