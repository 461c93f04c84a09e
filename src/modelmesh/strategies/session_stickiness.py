"""The requests of one conversation go to one target, which may have it in its cache.

Rendezvous hashing: each session ranks all targets by a number drawn from both names, so one target
more takes its share of the sessions and leaves all others where they are. A session whose target
fails goes to the next in its own order, and comes back when that target does.
"""

from collections.abc import Iterable, Iterator, Mapping
from hashlib import blake2b
from math import log
from typing import Any, ClassVar, Final

from attrs import frozen

from modelmesh import strategies
from modelmesh.config.schema import Pool
from modelmesh.strategies import Turn, round_robin
from modelmesh.strategies._order import Once, lowest_first
from modelmesh.types import SESSION_HEADER, Request, Target, Targets

# What OpenAI has clients name a conversation by, and what they named it by before:
# https://platform.openai.com/docs/api-reference/chat/create.
_NAMES: Final = ("prompt_cache_key", "user")
_BITS: Final = 64
_MASK: Final = (1 << _BITS) - 1
# An odd number whose bits look random, as any that multiplies a hash.
_FACTOR: Final = 0x9E3779B97F4A7C15


@frozen(kw_only=True)
class _Options:
    """Which header names the session; another than the usual must be in `forward_headers`."""

    header: str = SESSION_HEADER


class Strategy:
    connector: ClassVar = "modelmesh.session-stickiness.v1"
    Options: ClassVar = _Options

    def __init__(self, settings: Pool, fallback: strategies.Strategy | None = None) -> None:
        self._header = _Options(**settings.options).header.lower()
        self._fallback = fallback or round_robin.Strategy(settings)
        self._hashes = Once(lambda targets: [_hash([one.id]) for one in targets])

    def order(self, targets: Targets, turn: Turn) -> Iterable[Target]:
        """Go by the session's own order; by the fallback strategy where there is no session."""
        words = list(_session(turn.request, self._header))
        if not words:
            return self._fallback.order(targets, turn)
        session = _hash(words)
        pairs = zip(targets, self._hashes(targets), strict=True)
        keys = (_rank(session ^ other, one.weight) for one, other in pairs)
        return lowest_first(targets, keys, turn.number)


def _session(request: Request, header: str) -> Iterator[str]:
    """Give the words which tell a session from others; none where nothing does."""
    named = (request.headers.get(header), request.session, *map(request.body.get, _NAMES))
    name = next((name for name in named if name), None)
    if name:
        yield str(name)
    elif isinstance(messages := request.body.get("messages"), list):
        yield from _opening(messages)


def _opening(messages: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Give the text a conversation begins with, up to the first thing its user says."""
    for message in messages:
        content, role = message.get("content"), str(message.get("role"))
        yield role
        if isinstance(content, str):
            yield content
        elif isinstance(content, list):
            yield from (str(part["text"]) for part in content if "text" in part)
        if role == "user":
            return


def _hash(words: Iterable[str]) -> int:
    hashed = blake2b(digest_size=_BITS // 8)
    for word in words:
        hashed.update(word.encode(errors="replace"))
        hashed.update(b"\0")
    return int.from_bytes(hashed.digest(), "big")


def _rank(mixed: int, weight: float) -> tuple[float]:
    """Return a number above 0 drawn from two hashes, the lower the heavier the target."""
    for _ in range(2):
        mixed = (mixed * _FACTOR) & _MASK
        mixed ^= mixed >> 32
    return (-log(((mixed >> 11) + 1) / (1 << 53)) / weight,)
