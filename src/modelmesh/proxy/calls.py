"""What comes in by a front, and what goes out by it. No web framework is known here."""

import json
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

from attrs import define, field


async def _nothing() -> None:
    pass


@define(kw_only=True, eq=False)
class Incoming:
    """A request as it came. Names of headers are in lower case.

    `peer` tells the address at the other end of the connection, or nothing where there is none.
    `mount` is the path below which a host application has all of ours, or nothing without one.
    """

    id: str
    method: str
    path: str
    mount: str = ""
    headers: Mapping[str, str] = field(repr=False)
    body: AsyncIterable[bytes] = field(repr=False)
    peer: Callable[[], str] = field(repr=False)


@define(kw_only=True, eq=False)
class Outgoing:
    """What goes out: a whole body, or a stream. `close` is awaited once it is out, or cannot be.

    Only a stream of events can tell of an error that comes in its midst; any other one is cut.
    """

    status: int = 200
    headers: dict[str, str]
    body: bytes = field(default=b"", repr=False)
    stream: AsyncIterator[bytes] | None = field(default=None, repr=False)
    of_events: bool = True
    close: Callable[[], Awaitable[None]] = field(default=_nothing, repr=False)


Handler = Callable[[Incoming], Awaitable[Outgoing]]
"""What answers at a path."""


def json_reply(value: Any) -> Outgoing:
    return Outgoing(
        headers={"content-type": "application/json"},
        body=json.dumps(value, ensure_ascii=False).encode(),
    )
