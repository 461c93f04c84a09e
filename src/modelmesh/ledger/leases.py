"""A limit that several processes share: each holds a slice of it, taken from a store beforehand.

So nothing that is granted here has to be asked for elsewhere, and whatever all processes hold
together never exceeds the limit. What a process holds is always told as a whole and never as a
change: an answer of the store that got lost, or a store that forgot, is mended by the next claim.
"""

from collections.abc import Iterator, Sequence
from math import inf
from typing import Final

from attrs import define, field

from modelmesh.ledger.claims import FOREVER, Claim, Grant
from modelmesh.ledger.limits import Limit
from modelmesh.ledger.sharing import Sharing
from modelmesh.ledger.windows import Anchored, Calendar, Rolling

RECHECK: Final = 1.0
"""Seconds after which a limit that was used up is looked at again: others may have given back."""

_STEPS: Final = 10
"""Parts of a rolling window. What is taken counts until the part is out in which its lease ends."""

_AFRESH: Final = 16
"""For how many such requests a lease is taken where none is known to be needed."""

_BUSY: Final = 1.0
"""Seconds within which a lease that is used up is followed by one of twice the size."""

_IDLE: Final = 5.0
"""Seconds without use after which the rest of a lease is given back."""

_STALE: Final = 5.0
"""Seconds after which the store is asked again what others hold, where there is no other need."""

_MISSED: Final = 10.0
"""Seconds after which places are free again which a process held that is not heard of any more."""

_MOST: Final = 1 << 60
"""So far stores can count. It is beyond all limits; only what is not refused can be more."""

_SOON: Final = 0.25
"""Seconds after which to look again for a place that is free when a request ends, or at a store."""


@define(eq=False)
class Term:
    """What is held in one window, and what of it is used. It can be used until `until`."""

    window: float
    until: float
    ends: float
    held: int = 0
    used: int = 0
    # What the store was last heard to have; None where that is not sure.
    told: int | None = 0

    @property
    def counts(self) -> int:
        """What counts as taken."""
        return min(max(self.held, self.used), _MOST)


@define(eq=False)
class Leased:
    """What is taken of a limit that is shared: a count as the others are, in slices."""

    limit: Limit
    _sharing: Sharing
    _terms: list[Term] = field(factory=list, init=False)
    _others: Sequence[tuple[float, int]] = field(default=(), init=False)
    # When the store said what others hold.
    _heard: float = field(default=-inf, init=False)
    # What was left when last asked, which is to be believed until `_recheck`.
    _left: float = field(default=inf, init=False)
    _recheck: float = field(default=-inf, init=False)
    # Whether the store has lost what it was told.
    _forgotten: bool = field(default=False, init=False)
    # Until the next claim: the least that would help somebody, and what all would need together.
    _least: int = field(default=0, init=False)
    _needed: int = field(default=0, init=False)
    _size: int = field(default=0, init=False)
    _claimed: float = field(default=-inf, init=False)
    _last_used: float = field(default=-inf, init=False)

    @property
    def name(self) -> str:
        """What all processes call it."""
        return f"{self.limit.subject}|{self.limit.unit}|{self.limit.window}"

    def taken(self, wall: float) -> int:
        """Return what is used here and held by others."""
        self._prune(wall)
        return sum(term.used for term in self._terms) + self._held_by_others(wall)

    def add(self, amount: int, wall: float) -> float:
        term = self._term(wall)
        term.used += amount
        self._last_used = wall
        return term.window

    def correct(self, mark: float, change: int, wall: float) -> None:
        self._prune(wall)
        for term in self._terms:
            if term.window == mark:
                term.used = max(0, term.used + change)

    def lacks(self, amount: int, wall: float) -> bool:
        """Whether the store is to be asked before so much is taken."""
        if not self.limit.enforced or self._sharing.away:
            return False
        return self._room(wall) < amount if self._sharing.strict else self._heard == -inf

    def free_at(self, amount: int, wall: float) -> float:
        """Return when so much may be free; now if that is so or a refill may help."""
        if amount > self.limit.amount:
            return inf
        missing = amount - self._room(wall)
        if missing <= 0:
            return wall
        if self._sharing.refuses(self.limit):
            return max(self._sharing.tried_at, wall + _SOON)
        if self._sharing.away or not self._sharing.strict:
            missing = self.taken(wall) + amount - self.limit.amount
            return wall if missing <= 0 else self._frees(missing, wall)
        if wall >= self._recheck or missing <= self._left:
            return wall
        return self._recheck if self._forgotten else self._frees(missing - int(self._left), wall)

    def renewed_at(self, wall: float) -> float:
        """Return when all of it is free again if nobody takes more; infinite for never."""
        ends = max((ends for ends, amount in self._held() if amount and ends > wall), default=wall)
        return ends if ends < FOREVER else inf

    def want(self, amount: int, wall: float) -> None:
        """Note that somebody needs so much, for the next claim."""
        missing = max(0, amount - self._room(wall))
        self._least = min(self._least or missing, missing)
        self._needed += amount

    def wish(self, wall: float) -> tuple[Term, Claim]:
        """Return the claim for what is needed now."""
        term = self._term(wall)
        again = wall - self._claimed < _BUSY
        size = max(self._needed, self._size * 2 if again else self._least * _AFRESH)
        self._size, self._claimed = min(size, self.limit.amount), wall
        least, self._least, self._needed = self._least, 0, 0
        if not self._sharing.strict:
            return term, self._claim(term, wall)
        return term, self._claim(term, wall, wanted=self._size, least=least)

    def tidy(self, wall: float, *, closing: bool = False) -> Iterator[tuple[Term, Claim]]:
        """Give claims by which the store learns what it does not know, and gets back the rest."""
        self._prune(wall)
        if wall - self._heard >= _STALE:
            self._term(wall).told = None
        idle = closing or wall - self._last_used >= _IDLE or not self._sharing.strict
        for term in self._terms:
            if idle or wall >= term.until:
                term.held = term.used
            if self.limit.unit == "at once" and term.held:
                term.ends, term.told = wall + _MISSED, None
            if closing or term.told is None or term.told != term.counts:
                yield term, self._claim(term, wall, ended=closing and term is self._terms[-1])

    def give_back(self) -> None:
        """Hold no more than is used."""
        for term in self._terms:
            term.held = term.used

    def tell_again(self) -> None:
        """Take it that the store knows nothing."""
        for term in self._terms:
            term.told = None

    def settle(self, term: Term, claim: Claim, grant: Grant | None, wall: float) -> None:
        """Note what came of a claim; None is that nobody knows."""
        if grant is None:
            term.told = None
            return
        if claim.ended:
            self._terms.clear()
            return
        term.told = claim.held + grant.granted
        term.held = max(term.held, claim.held) + grant.granted
        self._others, self._heard = grant.others, wall
        own = sum(one.counts for one in self._terms)
        self._left = max(0, self.limit.amount - own - self._held_by_others(wall))
        self._forgotten = grant.forgot
        if grant.forgot:
            self._left, self._recheck = 0, wall + 2 * RECHECK
        elif claim.least and not grant.granted:
            self._recheck = wall + (_SOON if self.limit.unit == "at once" else RECHECK)

    def _claim(
        self, term: Term, wall: float, *, wanted: int = 0, least: int = 0, ended: bool = False
    ) -> Claim:
        return Claim(
            limit=self.name,
            window=term.window,
            ends=term.ends,
            held=term.counts,
            wanted=max(wanted, least) if least else 0,
            least=least,
            amount=self.limit.amount,
            known=bool(term.told),
            ended=ended,
            folds=wall - max(self._heard, self._sharing.since) >= _STALE,
        )

    def _room(self, wall: float) -> int:
        if not self._sharing.strict:
            return self.limit.amount - self.taken(wall)
        term = self._current(wall)
        return term.held - term.used if term else 0

    def _held(self) -> list[tuple[float, int]]:
        """Return what anybody holds, and until when."""
        own = [(term.ends, term.counts) for term in self._terms]
        return [*own, *self._others]

    def _held_by_others(self, wall: float) -> int:
        return sum(amount for ends, amount in self._others if ends > wall)

    def _frees(self, missing: int, wall: float) -> float:
        """Return when so much more is free, if nobody gives back anything before."""
        if self.limit.unit == "at once":
            return wall + _SOON
        for ends, amount in sorted(self._held()):
            if ends > wall:
                missing -= amount
                if missing <= 0:
                    return ends if ends < FOREVER else inf
        return wall + RECHECK

    def _current(self, wall: float) -> Term | None:
        term = self._terms[-1] if self._terms else None
        return term if term and wall < term.until else None

    def _term(self, wall: float) -> Term:
        """Return the window to take from now."""
        self._prune(wall)
        term = self._current(wall)
        if term is None:
            term = Term(*self._bounds(wall))
            self._terms.append(term)
        if self.limit.unit == "at once":
            term.ends = wall + _MISSED
        return term

    def _bounds(self, wall: float) -> tuple[float, float, float]:
        """Return a window, until when a lease in it can be used, and when the window ends."""
        match self.limit.window:
            case _ if self.limit.unit == "at once":
                return 0.0, inf, wall + _MISSED
            case Calendar() as calendar:
                begins, ends = calendar.bounds(wall)
                return begins, ends, ends
            case Anchored(seconds):
                return wall, wall + seconds, wall + seconds
            case Rolling(seconds):
                step = seconds / _STEPS
                until = (wall // step + 1) * step
                return until, until, until + seconds
            case _:
                return 0.0, inf, FOREVER

    def _prune(self, wall: float) -> None:
        if self._terms and self._terms[0].ends <= wall and self.limit.unit != "at once":
            self._terms = [term for term in self._terms if term.ends > wall]
