"""Reserving, settling, releasing: all limits of an attempt at once, or none of them."""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from math import inf

from attrs import define, field

from modelmesh.ledger.counts import Count, count_of
from modelmesh.ledger.leases import Leased
from modelmesh.ledger.limits import Limit, Unit
from modelmesh.ledger.sharing import Sharing
from modelmesh.values import value


@value
class Ask:
    """So much of a limit; None where nobody knows how much."""

    limit: Limit
    amount: int | None


@value
class Short:
    """Why nothing was granted: the limit that is free again the latest, and when; inf: never.

    `unknown` means that nobody knows how much would be taken of it, `excessive` that it would be
    more than there ever is, `away` that the store which shares it does not answer, and that it is
    not granted meanwhile. After `refill` it is worth it to ask again at once.
    """

    limit: Limit
    until: float
    unknown: bool = False
    excessive: bool = False
    away: bool = False
    refill: Callable[[], Awaitable[None]] | None = None


@define(eq=False)
class Hold:
    """What is reserved for one attempt. Its first end counts, later ones do nothing."""

    _taken: Sequence[tuple[Count, float, int]]
    _ended: bool = field(default=False, init=False)

    def settle(self, took: Mapping[Unit, int], wall: float) -> None:
        """Correct what was reserved to what was taken; what is not named stays as reserved."""
        if self._ended:
            return
        self._ended = True
        for count, mark, reserved in self._taken:
            unit = count.limit.unit
            actual = 0 if unit == "at once" else took.get(unit, reserved)
            if actual != reserved:
                count.correct(mark, actual - reserved, wall)


@define(eq=False)
class Ledger:
    """What is taken of every limit. It outlives the configuration that named the limits."""

    _counts: dict[tuple[str, Unit, object], Count] = field(factory=dict)
    _sharing: Sharing | None = None

    def share(self, sharing: Sharing) -> None:
        """Count in leases from now on, before anything is taken."""
        self._sharing = sharing
        self._counts.clear()

    def tidy(self, limits: Iterable[Limit], wall: float) -> None:
        """Let go of all limits but these, unless something is taken: they may come again."""
        named = {_key(limit) for limit in limits}
        self._counts = {
            key: count
            for key, count in self._counts.items()
            if key in named or count.taken(wall) or _is_held(count, wall)
        }

    def leases(self) -> Iterator[Leased]:
        """Give the counts that are shared."""
        return (count for count in self._counts.values() if isinstance(count, Leased))

    def reserve(self, asks: Iterable[Ask], wall: float) -> Hold | Short:
        """Take all that is asked for, or nothing and say what is short."""
        wanted = list(asks)
        if short := self.short(wanted, wall):
            return short
        counted = [(self._count(ask.limit), ask.amount or 0) for ask in wanted]
        if self._sharing and (thin := _thin(counted, wall)):
            refill = partial(self._sharing.refill, thin)
            return Short(thin[0][0].limit, wall, refill=refill)
        return Hold([(count, count.add(amount, wall), amount) for count, amount in counted])

    def short(self, asks: Iterable[Ask], wall: float) -> Short | None:
        """Return what `reserve` would find short, without taking anything."""
        found: Short | None = None
        for ask in asks:
            free = self._free_at(ask, wall)
            if free > wall and (found is None or free > found.until):
                away = self._sharing is not None and self._sharing.refuses(ask.limit)
                excessive = (ask.amount or 0) > ask.limit.amount
                found = Short(ask.limit, free, ask.amount is None, excessive, away)
        return found

    def _free_at(self, ask: Ask, wall: float) -> float:
        if not ask.limit.enforced:
            return wall
        if ask.amount is None:
            return inf if ask.limit.unknown == "refuse" else wall
        return self._count(ask.limit).free_at(ask.amount, wall)

    def taken(self, limit: Limit, wall: float) -> int:
        return self._count(limit).taken(wall)

    def renewed_at(self, limit: Limit, wall: float) -> float:
        """Return when all of a limit is free again if nobody takes more; infinite for never."""
        count = self._count(limit)
        if isinstance(count, Leased):
            return count.renewed_at(wall)
        return count.free_at(limit.amount, wall)

    def room(self, limits: Iterable[Limit], wall: float) -> float:
        """Return the share that is left of the tightest of these limits, 1 where there is none."""
        shares = (1 - self.taken(one, wall) / one.amount if one.amount else 0.0 for one in limits)
        return max(0.0, min(shares, default=1.0))

    def _count(self, limit: Limit) -> Count:
        key = _key(limit)
        count = self._counts.get(key)
        if count is None:
            count = Leased(limit, self._sharing) if self._sharing else count_of(limit)
            self._counts[key] = count
        elif count.limit is not limit:
            # A new configuration caps the same use otherwise.
            if isinstance(count, Leased) and limit.amount < count.limit.amount:
                count.give_back()
            count.limit = limit
        return count


def _is_held(count: Count, wall: float) -> bool:
    return isinstance(count, Leased) and count.renewed_at(wall) > wall


def _key(limit: Limit) -> tuple[str, Unit, object]:
    return limit.subject, limit.unit, limit.window


def _thin(counted: Iterable[tuple[Count, int]], wall: float) -> list[tuple[Leased, int]]:
    """Return the leases that are too small."""
    return [
        (count, amount)
        for count, amount in counted
        if isinstance(count, Leased) and count.lacks(amount, wall)
    ]
