"""How a server fares, as programs are told."""

from attrs import frozen


@frozen(kw_only=True)
class ServerStatus:
    """How a server fares. A connection is active while a request on it is being answered."""

    running: bool
    host: str
    port: int
    uptime_seconds: float
    active_connections: int
    total_requests: int
