"""Stay with one target until it fails, then stay with the next one that answers."""

from collections.abc import Iterator
from typing import ClassVar

from modelmesh import strategies
from modelmesh.config.schema import Pool
from modelmesh.strategies import Turn
from modelmesh.types import Target, Targets


class Strategy:
    connector: ClassVar = "modelmesh.stick-until-failure.v1"

    def __init__(self, settings: Pool, _: strategies.Strategy | None = None) -> None:
        """Take a pool's settings; this strategy has none."""

    def order(self, targets: Targets, turn: Turn) -> Iterator[Target]:
        """Begin with the target in front and go round."""
        for step in range(len(targets)):
            yield targets[(turn.current + step) % len(targets)]

    def why(self, _order: Targets, place: int, _turn: Turn) -> str:
        return "behind the one in front" if place else "in front until it fails"
