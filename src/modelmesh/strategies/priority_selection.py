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

    def why(self, order: Targets, place: int, turn: Turn) -> str:
        own = self._rank(order[place])
        ranks = zip(("model", "provider"), own, (self._models, self._providers), strict=True)
        told = [
            f"{kind} {rank + 1} of {len(listed)}" if rank < len(listed) else f"{kind} not listed"
            for kind, rank, listed in ranks
            if listed
        ]
        first = bisect_left(order, own, hi=place, key=self._rank)
        alike = sum(self._rank(one) == own for one in order[first : first + 2])
        if self._fallback and alike > 1:
            told.append(strategies.why(self._fallback, order[first:], place - first, turn))
        return ", ".join(told) or "in the pool's order"

    def _rank(self, target: Target) -> tuple[int, int]:
        model = self._models.get(target.model, len(self._models))
        return model, self._providers.get(target.provider.id, len(self._providers))

    def _grouped(self, targets: Targets) -> Sequence[tuple[Sequence[int], Targets]]:
        """Return the places and the targets of those which are preferred alike, the best first."""
        groups: dict[tuple[int, int], list[int]] = {}
        for place, one in enumerate(targets):
            groups.setdefault(self._rank(one), []).append(place)
        return [
            (places, [targets[place] for place in places]) for _, places in sorted(groups.items())
        ]


def _ranks(names: Iterable[str]) -> Mapping[str, int]:
    return {name: rank for rank, name in enumerate(dict.fromkeys(names))}
