"""A store in a JSON file, for one process. The file is written whole, or it stays as it was."""

import asyncio
import json
import os
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Final

from modelmesh.config import schema
from modelmesh.connectors.storage.memory import Tables
from modelmesh.ledger.claims import Claim, Grant
from modelmesh.state import Note

_USUAL: Final = "./modelmesh-state.json"
_TIMEOUT: Final = 1.0


class Storage:
    connector: ClassVar = "modelmesh.local-file.v1"

    def __init__(self, settings: schema.Storage) -> None:
        """Take `path`."""
        self._path = Path(settings.path or _USUAL).expanduser()
        self.timeout = settings.timeout or _TIMEOUT
        self.described = f"a file, {self._path}"
        self._tables: Tables | None = None
        self._alone = threading.Lock()

    async def claim(self, holder: str, claims: Sequence[Claim], wall: float) -> Sequence[Grant]:
        return await asyncio.to_thread(self._claim, holder, claims, wall)

    async def exchange(self, told: Mapping[str, Note], wall: float) -> Mapping[str, Note]:
        return await asyncio.to_thread(self._exchange, told, wall)

    async def close(self) -> None:
        """Do nothing: the file is closed after each use."""

    def _claim(self, holder: str, claims: Sequence[Claim], wall: float) -> Sequence[Grant]:
        with self._alone:
            tables = self._read()
            grants = [tables.claim(holder, each, wall) for each in claims]
            self._write(tables)
            return grants

    def _exchange(self, told: Mapping[str, Note], wall: float) -> Mapping[str, Note]:
        with self._alone:
            tables = self._read()
            notes = tables.exchange(told, wall)
            if told:
                self._write(tables)
            return notes

    def _read(self) -> Tables:
        if self._tables is None:
            self._tables = _tables(self._path.read_text()) if self._path.exists() else Tables()
        return self._tables

    def _write(self, tables: Tables) -> None:
        aside = self._path.with_name(f"{self._path.name}.new")
        with aside.open("w", encoding="utf-8") as file:
            file.write(_text(tables))
            file.flush()
            os.fsync(file.fileno())
        aside.replace(self._path)


def _text(tables: Tables) -> str:
    cells = [[*cell, *kept] for cell, kept in tables.cells.items()]
    notes = {name: [note.text, note.until] for name, note in tables.notes.items()}
    return json.dumps({"held": cells, "notes": notes})


def _tables(text: str) -> Tables:
    kept = json.loads(text)
    return Tables(
        {(limit, who, window): (ends, held) for limit, who, window, ends, held in kept["held"]},
        {name: Note(*note) for name, note in kept["notes"].items()},
    )
