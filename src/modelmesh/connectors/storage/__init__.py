"""Where state is kept, one file a store, each with a class `Storage` as described here."""

from collections.abc import Mapping, Sequence
from typing import ClassVar, Protocol

from modelmesh.config import schema
from modelmesh.ledger.claims import Claim, Grant
from modelmesh.state import Note

__all__ = ["Claim", "Grant", "Note", "Storage"]


class Storage(Protocol):
    """Keeps what is held of limits, and notes. Whatever fails raises, and may be tried again.

    A store with settings of its own has an attrs class `Options`; they are in `settings.options`.
    """

    connector: ClassVar[str]  # the id by which configurations name it

    timeout: float
    """Seconds an answer may take."""

    described: str
    """What it is and where, for messages: "SQLite, ./state.db"."""

    def __init__(self, settings: schema.Storage) -> None:
        """Take the settings. Nothing is opened before it is used.

        Raises:
            ConfigError: a setting is missing, or the library which it needs.

        """
        ...

    async def claim(self, holder: str, claims: Sequence[Claim], wall: float) -> Sequence[Grant]:
        """Note what a process holds, and grant what it wants; each claim is all or nothing.

        Whoever claims at the same time sees all of a claim or nothing of it. What those hold who
        have ended becomes one row for each window, as a claim says.
        """
        ...

    async def exchange(self, told: Mapping[str, Note], wall: float) -> Mapping[str, Note]:
        """Keep these notes, and return all there are that have not ended. The later end stays."""
        ...

    async def close(self) -> None:
        """Let go of what is open."""
        ...
