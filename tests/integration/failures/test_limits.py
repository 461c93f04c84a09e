"""Cases 7 and 8: how long a target is left alone, and how it comes back."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
import pytest_asyncio
from proxy_process import until

from failures.scenes import Pools, Scene, running, text_of
from failures.vendors import in_turn, refusing, well
from modelmesh.testing.fake_answers import encode, error, talk
from modelmesh.testing.fake_wire import Exchange, Fault

pytestmark = pytest.mark.asyncio(loop_scope="module")

POOLS = Pools()
# A loaded machine is late, but never so late.
LATE = 3.0
VERY_LATE = 20.0
# A target that is left alone is asked in no case.
STRICT: dict[str, Any] = {"recovery": {"last_resort": False}}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scene() -> AsyncIterator[Scene]:
    garbage = await asyncio.start_server(_say_garbage, "127.0.0.1", 0)
    port = garbage.sockets[0].getsockname()[1]
    add_dead("tls", f"https://127.0.0.1:{port}/v1")
    add_dead("no-http", f"http://127.0.0.1:{port}/v1")
    async with garbage, running(POOLS) as scene:
        yield scene


async def _say_garbage(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1)
    writer.write(b"220 smtp.example ESMTP\r\n")
    writer.close()


# Case 7: Retry-After


async def refusing_until_a_date(exchange: Exchange) -> None:
    then = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    await exchange.answer(429, encode(error(429)), {"retry-after": then})


# What the vendors say, and the seconds and the status that clients are told.
SPELLINGS: dict[str, tuple[list[Fault], int, int]] = {
    "seconds": ([refusing(429, retry_after="7")], 7, 429),
    "fraction": ([refusing(429, retry_after="7.2")], 8, 429),
    "milliseconds": ([refusing(429, retry_after_ms="12500")], 13, 429),
    "both": ([refusing(429, retry_after_ms="12500", retry_after="99")], 13, 429),
    "date": ([refusing_until_a_date], 60, 429),
    "absurd": ([refusing(429, retry_after="999999")], 3600, 429),
    "negative": ([refusing(429, retry_after="-5")], 30, 429),
    "nonsense": ([refusing(429, retry_after="soon")], 30, 429),
    "nothing": ([refusing(429)], 30, 429),
    "overloaded": ([refusing(503, retry_after="9")], 9, 503),
    "soonest": ([refusing(429, retry_after="20"), refusing(429, retry_after="7")], 7, 429),
    "mixed": ([refusing(503, retry_after="7"), refusing(429, retry_after="20")], 7, 429),
}
for spelling, (vendors, _, _) in SPELLINGS.items():
    POOLS.add(f"told-{spelling}", *vendors)
POOLS.add("capped", refusing(429, retry_after="999999"), recovery={"max_cooldown": "100s"})
POOLS.add("away", in_turn(refusing(429, retry_after="2"), well), in_turn(well, refusing(500)))
POOLS.add(
    "latest",
    in_turn(refusing(429, retry_after_ms="100"), refusing(429, retry_after_ms="800"), well),
    retry={"max_attempts": 3, "initial_delay": 0, "budget": 10},
)
POOLS.add("past-deadline", refusing(429, retry_after="70"), retry={}, timeouts={"total": 50})
POOLS.add("past-patience", refusing(429, retry_after="70"), retry={}, max_wait=50)
GROUP, KEY = {"quota_group": "project"}, {"api_key": "one-key"}
LIMITED: list[str | Fault] = [refusing(429, retry_after="60"), "ok", "ok"]
POOLS.add("own-keys", *LIMITED)
POOLS.add("one-account", *LIMITED, account="ab")
POOLS.add("one-group", *LIMITED, providers={"a": GROUP, "b": GROUP})
POOLS.add("one-key", *LIMITED, providers={"a": KEY, "b": KEY})


async def test_case_7_a_limited_target_is_out_as_long_as_it_asked_and_another_answers(
    scene: Scene,
) -> None:
    assert text_of(await scene.ask("away"), stream=False).endswith("away.b")
    assert scene.asked("away") == "ab"

    # Now b fails, and still nobody asks a before its time.
    while (came := await scene.ask("away")).status != 200:
        assert (came.status, came.error["code"]) == (429, "rate_limit_exceeded")
        assert came.headers["retry-after"] in {"1", "2"}
        await asyncio.sleep(0.1)
    _, again = scene.requests("away", "a")
    assert 1.95 < scene.since_asked("away", again.arrived) < 2 + VERY_LATE
    notes = await scene.notes("away")
    assert notes[0] == "a rate_limit (429)"
    assert set(notes[1:]) == {"b server_error (500)"}


async def test_case_7_a_lone_target_is_waited_for_as_its_latest_word_says(scene: Scene) -> None:
    assert (await scene.ask("latest")).status == 200
    _, _, third = scene.requests("latest")
    assert 0.1 + 0.8 <= scene.since_asked("latest", third.arrived) < 0.9 + VERY_LATE
    assert await scene.notes("latest") == ["a rate_limit (429)"] * 2


@pytest.mark.parametrize("pool", ["past-deadline", "past-patience"])
async def test_case_7_a_pause_that_is_too_long_is_told_at_once(scene: Scene, pool: str) -> None:
    began = asyncio.get_running_loop().time()
    came = await scene.ask(pool)
    assert asyncio.get_running_loop().time() - began < VERY_LATE
    assert came.status == 429
    assert 70 - LATE <= int(came.headers["retry-after"]) <= 70
    assert scene.asked(pool) == "a"
    assert await scene.notes(pool) == ["a rate_limit (429)"]


@pytest.mark.parametrize("spelling", SPELLINGS)
async def test_case_7_clients_are_told_the_whole_seconds_until_the_first_comes_back(
    scene: Scene, spelling: str
) -> None:
    pool = f"told-{spelling}"
    vendors, seconds, status = SPELLINGS[spelling]
    for _ in range(2):
        came = await scene.ask(pool)
        assert came.status == status
        assert seconds - LATE <= int(came.headers["retry-after"]) <= seconds
        assert "x-should-retry" not in came.headers
    assert scene.asked(pool) == "ab"[: len(vendors)]
    assert len(await scene.notes(pool)) == len(vendors)


async def test_case_7_no_vendor_is_left_alone_longer_than_configured(scene: Scene) -> None:
    for _ in range(2):
        came = await scene.ask("capped")
        assert 100 - LATE <= int(came.headers["retry-after"]) <= 100
    assert scene.asked("capped") == "a"
    assert await scene.notes("capped") == ["a rate_limit (429)"]


@pytest.mark.parametrize(
    ("pool", "asked"),
    [("own-keys", "ab"), ("one-account", "ac"), ("one-group", "ac"), ("one-key", "ac")],
)
async def test_case_7_who_shares_a_quota_shares_the_pause(
    scene: Scene, pool: str, asked: str
) -> None:
    assert text_of(await scene.ask(pool), stream=False).endswith(f"{pool}.{asked[-1]}")
    assert scene.asked(pool) == asked
    assert await scene.notes(pool) == ["a rate_limit (429)"]


# Case 8: left alone, on trial, back again

POOLS.add(
    "longer",
    in_turn(refusing(429, after=0.4, retry_after="1"), refusing(429, after=0.7, retry_after="60")),
)
POOLS.add(
    "shorter",
    in_turn(refusing(429, after=0.4, retry_after="60"), refusing(429, after=0.7, retry_after="1")),
)
for name, vendor in {"failing": refusing(500), "limited": refusing(429, retry_after="7")}.items():
    POOLS.add(f"never-{name}", vendor, recovery={"cooldown": 0, "last_resort": False})
    POOLS.add(f"strict-{name}", vendor, **STRICT)
    POOLS.add(f"lone-{name}", vendor)
SHARE = {"retry_limit": None, "error_rate_threshold": 0.5, "min_requests": 4}
POOLS.add("share-of-all", refusing(500), deactivation=SHARE, **STRICT)
POOLS.add("share-of-some", "flaky~every=3", deactivation=SHARE, **STRICT)
POOLS.add("in-a-row", refusing(500), deactivation={"retry_limit": 3}, **STRICT)
DEAD = ["refused", "dns", "tls", "no-http", "closed", "reset"]


def add_dead(name: str, url: str | None, behaviour: str = "ok") -> None:
    """Add a dead vendor with a healthy one behind it, and alone."""
    providers = {"a": {"base_url": url}} if url else {}
    POOLS.add(name, behaviour, "ok", providers=providers, timeouts={"connect": 2})
    POOLS.add(f"{name}-alone", behaviour, providers=providers, timeouts={"connect": 2}, **STRICT)


add_dead("refused", "http://127.0.0.1:1/v1")
add_dead("dns", "http://nowhere.invalid/v1")
add_dead("closed", None, "close-before-headers")
add_dead("reset", None, "reset-mid")


@pytest.mark.parametrize("pool", ["longer", "shorter"])
async def test_case_8_the_later_of_two_times_stands(scene: Scene, pool: str) -> None:
    both = await asyncio.gather(scene.ask(pool), scene.ask(pool))
    assert [came.status for came in both] == [429, 429]
    came = await scene.ask(pool)
    assert came.status == 429
    assert 60 - LATE <= int(came.headers["retry-after"]) <= 60
    assert scene.asked(pool) == "aa"
    assert await scene.notes(pool) == ["a rate_limit (429)"] * 2


@pytest.mark.parametrize(
    ("pool", "asked"),
    [
        # A cooldown of 0 leaves nothing alone, and is not taken for a missing one.
        ("never-failing", "aaaaaaaa"),
        ("never-limited", "aaaaaaaa"),
        ("strict-failing", "a"),
        ("strict-limited", "a"),
        # A lone target is asked on, unless the vendor itself asked to be left alone.
        ("lone-failing", "aaaaaaaa"),
        ("lone-limited", "a"),
        # One failure of one is no share yet.
        ("share-of-all", "aaaa"),
        ("share-of-some", "aaaaaaaa"),
        ("in-a-row", "aaa"),
    ],
)
async def test_case_8_when_a_target_is_left_alone(scene: Scene, pool: str, asked: str) -> None:
    for _ in range(8):
        came = await scene.ask(pool)
        assert came.status in ({429} if "limited" in pool else {200, 502})
    assert scene.asked(pool) == asked
    failures = 2 if pool == "share-of-some" else len(asked)
    assert len(await scene.notes(pool)) == failures


@pytest.mark.parametrize("name", DEAD)
async def test_case_8_a_failure_without_a_status_counts_like_any_other(
    scene: Scene, name: str
) -> None:
    for _ in range(2):
        assert text_of(await scene.ask(name), stream=False).endswith(f"{name}.b")
    alone = f"{name}-alone"
    for attempts in (1, 0):
        came = await scene.ask(alone)
        assert came.status == 502
        assert came.error["code"].startswith(("upstream_", "stream_"))
        assert len(came.error["attempts"]) == attempts
    assert len(await scene.notes(name)) == len(await scene.notes(alone)) == 1
    # Over a kept connection a request that nobody answered goes out once more.
    assert scene.asked(name).lstrip("a") == "bb"


GATES = {"with-another": asyncio.Event(), "alone": asyncio.Event()}


def on_trial(gate: asyncio.Event, first: Fault) -> Fault:
    """Fail, then answer when the gate opens."""

    async def answer(exchange: Exchange) -> None:
        await gate.wait()
        await well(exchange)

    return in_turn(first, answer)


async def cut(exchange: Exchange) -> None:
    await exchange.begin()
    await exchange.send(b"".join(talk(exchange).parts()[:2]))
    await exchange.sleep(0.05)


SOON: dict[str, Any] = {"cooldown": 0.2, "last_resort": False}
POOLS.add("trial-with-another", on_trial(GATES["with-another"], cut), "ok", recovery=SOON)
POOLS.add("trial-alone", on_trial(GATES["alone"], refusing(500)), recovery=SOON)


async def test_case_8_of_a_hundred_one_is_the_trial_and_another_target_has_the_rest(
    scene: Scene,
) -> None:
    pool = "trial-with-another"
    await scene.ask(pool, stream=True)  # cut after content, so the target stays in front
    await asyncio.sleep(0.4)
    crowd = asyncio.gather(*(scene.ask(pool) for _ in range(100)))
    await until(lambda: len(scene.requests(pool, "b")) == 99)
    GATES["with-another"].set()
    said = [text_of(came, stream=False)[-1] for came in await crowd]
    assert sorted(said) == ["a"] + ["b"] * 99
    assert len(scene.requests(pool, "a")) == 2
    assert await scene.notes(pool) == ["a stream_incomplete"]


async def test_case_8_of_a_hundred_one_is_the_trial_and_the_rest_is_told_so(scene: Scene) -> None:
    pool = "trial-alone"
    await scene.ask(pool)
    await asyncio.sleep(0.4)
    crowd = [asyncio.create_task(scene.ask(pool)) for _ in range(100)]
    await until(lambda: sum(task.done() for task in crowd) == 99)
    GATES["alone"].set()
    came = await asyncio.gather(*crowd)
    assert sorted(each.status for each in came) == [200] + [502] * 99
    assert all("on trial" in each.error["message"] for each in came if each.status == 502)
    assert scene.asked(pool) == "aa"

    assert (await scene.ask(pool)).status == 200  # the trial is over
    assert await scene.notes(pool) == ["a server_error (500)"]
