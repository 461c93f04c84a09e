"""What a process tells a store that it holds of a limit, and how much more it gets. Pure."""

from collections.abc import Sequence
from typing import Final

from modelmesh.values import value

FOREVER: Final = 1e11
"""When a window ends that never does, in seconds since 1970."""

NOBODY: Final = ""
"""Who holds what processes held that have ended: a row for each window, however many they were."""

SIGN: Final = -1.0
"""The window of a row which holds nothing, but by which a process is known to be there."""

LIFE: Final = 3600.0
"""Seconds after its last claim in which a process is taken to be there."""


@value(kw_only=True)
class Claim:
    """What a process holds of a limit in one window, and how much more it would like to have.

    Attributes:
        limit: the name that all processes know it by.
        window: when the window began, or another number that tells it from others.
        ends: when the window ends, and what was taken in it is free again.
        held: what counts as taken by this process, whatever the store knew before.
        wanted: so much more if there is, or else what there is, ...
        least: ... unless that is less than this.
        amount: what all windows that have not ended may have together.
        known: the store was told of this window before.
        ended: the process ends. All that it holds of the limit is nobody's then, and counts on.
        folds: so is what others hold who are not heard of any more.

    """

    limit: str
    window: float
    ends: float
    held: int
    wanted: int = 0
    least: int = 0
    amount: int = 0
    known: bool = False
    ended: bool = False
    folds: bool = False


@value
class Grant:
    """What came of a claim, and what others hold of the limit: until when, and how much.

    `others` leaves out all windows of the process that claims. `forgot` means that the store lost
    what it was told; it grants nothing until all had the time to tell it again.
    """

    granted: int  # so much more is held now
    others: Sequence[tuple[float, int]]  # until when others hold how much
    forgot: bool = False  # the store lost what it was told


Held = tuple[str, float, float, int]
"""Who holds of a limit, in which window, until when, how much."""


def grant(holder: str, claim: Claim, kept: Sequence[Held]) -> Grant:
    """Return what a claim gets where so much is held.

    The less is left, the smaller are the slices, so that the last ones go to who needs them.
    """
    own = (holder, claim.window)
    beside = [(who, ends, amount) for who, window, ends, amount in kept if (who, window) != own]
    forgot = claim.known and len(beside) == len(kept)
    left = claim.amount - claim.held - sum(amount for _, _, amount in beside)
    got = 0
    if claim.wanted and left >= claim.least and not forgot:
        got = min(left, max(claim.least, min(claim.wanted, left // 8)))
    return Grant(got, [(ends, amount) for who, ends, amount in beside if who != holder], forgot)
