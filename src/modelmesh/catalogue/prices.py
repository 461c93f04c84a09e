"""What models cost, as their vendors list it and as a user's own configuration says."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from attrs import evolve, fields_dict, frozen


@frozen(kw_only=True)
class LongPromptPrice:
    """US dollars per million tokens of a whole request whose prompt exceeds `prompt_tokens`."""

    prompt_tokens: int
    input: float | None = None
    output: float | None = None
    cached_input: float | None = None


@frozen(kw_only=True)
class Hours:
    """Hours of the week, in UTC.

    Attributes:
        days: days of the week; 1 is Monday, 7 Sunday.
        spans: when they begin and end on each of these days, HH:MM; 24:00 is the day's end.

    """

    days: tuple[int, ...]
    spans: tuple[tuple[str, str], ...]


@frozen(kw_only=True)
class OffPeakPrice:
    """US dollars per million tokens of requests that come in at quiet hours."""

    hours: tuple[Hours, ...]
    input: float | None = None
    output: float | None = None
    cached_input: float | None = None


@frozen(kw_only=True)
class Price:
    """What a vendor charges, in US dollars; None where no price is listed, which is not "free".

    Token prices are per million tokens. `cache_write` is for entries kept five minutes,
    `cache_write_1h` for those kept an hour; `batch_input` and `batch_output` hold in batch jobs.
    Where tokens are priced as well as images or minutes, the two are spellings of one charge and
    not to be added. `valid_from` is the first day (YYYY-MM-DD) of a price that is only announced.
    """

    input: float | None = None
    output: float | None = None
    cached_input: float | None = None
    cache_write: float | None = None
    cache_write_1h: float | None = None
    batch_input: float | None = None
    batch_output: float | None = None
    audio_input: float | None = None
    audio_output: float | None = None
    image_input: float | None = None
    image_output: float | None = None
    per_request: float | None = None
    per_image: float | None = None
    per_minute: float | None = None
    per_minute_output: float | None = None
    per_page: float | None = None
    per_million_characters: float | None = None
    above: LongPromptPrice | None = None
    off_peak: OffPeakPrice | None = None
    valid_from: str | None = None


DOLLARS: Final = frozenset(fields_dict(Price)) - {"above", "off_peak", "valid_from"}
"""The fields of a price which are sums of money."""

_FLAT: Final[Mapping[str, Any]] = MappingProxyType({"above": None, "off_peak": None})


def read_price(row: Mapping[str, Any]) -> Price:
    """Make a price of its JSON."""
    above, off_peak = row.get("above"), row.get("off_peak")
    parts: dict[str, Any] = {}
    if above:
        parts["above"] = LongPromptPrice(**above)
    if off_peak:
        hours = tuple(
            Hours(days=tuple(each["days"]), spans=tuple(map(tuple, each["spans"])))
            for each in off_peak["hours"]
        )
        parts["off_peak"] = OffPeakPrice(**{**off_peak, "hours": hours})
    return Price(**{**row, **parts})


def merged(listed: Price | None, own: Mapping[str, Any]) -> Price | None:
    """Return a listed price with what the user says instead of it; None says nothing.

    Who names a price of tokens has a contract of his own: the listed prices of long prompts and
    quiet hours do not hold beside it, and a price for long prompts has to be named as well.
    """
    said = {name: value for name, value in own.items() if value is not None}
    if not said:
        return listed
    if "above" in said:
        said["above"] = LongPromptPrice(**said["above"])
    flat = _FLAT if said.keys() & {"input", "output"} else {}
    return evolve(listed or Price(), **{**flat, **said})
