"""Where a URL leads: what a connection needs to know of it, and what a request's head says."""

import re
from functools import lru_cache
from typing import Final, NamedTuple
from urllib.parse import SplitResult, quote, urlsplit

from attrs import frozen

from modelmesh.errors import TransportError
from modelmesh.transport.failures import NO_URL, NOT_HTTP

_PORTS: Final = {"http": 80, "https": 443}
_HOST: Final = re.compile(r"[\w.:%-]+", re.ASCII)
# What stands in a path or a query as it is. Everything else is written by its number.
_PLAIN: Final = "!$%&'()*+,/:;=?@[]~"


class Origin(NamedTuple):
    """Where connections lead. A tuple, since every request looks one up."""

    secure: bool
    host: str
    port: int


@frozen
class Address:
    """A URL, taken apart.

    Attributes:
        origin: where it leads.
        target: its path and query, as a request asks for them.
        authority: its host and port, as the `host` header has them.

    """

    origin: Origin
    target: str
    authority: str


LONG: Final = 1024
"""Characters beyond which a URL is not kept: what a client said is in it, as a vendor wants it."""


def find(url: str) -> Address:
    """Take a URL apart. A mesh asks for few, over and over.

    Raises:
        TransportError: it is none, or not one of HTTP.

    """
    return _known(url) if len(url) <= LONG else _taken_apart(url)


def _taken_apart(url: str) -> Address:
    # What is taken apart by the library is kept by it, and what clients say is in the query.
    place, _, query = url.partition("#")[0].partition("?")
    try:
        parts = urlsplit(place)
        if parts.scheme not in _PORTS:
            raise TransportError(*NOT_HTTP)
        usual = _PORTS[parts.scheme]
        origin = Origin(parts.scheme == "https", _host(parts), parts.port or usual)
    except ValueError:
        raise TransportError(*NO_URL) from None
    host = f"[{origin.host}]" if ":" in origin.host else origin.host
    target = quote(parts.path or "/", _PLAIN)
    if query:
        target += "?" + quote(query, _PLAIN)
    return Address(origin, target, host if origin.port == usual else f"{host}:{origin.port}")


_known: Final = lru_cache(maxsize=4096)(_taken_apart)


def _host(parts: SplitResult) -> str:
    """Return the host in ASCII. Raises ValueError if it cannot be one."""
    host = parts.hostname or ""
    if ":" not in host:
        host = host.encode("idna").decode("ascii")
    if "@" in parts.netloc or not _HOST.fullmatch(host):
        raise ValueError("not a host")
    return host
