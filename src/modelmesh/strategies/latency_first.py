"""The fastest target first, as far as it has been seen."""

from collections.abc import Iterator
from typing import ClassVar, Final

from attrs import field, frozen

from modelmesh import strategies
from modelmesh.config.schema import Duration, Pool
from modelmesh.config.schema.values import at_least_zero, positive
from modelmesh.record import Record
from modelmesh.strategies import Turn
from modelmesh.strategies._order import lowest_first
from modelmesh.types import Target, Targets

# Seconds that stand for a target which was asked and has not answered yet.
_UNSEEN: Final = 60.0


@frozen(kw_only=True)
class _Options:
    """How times are reckoned."""

    # How long an answer is taken to be.
    tokens: int = field(default=100, validator=at_least_zero)
    # How long a target must not have been asked for its time to count half.
    half_life: Duration = field(default=300.0, validator=positive)


class Strategy:
    connector: ClassVar = "modelmesh.latency-first.v1"
    Options: ClassVar = _Options

    def __init__(self, settings: Pool, _: strategies.Strategy | None = None) -> None:
        self._options = _Options(**settings.options)

    def order(self, targets: Targets, turn: Turn) -> Iterator[Target]:
        """Go by the time an answer takes. What was never asked is tried first."""
        keys = (self._seconds(turn.record(one), turn.now) for one in targets)
        return lowest_first(targets, keys, turn.number)

    def why(self, order: Targets, place: int, turn: Turn) -> str:
        record = turn.record(order[place])
        if not record.begun:
            return "never asked so far"
        first, each = record.first_token.value(turn.now), record.per_token.value(turn.now)
        seen = "no answer seen lately" if first is None else f"first token {first:.2f} s"
        then = f", then {each * 1000:.0f} ms for each" if each else ""
        return f"{seen}{then}, last asked {turn.now - record.begun[-1]:.0f} s ago"

    def _seconds(self, record: Record, now: float) -> float:
        """Return the seconds for an answer, the fewer the longer ago it was asked.

        So a slow target gets another chance, and only one request at a time takes it.
        """
        if not record.begun:
            return 0.0
        first = record.first_token.value(now)
        each = record.per_token.value(now) or 0.0
        seconds = _UNSEEN if first is None else first + self._options.tokens * each
        return seconds * float(0.5 ** ((now - record.begun[-1]) / self._options.half_life))
