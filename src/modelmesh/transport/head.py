"""The head of a request, as it goes over the wire."""

from typing import Final

from modelmesh.errors import RequestError
from modelmesh.transport.address import Address
from modelmesh.types import HttpRequest

_AGENT: Final = "modelmesh-lite"


def head(request: HttpRequest, address: Address) -> bytes:
    """Write a request's head, which says what the caller's headers leave unsaid.

    Raises:
        RequestError: a header would be more than one.

    """
    headers = {"host": address.authority, "accept": "*/*", "user-agent": _AGENT}
    for name, text in request.headers.items():
        headers[name.lower()] = text
    headers["accept-encoding"] = "identity" if request.stream else "gzip, deflate"
    headers.pop("transfer-encoding", None)  # how the body is framed is told here and nowhere else
    headers.pop("content-length", None)
    if request.body or request.method != "GET":
        headers["content-length"] = str(len(request.body))
    lines = [f"{request.method} {address.target} HTTP/1.1\r\n"]
    lines += [f"{name}: {text}\r\n" for name, text in headers.items()]
    written = "".join(lines)
    # Whatever breaks a line, or ends a text, was not ours.
    if written.count("\r") + written.count("\n") != 2 * len(lines) or "\0" in written:
        raise RequestError("a header holds a line break or a null character")
    return (written + "\r\n").encode(errors="surrogateescape")
