"""Server-sent events: bytes in any pieces to events. No I/O, nothing of what the events mean.

https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
"""

from typing import Final

from modelmesh.types import Event

MAX_EVENT: Final = 32 << 20
_BOM: Final = b"\xef\xbb\xbf"
_PASSED_OVER: Final = frozenset({b"", b"id", b"retry"})


class EventTooLarge(ValueError):  # noqa: N818 - it reads as what it is
    """A stream holds an event larger than is allowed."""


class Decoder:
    """Reads one stream. Lines may end with LF, CR or CRLF, and pieces may be cut anywhere."""

    def __init__(self, max_event: int = MAX_EVENT) -> None:
        self._max = max_event
        self._line: list[bytes] = []  # the pieces of the line that is still open
        self._line_size = 0
        self._data: list[bytes] = []  # the data lines of the event that is still open
        self._data_size = 0
        self._name = ""
        self._bare: list[bytes] = []  # the lines that are no fields
        self._bare_size = 0
        self._began = False
        self._ended_by_cr = False

    def feed(self, piece: bytes) -> list[Event]:
        """Return the events that are complete with this piece.

        Raises:
            EventTooLarge: an event is larger than allowed; nothing can be read after it.

        """
        if self._is_between_events and (events := _plain_events(piece, self._max)):
            return events
        if self._ended_by_cr and piece:
            piece = piece.removeprefix(b"\n")
            self._ended_by_cr = False
        if b"\r" in piece:
            self._ended_by_cr = piece.endswith(b"\r")
            piece = piece.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        self._line.append(piece)
        if b"\n" not in piece:
            self._line_size += len(piece)
            self._check_size()
            return []
        *lines, rest = b"".join(self._line).split(b"\n")
        self._line_size = 0
        events = [event for line in lines if (event := self._take(line))]
        self._line, self._line_size = [rest], len(rest)
        self._check_size()
        return events

    @property
    def bare(self) -> bytes:
        """What stood in the stream besides fields and comments; it is no part of any event."""
        return b"\n".join(self._bare)

    @property
    def _is_between_events(self) -> bool:
        open_or_new = self._line_size or self._data or self._name or not self._began
        return not (open_or_new or self._ended_by_cr)

    def end(self) -> list[Event]:
        """Return the last event, where the stream ended without the blank line that closes it."""
        line = b"".join(self._line)
        self._line = []
        return [event for last in (line, b"") if (event := self._take(last))]

    def _take(self, line: bytes) -> Event | None:
        if not self._began:
            line = line.removeprefix(_BOM)
            self._began = True
        if not line:
            return self._close_event()
        field, _, value = line.partition(b":")
        if field == b"data":
            self._data.append(value.removeprefix(b" "))
            self._data_size += len(line)
            self._check_size()
        elif field == b"event":
            self._name = value.removeprefix(b" ").decode(errors="replace")
        elif field not in _PASSED_OVER:
            self._bare.append(line)
            self._bare_size += len(line)
            self._check_size()
        return None

    def _close_event(self) -> Event | None:
        name, lines = self._name, self._data
        self._name, self._data, self._data_size = "", [], 0
        return Event(name, b"\n".join(lines)) if lines else None

    def _check_size(self) -> None:
        if self._line_size + self._data_size + self._bare_size > self._max:
            raise EventTooLarge(f"an event of the stream is larger than {self._max} bytes")


def _plain_events(piece: bytes, max_event: int) -> list[Event] | None:
    """Return the events of a piece that holds whole ones in the usual spelling, else None.

    Nearly every piece of every stream is so, and need not be taken apart line by line.
    """
    if not piece.endswith(b"\n\n") or b"\r" in piece or len(piece) > max_event:
        return None
    events = []
    for event in piece[:-2].split(b"\n\n"):
        if not event.startswith(b"data: ") or b"\n" in event:
            return None
        events.append(Event("", event[6:]))
    return events
