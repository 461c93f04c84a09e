"""Cases 9 to 11: who is to blame, how far a request walks, and how often it asks again."""

import asyncio
import re
from typing import Any

import openai
import pytest
from proxy_process import MESSAGES

from failures.expected_blame import STATUSES, TABLE, Row
from failures.scenes import Pools, Scene, text_of
from failures.vendors import in_turn, refusing, well
from modelmesh.testing.fake_wire import Fault

pytestmark = pytest.mark.asyncio(loop_scope="module")

POOLS = Pools()
STRICT: dict[str, Any] = {"recovery": {"last_resort": False}}


# Case 9: who is to blame

for line, *_ in TABLE:
    POOLS.add(f"blame-{line}", line.refuse, "ok", "ok", account="ab")
    POOLS.add(f"alone-{line}", line.refuse, **STRICT)


@pytest.mark.parametrize(("row", "asked", "seconds"), TABLE, ids=str)
async def test_case_9_each_failure_is_blamed_on_whom_it_tells_of(
    scene: Scene, row: Row, asked: str, seconds: int | None
) -> None:
    pool = f"blame-{row}"
    came = await scene.ask(pool)
    assert scene.asked(pool) == asked
    note = f"a {row.kind} ({row.status})"
    assert await scene.notes(pool) == [note]
    if seconds is not None:
        assert text_of(came, stream=False).endswith(f"{pool}.{asked[-1]}")

    alone = f"alone-{row}"
    first, second = await scene.ask(alone), await scene.ask(alone)
    assert first.status == second.status == STATUSES.get(row.kind, row.status)
    if seconds is None:
        assert came.status == row.status
        for each in (came, first, second):
            assert each.error["message"] == row.message
        assert scene.asked(alone) == "aa"
        assert await scene.notes(alone) == [note] * 2
    else:
        found = re.search(r"left alone for (\d+)s \((\w+)", second.error["message"])
        assert found, second.error["message"]
        assert seconds - 5 <= int(found[1]) <= seconds
        assert found[2] == row.kind
        assert scene.asked(alone) == "a"
        assert await scene.notes(alone) == [note]


TOO_LONG = refusing(400, code="context_length_exceeded")
SIZES = {
    letter: {"constraints": {"context_window": size}}
    for letter, size in {"a": 8000, "b": 8000, "c": 100_000}.items()
}
POOLS.add("windows", in_turn(TOO_LONG, well), "ok", "ok", models=SIZES)
POOLS.add("clients-faults", in_turn(*[refusing(400)] * 5, well), "ok")
POOLS.add("own-refusals", in_turn(refusing(429, retry_after="1"), well))


async def test_case_9_what_is_too_long_goes_to_a_larger_window_and_moves_nobody_else(
    scene: Scene,
) -> None:
    assert text_of(await scene.ask("windows"), stream=False).endswith("windows.c")
    assert scene.asked("windows") == "ac"
    assert text_of(await scene.ask("windows"), stream=False).endswith("windows.a")
    assert await scene.notes("windows") == ["a context_too_long (400)"]


async def test_case_9_any_number_of_clients_mistakes_moves_nobody(scene: Scene) -> None:
    statuses = [(await scene.ask("clients-faults")).status for _ in range(6)]
    assert statuses == [400] * 5 + [200]
    assert scene.asked("clients-faults") == "aaaaaa"
    assert await scene.notes("clients-faults") == ["a invalid_request (400)"] * 5


async def test_case_9_our_own_refusals_count_against_nobody(scene: Scene) -> None:
    loop = asyncio.get_running_loop()
    assert (await scene.ask("own-refusals")).status == 429
    limited = scene.requests("own-refusals")[0].arrived
    while loop.time() < limited + 0.8:
        assert (await scene.ask("own-refusals")).status == 429
        assert (await scene.ask("no-such-pool")).status == 404
        assert (await scene.ask("own-refusals", messages=[])).status in {400, 429}
        await asyncio.sleep(0.05)
    await asyncio.sleep(limited + 1.2 - loop.time())
    assert (await scene.ask("own-refusals")).status == 200
    assert await scene.notes("own-refusals") == ["a rate_limit (429)"]


# Case 10: as far as there are healthy keys

DEAD_KEYS = [
    "fault:status~code=401@one",
    "fault:status~code=402",
    "fault:status~code=429",
    "fault:status~code=401@two",
    "fault:status~code=429~error-code=insufficient_quota",
]
TWO = {"max_attempts": 2}


OTHERS = [f"{key}@others" for key in (*DEAD_KEYS, "fault:status~code=401@three")]
for pool, all_keys in {"six-keys": [*DEAD_KEYS, "a-good-key"], "dead-keys": OTHERS}.items():
    POOLS.add(pool, "ok", providers={"a": {"api_keys": all_keys}}, retry=TWO, max_wait=0)
FAILING: list[str | Fault] = [refusing(500)] * 5
POOLS.add("six-vendors", *FAILING, "ok", retry={**TWO, "budget": 0, "initial_delay": 60})
POOLS.add("failing-vendors", *FAILING[:2], retry={**TWO, "budget": 10, "initial_delay": 0.01})
GROUP = {"api_keys": ["fault:status~code=401@group", "another-key"], "quota_group": "ours"}
POOLS.add("one-group", "ok", providers={"a": GROUP})
POOLS.add("disabled", "ok", "ok", providers={"a": {"enabled": False}})


async def test_case_10_the_sixth_key_answers_and_stays_in_front(scene: Scene) -> None:
    came = await scene.ask("six-keys")
    assert came.status == 200
    assert came.headers["x-modelmesh-attempts"] == "6"
    asked = [request.key for request in scene.requests("six-keys")]
    assert asked == [*DEAD_KEYS, "a-good-key"]

    assert (await scene.ask("six-keys")).headers["x-modelmesh-attempts"] == "1"
    assert [request.key for request in scene.requests("six-keys")][6:] == ["a-good-key"]
    assert [note.partition(" ")[2] for note in await scene.notes("six-keys")] == [
        "bad_key (401)",
        "quota_exhausted (402)",
        "rate_limit (429)",
        "bad_key (401)",
        "quota_exhausted (429)",
    ]


async def test_case_9_a_refused_key_takes_no_other_of_its_group_with_it(scene: Scene) -> None:
    for attempts in ("2", "1"):
        came = await scene.ask("one-group")
        assert (came.status, came.headers["x-modelmesh-attempts"]) == (200, attempts)
    asked = [request.key for request in scene.requests("one-group")]
    assert asked == [*GROUP["api_keys"], "another-key"]


async def test_case_10_each_dead_key_is_asked_once_and_no_more(scene: Scene) -> None:
    for attempts in (6, 0, 0):
        came = await scene.ask("dead-keys")
        assert (came.status, came.error["code"]) == (429, "rate_limit_exceeded")
        assert "fault:" not in came.text
        tried = [attempt["target"] for attempt in came.error["attempts"]]
        assert len(tried) == len(set(tried)) == attempts
    assert len(scene.requests("dead-keys")) == 6
    assert len(await scene.notes("dead-keys")) == 6


async def test_case_10_going_on_takes_neither_a_retry_nor_a_pause(scene: Scene) -> None:
    assert (await scene.ask("six-vendors")).status == 200
    assert scene.asked("six-vendors") == "abcdef"
    assert scene.since_asked("six-vendors", scene.requests("six-vendors")[-1].arrived) < 20
    assert await scene.notes("six-vendors") == [f"{x} server_error (500)" for x in "abcde"]

    # Where nobody is left, each is asked as often as `max_attempts` says.
    assert (await scene.ask("failing-vendors")).status == 502
    assert scene.asked("failing-vendors")[:2] == "ab"
    assert sorted(scene.asked("failing-vendors")) == ["a", "a", "b", "b"]
    assert len(await scene.notes("failing-vendors")) == 4


async def test_case_10_a_disabled_target_is_never_asked(scene: Scene) -> None:
    for _ in range(3):
        assert (await scene.ask("disabled")).status == 200
    assert scene.asked("disabled") == "bbb"
    assert await scene.notes("disabled") == []


# Case 11: no storms

QUICK = {"initial_delay": 0.01, "max_delay": 0.02}
POOLS.add("storm-of-one", refusing(503), retry=QUICK)
POOLS.add("storm-of-two", refusing(503), refusing(503), retry=QUICK)
POOLS.add("storm-of-limits", refusing(429), refusing(429), retry=QUICK)
POOLS.add("mistake", refusing(400), "ok", retry={"max_attempts": 5, "budget": 10})
STUBBORN = {"max_attempts": 3, "initial_delay": 0, "budget": 10}
POOLS.add("no-retry", refusing(503, x_should_retry="false"), retry=STUBBORN)
POOLS.add("no-retry-but-another", refusing(503, x_should_retry="false"), "ok", retry=STUBBORN)
POOLS.add("retry", refusing(503), retry=STUBBORN)
JITTER = [f"jitter-{number}" for number in range(8)]
for pool in JITTER:
    slow = {"max_attempts": 4, "initial_delay": 0.2, "budget": 10}
    POOLS.add(pool, in_turn(*[refusing(503)] * 3, well), retry=slow)
TERMINAL = {"refused": 400, "broken": 502, "silent": 504, "keyless": 502}
POOLS.add("refused", refusing(400))
POOLS.add("broken", refusing(500))
POOLS.add("keyless", refusing(401))
POOLS.add("silent", "never-headers", timeouts={"first_token": 0.3})


@pytest.mark.parametrize("pool", ["storm-of-one", "storm-of-two", "storm-of-limits"])
async def test_case_11_a_vendor_that_fails_for_all_is_not_stormed(scene: Scene, pool: str) -> None:
    few = asyncio.Semaphore(20)

    async def ask() -> int:
        async with few:
            return (await scene.ask(pool)).status

    statuses = {await ask()} | set(await asyncio.gather(*(ask() for _ in range(299))))
    assert statuses == {429 if pool == "storm-of-limits" else 503}
    targets = len(POOLS.pools[pool]["models"])
    assert targets <= len(scene.requests(pool)) <= 1.2 * 300 + targets
    assert len(await scene.notes(pool)) == len(scene.requests(pool))


@pytest.mark.parametrize("stream", [False, True])
async def test_case_11_a_clients_mistake_reaches_one_vendor_once(
    scene: Scene, stream: bool
) -> None:
    before = scene.asked("mistake")
    came = await scene.ask("mistake", stream=stream)
    assert came.status == 400
    assert came.headers["x-should-retry"] == "false"
    assert scene.asked("mistake") == before + "a"


async def test_case_11_a_vendor_that_says_so_is_not_asked_again(scene: Scene) -> None:
    assert (await scene.ask("no-retry")).status == 503
    assert (await scene.ask("retry")).status == 503
    assert (await scene.ask("no-retry-but-another")).status == 200
    asked = [scene.asked(pool) for pool in ("no-retry", "retry", "no-retry-but-another")]
    assert asked == ["a", "aaa", "ab"]
    assert await scene.notes("no-retry") == ["a overloaded (503)"]


async def test_case_11_pauses_grow_and_are_drawn_at_random(scene: Scene) -> None:
    came = await asyncio.gather(*map(scene.ask, JITTER))
    assert {each.status for each in came} == {200}
    ends = [scene.since_asked(pool, scene.requests(pool)[-1].arrived) for pool in JITTER]
    assert 0.4 < max(ends) < 0.2 + 0.4 + 0.8 + 20
    assert max(ends) - min(ends) > 0.01


@pytest.mark.parametrize("pool", TERMINAL)
async def test_case_11_the_retries_of_sdks_do_not_multiply_ours(scene: Scene, pool: str) -> None:
    url = f"{scene.proxy.url}/v1"
    async with openai.AsyncOpenAI(base_url=url, api_key="-", max_retries=2) as client:
        with pytest.raises(openai.APIStatusError) as raised:
            await client.chat.completions.create(model=pool, messages=MESSAGES)  # type: ignore[arg-type]  # a plain dict
    assert raised.value.status_code == TERMINAL[pool]
    assert raised.value.response.headers["x-should-retry"] == "false"
    assert scene.asked(pool) == "a"
    assert len(await scene.notes(pool)) == 1
