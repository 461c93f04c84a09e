"""What the proxy itself turns down, and how errors of every origin go out."""

import json
import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from attrs import asdict

from modelmesh.errors import ConfigError, MeshError, RequestError, RoutingError
from modelmesh.proxy.rate_limits import rate_limit_headers
from modelmesh.proxy.trail import trail


class Refused(RequestError):  # noqa: N818 - it reads as what it is
    """The proxy turns a request down before anybody else hears of it. `headers` go out with it."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        headers: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        super().__init__(message, status=status, code=code, param=param)
        self.headers = headers


class ConfigurationRefused(MeshError):  # noqa: N818 - it reads as what it is
    """The configuration was to be read again, and has mistakes."""

    status = 422
    type = "invalid_request_error"
    code = "configuration_refused"

    def __init__(self, error: ConfigError) -> None:
        super().__init__(f"The configuration stays as it was. {error}")
        self.problems = error.problems

    def body(self) -> dict[str, Any]:
        """Return the error in OpenAI's shape, with every mistake."""
        body = super().body()
        body["error"]["problems"] = [asdict(problem) for problem in self.problems]
        return body


NOT_HTTP: Final = Refused(400, "The request is not valid HTTP.")
"""What is told of a request which cannot be read. It may quote a header, so no more is told."""


class ShuttingDown(MeshError):  # noqa: N818 - it reads as what it is
    """The server is about to stop."""

    status = 503
    code = "shutting_down"
    retry_after = 1.0
    headers = MappingProxyType({"connection": "close"})

    def __init__(self) -> None:
        super().__init__("The server is shutting down. Please send the request again.")


class InternalError(MeshError):
    """A bug of ours. The client learns nothing of it; the log has the traceback."""

    code = "internal_error"

    def __init__(self) -> None:
        super().__init__("Something went wrong inside the proxy; its log says more.")


def error_headers(error: MeshError) -> dict[str, str]:
    """Return the headers of a reply which is this error."""
    headers = {"content-type": "application/json", **getattr(error, "headers", {})}
    # Without this SDKs try again by themselves, although everything was tried already.
    if error.retry_after is None:
        headers["x-should-retry"] = "false"
    else:
        headers["retry-after"] = str(math.ceil(error.retry_after))
    if isinstance(error, RoutingError):
        headers["x-modelmesh-attempts"] = str(len(error.attempts))
        if error.attempts:
            headers["x-modelmesh-trail"] = trail(error.attempts)
        headers |= rate_limit_headers(error.limits)
    return headers


def error_body(error: MeshError) -> bytes:
    """Return the body which tells of an error. A header that it quotes may hold what is no text."""
    text = json.dumps(error.body(), ensure_ascii=False, separators=(",", ":"))
    return text.encode(errors="replace")


def error_event(error: MeshError) -> bytes:
    """Return the last event of a stream that breaks off."""
    return b"data: %b\n\n" % error_body(error)
