"""Limits: of what, for whom, in which time."""

from math import floor, log10
from typing import Final, Literal

from attrs import frozen

from modelmesh.ledger.windows import Window

Unit = Literal["dollars", "requests", "tokens", "at once"]
"""What is counted. Dollars are counted in billionths, all else in ones."""

NANO: Final = 1_000_000_000
"""Nano-dollars in a dollar."""


def dollars(amount: float) -> str:
    """Return US dollars for people: cents, or of less than that two digits."""
    digits = 2 if amount == 0 or abs(amount) >= 1 else 1 - floor(log10(abs(amount)))
    return f"${amount:,.{max(2, digits)}f}"


@frozen(kw_only=True)
class Limit:
    """A cap, and whose use counts against it.

    Attributes:
        name: what people are told, such as "groq: 30 requests a minute".
        subject: whose use it is: a provider, a key, a target, a pool.
        amount: in the unit's own count.
        enforced: it refuses; otherwise it only tells.
        unknown: what becomes of a request whose price nobody knows, under a limit of dollars.
        alert: the share of it at which people are told; None: they are not.
        assumed: the seconds of its window if it is only known of a free tier, else 0. The vendor's
            own word on the same goes before it.
        source: who says so.

    """

    name: str
    subject: str
    unit: Unit
    amount: int
    window: Window
    enforced: bool = True
    unknown: Literal["refuse", "warn", "allow"] = "refuse"
    alert: float | None = None
    assumed: float = 0.0
    source: Literal["configured", "free tier"] = "configured"
