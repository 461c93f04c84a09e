"""Tells people at a terminal: a line on stderr for each event, with colours if it is a terminal."""

import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from types import MappingProxyType
from typing import ClassVar, Final

from modelmesh import colours
from modelmesh.config import schema
from modelmesh.connectors.observability._records import record
from modelmesh.connectors.observability._sentences import Entry, sentence
from modelmesh.connectors.observability._writer import Writer
from modelmesh.events import Event
from modelmesh.json_text import dumps

_RED, _YELLOW, _GREEN, _FAINT, _PLAIN = (f"\x1b[{code}m" for code in (31, 33, 32, 2, 0))
_COLOURS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "failed": _RED,
        "cancelled": _YELLOW,
        "pool.rotated": _YELLOW,
        "cooldown.began": _YELLOW,
        "cooldown.ended": _GREEN,
        "models.found": _GREEN,
        "models.gone": _YELLOW,
        "limit.near": _YELLOW,
        "limit.reached": _RED,
        "store.lost": _RED,
        "store.back": _GREEN,
    }
)
"""By how an attempt or a request ended, or by the name of an event; others are faint."""

_NAME: Final = 16
"""Characters of an event's name at most."""

_MORE: Final = ("parameters", "content")


class Observer:
    connector: ClassVar = "modelmesh.console.v1"

    def __init__(self, settings: schema.Observer) -> None:
        """Take no settings of its own."""
        self._record = partial(record, level=settings.level, content=settings.content)
        self._writer = Writer("the console", self._write)
        self.start, self.close = self._writer.start, self._writer.close

    @property
    def lost(self) -> int:
        """How many events could not be written."""
        return self._writer.lost

    def __call__(self, event: Event) -> None:
        self._writer.put(event)

    def _write(self, events: Sequence[Event]) -> None:
        coloured = colours.wanted(sys.stderr)
        lines = [_line(self._record(event), event.at, coloured=coloured) for event in events]
        sys.stderr.write("".join(lines))
        sys.stderr.flush()


def _line(told: Entry, at: float, *, coloured: bool) -> str:
    """Return the line for a record, in which nothing can move a terminal's cursor."""
    name = str(told["event"]).ljust(_NAME)
    request = f"  {told['request']}" if "request" in told else ""
    more = "".join(f"  {dumps(told[part]).decode()}" for part in _MORE if told.get(part))
    text = "".join(c if c.isprintable() else "?" for c in f"{sentence(told)}{request}{more}")
    if coloured:
        colour = _COLOURS.get(told.get("end", "")) or _COLOURS.get(told["event"], _FAINT)
        name = f"{colour}{name}{_PLAIN}"
    return f"{datetime.fromtimestamp(at).astimezone():%H:%M:%S}  {name} {text}\n"
