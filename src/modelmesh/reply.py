"""What a request comes to: a whole answer, or a stream that is still arriving."""

from collections.abc import Callable, Sequence

from attrs import field

from modelmesh.errors import Attempt
from modelmesh.stream import Stream
from modelmesh.types import Answer, Target
from modelmesh.values import value


@value(kw_only=True)
class Reply:
    """What a target answered: whole, or as a stream that is still arriving.

    Attributes:
        target: who answered.
        attempts: the trail, the last one being the one that answered.
        dropped: parameters left out because this vendor does not take them.
        answer: the whole answer; None for a stream.
        stream: the stream; None for a whole answer.
        at_close: is told when the reply is closed.

    """

    target: Target
    attempts: Sequence[Attempt] = field(repr=False)
    dropped: frozenset[str] = frozenset()
    answer: Answer | None = None
    stream: Stream | None = field(default=None, repr=False)
    at_close: "Callable[[Reply], None] | None" = field(default=None, repr=False)

    @property
    def upstream_seconds(self) -> float:
        """How long vendors were waited for."""
        return sum(attempt.seconds for attempt in self.attempts)

    async def close(self) -> None:
        """Let go of the vendor. Whoever has a reply closes it, on every path."""
        try:
            if self.stream:
                await self.stream.close()
        finally:
            if self.at_close:
                self.at_close(self)
