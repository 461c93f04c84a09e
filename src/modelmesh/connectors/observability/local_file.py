"""A file of records, one JSON object a line. When it is full it is moved aside, and begun anew.

Several processes may write the same file: each writes whole lines, and one at a time.
"""

import fcntl
import os
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import ClassVar, Final

from attrs import field, frozen

from modelmesh.config import schema
from modelmesh.config.schema.values import positive
from modelmesh.connectors.observability._records import record
from modelmesh.connectors.observability._writer import Writer
from modelmesh.events import Event
from modelmesh.json_text import dumps

_OURS_ALONE: Final = 0o600


@frozen
class Options:
    """The observer's own settings."""

    # The file.
    path: str = "./modelmesh-events.jsonl"
    # How large it may grow before it is moved aside, to its name with .1 behind it.
    max_size: schema.Size = field(default=10 << 20, validator=positive)
    # How many of those that are moved aside are kept.
    max_files: int = field(default=5, validator=positive)


class Observer:
    connector: ClassVar = "modelmesh.local-file.v1"
    Options: ClassVar = Options

    def __init__(self, settings: schema.Observer) -> None:
        """Take `path`, `max_size` and `max_files`."""
        options = Options(**settings.options)
        self._file = _File(Path(options.path).expanduser(), options.max_size, options.max_files)
        self._record = partial(record, level=settings.level, content=settings.content)
        self._writer = Writer(f"the file {options.path}", self._write, self._file.close)
        self.start, self.close = self._writer.start, self._writer.close

    def __call__(self, event: Event) -> None:
        self._writer.put(event)

    @property
    def lost(self) -> int:
        """How many records could not be written."""
        return self._writer.lost

    def _write(self, events: Sequence[Event]) -> None:
        self._file.append(b"".join(dumps(self._record(event)) + b"\n" for event in events))


class _File:
    """A file of lines which others may write, and move aside, as well."""

    def __init__(self, path: Path, most: int, kept: int) -> None:
        self._path = path
        self._most = most
        self._kept = kept
        self._fd: int | None = None

    def append(self, text: bytes) -> None:
        """Append whole lines: all of them, or none. Raises OSError."""
        fd, size = self._locked(len(text))
        try:
            # Whoever wrote before may have died in the middle of a line.
            begun = size > 0 and os.pread(fd, 1, size - 1) not in (b"\n", b"")
            left = memoryview(b"\n" + text if begun else text)
            while left:
                left = left[os.write(fd, left) :]
        except OSError:
            with suppress(OSError):
                os.ftruncate(fd, size)
            raise
        finally:
            fcntl.flock(fd, fcntl.LOCK_UN)

    def close(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def _locked(self, more: int) -> tuple[int, int]:
        """Return the file, which nobody else writes now and which has room, and its size."""
        while True:
            if self._fd is None:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                flags = os.O_RDWR | os.O_APPEND | os.O_CREAT
                self._fd = os.open(self._path, flags, _OURS_ALONE)
            fcntl.flock(self._fd, fcntl.LOCK_EX)
            opened = os.fstat(self._fd)
            if self._is_there(opened):
                if not opened.st_size or opened.st_size + more <= self._most:
                    return self._fd, opened.st_size
                self._move_aside()
            # With it goes the lock.
            self.close()

    def _is_there(self, opened: os.stat_result) -> bool:
        """Whether the file that is open still has its name: another process may have moved it."""
        try:
            return os.path.samestat(opened, self._path.stat())
        except FileNotFoundError:
            return False

    def _move_aside(self) -> None:
        for number in range(self._kept - 1, 0, -1):
            with suppress(FileNotFoundError):
                self._aside(number).replace(self._aside(number + 1))
        self._path.replace(self._aside(1))

    def _aside(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")
