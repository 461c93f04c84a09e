"""What every store of state keeps: no more of a limit is granted than there is, ever."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from random import Random
from typing import Any, ClassVar, Final, TypeAlias

from modelmesh.config import schema
from modelmesh.connectors.storage import Storage
from modelmesh.connectors.storage.memory import Tables
from modelmesh.ledger.claims import FOREVER, Claim, Grant
from modelmesh.state import Note

_WALL: Final = 1_800_000_000.0

Told: TypeAlias = Callable[["StorageConformance", Storage], Awaitable[None]]
Test: TypeAlias = Callable[["StorageConformance", Path], None]


def _alone(test: Told) -> Test:
    """Give a test a store of its own, on an event loop of its own."""

    def alone(self: "StorageConformance", tmp_path: Path) -> None:
        async def whole() -> None:
            store = self.opened(tmp_path)
            try:
                await test(self, store)
            finally:
                await store.close()

        asyncio.run(whole())

    alone.__name__ = test.__name__
    return alone


class StorageConformance:
    """The suite of tests for a store of state."""

    storage: ClassVar[type[Storage]]  # the class that is tried
    keeps: ClassVar[bool] = True  # what is in it is there when it is opened again

    def settings(self, tmp_path: Path) -> dict[str, Any]:
        """Return what stands under `storage:`, for a store with nothing in it at first."""
        return {"path": str(tmp_path / "state")}

    def opened(self, tmp_path: Path) -> Storage:
        """Open the store which belongs to a folder."""
        return self._open(self.settings(tmp_path))

    def _open(self, settings: dict[str, Any]) -> Storage:
        usual = {"connector": self.storage.connector, "timeout": 5.0}
        return self.storage(schema.Storage(**{**usual, **settings}))

    @_alone
    async def test_it_says_what_it_is(self, store: Storage) -> None:
        assert self.storage.connector, "it has no `connector`, its id"
        assert store.described.strip(), "it does not say what it is and where: `described`"
        assert store.timeout > 0, "it does not say how long an answer may take: `timeout`"

    @_alone
    async def test_slices_shrink_and_all_of_a_limit_is_granted(self, store: Storage) -> None:
        held, slices = {"a": 0, "b": 0}, []
        for turn in range(200):
            who = "ab"[turn % 2]
            more = await _got(store, who, held=held[who], wanted=1000, least=1)
            held[who] += more
            slices.append(more)
        assert sum(held.values()) == 100, "all of a limit is granted, and no more"  # noqa: PLR2004 - the limit
        assert slices[:3] == [12, 11, 9], "a slice is an eighth of what is left"
        assert slices[-1] == 0

    @_alone
    async def test_what_is_left_is_granted_if_it_is_enough(self, store: Storage) -> None:
        await _gets(store, "a", 90, wanted=10, least=90)
        await _gets(store, "b", 0, wanted=11, least=11)
        await _gets(store, "b", 10, wanted=10, least=10)

    @_alone
    async def test_what_is_held_is_what_its_holder_says(self, store: Storage) -> None:
        await _gets(store, "a", 90, wanted=90, least=90)
        # The answer got lost: for its holder there is nothing yet.
        await _gets(store, "a", 90, held=0, wanted=90, least=90)
        # Most is given back.
        await _gets(store, "a", 0, held=20)
        await _gets(store, "b", 80, wanted=80, least=80)
        # A holder that went beyond is believed, and nobody gets more.
        await _gets(store, "a", 0, held=50)
        await _gets(store, "c", 0, wanted=1, least=1)

    @_alone
    async def test_windows_end_and_count_together_until_then(self, store: Storage) -> None:
        early, late = {"window": 1.0, "ends": _WALL + 10}, {"window": 2.0, "ends": _WALL + 20}
        await _gets(store, "a", 60, **early, wanted=60, least=60)
        await _gets(store, "a", 0, **late, wanted=60, least=60)
        await _gets(store, "a", 40, **late, wanted=40, least=40)
        await _gets(store, "b", 0, wall=_WALL + 10, **late, wanted=61, least=61)
        await _gets(store, "b", 60, wall=_WALL + 10, **late, wanted=60, least=60)

    @_alone
    async def test_others_are_told_of(self, store: Storage) -> None:
        await _got(store, "a", held=3, window=1.0, ends=_WALL + 5)
        await _got(store, "b", held=4, window=1.0, ends=FOREVER)
        other, own = await store.claim("b", [_claim(limit="y"), _claim(window=2.0, held=1)], _WALL)
        assert (list(other.others), other.granted) == ([], 0)
        assert list(own.others) == [(_WALL + 5, 3)]

    @_alone
    async def test_money_is_counted_to_the_billionth(self, store: Storage) -> None:
        much = 900_000_000_000_001
        await _gets(store, "a", much, amount=much, wanted=much, least=much)
        (grant,) = await store.claim("b", [_claim(amount=much + 1, wanted=1, least=1)], _WALL)
        assert (grant.granted, list(grant.others)) == (1, [(_WALL + 60, much)])

    @_alone
    async def test_a_store_that_forgot_says_so_and_grants_nothing(self, store: Storage) -> None:
        for forgot, granted in ((True, 0), (False, 5)):
            (grant,) = await store.claim(
                "a", [_claim(held=5, wanted=5, least=5, known=True)], _WALL
            )
            assert (grant.forgot, grant.granted) == (forgot, granted)

    @_alone
    async def test_notes_are_heard_until_they_end_and_the_later_end_stays(
        self, store: Storage
    ) -> None:
        assert dict(await store.exchange({}, _WALL)) == {}
        first, second = Note("a b", _WALL + 2.5), Note("c", _WALL + 9)
        both = {"x": first, "y": second}
        assert dict(await store.exchange(both, _WALL)) == both
        assert dict(await store.exchange({"y": Note("d", _WALL + 5)}, _WALL + 2)) == both
        assert dict(await store.exchange({}, _WALL + 3)) == {"y": second}

    def test_it_is_there_after_a_restart(self, tmp_path: Path) -> None:
        if not self.keeps:
            return
        settings, note = self.settings(tmp_path), Note("a", _WALL + 50)

        async def whole() -> None:
            store = self._open(settings)
            await _gets(store, "a", 70, wanted=70, least=70)
            await store.exchange({"x": note}, _WALL)
            await store.close()
            again = self._open(settings)
            await _gets(again, "b", 0, wanted=31, least=31)
            await _gets(again, "b", 30, wanted=30, least=30)
            assert dict(await again.exchange({}, _WALL)) == {"x": note}
            await again.close()

        asyncio.run(whole())

    @_alone
    async def test_claims_at_the_same_time_never_get_too_much(self, store: Storage) -> None:
        claims = (_got(store, f"p{number}", wanted=7, least=7) for number in range(50))
        grants = sorted(await asyncio.gather(*claims), reverse=True)
        assert grants[:15] == [*[7] * 14, 0], f"{sum(grants)} of 100 are granted"

    @_alone
    async def test_who_is_there_is_not_taken_for_ended(self, store: Storage) -> None:
        await _gets(store, "a", 20, wanted=20, least=20, ends=FOREVER)
        wall = _WALL
        for minute in range(0, 180, 30):
            wall = _WALL + minute * 60
            # It says so by any claim for the limit, of another window too.
            await _got(store, "a", wall=wall, window=1.0 + minute, ends=wall + 5)
            await _got(store, "b", wall=wall, folds=True, ends=FOREVER)
        (grant,) = await store.claim("a", [_claim(held=20, ends=FOREVER, known=True)], wall)
        assert not grant.forgot
        (grant,) = await store.claim("b", [_claim(ends=FOREVER)], wall)
        assert list(grant.others) == [(FOREVER, 20)]

    @_alone
    async def test_it_answers_as_memory_does(self, store: Storage) -> None:
        chance = Random(5)  # noqa: S311 - every run of a test is to be the same
        memory, wall = Tables(), _WALL
        for number in range(400):
            wall += chance.choice([0, 0, 1, 5, 400, 2000])
            who, one = chance.choice("abcde"), _some(chance, wall)
            (grant,) = await store.claim(who, [one], wall)
            told, meant = _plain(grant), _plain(memory.claim(who, one, wall))
            assert told == meant, f"claim {number}, {one} of {who}: {told}, not {meant}"


def _claim(**changed: Any) -> Claim:
    given = {"limit": "x", "window": 0.0, "ends": _WALL + 60, "held": 0, "amount": 100}
    return Claim(**{**given, **changed})


def _some(chance: Random, wall: float) -> Claim:
    window, wanted = chance.choice([0.0, 1.5]), chance.choice([0, 0, 3, 50])
    return _claim(
        limit=chance.choice("xy"),
        window=window,
        ends=wall + chance.choice([10, 5000]) if window else FOREVER,
        held=chance.choice([0, 0, 1, 7]),
        wanted=wanted,
        least=min(wanted, chance.choice([1, 3])),
        known=chance.random() < 0.3,  # noqa: PLR2004 - some of them
        ended=chance.random() < 0.2,  # noqa: PLR2004 - as above
        folds=chance.random() < 0.3,  # noqa: PLR2004 - as above
    )


def _plain(grant: Grant) -> tuple[int, bool, list[tuple[float, int]]]:
    return grant.granted, grant.forgot, sorted((ends, held) for ends, held in grant.others)


async def _got(store: Storage, holder: str, *, wall: float = _WALL, **changed: Any) -> int:
    (grant,) = await store.claim(holder, [_claim(**changed)], wall)
    return grant.granted


async def _gets(store: Storage, holder: str, meant: int, **changed: Any) -> None:
    got = await _got(store, holder, **changed)
    assert got == meant, f"{holder} gets {got}, not {meant}"
