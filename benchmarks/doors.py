"""How a gateway is asked: where it listens, and what it wants in a request.

Nothing but the standard library here: the Pythons of others read this as well.
"""

from dataclasses import dataclass

TOKEN = "benchmark-token"


@dataclass(frozen=True, kw_only=True)
class Door:
    """One way in. `exact` says that answers must come through byte by byte."""

    port: int
    path: str = "/v1/chat/completions"
    headers: tuple[tuple[str, str], ...] = ()
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
            *(f"{name}: {value}" for name, value in self.headers),
        ]
        return "\r\n".join([*lines, "", ""]).encode() + body
