"""Targets in the order in which models and providers are preferred."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import ClassVar

from attrs import evolve

from modelmesh import strategies
from modelmesh.config.schema import Pool
from modelmesh.strategies import Turn
from modelmesh.strategies._order import Once
from modelmesh.types import Target, Targets


class Strategy:
    connector: ClassVar = "modelmesh.priority-selection.v1"

    def __init__(self, settings: Pool, fallback: strategies.Strategy | None = None) -> None:
        self._models = _ranks(settings.model_priority or settings.models)
        self._providers = _ranks(settings.provider_priority)
        self._fallback = fallback
        self._alike = Once(self._grouped)

    def order(self, targets: Targets, turn: Turn) -> Iterator[Target]:
        """Go by model, then by provider. The fallback strategy orders those preferred alike."""
        for places, alike in self._alike(targets):
            if self._fallback is None or len(alike) == 1:
                yield from alike
            else:
                # Going round from the pool's target in front, this is the first of them.
                front = bisect_left(places, turn.current) % len(places)
                yield from self._fallback.order(alike, evolve(turn, current=front))

    def _grouped(self, targets: Targets) -> Sequence[tuple[Sequence[int], Targets]]:
        """Return the places and the targets of those which are preferred alike, the best first."""
        groups: dict[tuple[int, int], list[int]] = {}
        for place, one in enumerate(targets):
            model = self._models.get(one.model, len(self._models))
            provider = self._providers.get(one.provider.id, len(self._providers))
            groups.setdefault((model, provider), []).append(place)
        return [
            (places, [targets[place] for place in places]) for _, places in sorted(groups.items())
        ]


def _ranks(names: Iterable[str]) -> Mapping[str, int]:
    return {name: rank for rank, name in enumerate(dict.fromkeys(names))}
