"""What headers tell of an answer's way: names as they may stand there, and the attempts."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final
from urllib.parse import quote

from modelmesh.errors import Attempt

_PRINTABLE: Final = "".join(map(chr, range(0x21, 0x7F))).replace("%", "")
_NEITHER: Final = _PRINTABLE.replace(",", "").replace(";", "")

_ATTEMPTS: Final = 10
"""Attempts that are told of, the last ones."""

_NAME: Final = 150
"""Characters of a target's name, so that all of them together stay below 2 KB."""


@lru_cache
def printable(name: str) -> str:
    """Return a name as a header may hold it: all but printable ASCII is percent-encoded."""
    return quote(name, safe=_PRINTABLE)


def trail(attempts: Sequence[Attempt]) -> str:
    """Return attempts in their order: `target;ok;-;123.4, …`.

    Of one that failed its cause is told, and the vendor's status where it gave one; the time is in
    milliseconds, that of a stream to its first content.
    """
    return ", ".join(map(_told, attempts[-_ATTEMPTS:]))


def _told(attempt: Attempt) -> str:
    failed = attempt.error
    became = f"{failed.kind};{failed.vendor_status or '-'}" if failed else "ok;-"
    return f"{_named(attempt.target)};{became};{attempt.seconds * 1000:.1f}"


@lru_cache
def _named(target: str) -> str:
    """Return a target's name without what separates one from the next, and no half of a sign."""
    name = quote(target, safe=_NEITHER)
    if len(name) <= _NAME:
        return name
    whole, sign, rest = name[:_NAME].rpartition("%")
    return whole if sign and len(rest) < len("C3") else name[:_NAME]
