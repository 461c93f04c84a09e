"""Places drawn by weight: a circle on which each target has an arc as long as its weight."""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import Final

from modelmesh.types import Targets

# Steps of the golden ratio round a circle leave no part of it out for long, however many there are.
_GOLDEN: Final = (5**0.5 - 1) / 2


def arcs(targets: Targets) -> Sequence[float]:
    """Return where the arcs end."""
    return list(accumulate(target.weight for target in targets))


def place_at(point: float, ends: Sequence[float]) -> int:
    """Return the place whose arc a point of the circle, 0 to 1, lies on."""
    return min(bisect_right(ends, point * ends[-1]), len(ends) - 1)


def place_in_turn(number: int, ends: Sequence[float]) -> int:
    """Return the place whose turn it is: each as often as it weighs, and well mixed."""
    return place_at(number * _GOLDEN % 1.0, ends)
