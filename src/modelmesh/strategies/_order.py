"""What several strategies put targets in order by. Pure."""

from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from typing import Generic, TypeVar

from modelmesh.types import Target, Targets

T = TypeVar("T")


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


def lowest_first(
    targets: Targets, keys: Iterable[tuple[float, ...]], number: int
) -> Iterator[Target]:
    """Give the targets by their keys. Equals take turns at being first, by `number`."""
    key = list(keys).__getitem__
    for _, equals in groupby(sorted(range(len(targets)), key=key), key):
        places = list(equals)
        turn = number % len(places)
        yield from (targets[place] for place in places[turn:] + places[:turn])
