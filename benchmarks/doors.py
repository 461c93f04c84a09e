"""How a gateway is asked: where it listens, and what it wants in a request."""

from collections.abc import Mapping
from types import MappingProxyType

from attrs import frozen

TOKEN = "benchmark-token"


@frozen(kw_only=True)
class Door:
    """One way in. `exact` says that answers must come through byte by byte."""

    port: int
    path: str = "/v1/chat/completions"
    headers: Mapping[str, str] = MappingProxyType({})
    model: str = "{}"
    exact: bool = True

    def request(self, body: bytes) -> bytes:
        """Return the bytes of a request."""
        lines = [
            f"POST {self.path} HTTP/1.1",
            f"host: 127.0.0.1:{self.port}",
            f"authorization: Bearer {TOKEN}",
            "content-type: application/json",
            f"content-length: {len(body)}",
            *(f"{name}: {value}" for name, value in self.headers.items()),
        ]
        return "\r\n".join([*lines, "", ""]).encode() + body
