"""What became of the requests to one target: how many, how quick, at what cost."""

from collections import Counter, deque
from typing import Final

from attrs import define, field

from modelmesh.clock import MINUTE
from modelmesh.errors import ErrorKind

# The weight below which an average is held for forgotten: ten half-lives of one value.
_TRACE: Final = 0.001

_LATELY: Final = 256
"""Answers of which it is kept how long each took."""

_FORGOTTEN: Final = 300.0
"""Seconds after which a measured time weighs half as much: what was slow gets another chance."""


@define(eq=False)
class Average:
    """A moving average that forgets: of seconds, of late values more than of early ones."""

    _sum: float = 0.0
    _weight: float = 0.0
    _at: float = 0.0

    def add(self, value: float, now: float) -> None:
        faded = 0.5 ** ((now - self._at) / _FORGOTTEN) if now > self._at else 1.0
        self._sum = self._sum * faded + value
        self._weight = self._weight * faded + 1.0
        self._at = now

    def value(self, now: float) -> float | None:
        """Return the average; None where nothing is known any more."""
        weight = self._weight * self._faded(now)
        return self._sum / self._weight if weight > _TRACE else None

    def _faded(self, now: float) -> float:
        return float(0.5 ** (max(0.0, now - self._at) / _FORGOTTEN))


def _lately() -> "deque[float]":
    return deque(maxlen=_LATELY)


@define(eq=False)
class Tally:
    """What became of requests, in numbers: of those to one target, or those of one pool.

    Attributes:
        rotations: how often a pool put another target in front.
        waits, took: seconds to the first content of the last answers, and to their end.
        spent: nano-dollars.

    """

    requests: int = 0  # sent to vendors, a failover to each of them
    answers: int = 0  # to the end
    cancelled: int = 0  # left by the client
    failures: Counter[ErrorKind] = field(factory=Counter)  # by kind
    rotations: int = 0
    waits: deque[float] = field(factory=_lately, repr=False)
    took: deque[float] = field(factory=_lately, repr=False)
    tokens_in: int = 0  # of prompts
    tokens_out: int = 0  # of answers
    spent: int = 0


@define(eq=False)
class Record(Tally):
    """What became of the requests to one target, and what may be expected of the next one.

    Attributes:
        begun: when requests began, of the last minute.
        first_token: seconds to the first content of an answer.
        per_token: seconds for each token after it.
        tokens_estimated, spent_estimated: what of all tokens, and of what is spent, is no vendor's
            word but our own estimate.

    """

    in_flight: int = 0  # requests under way
    begun: deque[float] = field(factory=deque, repr=False)
    first_token: Average = field(factory=Average, repr=False)
    per_token: Average = field(factory=Average, repr=False)
    tokens_estimated: int = 0
    spent_estimated: int = 0

    def begin(self, now: float) -> None:
        """Count a request that begins."""
        self.requests += 1
        self.in_flight += 1
        self.begun.append(now)
        while self.begun[0] <= now - MINUTE:
            self.begun.popleft()
