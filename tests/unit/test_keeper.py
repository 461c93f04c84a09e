"""What a process keeps in a store, and what it does while the store is away."""

import asyncio
import gc
import logging
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import scene
from redis_server import needs_redis, running_redis

from modelmesh.clock import SystemClock
from modelmesh.config.load import load
from modelmesh.config.schema import Storage as Settings
from modelmesh.connectors.storage.local_file import Storage as LocalFile
from modelmesh.connectors.storage.memory import Storage as Memory
from modelmesh.connectors.storage.redis import Storage as Redis
from modelmesh.connectors.storage.sqlite import Storage as Sqlite
from modelmesh.errors import ErrorKind
from modelmesh.keeper import _ROUND, Keeper
from modelmesh.ledger import Ask, Hold, Limit, Short
from modelmesh.ledger.claims import LIFE, NOBODY, SIGN, Claim, Grant
from modelmesh.ledger.windows import Calendar
from modelmesh.mesh import ModelMesh
from modelmesh.state import Note, State
from modelmesh.testing.clock import FakeClock
from modelmesh.testing.transport import ScriptedTransport
from modelmesh.types import Secret

A_DAY = Limit(name="x", subject="s", unit="requests", window=Calendar("day"), amount=100)
TARGET = scene.target("a/m")


class Moody(Memory):
    """A store that can be away: it fails, or says nothing."""

    mood = "well"

    async def claim(self, holder: str, claims: Sequence[Claim], wall: float) -> Sequence[Grant]:
        await self._behave()
        return await super().claim(holder, claims, wall)

    async def exchange(self, told: Mapping[str, Note], wall: float) -> Mapping[str, Note]:
        await self._behave()
        return await super().exchange(told, wall)

    async def _behave(self) -> None:
        if self.mood == "silent":
            await asyncio.Event().wait()
        if self.mood == "failing":
            raise OSError("it is not there")


class Kept:
    """A process's state, its clock and its keeper."""

    def __init__(self, store: Any, *, now: float = 1000.0, **settings: Any) -> None:
        self.clock = FakeClock(now=now, wall=scene.WALL)
        self.state = State()
        self.keeper = Keeper(self.state, store, Settings(**settings), self.clock)

    async def reserve(self, limit: Limit = A_DAY) -> Hold | Short:
        while True:
            got = self.state.ledger.reserve([Ask(limit, 1)], self.clock.wall())
            if isinstance(got, Hold) or not got.refill:
                return got
            await got.refill()

    async def admitted(self, count: int) -> int:
        return sum([isinstance(await self.reserve(), Hold) for _ in range(count)])

    async def exchange(self, *, closing: bool = False) -> None:
        await self.keeper._exchange(1.0, closing=closing)

    @property
    def health(self) -> Any:
        return self.state.standing(TARGET).target


async def test_what_one_leaves_alone_others_do_by_their_own_clocks() -> None:
    store = Memory(Settings())
    one, two = Kept(store, now=50.0), Kept(store, now=7000.0)
    await one.keeper.start()
    await two.keeper.start()
    one.health.leave_alone(0.0, 80.0, ErrorKind.RATE_LIMIT, told=True)
    await one.exchange()
    await two.exchange()
    assert two.health.until == pytest.approx(7030.0)
    assert two.health.told_until == pytest.approx(7030.0, abs=0.01)
    assert two.health.cause is ErrorKind.RATE_LIMIT
    assert two.health.on_trial
    # What has recovered is not left alone again for old news.
    two.health.recover(two.clock.now())
    await one.exchange()
    await two.exchange()
    assert two.health.until == 0.0
    await one.keeper.close()
    await two.keeper.close()


async def test_what_one_leaves_alone_others_do_within_a_second(tmp_path: Path) -> None:
    settings = Settings(path=str(tmp_path / "state"))
    one, two = Kept(Sqlite(settings)), Kept(Sqlite(settings))
    await one.keeper.start()
    await two.keeper.start()
    one.health.leave_alone(1000.0, 1060.0, ErrorKind.RATE_LIMIT, told=True)
    # It takes a round of each, by which a busy machine may be late.
    assert 2 * _ROUND < 1.0
    async with asyncio.timeout(20):
        while not two.health.until:  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.01)
    await one.keeper.close()
    await two.keeper.close()


@pytest.mark.parametrize("kind", [LocalFile, Sqlite])
async def test_spend_and_cooldowns_are_there_after_a_kill(kind: Any, tmp_path: Path) -> None:
    settings = Settings(path=str(tmp_path / "state"))
    before = Kept(kind(settings))
    await before.keeper.start()
    assert await before.admitted(80) == 80
    before.health.leave_alone(1000.0, 1060.0, ErrorKind.SERVER_ERROR, told=False)
    await before.exchange()
    # Nobody closes it: a kill gives nobody the time.
    after = Kept(kind(settings))
    await after.keeper.start()
    assert after.health.until == pytest.approx(1060.0)
    assert 20 - 100 // 8 <= await after.admitted(100) <= 20
    await after.keeper.close()
    await before.keeper.close()


async def test_a_clean_stop_gives_back_what_is_left() -> None:
    store = Memory(Settings())
    one, two = Kept(store), Kept(store)
    await one.keeper.start()
    assert await one.admitted(1) == 1
    await one.keeper.close()
    await two.keeper.start()
    assert await two.admitted(200) == 99
    await two.keeper.close()


def held_in(store: Memory) -> dict[str, int]:
    """Return what is held, by holder."""
    cells = store._tables.cells.items()
    return {who: held for (_, who, window), (_, held) in cells if window != SIGN}


async def test_many_that_end_cleanly_leave_one_row_and_all_that_they_took() -> None:
    store = Memory(Settings())
    for taken in (1, 2, 3, 4, 5) * 4:
        kept = Kept(store)
        await kept.keeper.start()
        assert await kept.admitted(taken) == taken
        await kept.keeper.close()
        # A second end is none.
        await kept.exchange(closing=True)
    assert held_in(store) == {NOBODY: 60}
    assert len(store._tables.cells) == 1


async def test_who_was_killed_is_folded_after_an_hour_by_who_was_there_all_the_time() -> None:
    store = Memory(Settings())
    dead, here = Kept(store), Kept(store)
    for one in (dead, here):
        await one.keeper.start()
        assert await one.admitted(2) == 2
    held = held_in(store)[dead.keeper._holder]
    # Who was asleep as long knows nothing of others at first.
    here.clock.advance(LIFE + 1)
    await here.exchange()
    assert held_in(store) == {dead.keeper._holder: held, here.keeper._holder: 2}
    for _ in range(3):
        here.clock.advance(4)
        await here.exchange()
    assert held_in(store) == {NOBODY: held, here.keeper._holder: 2}
    for one in (here, dead):
        await one.keeper.close()


@pytest.mark.parametrize("policy", ["periodic", "sync-on-boundary"])
async def test_other_policies_tell_of_use_later_and_know_it_after_a_restart(policy: str) -> None:
    store = Memory(Settings())
    one, two = (Kept(store, sync_policy=policy) for _ in range(2))
    await one.keeper.start()
    assert await one.admitted(60) == 60
    assert one.keeper.operations == 2
    await one.keeper.close()
    await two.keeper.start()
    assert await two.admitted(60) == 40
    await two.keeper.close()


@pytest.mark.parametrize("mood", ["silent", "failing"])
async def test_a_store_that_is_away_costs_one_timeout_and_two_lines(
    mood: str, caplog: pytest.LogCaptureFixture
) -> None:
    store = Moody(Settings())
    kept = Kept(store, on_failure="refuse")
    await kept.keeper.start()
    store.mood = mood
    clock = SystemClock()
    with caplog.at_level(logging.INFO, logger="modelmesh"):
        began = clock.now()
        assert await asyncio.gather(*(kept.admitted(1) for _ in range(50))) == [0] * 50
        assert await kept.admitted(500) == 0
        # Not a tenth of what it would be if each of those who came later waited too.
        assert clock.now() - began < 500 * store.timeout / 10
        operations = kept.keeper.operations
        await asyncio.sleep(0.5)
        assert kept.keeper.operations - operations <= 3
        store.mood = "well"
        async with asyncio.timeout(20):
            while not kept.keeper.answers:  # noqa: ASYNC110 - nothing tells of it
                await asyncio.sleep(0.01)
        assert await kept.admitted(1) == 1
    assert [message.split("(")[0] for message in caplog.messages] == [
        "memory, which ends with this process does not answer ",
        "memory, which ends with this process answers again",
    ]
    await kept.keeper.close()


@pytest.mark.parametrize("turns", range(12))
async def test_a_store_that_fails_just_when_it_is_given_up_is_told_of_once(
    turns: int, caplog: pytest.LogCaptureFixture
) -> None:
    class Late(Moody):
        async def _behave(self) -> None:
            for _ in range(turns):
                await asyncio.sleep(0)
            raise OSError("too late")

    kept = Kept(Late(Settings()))
    with caplog.at_level(logging.INFO):
        await kept.keeper._exchange(0.0)
        await asyncio.sleep(0)
        gc.collect()
    assert len(caplog.messages) == 1


@needs_redis
async def test_an_answer_that_came_while_this_process_was_busy_is_in_time(
    tmp_path: Path,
) -> None:
    with running_redis(tmp_path) as server:
        store = Redis(Settings(url=Secret(server.url), timeout=1.0))
        kept = Kept(store)
        await kept.exchange()
        server.pause()
        asked = asyncio.create_task(kept.keeper._exchange(store.timeout))
        for _ in range(50):
            await asyncio.sleep(0)
        # It has been asked, and answers while nobody looks.
        server.resume()
        time.sleep(store.timeout + 0.1)  # noqa: ASYNC251 - this is what is meant by busy
        await asked
        assert kept.keeper.answers
        await store.close()


async def test_a_store_is_back_once_it_can_be_written_and_not_when_it_is_left(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Readable(Moody):
        async def exchange(self, told: Mapping[str, Note], wall: float) -> Mapping[str, Note]:
            if told:
                await self._behave()
            return await Memory.exchange(self, told, wall)

    store = Readable(Settings())
    kept = Kept(store)
    with caplog.at_level(logging.INFO, logger="modelmesh"):
        await kept.keeper.start()
        store.mood = "failing"
        assert await kept.admitted(1) == 1
        for _ in range(5):
            await kept.exchange()
            assert await kept.admitted(1) == 1
        await kept.keeper.close()
    assert [message.split("(")[0] for message in caplog.messages] == [
        "memory, which ends with this process does not answer "
    ]


async def test_while_a_store_is_away_it_is_worth_it_to_ask_again_when_it_is_tried_next() -> None:
    store = Moody(Settings())
    kept = Kept(store, on_failure="refuse")
    await kept.keeper.start()
    store.mood = "failing"
    await asyncio.sleep(0)
    # It is found away between two rounds, and from the next one on tried more often.
    found, pauses = 0.0, list[float]()
    async with asyncio.timeout(20):
        while len(pauses) < 2:
            short = await kept.reserve()
            assert isinstance(short, Short)
            assert short.away
            if short.until != found:
                found = short.until
                pauses.append(found - scene.WALL)
            await asyncio.sleep(0.01)
    assert pauses == pytest.approx([0.4, 0.25])
    await kept.keeper.close()


async def test_who_gives_up_waiting_leaves_the_refill_to_the_others() -> None:
    kept = Kept(Memory(Settings()))
    await kept.keeper.start()
    impatient, patient = (asyncio.create_task(kept.admitted(1)) for _ in range(2))
    await asyncio.sleep(0)
    impatient.cancel()
    assert await patient == 1
    assert impatient.cancelled()
    await kept.keeper.close()


def test_a_mesh_says_where_its_state_is_kept_and_has_none_without_a_need(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    vendor = {"connector": "openai-compatible", "base_url": "http://vendor.test/v1"}
    models = {"m": {"provider": "ours", "capabilities": ["chat-completion"]}}

    def made(**limits: Any) -> ModelMesh:
        transport = ScriptedTransport(lambda _: scene.good(), FakeClock())
        config = load({"providers": {"ours": {**vendor, **limits}}, "models": models}, environ={})
        return ModelMesh(config, transport=transport, clock=FakeClock())

    plain, fast = made(), made(rate_limits={"rpm": 5})
    assert "state is kept" not in plain.describe() + fast.describe()
    kept = made(budget={"daily_limit": 1, "on_unknown_cost": "allow"})
    assert kept.describe().endswith("state is kept in SQLite, modelmesh-state.db")

    async def use() -> None:
        await kept.start()
        await kept.close()

    asyncio.run(use())
    assert [file.name for file in tmp_path.iterdir()] == ["modelmesh-state.db"]
