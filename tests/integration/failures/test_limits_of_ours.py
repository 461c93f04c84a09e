"""Case 18: limits count what they say, refuse before anybody is asked, give back every place."""

import asyncio
from typing import Any

import pytest
from proxy_process import until

from failures.scenes import Pools, Scene, text_of
from failures.vendors import in_turn, refusing, well
from modelmesh.testing.fake_wire import Exchange, Fault

pytestmark = pytest.mark.asyncio(loop_scope="module")

POOLS = Pools()
AT_ONCE: dict[str, Any] = {"max_wait": 0}
# What fails is asked again at once, so that the limit alone is seen.
UNMOVED: dict[str, Any] = {"max_wait": 0, "recovery": {"cooldown": 0}}
GATES = {name: asyncio.Event() for name in ("slots", "stuck")}


def limited(**rates: int) -> dict[str, Any]:
    return {"rate_limits": rates}


def behind(gate: asyncio.Event) -> Fault:
    async def answer(exchange: Exchange) -> None:
        await gate.wait()
        await well(exchange)

    return answer


async def slow(exchange: Exchange) -> None:
    await exchange.sleep(0.05)
    await well(exchange)


async def silent_once(exchange: Exchange) -> None:
    exchange.memory.append(0.0)
    if len(exchange.memory) == 1:
        await exchange.silence()
    await well(exchange)


POOLS.add("rpm", slow, providers={"a": limited(rpm=7)}, **AT_ONCE)
POOLS.add("tpm", slow, providers={"a": limited(tpm=1000, rpm=100)}, **AT_ONCE)
POOLS.add(
    "slots", behind(GATES["slots"]), providers={"a": limited(concurrency=3, rpm=9)}, **AT_ONCE
)
POOLS.add("queue", slow, providers={"a": limited(concurrency=1)})
POOLS.add("stuck", behind(GATES["stuck"]), providers={"a": limited(concurrency=1)}, max_wait=0.5)
POOLS.add(
    "both",
    refusing(500),
    "ok",
    providers={"a": limited(rpm=3), "b": limited(rpm=3)},
    strategy="priority-selection",
    **UNMOVED,
)
POOLS.add("onward", "ok", "ok", providers={"a": limited(rpd=2)}, **AT_ONCE)
KEYS = {"api_keys": ["first-key", "second-key"]}
POOLS.add("keys", "ok", providers={"a": {**KEYS, **limited(rpm=2)}}, **AT_ONCE)
GROUP = {"quota_group": "project", **limited(rpm=2)}
POOLS.add("group", "ok", "ok", providers={"a": GROUP, "b": GROUP}, **AT_ONCE)
POOLS.add("quota", "ok", deactivation={"request_limit": 2, "quota_window": "monthly"}, **AT_ONCE)
POOLS.add("for-good", "ok", deactivation={"request_limit": 2}, **AT_ONCE)
# Each lets four attempts be made at two models which share it, or two at each of them.
SHARED: dict[str, dict[str, Any]] = {
    "of-a-key": {"providers": {"a": limited(rpm=4)}},
    "of-a-provider": {"provider_deactivation": {"request_limit": 4}},
    "of-a-target": {"deactivation": {"request_limit": 2}},
}
for name, limit in SHARED.items():
    settings: dict[str, Any] = {"strategy": "priority-selection", **UNMOVED, **limit}
    POOLS.add(name, refusing(500), "ok", account="ab", **settings)
PATHS: dict[str, list[str | Fault]] = {
    "answered": [in_turn(well)],
    "refused": [in_turn(refusing(500), well)],
    "cut": [in_turn(refusing(429, retry_after="0"), well)],
    "cancelled": [silent_once],
    "late": [silent_once],
}
for path, vendor in PATHS.items():
    for stream in (False, True):
        POOLS.add(
            f"after-{path}-{stream}",
            *vendor,
            providers={"a": limited(concurrency=1)},
            timeouts={"first_token": 0.3 if path == "late" else 10},
            **UNMOVED,
        )


async def crowd(scene: Scene, pool: str, count: int) -> list[int]:
    """Ask all at once; return the statuses, sorted."""
    return sorted(each.status for each in await ask_many(scene, pool, count))


async def ask_many(scene: Scene, pool: str, count: int, **body: Any) -> list[Any]:
    return await asyncio.gather(*(scene.ask(pool, **body) for _ in range(count)))


async def test_case_18_of_n_at_once_exactly_as_many_are_admitted_as_the_limit_says(
    scene: Scene,
) -> None:
    came = await ask_many(scene, "rpm", 30)
    refused = [each for each in came if each.status != 200]
    assert len(came) - len(refused) == len(scene.requests("rpm")) == 7
    for each in refused:
        assert (each.status, each.error["code"]) == (429, "rate_limit_exceeded")
        assert "rpm.a: 7 requests a minute" in each.error["message"]
        assert each.headers["retry-after"].isdecimal()
        assert 50 <= int(each.headers["retry-after"]) <= 67
        assert each.headers["x-modelmesh-attempts"] == "0"


async def test_case_18_tokens_are_limited_at_their_worst_and_counted_as_they_were(
    scene: Scene,
) -> None:
    came = await ask_many(scene, "tpm", 10, max_tokens=300)
    assert sorted(each.status for each in came) == [200] * 3 + [429] * 7
    assert all(
        "1,000 tokens a minute" in each.error["message"] for each in came if each.status > 200
    )
    # What was not taken is there again.
    assert [(await scene.ask("tpm", max_tokens=300)).status for _ in range(5)] == [200] * 5
    too_long = await scene.ask("tpm", max_tokens=2000)
    assert (too_long.status, too_long.error["code"]) == (400, "insufficient_quota")
    assert "lower `max_tokens`" in too_long.error["message"]


async def test_case_18_a_refusal_by_one_limit_counts_for_no_other(scene: Scene) -> None:
    waiting = [asyncio.create_task(scene.ask("slots")) for _ in range(3)]
    await until(lambda: len(scene.requests("slots")) == 3)
    refused = await ask_many(scene, "slots", 20)
    assert {each.status for each in refused} == {429}
    assert all("3 requests at once" in each.error["message"] for each in refused)
    assert {each.headers["retry-after"] for each in refused} == {"1"}
    assert not any("ratelimit" in name.lower() for each in refused for name in each.headers)
    GATES["slots"].set()
    assert {each.status for each in await asyncio.gather(*waiting)} == {200}
    # Six of nine a minute are left.
    assert [(await scene.ask("slots")).status for _ in range(7)] == [200] * 6 + [429]


async def test_case_18_who_came_first_is_served_first(scene: Scene) -> None:
    async def one(number: int) -> int:
        await asyncio.sleep(0.02 * number)
        return (await scene.ask("queue", user=str(number))).status

    assert await asyncio.gather(*map(one, range(12))) == [200] * 12
    order = [int(request.json["user"]) for request in scene.requests("queue")]
    assert order == sorted(order)


async def test_case_18_nobody_waits_longer_than_the_pool_lets_them(scene: Scene) -> None:
    first = asyncio.create_task(scene.ask("stuck"))
    await until(lambda: scene.requests("stuck"))
    began = asyncio.get_running_loop().time()
    assert (await scene.ask("stuck")).status == 429
    assert 0.2 < asyncio.get_running_loop().time() - began < 20
    GATES["stuck"].set()
    assert (await first).status == 200
    assert len(scene.requests("stuck")) == 1


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("stream", [False, True])
async def test_case_18_a_place_is_free_again_whichever_way_a_request_ends(
    scene: Scene, path: str, *, stream: bool
) -> None:
    pool = f"after-{path}-{stream}"
    if path == "cancelled":
        caller = await scene.call(pool, stream=stream)
        await until(lambda: scene.requests(pool))
        await caller.hang_up()
    else:
        await scene.ask(pool, stream=stream)
    assert text_of(await scene.ask(pool, stream=stream), stream=stream)


async def test_case_18_a_failover_counts_once_at_each_target_that_was_asked(scene: Scene) -> None:
    for _ in range(3):
        assert text_of(await scene.ask("both"), stream=False).endswith("both.b")
    assert scene.asked("both") == "ababab"
    came = await scene.ask("both")
    assert came.status == 429
    assert "both.a: 3 requests a minute" in came.error["message"]
    assert "both.b: 3 requests a minute" in came.error["message"]
    assert scene.asked("both") == "ababab"


@pytest.mark.parametrize("pool", SHARED)
async def test_case_18_a_failover_is_one_request_of_the_client_and_two_of_the_limits(
    scene: Scene, pool: str
) -> None:
    for _ in range(2):
        came = await scene.ask(pool)
        assert text_of(came, stream=False).endswith(f"{pool}.b")
        assert came.headers["x-modelmesh-attempts"] == "2"
    assert scene.asked(pool) == "abab"
    refused = await scene.ask(pool)
    assert refused.status == 429
    assert refused.headers["x-modelmesh-attempts"] == "0"
    assert scene.asked(pool) == "abab"


async def test_case_18_what_is_used_up_is_passed_over(scene: Scene) -> None:
    for _ in range(4):
        assert (await scene.ask("onward")).status == 200
    assert scene.asked("onward") == "aabb"


async def test_case_18_each_key_has_a_limit_of_its_own(scene: Scene) -> None:
    assert [await crowd(scene, "keys", 1) for _ in range(5)] == [[200]] * 4 + [[429]]
    keys = [request.key for request in scene.requests("keys")]
    assert sorted(keys) == ["first-key"] * 2 + ["second-key"] * 2


async def test_case_18_keys_of_one_group_share_a_limit(scene: Scene) -> None:
    assert [await crowd(scene, "group", 1) for _ in range(3)] == [[200], [200], [429]]


@pytest.mark.parametrize(("pool", "renewed"), [("quota", True), ("for-good", False)])
async def test_case_18_a_quota_is_told_with_its_end_if_it_has_one(
    scene: Scene, pool: str, *, renewed: bool
) -> None:
    assert [await crowd(scene, pool, 1) for _ in range(2)] == [[200], [200]]
    came = await scene.ask(pool)
    assert (came.status, came.error["code"]) == (429, "insufficient_quota")
    assert f"{pool}.a in {pool}: 2 requests" in came.error["message"].replace(f"/ok@{pool}.a", "")
    assert came.headers.get("retry-after", "").isdecimal() is renewed
    assert ("x-should-retry" in came.headers) is not renewed
