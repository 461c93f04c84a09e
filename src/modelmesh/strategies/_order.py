"""What several strategies put targets in order by. Pure."""

from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from operator import itemgetter
from typing import Generic, TypeVar

from modelmesh.types import Target, Targets

T = TypeVar("T")

_key = itemgetter(0)


class Once(Generic[T]):
    """What is worked out of a pool's targets, anew only where they are others than before."""

    def __init__(self, work: Callable[[Targets], T]) -> None:
        self._work = work
        self._known: tuple[Targets, T] | None = None

    def __call__(self, targets: Targets) -> T:
        if self._known is None or self._known[0] is not targets:
            self._known = (targets, self._work(targets))
        return self._known[1]


def around(first: int, lap: int, count: int) -> Iterator[int]:
    """Give all of `count` places, beginning with `first` and going round.

    Who comes second moves on with every lap, so that all the others share what a target would have
    got that is left alone.
    """
    yield first
    for step in range(count - 1):
        yield (first + 1 + (lap + step) % (count - 1)) % count


def lowest_first(targets: Targets, keys: Iterable[float], number: int) -> Iterator[Target]:
    """Give the targets by their keys. Equals take turns at being first, by `number`."""
    for _, equals in ranks(targets, keys):
        yield from in_turn(equals, number)


def in_turn(equals: Targets, number: int) -> Targets:
    """Return the targets begun one further with each `number`."""
    first = number % len(equals)
    return (*equals[first:], *equals[:first])


def ranks(targets: Targets, keys: Iterable[float]) -> Iterator[tuple[float, Targets]]:
    """Give each key with those that have it, the lowest first, for which nothing is sorted."""
    pairs = list(zip(keys, targets, strict=True))
    lowest, _ = min(pairs, key=_key)
    yield lowest, [target for key, target in pairs if key == lowest]
    rest = sorted((pair for pair in pairs if pair[0] != lowest), key=_key)
    for key, equals in groupby(rest, _key):
        yield key, [target for _, target in equals]
