"""What vendors say is left of limits of their own. Times are seconds since 1970."""

from collections.abc import Iterable, Iterator

from attrs import define, field

from modelmesh.ledger.limits import Limit, Unit
from modelmesh.ledger.windows import Rolling


@define(eq=False)
class Told:
    """A vendor's word on one of its limits.

    Attributes:
        name: what the vendor calls it.
        seconds: the length of its window.
        left: what is left of it by now; what is begun meanwhile is taken off.
        amount: all that there is in a window; None where it did not say.
        at: when it was said.
        until: when there is more again, or at the latest.
        per_model: each model at the key has its own; otherwise all share one.

    """

    name: str
    unit: Unit
    seconds: float
    left: int
    amount: int | None
    at: float
    until: float
    per_model: bool = True

    def limit(self, whose: str) -> Limit:
        """Return it as a limit, which is told of with a provider's name."""
        amount = f"{self.amount:,} " if self.amount else ""
        return Limit(
            name=f"{whose}: {amount}{self.unit} by its vendor's own word ({self.name})",
            subject=whose,
            unit=self.unit,
            amount=self.amount or 0,
            window=Rolling(self.seconds),
        )


@define(eq=False)
class Left:
    """What is left to one key, or to one model at it, as far as the vendor said so."""

    told: dict[str, Told] = field(factory=dict, init=False)

    def __len__(self) -> int:
        return len(self.told)

    def __iter__(self) -> Iterator[Told]:
        return iter(self.told.values())

    def hear(self, told: Told, longest: float) -> None:
        """Take a vendor's word for what it is, for so many seconds at most."""
        told.until = min(told.until, told.at + longest)
        self.told[told.name] = told

    def overhear(self, told: Told) -> None:
        """Take what somebody else was told, unless the vendor said something else here."""
        known = self.told.get(told.name)
        if known is None or (known.left <= 0 and known.until < told.until):
            self.told[told.name] = told

    def take(self) -> None:
        """Note that a request begins."""
        for told in self.told.values():
            if told.unit == "requests":
                told.left -= 1


def used_up(lefts: Iterable[Left], wall: float) -> Told | None:
    """Return that of which nothing is left for the longest time."""
    spent = [told for left in lefts for told in left if told.left <= 0 and told.until > wall]
    return max(spent, key=lambda told: told.until) if spent else None


def has_room(lefts: Iterable[Left], limit: Limit, wall: float) -> bool:
    """Whether a vendor said, in this window, that something is left of what is only assumed."""
    return any(
        told.left > 0 and told.unit == limit.unit and told.at <= wall < told.at + told.seconds
        for left in lefts
        for told in left
        if told.seconds == limit.assumed
    )


def room(lefts: Iterable[Left], wall: float) -> float:
    """Return the share that is left of the tightest limit a vendor told of, 1 where of none."""
    shares = (
        max(0, told.left) / told.amount
        for left in lefts
        for told in left
        if told.amount and told.until > wall
    )
    return min(shares, default=1.0)
