"""A store in the memory of this process: it ends with it."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from attrs import define, field

from modelmesh.config import schema
from modelmesh.ledger.claims import LIFE, NOBODY, SIGN, Claim, Grant, grant
from modelmesh.state import Note

Cell = tuple[str, str, float]
"""A limit, a process that holds some of it, and the window in which it does."""


@define(eq=False)
class Tables:
    """All that a store keeps: what is held, with the window's end, and notes."""

    # Until when how much is held, by limit, process and window.
    cells: dict[Cell, tuple[float, int]] = field(factory=dict)
    notes: dict[str, Note] = field(factory=dict)  # by their names

    def claim(self, holder: str, claim: Claim, wall: float) -> Grant:
        """Note a claim, and return what it gets."""
        self.cells = {cell: kept for cell, kept in self.cells.items() if kept[0] > wall}
        held = [(who, window, *kept) for who, window, kept in self._of(claim.limit)]
        got = grant(holder, claim, [row for row in held if row[1] != SIGN])
        cell, sign = (claim.limit, holder, claim.window), (claim.limit, holder, SIGN)
        self.cells[cell] = (claim.ends, claim.held + got.granted)
        self.cells[sign] = (wall + LIFE, 0)
        if not self.cells[cell][1]:
            del self.cells[cell]
        if claim.ended:
            del self.cells[sign]
        if claim.ended or claim.folds:
            self._fold(claim.limit)
        return got

    def _of(self, limit: str) -> list[tuple[str, float, tuple[float, int]]]:
        rows = self.cells.items()
        return [(who, window, kept) for (of, who, window), kept in rows if of == limit]

    def _fold(self, limit: str) -> None:
        """Make nobody's what those hold who have ended."""
        rows = self._of(limit)
        there = {NOBODY, *(who for who, window, _ in rows if window == SIGN)}
        for who, window, (ends, amount) in rows:
            if who not in there:
                del self.cells[limit, who, window]
                last, much = self.cells.get((limit, NOBODY, window), (ends, 0))
                self.cells[limit, NOBODY, window] = (max(last, ends), much + amount)

    def exchange(self, told: Mapping[str, Note], wall: float) -> Mapping[str, Note]:
        """Keep notes, and return all that have not ended."""
        for name, note in told.items():
            if name not in self.notes or self.notes[name].until <= note.until:
                self.notes[name] = note
        self.notes = {name: note for name, note in self.notes.items() if note.until > wall}
        return dict(self.notes)


class Storage:
    connector: ClassVar = "modelmesh.memory.v1"
    described = "memory, which ends with this process"

    def __init__(self, _: schema.Storage) -> None:
        """Take no settings."""
        self._tables = Tables()
        self.timeout = 0.05

    async def claim(self, holder: str, claims: Sequence[Claim], wall: float) -> Sequence[Grant]:
        return [self._tables.claim(holder, each, wall) for each in claims]

    async def exchange(self, told: Mapping[str, Note], wall: float) -> Mapping[str, Note]:
        return self._tables.exchange(told, wall)

    async def close(self) -> None:
        """Do nothing: there is nothing open."""
