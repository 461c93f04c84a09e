"""Every store does the same: what is held of limits, and notes."""

import asyncio
import contextlib
import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any, ClassVar

import pytest
from attrs import evolve
from redis_server import RedisServer, needs_redis, running_redis
from suites import failures

from modelmesh.config.load import load
from modelmesh.config.schema import Storage as Settings
from modelmesh.connectors import registry
from modelmesh.connectors.storage import Storage, local_file, memory, sqlite
from modelmesh.connectors.storage import redis as redis_store
from modelmesh.errors import ConfigError
from modelmesh.ledger.claims import FOREVER, Claim, Grant
from modelmesh.state import Note
from modelmesh.testing import StorageConformance
from modelmesh.types import Secret

WALL = 1_800_000_000.0
KINDS: list[Any] = [
    "modelmesh.memory.v1",
    "modelmesh.local-file.v1",
    "modelmesh.sqlite.v1",
    pytest.param("redis.redis.v1", marks=needs_redis),
]


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with running_redis(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def settings(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> Settings:
    url = None
    if kind == "redis.redis.v1":
        server = request.getfixturevalue("redis")
        server.ask("FLUSHALL")
        url = Secret(server.url)
    return Settings(connector=kind, path=str(tmp_path / "state"), url=url, timeout=5.0)


def opened(settings: Settings) -> Storage:
    store: Storage = registry.find("storage", str(settings.connector))(settings)
    return store


def claim(**changed: Any) -> Claim:
    given = {"limit": "x", "window": 0.0, "ends": WALL + 60, "held": 0, "amount": 100}
    return Claim(**{**given, **changed})


class TestMemory(StorageConformance):
    storage = memory.Storage
    keeps = False


class TestLocalFile(StorageConformance):
    storage = local_file.Storage


class TestSqlite(StorageConformance):
    storage = sqlite.Storage


@needs_redis
class TestRedis(StorageConformance):
    storage = redis_store.Storage
    server: ClassVar[RedisServer]

    @pytest.fixture(autouse=True)
    def _of_its_own(self, redis: RedisServer) -> None:
        type(self).server = redis

    def settings(self, tmp_path: Path) -> dict[str, Any]:  # noqa: ARG002 - it keeps nothing in files
        self.server.ask("FLUSHALL")
        return {"url": Secret(self.server.url)}


def test_every_store_of_ours_is_tested_here() -> None:
    tested = {one if isinstance(one, str) else one.values[0] for one in KINDS}
    assert set(registry.available("storage")) == tested
    suites = (TestMemory, TestLocalFile, TestSqlite, TestRedis)
    assert {suite.storage.connector for suite in suites} == tested


# A broken store is told so.


class Generous(memory.Storage):
    """It grants whatever is wanted."""

    async def claim(self, holder: str, claims: Sequence[Claim], wall: float) -> Sequence[Grant]:
        grants = await super().claim(holder, claims, wall)
        return [
            evolve(grant, granted=one.wanted) for grant, one in zip(grants, claims, strict=True)
        ]


class Stingy(memory.Storage):
    """It grants nothing."""

    async def claim(self, holder: str, claims: Sequence[Claim], wall: float) -> Sequence[Grant]:
        return [evolve(one, granted=0) for one in await super().claim(holder, claims, wall)]


class Racing(memory.Storage):
    """It looks, lets others in, and grants by what it saw."""

    async def claim(self, holder: str, claims: Sequence[Claim], wall: float) -> Sequence[Grant]:
        seen = deepcopy(self._tables)
        await asyncio.sleep(0)
        await super().claim(holder, claims, wall)
        return [seen.claim(holder, one, wall) for one in claims]


class Timeless(memory.Storage):
    """For it no window ends, and no note."""

    async def claim(self, holder: str, claims: Sequence[Claim], wall: float) -> Sequence[Grant]:
        return await super().claim(holder, claims, min(wall, WALL))

    async def exchange(self, told: Mapping[str, Note], wall: float) -> Mapping[str, Note]:
        return await super().exchange(told, min(wall, WALL))


class Lonely(memory.Storage):
    """It tells nobody of others."""

    async def claim(self, holder: str, claims: Sequence[Claim], wall: float) -> Sequence[Grant]:
        return [evolve(one, others=[]) for one in await super().claim(holder, claims, wall)]


class Rounding(memory.Storage):
    """It counts as floats of four bytes do."""

    async def claim(self, holder: str, claims: Sequence[Claim], wall: float) -> Sequence[Grant]:
        rough = [evolve(one, amount=round(one.amount, -3)) for one in claims]
        return await super().claim(holder, rough, wall)


class Hiding(memory.Storage):
    """It does not tell that it forgot."""

    async def claim(self, holder: str, claims: Sequence[Claim], wall: float) -> Sequence[Grant]:
        return await super().claim(holder, [evolve(one, known=False) for one in claims], wall)


class Burying(memory.Storage):
    """It takes everybody for ended."""

    async def claim(self, holder: str, claims: Sequence[Claim], wall: float) -> Sequence[Grant]:
        grants = await super().claim(holder, claims, wall)
        self._tables.cells.clear()
        return grants


class Nameless(memory.Storage):
    described = ""


BROKEN = {
    "it_says_what_it_is": Nameless,
    "slices_shrink_and_all_of_a_limit_is_granted": Generous,
    "what_is_left_is_granted_if_it_is_enough": Stingy,
    "what_is_held_is_what_its_holder_says": Generous,
    "windows_end_and_count_together_until_then": Timeless,
    "others_are_told_of": Lonely,
    "money_is_counted_to_the_billionth": Rounding,
    "a_store_that_forgot_says_so_and_grants_nothing": Hiding,
    "notes_are_heard_until_they_end_and_the_later_end_stays": Timeless,
    "it_is_there_after_a_restart": memory.Storage,
    "claims_at_the_same_time_never_get_too_much": Racing,
    "who_is_there_is_not_taken_for_ended": Burying,
    "it_answers_as_memory_does": Stingy,
}


def suite(store: type[Any], *, keeps: bool = True) -> type[Any]:
    return type("Suite", (StorageConformance,), {"storage": store, "keeps": keeps})


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_store_fails_the_suite(name: str, tmp_path: Path) -> None:
    assert name in failures(suite(BROKEN[name]), tmp_path, name)
    assert failures(suite(memory.Storage, keeps=False), tmp_path / "sound") == {}


def test_every_test_of_the_suite_is_seen_to_fail() -> None:
    assert {f"test_{name}" for name in BROKEN} == {
        name for name in dir(StorageConformance) if name.startswith("test_")
    }


# What each does in its own way.


def rows(store: Any, settings: Settings) -> int:
    """Return how many rows a store has of what is held, whatever they mean."""
    match settings.connector:
        case "modelmesh.memory.v1":
            return len(store._tables.cells)
        case "modelmesh.local-file.v1":
            return len(json.loads(Path(str(settings.path)).read_text())["held"])
        case "modelmesh.sqlite.v1":
            database = sqlite3.connect(str(settings.path))
            (count,) = database.execute("SELECT count(*) FROM held").fetchone()
            database.close()
            return int(count)
        case _:
            assert settings.url
            with contextlib.closing(redis_library().from_url(settings.url.reveal())) as asked:
                return sum(asked.hlen(key) for key in asked.keys("modelmesh:held:*"))


def open_files() -> set[Path]:
    """Return the files that this process holds open, where the system tells."""
    return {one.resolve() for one in Path("/proc/self").glob("fd/*")}


def redis_library() -> Any:
    return pytest.importorskip("redis").Redis


DAY = WALL + 86_400


@pytest.mark.parametrize("killed", [False, True])
@pytest.mark.parametrize("kind", KINDS)
async def test_a_thousand_lives_leave_few_rows_and_all_that_they_held(
    settings: Settings, killed: bool
) -> None:
    store, total = opened(settings), 0
    limits: list[dict[str, Any]] = [{"limit": "day", "ends": DAY}, {"limit": "x", "ends": FOREVER}]
    for life in range(1000):
        # One a minute; each gets some more than what it has used when it ends.
        who, used = f"p{life}", life % 7
        claims = [claim(**one, amount=10**6, wanted=9, least=9, folds=True) for one in limits]
        claims += [claim(**one, held=used, known=True, ended=not killed) for one in limits]
        grants = await store.claim(who, claims, WALL + life * 60)
        assert [each.granted for each in grants] == [9, 9, 0, 0]
        assert not any(each.forgot for each in grants)
        total += used
    observed = [claim(**one) for one in limits]
    for each in await store.claim("observer", observed, WALL + 60_000):
        assert sum(amount for _, amount in each.others) == total
    # Nobody's, the observer's sign, and those of the last hour, who may be there as far as known.
    of_a_limit = 1 + 1 + (2 * 61 if killed else 0)
    assert rows(store, settings) <= 2 * of_a_limit
    # When the window ends its rows go, and those of the other stay.
    later = await store.claim("observer", [claim(**one, folds=True) for one in limits], DAY)
    assert [sum(amount for _, amount in each.others) for each in later] == [0, total]
    assert rows(store, settings) <= 2 + 1
    await store.close()


@pytest.mark.parametrize("kind", ["modelmesh.local-file.v1", "modelmesh.sqlite.v1"])
def test_a_file_that_is_no_store_is_a_failure_and_not_overwritten(settings: Settings) -> None:
    file = Path(str(settings.path))
    file.write_text("not ours" * 1000)

    async def use() -> None:
        store = opened(settings)
        with pytest.raises((sqlite3.DatabaseError, ValueError)) as told:
            await store.claim("a", [claim(held=1)], WALL)
        await store.close()
        assert told.traceback, "it keeps alive what was left open"
        assert file not in open_files()

    asyncio.run(use())
    assert file.read_text() == "not ours" * 1000


def test_redis_needs_an_address_and_shows_no_password() -> None:
    pytest.importorskip("redis")
    with pytest.raises(ConfigError, match=r"storage\.url"):
        opened(Settings(connector="redis.redis.v1"))
    store = opened(
        Settings(connector="redis.redis.v1", url=Secret("redis://:hunter2@example.test:7000/3"))
    )
    assert store.described == "Redis, example.test:7000/3"


@pytest.mark.parametrize("url", ["http://:hunter2@h", "redis://:hunter2@h:port/0", "redis://[/"])
def test_what_is_no_address_of_a_redis_is_a_mistake_which_shows_no_password(url: str) -> None:
    pytest.importorskip("redis")
    with pytest.raises(ConfigError, match=r"storage\.url: is no address") as caught:
        opened(Settings(connector="redis.redis.v1", url=Secret(url)))
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("short", ["memory", "sqlite", "local-file", "redis.redis"])
def test_a_store_may_be_called_by_a_short_name(short: str) -> None:
    storage = {"connector": short, "url": "redis://h/0"}
    config = load(
        {"providers": {"openai": {"connector": "openai.llm.v1"}}, "storage": storage}, environ={}
    )
    assert config.storage.connector == short
