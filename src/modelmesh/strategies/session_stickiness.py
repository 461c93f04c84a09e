"""The requests of one conversation go to one target, which may have it in its cache.

Rendezvous hashing: each session ranks all targets by a number drawn from both names, so one target
more takes its share of the sessions and leaves all others where they are. A session whose target
fails goes to the next in its own order, and comes back when that target does.
"""

from collections.abc import Iterable, Iterator
from functools import lru_cache, partial
from hashlib import blake2b
from math import log
from typing import ClassVar, Final

from attrs import frozen

from modelmesh import strategies
from modelmesh.config.schema import Pool
from modelmesh.strategies import Turn, round_robin
from modelmesh.strategies._order import Once
from modelmesh.strategies._session import session
from modelmesh.types import SESSION_HEADER, Target, Targets

_BITS: Final = 64
_MASK: Final = (1 << _BITS) - 1
# An odd number whose bits look random, as any that multiplies a hash.
_FACTOR: Final = 0x9E3779B97F4A7C15
_REMEMBERED: Final = 4096
"""Sessions whose first target need not be looked for again."""


@frozen(kw_only=True)
class _Options:
    """How sessions are told from each other."""

    # The header that names one; another than the usual must be in `proxy.forward_headers`.
    header: str = SESSION_HEADER


class Strategy:
    connector: ClassVar = "modelmesh.session-stickiness.v1"
    Options: ClassVar = _Options

    def __init__(self, settings: Pool, fallback: strategies.Strategy | None = None) -> None:
        self._header = _Options(**settings.options).header.lower()
        self._fallback = fallback or round_robin.Strategy(settings)
        self._ranking = Once(_Ranking)

    def order(self, targets: Targets, turn: Turn) -> Iterable[Target]:
        """Go by the session's own order; by the fallback strategy where there is no session."""
        words = list(session(turn.request, self._header))
        if not words:
            return self._fallback.order(targets, turn)
        return self._ranking(targets).order(_hash(words))

    def why(self, order: Targets, place: int, turn: Turn) -> str:
        if not any(True for _ in session(turn.request, self._header)):
            return f"no session; {strategies.why(self._fallback, order, place, turn)}"
        return f"choice {place + 1} of its session" if place else "first choice of its session"


class _Ranking:
    """How sessions rank a pool's targets. It remembers whom the latest of them rank first."""

    def __init__(self, targets: Targets) -> None:
        self._targets = [(one, _hash([one.id])) for one in targets]
        self._first = lru_cache(_REMEMBERED)(self._look_at_all)

    def order(self, session: int) -> Iterator[Target]:
        first = self._first(session)
        yield first
        rest = sorted(self._targets, key=partial(_rank, session))
        yield from (one for one, _ in rest if one is not first)

    def _look_at_all(self, session: int) -> Target:
        first, _ = min(self._targets, key=partial(_rank, session))
        return first


def _hash(words: Iterable[str]) -> int:
    hashed = blake2b(digest_size=_BITS // 8)
    for word in words:
        hashed.update(word.encode(errors="replace"))
        hashed.update(b"\0")
    return int.from_bytes(hashed.digest(), "big")


def _rank(session: int, hashed: tuple[Target, int]) -> float:
    """Return a number above 0 drawn from two hashes, the lower the heavier the target."""
    target, mixed = hashed
    mixed ^= session
    for _ in range(2):
        mixed = (mixed * _FACTOR) & _MASK
        mixed ^= mixed >> 32
    return -log(((mixed >> 11) + 1) / (1 << 53)) / target.weight
