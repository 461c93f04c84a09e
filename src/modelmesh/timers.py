"""How long a vendor is waited for: the defaults, and the times that hold for one attempt."""

from typing import Final, Self

from modelmesh.types import Target
from modelmesh.values import value

CONNECT: Final = 5.0
FIRST_TOKEN_STREAM: Final = 60.0
FIRST_TOKEN_PLAIN: Final = 300.0
IDLE: Final = 60.0
TOTAL: Final = 600.0
"""Seconds, where neither pool nor provider says: what LLM traffic takes at its slowest."""


@value(kw_only=True)
class Timers:
    """When to give up waiting.

    Attributes:
        first: the time by which the first content must be there.
        deadline: the time by which everything must be there.
        idle: seconds between two pieces of an answer.
        connect: seconds for finding or opening a connection.
        heartbeat: seconds of silence after which a stream's reader is told so; None: never.

    """

    first: float
    deadline: float
    idle: float
    connect: float = CONNECT
    heartbeat: float | None = None

    @classmethod
    def start(
        cls, target: Target, now: float, *, stream: bool, deadline: float, heartbeat: float | None
    ) -> Self:
        """Start an attempt's timers; `deadline` is the one of all attempts together."""
        usual = FIRST_TOKEN_STREAM if stream else FIRST_TOKEN_PLAIN
        end = min(now + (target.total or TOTAL), deadline)
        return cls(
            first=min(now + (target.first_token or usual), end),
            deadline=end,
            idle=target.idle or IDLE,
            connect=target.connect or CONNECT,
            heartbeat=heartbeat,
        )
