"""Replies as they go over the wire."""

from functools import lru_cache
from http import HTTPStatus
from typing import Final

from modelmesh.proxy.calls import Outgoing

CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
END: Final = b"0\r\n\r\n"
"""The end of a body in chunks."""

_NO_BODY: Final = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED})


def head(outgoing: Outgoing, *, connection: str, chunked: bool) -> bytes:
    """Write the head of a reply. What is to be said of the connection may be nothing.

    Raises:
        ValueError: a header would be more than one.

    """
    headers = outgoing.headers
    if outgoing.stream is not None:
        if chunked:
            headers["transfer-encoding"] = "chunked"
    elif outgoing.status not in _NO_BODY:
        headers["content-length"] = str(len(outgoing.body))
    if connection:
        headers.setdefault("connection", connection)
    lines = [_first_line(outgoing.status), *map(": ".join, headers.items()), "\r\n"]
    written = "\r\n".join(lines)
    # Whatever breaks a line, or ends a text, was not ours.
    if written.count("\r") + written.count("\n") != 2 * len(lines) or "\0" in written:
        raise ValueError("a header of a reply holds a line break or a null character")
    return written.encode(errors="surrogateescape")


def chunk(piece: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(piece), piece)


@lru_cache
def _first_line(status: int) -> str:
    try:
        words = HTTPStatus(status).phrase
    except ValueError:  # a vendor's own
        words = ""
    return f"HTTP/1.1 {status} {words}"
