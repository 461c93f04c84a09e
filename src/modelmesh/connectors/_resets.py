"""How long whoever is asked over HTTP wants to be left alone, in every spelling there is for it.

Anything that is no sensible pause is None. How long a pause is heeded at most is decided elsewhere.

Spellings: RFC 9110 section 10.2.3 (seconds or a date), `retry-after-ms` (OpenAI, Azure), durations
such as `2m59.56s` (https://console.groq.com/docs/rate-limits), seconds since 1970
(https://docs.sambanova.ai/cloud/api-reference/using-the-api/rate-limits), milliseconds since 1970
(https://openrouter.ai/docs/api/reference/limits), and the sentence "Please try again in 5.289s".
"""

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

_UNITS: Final = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
_NUMBER: Final = re.compile(r"\d+(?:\.\d*)?|\.\d+", re.ASCII)
_PART: Final = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(h|ms|m|s|us|µs|ns)", re.ASCII)
_SENTENCE: Final = re.compile(
    r"(?:try again|retry)\s+(?:in|after)\s+"
    r"((?:\d+(?:\.\d+)?\s*(?:h|ms|m|s)[a-z]*[\s,]*(?:and\s+)?)+)",
    re.ASCII | re.IGNORECASE,
)
_SPOKEN: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|milli|h|m|s)", re.ASCII | re.IGNORECASE)

# A number from here on is no pause but a point in time: seconds or milliseconds since 1970.
_EPOCH_SECONDS: Final = 1e9
_EPOCH_MILLISECONDS: Final = 1e12


def pause(
    headers: Mapping[str, str], message: str, *, wall: float | None, limited: bool = True
) -> float | None:
    """Return the seconds to wait after a failure; header names are in lower case.

    The most exact word wins: `retry-after-ms` (where Azure's 0 says nothing), `retry-after`, the
    message, and last the end of the windows that are used up, if the failure is that the caller is
    `limited`. Without `wall`, the time of day, dates say nothing.
    """
    milliseconds = _number(headers.get("retry-after-ms", ""))
    if milliseconds:
        return milliseconds / 1000
    for found in (seconds(headers.get("retry-after", ""), wall), _spoken(message)):
        if found is not None:
            return found
    return _window(headers, wall) if limited else None


def seconds(text: str, wall: float | None) -> float | None:
    """Return the seconds that one spelling stands for, a moment that has passed as 0."""
    text = text.strip()
    number = _number(text)
    if number is None:
        duration = _duration(text)
        return duration if duration is not None else _until(_date(text), wall)
    if number >= _EPOCH_MILLISECONDS:
        return _until(number / 1000, wall)
    return _until(number, wall) if number >= _EPOCH_SECONDS else number


def _window(headers: Mapping[str, str], wall: float | None) -> float | None:
    """Return when the last of the used-up windows is renewed, as `x-ratelimit-reset-*` tell it.

    A window with something left is not what the refusal was about. Where no header says what is
    left, all windows count.
    """
    ends = [
        (headers.get(name.replace("reset", "remaining")), end)
        for name, text in headers.items()
        if "ratelimit" in name and "reset" in name
        if (end := seconds(text, wall)) is not None
    ]
    used_up = [end for left, end in ends if left is not None and _number(left) == 0]
    unknown = [end for left, end in ends if left is None]
    return max(used_up or unknown, default=None)


def _number(text: str) -> float | None:
    if not _NUMBER.fullmatch(text.strip()):
        return None
    number = float(text)
    return number if math.isfinite(number) else None


def _duration(text: str) -> float | None:
    parts = _PART.findall(text)
    if not parts or "".join(map("".join, parts)) != text:
        return None
    total = sum(float(number) * _UNITS[unit] for number, unit in parts)
    return total if math.isfinite(total) else None


def _spoken(message: str) -> float | None:
    said = _SENTENCE.search(message)
    if said is None:
        return None
    parts = _SPOKEN.findall(said[1])
    total = sum(
        float(number) * _UNITS["ms" if unit.lower() == "milli" else unit.lower()]
        for number, unit in parts
    )
    return total if math.isfinite(total) else None


def _date(text: str) -> float | None:
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            moment = read(text)
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
        except (ValueError, TypeError, OverflowError, IndexError):
            continue
    return None


def _until(moment: float | None, wall: float | None) -> float | None:
    return None if moment is None or wall is None else max(0.0, moment - wall)
