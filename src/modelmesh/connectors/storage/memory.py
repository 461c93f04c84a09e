"""A store in the memory of this process: it ends with it."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from attrs import define, field

from modelmesh.config import schema
from modelmesh.ledger.claims import Claim, Grant, grant
from modelmesh.state import Note

Cell = tuple[str, str, float]
"""A limit, a process that holds some of it, and the window in which it does."""


@define(eq=False)
class Tables:
    """All that a store keeps: what is held, with the window's end, and notes."""

    cells: dict[Cell, tuple[float, int]] = field(factory=dict)
    notes: dict[str, Note] = field(factory=dict)

    def claim(self, holder: str, claim: Claim, wall: float) -> Grant:
        self.cells = {cell: kept for cell, kept in self.cells.items() if kept[0] > wall}
        held = [
            (who, window, *kept)
            for (limit, who, window), kept in self.cells.items()
            if limit == claim.limit
        ]
        got = grant(holder, claim, held)
        cell = (claim.limit, holder, claim.window)
        if claim.held + got.granted:
            self.cells[cell] = (claim.ends, claim.held + got.granted)
        else:
            self.cells.pop(cell, None)
        return got

    def exchange(self, told: Mapping[str, Note], wall: float) -> Mapping[str, Note]:
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
