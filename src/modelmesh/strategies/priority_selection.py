"""Targets in the order in which models and providers are preferred."""

from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar

from modelmesh import strategies
from modelmesh.config.schema import Pool
from modelmesh.strategies import Turn
from modelmesh.strategies._order import Once
from modelmesh.types import Target, Targets


class Strategy:
    connector: ClassVar = "modelmesh.priority-selection.v1"

    def __init__(self, settings: Pool, fallback: strategies.Strategy | None = None) -> None:
        self._models = settings.model_priority or settings.models
        self._providers = settings.provider_priority
        self._fallback = fallback
        self._ranks = Once(self._ranked)

    def order(self, targets: Targets, turn: Turn) -> Iterator[Target]:
        """Go by model, then by provider. The fallback strategy orders those preferred alike."""
        for rank in self._ranks(targets):
            if self._fallback is None or len(rank) == 1:
                yield from rank.values()
            else:
                ordered = self._fallback.order(targets, turn)
                yield from (one for one in ordered if one.id in rank)

    def _ranked(self, targets: Targets) -> Sequence[Mapping[str, Target]]:
        """Return the targets by id, those together which are preferred alike."""
        ranks: dict[tuple[int, int], dict[str, Target]] = {}
        for one in targets:
            rank = (_place(one.model, self._models), _place(one.provider.id, self._providers))
            ranks.setdefault(rank, {})[one.id] = one
        return [ranks[rank] for rank in sorted(ranks)]


def _place(name: str, wanted: Sequence[str]) -> int:
    return wanted.index(name) if name in wanted else len(wanted)
