"""The limits that vendors tell of in the headers of their answers, as data.

What the headers are called, how long a window is and whose it is differs from vendor to vendor; how
the time of a reset may be spelled is in `_resets`. Where a vendor does not say when a window is
renewed, it is by the end of one that begins now.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from attrs import frozen

from modelmesh.connectors._resets import seconds
from modelmesh.ledger import Unit
from modelmesh.ledger.told import Told

SECOND: Final = 1.0
MINUTE: Final = 60.0
"""Seconds."""
DAY: Final = 86_400.0
MONTH: Final = 31 * DAY

_AMPLE: Final = 8
"""Where more than one part in so many is left, nobody needs to know yet when there is more."""

_DIGITS: Final = 18


@frozen(kw_only=True)
class Quota:
    """A limit by the headers that tell of it.

    Attributes:
        unit: what is counted.
        seconds: the length of its window.
        longest: seconds beyond which no reset is believed.
        left, amount, reset: the headers with what is left of it, with all of it, and with when it
            is renewed; an empty name is of a header there is not.

    """

    unit: Unit
    seconds: float
    left: str  # the header that has what is left
    amount: str = ""  # the header that has all of it
    reset: str = ""  # the header that has when it is renewed
    longest: float = MONTH


def quota(
    unit: Unit, seconds: float, what: str = "", prefix: str = "x-ratelimit", **more: Any
) -> Quota:
    """Return a limit whose headers are called as most are: `x-ratelimit-remaining-{what}`."""
    end = f"-{what}" if what else ""
    return Quota(
        unit=unit,
        seconds=seconds,
        left=f"{prefix}-remaining{end}",
        amount=f"{prefix}-limit{end}",
        reset=f"{prefix}-reset{end}",
        **more,
    )


OPENAI: Final[tuple[Quota, ...]] = (
    quota("requests", MINUTE, "requests"),
    quota("tokens", MINUTE, "tokens"),
)
"""https://platform.openai.com/docs/guides/rate-limits, and what most others call them."""


def learned(
    headers: Mapping[str, str], quotas: Iterable[Quota], wall: float, *, per_model: bool
) -> list[Told]:
    """Return what an answer's headers, named in lower case, tell of these limits.

    `per_model` says whether each model has its own.
    """
    found = []
    for one in quotas:
        left = _count(headers.get(one.left))
        if left is None:
            continue
        amount, wait = _count(headers.get(one.amount)), one.seconds
        if not amount or left * _AMPLE <= amount:
            told = seconds(headers.get(one.reset, ""), wall)
            wait = wait if told is None else min(told, one.longest)
        found.append(
            Told(one.left, one.unit, one.seconds, left, amount, wall, wall + wait, per_model)
        )
    return found


def _count(text: str | None) -> int | None:
    if not text or len(text) > _DIGITS or not (text.isascii() and text.isdecimal()):
        return None
    return int(text)
