"""A store in an SQLite database, for the processes of one host."""

import asyncio
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, Final, TypeVar

from modelmesh.config import schema
from modelmesh.ledger.claims import LIFE, NOBODY, SIGN, Claim, Grant, grant
from modelmesh.state import Note

T = TypeVar("T")

USUAL: Final = "./modelmesh-state.db"
"""Where it is unless `path` says otherwise."""

_TIMEOUT: Final = 1.0
"""Seconds: a disk that is busy is not dead, and what is dead says so at once."""

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS held (
    limit_ TEXT, holder TEXT, window REAL, ends REAL NOT NULL, amount INTEGER NOT NULL,
    PRIMARY KEY (limit_, holder, window)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS held_ends ON held (ends);
CREATE TABLE IF NOT EXISTS notes (
    name TEXT PRIMARY KEY, text TEXT NOT NULL, until REAL NOT NULL
) WITHOUT ROWID;
"""
_HELD: Final = "SELECT holder, window, ends, amount FROM held WHERE limit_ = ? AND window <> ?"
_GONE: Final = """
SELECT holder FROM held WHERE limit_ = ? AND holder <> ? GROUP BY holder HAVING min(window) <> ?
"""
_FOLD: Final = """
INSERT INTO held SELECT limit_, ?, window, ends, amount FROM held WHERE limit_ = ? AND holder = ?
ON CONFLICT (limit_, holder, window)
DO UPDATE SET amount = amount + excluded.amount, ends = max(ends, excluded.ends)
"""
_KEEP: Final = "INSERT OR REPLACE INTO held VALUES (?, ?, ?, ?, ?)"
_DROP: Final = "DELETE FROM held WHERE limit_ = ? AND holder = ? AND window = ?"
_NOTE: Final = """
INSERT INTO notes VALUES (?, ?, ?) ON CONFLICT (name)
DO UPDATE SET text = excluded.text, until = excluded.until WHERE excluded.until >= until
"""


class Storage:
    connector: ClassVar = "modelmesh.sqlite.v1"

    def __init__(self, settings: schema.Storage) -> None:
        """Take `path`."""
        self._path = Path(settings.path or USUAL).expanduser()
        self.timeout = settings.timeout or _TIMEOUT
        self.described = f"SQLite, {self._path}"
        # SQLite waits for the disk, and for other processes; the event loop must not.
        self._thread = ThreadPoolExecutor(1, "modelmesh-sqlite")
        self._database: sqlite3.Connection | None = None

    async def claim(self, holder: str, claims: Sequence[Claim], wall: float) -> Sequence[Grant]:
        return await self._in_thread(self._claim, holder, claims, wall)

    async def exchange(self, told: Mapping[str, Note], wall: float) -> Mapping[str, Note]:
        return await self._in_thread(self._exchange, told, wall)

    async def close(self) -> None:
        await self._in_thread(self._close)
        self._thread.shutdown()

    async def _in_thread(self, call: Callable[..., T], *given: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, call, *given)

    def _claim(self, holder: str, claims: Sequence[Claim], wall: float) -> Sequence[Grant]:
        with self._writing() as database:
            return [_claimed(database, holder, each, wall) for each in claims]

    def _exchange(self, told: Mapping[str, Note], wall: float) -> Mapping[str, Note]:
        if told:
            with self._writing() as database:
                rows = [(name, note.text, note.until) for name, note in told.items()]
                database.executemany(_NOTE, rows)
                database.execute("DELETE FROM notes WHERE until <= ?", (wall,))
        found = self._open().execute("SELECT name, text, until FROM notes WHERE until > ?", (wall,))
        return {name: Note(text, until) for name, text, until in found}

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """Write all that is written within, alone, or nothing of it."""
        database = self._open()
        database.execute("BEGIN IMMEDIATE")
        try:
            yield database
        except BaseException:
            database.rollback()
            raise
        database.commit()

    def _open(self) -> sqlite3.Connection:
        if self._database is None:
            database = sqlite3.connect(self._path, timeout=self.timeout, isolation_level=None)
            try:
                # Written pages reach the disk by the next checkpoint: a crash of this program
                # loses nothing, one of the machine perhaps the last moments.
                database.execute("PRAGMA journal_mode = WAL")
                database.execute("PRAGMA synchronous = NORMAL")
                database.executescript(_TABLES)
            except BaseException:
                database.close()  # it may be no database, and each try would leave a file open
                raise
            self._database = database
        return self._database

    def _close(self) -> None:
        if self._database is not None:
            self._database.close()
            self._database = None


def _claimed(database: sqlite3.Connection, holder: str, claim: Claim, wall: float) -> Grant:
    database.execute("DELETE FROM held WHERE ends <= ?", (wall,))
    got = grant(holder, claim, database.execute(_HELD, (claim.limit, SIGN)).fetchall())
    cell, sign = (claim.limit, holder, claim.window), (claim.limit, holder, SIGN)
    if claim.held + got.granted:
        database.execute(_KEEP, (*cell, claim.ends, claim.held + got.granted))
    else:
        database.execute(_DROP, cell)
    if claim.ended:
        database.execute(_DROP, sign)
    else:
        database.execute(_KEEP, (*sign, wall + LIFE, 0))
    if claim.ended or claim.folds:
        _fold(database, claim.limit)
    return got


def _fold(database: sqlite3.Connection, limit: str) -> None:
    """Make nobody's what those hold who have ended. Who is there has a sign, before all windows."""
    for (who,) in database.execute(_GONE, (limit, NOBODY, SIGN)).fetchall():
        database.execute(_FOLD, (NOBODY, limit, who))
        database.execute("DELETE FROM held WHERE limit_ = ? AND holder = ?", (limit, who))
