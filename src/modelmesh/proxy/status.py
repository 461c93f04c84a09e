"""How a server fares, as programs are told."""

from attrs import frozen


@frozen(kw_only=True)
class ServerStatus:
    """The state of a server. A connection is active while a request on it is being answered."""

    running: bool  # it serves now
    host: str  # the address it listens on
    port: int  # the port that is open, be it one the system chose
    uptime_seconds: float  # since the port was open; 0 if it is not
    active_connections: int  # requests that are being answered
    total_requests: int  # all that were taken, those under way included
