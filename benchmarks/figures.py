"""Medians, spread and ratios of what was recorded. No measuring here."""

from collections.abc import Iterable, Mapping
from statistics import median
from typing import Any, TypeAlias

from attrs import frozen


@frozen
class Row:
    """What one round showed of one gateway in one case of an experiment."""

    experiment: str
    case: str
    gateway: str
    round: int
    figures: Mapping[str, float]


@frozen(kw_only=True)
class Spread:
    """The median of several rounds, and the least and the most."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Iterable[float]) -> "Spread":
        every = list(values)
        return cls(median=median(every), least=min(every), most=max(every))


Key: TypeAlias = tuple[str, str, str, str]
"""Experiment, case, gateway and figure."""


@frozen
class Figures:
    """All medians of a run."""

    _spreads: Mapping[Key, Spread]

    @classmethod
    def of(cls, rows: Iterable[Row]) -> "Figures":
        values: dict[Key, list[float]] = {}
        for row in rows:
            for name, value in row.figures.items():
                key = (row.experiment, row.case, row.gateway, name)
                values.setdefault(key, []).append(value)
        return cls({key: Spread.of(every) for key, every in values.items()})

    def spread(self, experiment: str, case: str, gateway: str, figure: str) -> Spread | None:
        return self._spreads.get((experiment, case, gateway, figure))

    def ratio(self, experiment: str, case: str, gateway: str, figure: str, to: str) -> float | None:
        """Return how many times another gateway's median this one's is."""
        ours = self.spread(experiment, case, gateway, figure)
        theirs = self.spread(experiment, case, to, figure)
        return ours.median / theirs.median if ours and theirs and theirs.median else None

    def experiments(self) -> list[str]:
        return list(dict.fromkeys(key[0] for key in self._spreads))

    def cases(self, experiment: str) -> list[str]:
        return list(dict.fromkeys(key[1] for key in self._spreads if key[0] == experiment))

    def gateways(self, experiment: str, case: str) -> list[str]:
        here = (experiment, case)
        return list(dict.fromkeys(key[2] for key in self._spreads if key[:2] == here))

    def names(self, experiment: str, case: str) -> list[str]:
        """Return what was measured there."""
        here = (experiment, case)
        return list(dict.fromkeys(key[3] for key in self._spreads if key[:2] == here))


def rows_from(recorded: Iterable[Mapping[str, Any]]) -> list[Row]:
    """Return the rows of a results file."""
    return [Row(**row) for row in recorded]
