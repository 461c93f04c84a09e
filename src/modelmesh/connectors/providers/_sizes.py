"""The size of an image, in the words of vendors who think in ratios. Pure."""

import re
from collections.abc import Iterable
from typing import Final

from attrs import frozen

_SIZE: Final = re.compile(r"([1-9]\d{0,4})x([1-9]\d{0,4})", re.ASCII)
# How far a ratio may be off before it is another one: 1792x1024 is 16:9 to everybody.
_NEAR: Final = 0.05
# From so many pixels on it is 2K and 4K. Full HD is made of 2K, Ultra HD of 4K.
_LARGE: Final = 2_000_000
_HUGE: Final = 8_000_000


@frozen
class Size:
    """Pixels across and down."""

    width: int
    height: int

    @property
    def resolution(self) -> str:
        """Return the class it belongs to: 1k, 2k or 4k."""
        pixels = self.width * self.height
        return "4k" if pixels > _HUGE else "2k" if pixels > _LARGE else "1k"

    def nearest(self, ratios: Iterable[str]) -> str | None:
        """Return that one of the ratios, such as `3:2`, which it has; None where it has none."""
        distances = {ratio: abs(self.width / self.height / _value(ratio) - 1) for ratio in ratios}
        best = min(distances, key=lambda ratio: distances[ratio])
        return best if distances[best] <= _NEAR else None


def size_of(text: str) -> Size | None:
    """Return the size which a text such as `1024x1536` says; None where it says none."""
    said = _SIZE.fullmatch(text)
    return Size(int(said[1]), int(said[2])) if said else None


def _value(ratio: str) -> float:
    width, height = ratio.split(":")
    return float(width) / float(height)
