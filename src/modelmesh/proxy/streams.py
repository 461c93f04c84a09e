"""An answer that arrives, piece by piece as it goes out to a client."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, Self

from attrs import define, evolve, field

from modelmesh.errors import Attempt, ProviderError, RoutingError
from modelmesh.proxy.errors import error_event

if TYPE_CHECKING:
    from modelmesh.stream import Stream

EVENT_HEADERS: Final = {
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-cache, no-transform",
    "x-accel-buffering": "no",
}
_DONE: Final = b"data: [DONE]\n\n"
# One line break: a comment alone must not look like the end of an event to a client.
PING: Final = b": ping\n"


@define(eq=False)
class Events:
    """A stream as server-sent events, with one honest end: done, or what went wrong.

    `attempts` are those that led to it, the last one being its own.
    """

    _stream: "Stream"
    _attempts: Sequence[Attempt]
    _ended: bool = field(default=False, init=False)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        if self._ended:
            raise StopAsyncIteration
        try:
            payload = await anext(self._stream)
        except StopAsyncIteration:
            self._ended = True
            return _DONE
        except ProviderError as error:
            self._ended = True
            *before, last = self._attempts
            attempts = (*before, evolve(last, error=error))
            return error_event(RoutingError(str(error), cause=error, attempts=attempts))
        if not payload:
            return PING
        events = [b"data: %b\n\n" % each for each in (payload, *self._stream.at_hand())]
        return events[0] if len(events) == 1 else b"".join(events)


@define(eq=False)
class Bytes:
    """A stream as the bytes it is. Raises MeshError where it breaks off."""

    _stream: "Stream"

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        piece = await anext(self._stream)
        more = self._stream.at_hand()
        return b"".join((piece, *more)) if more else piece
