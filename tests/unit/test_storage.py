"""Every store does the same: what is held of limits, and notes."""

import asyncio
import contextlib
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from redis_server import RedisServer, needs_redis, running_redis

from modelmesh.config.load import load
from modelmesh.config.schema import Storage as Settings
from modelmesh.connectors import registry
from modelmesh.connectors.storage import Storage
from modelmesh.connectors.storage.memory import Tables
from modelmesh.errors import ConfigError
from modelmesh.ledger.claims import FOREVER, Claim
from modelmesh.state import Note
from modelmesh.types import Secret

WALL = 1_800_000_000.0
KINDS: list[Any] = [
    "modelmesh.memory.v1",
    "modelmesh.local-file.v1",
    "modelmesh.sqlite.v1",
    pytest.param("redis.redis.v1", marks=needs_redis),
]
KEPT = KINDS[1:]


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


async def got(store: Storage, holder: str, *, wall: float = WALL, **changed: Any) -> int:
    (grant,) = await store.claim(holder, [claim(**changed)], wall)
    return grant.granted


def test_every_store_of_ours_is_tested_here() -> None:
    tested = {one if isinstance(one, str) else one.values[0] for one in KINDS}
    assert set(registry.available("storage")) == tested


@pytest.mark.parametrize("kind", KINDS)
async def test_slices_shrink_and_all_of_a_limit_is_granted(settings: Settings) -> None:
    store = opened(settings)
    held, slices = {"a": 0, "b": 0}, []
    for turn in range(200):
        who = "ab"[turn % 2]
        more = await got(store, who, held=held[who], wanted=1000, least=1)
        held[who] += more
        slices.append(more)
    assert sum(held.values()) == 100
    assert slices[:3] == [12, 11, 9]
    assert slices[-1] == 0
    await store.close()


@pytest.mark.parametrize("kind", KINDS)
async def test_what_is_left_is_granted_if_it_is_enough(settings: Settings) -> None:
    store = opened(settings)
    assert await got(store, "a", wanted=10, least=90) == 90
    assert await got(store, "b", wanted=11, least=11) == 0
    assert await got(store, "b", wanted=10, least=10) == 10
    await store.close()


@pytest.mark.parametrize("kind", KINDS)
async def test_what_is_held_is_what_its_holder_says(settings: Settings) -> None:
    store = opened(settings)
    assert await got(store, "a", wanted=90, least=90) == 90
    # The answer got lost: for its holder there is nothing yet.
    assert await got(store, "a", held=0, wanted=90, least=90) == 90
    # Most is given back.
    assert await got(store, "a", held=20) == 0
    assert await got(store, "b", wanted=80, least=80) == 80
    # A holder that went beyond is believed, and nobody gets more.
    assert await got(store, "a", held=50) == 0
    assert await got(store, "c", wanted=1, least=1) == 0
    await store.close()


@pytest.mark.parametrize("kind", KINDS)
async def test_windows_end_and_count_together_until_then(settings: Settings) -> None:
    store = opened(settings)
    assert await got(store, "a", window=1.0, ends=WALL + 10, wanted=60, least=60) == 60
    assert await got(store, "a", window=2.0, ends=WALL + 20, wanted=60, least=60) == 0
    assert await got(store, "a", window=2.0, ends=WALL + 20, wanted=40, least=40) == 40
    later = WALL + 10
    assert await got(store, "b", wall=later, window=2.0, ends=WALL + 20, wanted=61, least=61) == 0
    assert await got(store, "b", wall=later, window=2.0, ends=WALL + 20, wanted=60, least=60) == 60
    await store.close()


@pytest.mark.parametrize("kind", KINDS)
async def test_others_are_told_of(settings: Settings) -> None:
    store = opened(settings)
    await got(store, "a", held=3, window=1.0, ends=WALL + 5)
    await got(store, "b", held=4, window=1.0, ends=FOREVER)
    other, own = await store.claim("b", [claim(limit="y"), claim(window=2.0, held=1)], WALL)
    assert (other.others, other.granted) == ([], 0)
    assert own.others == [(WALL + 5, 3)]
    await store.close()


@pytest.mark.parametrize("kind", KINDS)
async def test_money_is_counted_to_the_billionth(settings: Settings) -> None:
    store = opened(settings)
    much = 900_000_000_000_001
    assert await got(store, "a", amount=much, wanted=much, least=much) == much
    (grant,) = await store.claim("b", [claim(amount=much + 1, wanted=1, least=1)], WALL)
    assert (grant.granted, grant.others) == (1, [(WALL + 60, much)])
    await store.close()


@pytest.mark.parametrize("kind", KINDS)
async def test_a_store_that_forgot_says_so_and_grants_nothing(settings: Settings) -> None:
    store = opened(settings)
    (grant,) = await store.claim("a", [claim(held=5, wanted=5, least=5, known=True)], WALL)
    assert (grant.forgot, grant.granted) == (True, 0)
    (grant,) = await store.claim("a", [claim(held=5, wanted=5, least=5, known=True)], WALL)
    assert (grant.forgot, grant.granted) == (False, 5)
    await store.close()


@pytest.mark.parametrize("kind", KINDS)
async def test_notes_are_heard_until_they_end_and_the_later_end_stays(settings: Settings) -> None:
    store = opened(settings)
    assert await store.exchange({}, WALL) == {}
    first, second = Note("a b", WALL + 2.5), Note("c", WALL + 9)
    assert await store.exchange({"x": first, "y": second}, WALL) == {"x": first, "y": second}
    assert await store.exchange({"y": Note("d", WALL + 5)}, WALL + 2) == {"x": first, "y": second}
    assert await store.exchange({}, WALL + 3) == {"y": second}
    await store.close()


@pytest.mark.parametrize("kind", KEPT)
async def test_a_store_is_there_after_a_restart(settings: Settings) -> None:
    store = opened(settings)
    note = Note("a", WALL + 50)
    assert await got(store, "a", wanted=70, least=70) == 70
    await store.exchange({"x": note}, WALL)
    await store.close()
    again = opened(settings)
    assert await got(again, "b", wanted=31, least=31) == 0
    assert await got(again, "b", wanted=30, least=30) == 30
    assert await again.exchange({}, WALL) == {"x": note}
    await again.close()


@pytest.mark.parametrize("kind", KINDS)
async def test_claims_at_the_same_time_never_get_too_much(settings: Settings) -> None:
    store = opened(settings)
    grants = await asyncio.gather(*(got(store, f"p{n}", wanted=7, least=7) for n in range(50)))
    assert sorted(grants, reverse=True)[:15] == [*[7] * 14, 0]
    await store.close()


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


@pytest.mark.parametrize("kind", KINDS)
async def test_who_is_there_is_not_taken_for_ended(settings: Settings) -> None:
    store = opened(settings)
    assert await got(store, "a", wanted=20, least=20, ends=FOREVER) == 20
    for minute in range(0, 180, 30):
        wall = WALL + minute * 60
        # It says so by any claim for the limit, of another window too.
        await got(store, "a", wall=wall, window=1.0 + minute, ends=wall + 5)
        await got(store, "b", wall=wall, folds=True, ends=FOREVER)
    (grant,) = await store.claim("a", [claim(held=20, ends=FOREVER, known=True)], wall)
    assert not grant.forgot
    (grant,) = await store.claim("b", [claim(ends=FOREVER)], wall)
    assert grant.others == [(FOREVER, 20)]
    await store.close()


@pytest.mark.parametrize("kind", KINDS[1:])
async def test_every_store_answers_as_memory_does(settings: Settings) -> None:
    store, memory, chance = opened(settings), Tables(), Random(5)
    wall = WALL
    for _ in range(400):
        wall += chance.choice([0, 0, 1, 5, 400, 2000])
        who, window = chance.choice("abcde"), chance.choice([0.0, 1.5])
        wanted = chance.choice([0, 0, 3, 50])
        one = claim(
            limit=chance.choice("xy"),
            window=window,
            ends=FOREVER if not window else wall + chance.choice([10, 5000]),
            held=chance.choice([0, 0, 1, 7]),
            wanted=wanted,
            least=min(wanted, chance.choice([1, 3])),
            known=chance.random() < 0.3,
            ended=chance.random() < 0.2,
            folds=chance.random() < 0.3,
        )
        (grant,) = await store.claim(who, [one], wall)
        expected = memory.claim(who, one, wall)
        assert (grant.granted, grant.forgot) == (expected.granted, expected.forgot)
        assert sorted(grant.others) == sorted(expected.others)
    await store.close()


@pytest.mark.parametrize("kind", ["modelmesh.local-file.v1", "modelmesh.sqlite.v1"])
def test_a_file_that_is_no_store_is_a_failure_and_not_overwritten(settings: Settings) -> None:
    file = Path(str(settings.path))
    file.write_text("not ours" * 1000)

    async def use() -> None:
        store = opened(settings)
        with pytest.raises((sqlite3.DatabaseError, ValueError)):
            await store.claim("a", [claim(held=1)], WALL)
        await store.close()

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
