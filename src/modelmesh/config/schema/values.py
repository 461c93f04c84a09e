"""The kinds of values a configuration has beyond Python's own, and the rules they keep.

A rule is an attrs validator. None passes every rule: it stands for a setting nobody made.
"""

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Final
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

if TYPE_CHECKING:
    from attrs import Attribute

Duration = Annotated[float, "seconds"]
"""Seconds; written as a number or as 500ms, 60s, 5m, 1h, 1d."""

Size = Annotated[int, "bytes"]
"""Bytes; written as a number or as 64KiB, 64MiB, 1GiB."""

Codes = tuple[int, ...]
"""HTTP statuses."""

Rule = Callable[[Any, "Attribute[Any]", Any], None]

_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE: Final = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_NEVER_FORWARDED: Final = frozenset(
    {
        "authorization",
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "cookie",
        "expect",
        "host",
        "keep-alive",
        "proxy-authorization",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
# No model costs ten thousand dollars a million tokens.
_TYPING_MISTAKE: Final = 10_000
_CLOCK: Final = re.compile(r"([01]\d|2[0-3]):[0-5]\d")


def _rule(holds: Callable[[Any], bool], words: str) -> Rule:
    def check(_: object, attribute: "Attribute[Any]", value: Any) -> None:
        if value is not None and not holds(value):
            raise ValueError(f"{attribute.name} must {words}, not {value!r}")

    return check


positive = _rule(lambda number: number > 0, "be more than 0")
at_least_zero = _rule(lambda number: number >= 0, "be 0 or more")
share = _rule(lambda number: 0 < number <= 1, "be more than 0 and at most 1")
port = _rule(lambda number: number in range(65536), "be a port from 0 to 65535")
clock_time = _rule(lambda text: bool(_CLOCK.fullmatch(text)), "be a time such as 02:30")
statuses = _rule(
    lambda codes: all(code in range(100, 600) for code in codes), "be HTTP statuses from 100 to 599"
)
forwardable = _rule(
    lambda names: not {name.lower() for name in names} & _NEVER_FORWARDED,
    "not name headers which carry credentials or belong to one connection",
)
price = _rule(lambda dollars: 0 <= dollars < _TYPING_MISTAKE, "be from 0 to below 10000 US dollars")


def web_address(_: object, attribute: "Attribute[Any]", value: str | None) -> None:
    if value is not None and not _is_web_address(value):
        raise ValueError(
            f"{attribute.name} must be an address such as https://example.com/v1; "
            "it begins with http:// or https:// and has no user name, query or blanks"
        )


def time_zone(_: object, attribute: "Attribute[Any]", value: str) -> None:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(
            f"{attribute.name} must be a time zone such as Europe/Berlin, not {value!r}"
        ) from None


def header_fields(_: object, attribute: "Attribute[Any]", value: Mapping[str, str]) -> None:
    """Refuse what could smuggle further headers in. Values may be secret: none is shown."""
    for name, text in value.items():
        if not _HEADER_NAME.fullmatch(name):
            raise ValueError(f"{attribute.name} must have header names, and {name!r} is none")
        if not _HEADER_VALUE.fullmatch(text):
            raise ValueError(
                f"{attribute.name} must fit into a header; the value of {name!r} has a line "
                "break or a character that a header cannot carry"
            )


def _is_web_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        whole = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    plain = text.isprintable() and " " not in text
    return whole and plain and not (parts.query or parts.fragment or "@" in parts.netloc)
