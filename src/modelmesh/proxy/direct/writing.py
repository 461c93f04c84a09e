"""Replies as they go over the wire."""

from functools import lru_cache
from http import HTTPStatus
from typing import Final

from modelmesh.proxy.endpoints import Outgoing

CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
END: Final = b"0\r\n\r\n"
"""The end of a body in chunks."""

_NO_BODY: Final = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED})


def head(outgoing: Outgoing, *, connection: str, chunked: bool) -> bytes:
    """Write the head of a reply. What is to be said of the connection may be nothing.

    Raises:
        ValueError: a header would be more than one.

    """
    lines = [_first_line(outgoing.status)]
    lines += [f"{name}: {text}\r\n" for name, text in outgoing.headers.items()]
    if outgoing.stream is not None:
        if chunked:
            lines.append("transfer-encoding: chunked\r\n")
    elif outgoing.status not in _NO_BODY:
        lines.append(f"content-length: {len(outgoing.body)}\r\n")
    if connection and "connection" not in outgoing.headers:
        lines.append(f"connection: {connection}\r\n")
    written = "".join(lines)
    # Whatever breaks a line, or ends a text, was not ours.
    if written.count("\r") + written.count("\n") != 2 * len(lines) or "\0" in written:
        raise ValueError("a header of a reply holds a line break or a null character")
    return (written + "\r\n").encode(errors="surrogateescape")


def chunk(piece: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(piece), piece)


@lru_cache
def _first_line(status: int) -> str:
    try:
        words = HTTPStatus(status).phrase
    except ValueError:  # a vendor's own
        words = ""
    return f"HTTP/1.1 {status} {words}\r\n"
