"""The head of a request, as it goes over the wire."""

from functools import lru_cache
from typing import Final

from modelmesh.errors import RequestError
from modelmesh.transport.address import LONG, Address
from modelmesh.types import HttpRequest

_AGENT: Final = "modelmesh-lite"


def head(request: HttpRequest, address: Address) -> bytes:
    """Write a request's head, which says what the caller's headers leave unsaid.

    Raises:
        RequestError: a header would be more than one.

    """
    headers = tuple(request.headers.items())
    write = _known_lines if len(address.target) <= LONG else _lines
    lines = write(request.method, address.target, address.authority, headers, request.stream)
    if request.body or request.method != "GET":
        return b"%bcontent-length: %d\r\n\r\n" % (lines, len(request.body))
    return lines + b"\r\n"


def _lines(
    method: str, target: str, host: str, headers: tuple[tuple[str, str], ...], stream: bool
) -> bytes:
    """Write the lines that say nothing of the body."""
    said = {"host": host, "accept": "*/*", "user-agent": _AGENT}
    for name, text in headers:
        said[name.lower()] = text
    said["accept-encoding"] = "identity" if stream else "gzip, deflate"
    said.pop("transfer-encoding", None)  # how the body is framed is told here and nowhere else
    said.pop("content-length", None)
    lines = [f"{method} {target} HTTP/1.1\r\n"]
    lines += [f"{name}: {text}\r\n" for name, text in said.items()]
    written = "".join(lines)
    # Whatever breaks a line, or ends a text, was not ours.
    if written.count("\r") + written.count("\n") != 2 * len(lines) or "\0" in written:
        raise RequestError("a header holds a line break or a null character")
    return written.encode(errors="surrogateescape")


# Most requests to a vendor have the same. A client's headers may be in them, so these are few.
_known_lines: Final = lru_cache(maxsize=64)(_lines)
