"""The headers that tell of a limit which refused, as OpenAI spells them.

https://platform.openai.com/docs/guides/rate-limits#rate-limits-in-headers: of requests and of
tokens how many there may be, how many are left, and how long until all of them are there again.
There is no such spelling for money, or for requests at once.
"""

from collections.abc import Iterable, Mapping
from math import ceil
from typing import Final

from modelmesh.errors import Remainder

_UNITS: Final = ("requests", "tokens")

RATE_LIMIT_HEADERS: Final = tuple(
    f"x-ratelimit-{what}-{unit}" for what in ("limit", "remaining", "reset") for unit in _UNITS
)


def rate_limit_headers(limits: Iterable[Remainder]) -> Mapping[str, str]:
    """Return the headers for limits the first of which refused.

    Of each unit the first one counts. What is not known is left out.
    """
    told: dict[str, Remainder] = {}
    for limit in limits:
        told.setdefault(limit.unit, limit)
    if next(iter(told), None) not in _UNITS:
        return {}
    headers = {}
    for unit in filter(told.__contains__, _UNITS):
        limit = told[unit]
        if limit.amount is not None:
            headers[f"x-ratelimit-limit-{unit}"] = f"{limit.amount:.0f}"
        headers[f"x-ratelimit-remaining-{unit}"] = f"{limit.left:.0f}"
        if limit.renewed_in is not None:
            headers[f"x-ratelimit-reset-{unit}"] = duration(limit.renewed_in)
    return headers


def duration(seconds: float) -> str:
    """Spell a time as OpenAI does: `12ms`, `1s`, `6m0s`, `24h0m0.5s`. It is not told too short."""
    total = ceil(seconds * 1000)
    if 0 < total < 1000:  # noqa: PLR2004 - milliseconds in a second
        return f"{total}ms"
    minutes, rest = divmod(total, 60_000)
    hours, minutes = divmod(minutes, 60)
    ahead = f"{hours}h{minutes}m" if hours else f"{minutes}m" if minutes else ""
    return f"{ahead}{rest / 1000:g}s"
