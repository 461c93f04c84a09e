"""Cases 13 to 16: no budget is overspent, and nothing that is reserved gets lost."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import cycle, islice
from typing import Any

import aiohttp
import pytest
from attrs import evolve
from proxy_process import MESSAGES, until

from failures.scenes import Pools, Scene, text_of
from modelmesh import ModelMesh
from modelmesh.config.load import load
from modelmesh.errors import ConfigError
from modelmesh.proxy import ProxyServer
from modelmesh.testing.fake_answers import event, talk
from modelmesh.testing.fake_provider import FakeProvider, Fault
from modelmesh.testing.fake_wire import Exchange

pytestmark = pytest.mark.asyncio(loop_scope="module")

POOLS = Pools()
GATE = asyncio.Event()
BUDGET = {"budget": {"daily_limit": 1.0}}
# 3,000 tokens are 30 cents.
PRICED = {"pricing": {"input": 0, "output": 100}}
AT_ONCE: dict[str, Any] = {"max_wait": 0}


async def thirty_cents(exchange: Exchange) -> None:
    await GATE.wait()
    await exchange.deliver(talk(exchange, completion_tokens=3000).parts())


async def dear(exchange: Exchange) -> None:
    await exchange.deliver(talk(exchange, completion_tokens=3000).parts())


POOLS.add("race", thirty_cents, providers={"a": BUDGET}, models={"a": PRICED}, **AT_ONCE)


# Case 13


async def test_case_13_a_budget_is_not_overspent_by_those_who_come_at_once(scene: Scene) -> None:
    crowd = [asyncio.create_task(scene.ask("race", max_tokens=3000)) for _ in range(50)]
    await until(lambda: sum(task.done() for task in crowd) == 47)
    await until(lambda: len(scene.requests("race")) == 3)
    GATE.set()
    came = await asyncio.gather(*crowd)
    refused = [each for each in came if each.status != 200]
    assert len(refused) == 47
    midnight = 86_400 - time.time() % 86_400
    for each in refused:
        assert (each.status, each.error["code"]) == (429, "insufficient_quota")
        assert "race.a: $1 a day" in each.error["message"]
        assert midnight - 20 < int(each.headers["retry-after"]) < midnight + 20
        assert each.error["attempts"] == []
    # 90 cents are spent: ten more can be, thirty cannot.
    assert (await scene.ask("race", max_tokens=3000)).status == 429
    assert len(scene.requests("race")) == 3


POOLS.add("rotate", dear, "ok", providers={"a": BUDGET}, models={"a": PRICED}, **AT_ONCE)
ERROR = {"on_budget_exceeded": "error", **AT_ONCE}
POOLS.add("error", dear, "ok", providers={"a": BUDGET}, models={"a": PRICED}, **ERROR)


@pytest.mark.parametrize(
    ("pool", "asked", "last"), [("rotate", "aaab", 200), ("error", "aaa", 429)]
)
async def test_case_13_a_spent_budget_leads_on_or_is_an_error_as_the_pool_says(
    scene: Scene, pool: str, asked: str, last: int
) -> None:
    came = [await scene.ask(pool, max_tokens=3000) for _ in range(4)]
    assert [each.status for each in came] == [200, 200, 200, last]
    assert scene.asked(pool) == asked


TOLD = {"budget": {"daily_limit": 1.0, "enforce": False, "alert_threshold": 0.5}}
POOLS.add("told", dear, providers={"a": TOLD}, models={"a": PRICED}, **AT_ONCE)


async def test_case_13_a_budget_that_is_not_enforced_is_told_of_once_at_each_step(
    scene: Scene,
) -> None:
    for _ in range(6):
        assert (await scene.ask("told", max_tokens=3000)).status == 200
    warned = [line for line in scene.proxy.logs.splitlines() if "limit told.a: $1 a day" in line]
    assert [line.rpartition(": ")[2] for line in warned] == ["60% is used", "120% is used"]


# Case 14

ENDPOINTS: dict[str, tuple[str, dict[str, Any]]] = {
    "chat": ("chat/completions", {"messages": MESSAGES}),
    "embeddings": ("embeddings", {"input": "hello"}),
    "speech": ("audio/speech", {"input": "hello", "voice": "alloy"}),
    "transcriptions": ("audio/transcriptions", {}),
    "images": ("images/generations", {"prompt": "a cat"}),
}
CAPABILITIES = {
    "chat": "chat-completion",
    "embeddings": "text-embeddings",
    "speech": "text-to-speech",
    "transcriptions": "speech-to-text",
    "images": "text-to-image",
}
ENDINGS = {
    "answered": "ok",
    "refused": "status~code=500",
    "late": "never-headers",
    "left": "never-headers",
    "left-mid": "stall-mid",
    "crashed": "ok",
}
FREE = {"rpm": 100_000, "tpm": 10**9, "concurrency": 500}
ALL_PRICES = {
    "input": 1,
    "output": 2,
    "per_image": 0.01,
    "per_minute": 0.01,
    "per_million_characters": 10,
}


def mixed(url: str) -> dict[str, Any]:
    """Return a configuration with a pool for each endpoint and each ending."""
    config: dict[str, Any] = {
        "connectors": {"crashing": "failures.crashing:Provider"},
        "storage": {"connector": "memory"},
        "providers": {},
        "models": {},
        "pools": {},
    }
    for endpoint, capability in CAPABILITIES.items():
        for ending, fault in ENDINGS.items():
            name = f"{endpoint}-{ending}"
            config["providers"][name] = {
                "connector": "crashing" if ending == "crashed" else "openai-compatible",
                "base_url": url,
                "api_key": f"key of {name}",
                "rate_limits": FREE,
                "budget": {"daily_limit": 1000},
            }
            config["models"][f"{fault}@{name}"] = {
                "provider": name,
                "capabilities": [capability],
                "pricing": ALL_PRICES,
            }
            config["pools"][name] = {
                "models": [f"{fault}@{name}"],
                "retry": {"max_attempts": 1},
                "recovery": {"cooldown": 0},
                "timeouts": {"first_token": 0.2 if ending == "late" else 20},
            }
    return config


@asynccontextmanager
async def served() -> AsyncIterator[tuple[ModelMesh, str]]:
    async with FakeProvider() as vendor:
        mesh = ModelMesh(load(mixed(vendor.url), environ={}))
        async with ProxyServer(mesh, host="127.0.0.1", port=0) as server:
            yield mesh, server.url


async def send(client: aiohttp.ClientSession, url: str, endpoint: str, ending: str) -> int:
    """Send one request, and leave it where the ending says so; return the status."""
    path, body = ENDPOINTS[endpoint]
    asked: dict[str, Any] = {"model": f"{endpoint}-{ending}", **body}
    if endpoint == "chat" and ending == "left-mid":
        asked["stream"] = True
    sent: dict[str, Any] = {"json": asked}
    if endpoint == "transcriptions":
        form = aiohttp.FormData({"model": asked["model"]})
        form.add_field("file", bytes(2000), filename="a.mp3")
        sent = {"data": form}
    patience = 0.1 if ending.startswith("left") else 20
    try:
        async with (
            asyncio.timeout(patience),
            client.post(f"{url}/v1/{path}", **sent) as response,
        ):
            await response.read()
            return response.status
    except TimeoutError:
        return 499


async def test_case_14_whatever_becomes_of_a_thousand_requests_nothing_stays_reserved() -> None:
    kinds = [(endpoint, ending) for endpoint in ENDPOINTS for ending in ENDINGS]
    crowd = asyncio.Semaphore(60)

    async with served() as (mesh, url), aiohttp.ClientSession() as client:

        async def one(kind: tuple[str, str]) -> int:
            async with crowd:
                return await send(client, url, *kind)

        statuses = await asyncio.gather(*map(one, islice(cycle(kinds), 1000)))
        await until(lambda: not any(each["in_flight"] for each in fares(mesh).values()))
        told = fares(mesh)
    expected = {"answered": 200, "refused": 502, "late": 504, "crashed": 502}
    for (_, ending), status in zip(cycle(kinds), statuses, strict=False):
        assert status == expected.get(ending, 499)
    sent = Counter(f"{endpoint}-{ending}" for endpoint, ending in islice(cycle(kinds), 1000))
    for name, each in told.items():
        # Who left so early was perhaps not heard of.
        assert each["requests"] <= sent[name]
        assert "left" in name or each["requests"] == sent[name]
        taken = {limit["unit"]: limit["taken"] for limit in each["limits"]}
        assert taken["at once"] == 0
        assert taken["requests"] == each["requests"]
        assert taken["tokens"] == each["tokens_in"] + each["tokens_out"]
        assert taken["dollars"] == pytest.approx(each["spent"], abs=1e-12)
        endpoint, ending = name.split("-", 1)
        partly = ending == "left-mid" and endpoint in ("chat", "speech")
        assert (each["spent"] > 0) is (ending == "answered" or partly), name
        assert (each["spent_estimated"] > 0) is (partly and endpoint == "chat"), name
    answers = told["chat-answered"]
    # Ten tokens read and three written each, by the vendor's word.
    assert answers["spent"] == pytest.approx(answers["answers"] * (10 * 1 + 3 * 2) / 1e6)
    part = told["chat-left-mid"]
    # As many as had come by then, of the thousands that were reserved.
    assert 0 < part["tokens_out"] <= 2 * part["requests"]


async def untold(exchange: Exchange) -> None:
    await exchange.deliver(evolve(talk(exchange, chunks=5), usage_chunk=False).parts())


async def told_first(exchange: Exchange) -> None:
    """Tell of the prompt with the first event, as Anthropic does, and break off after ten more."""
    first, *rest = talk(exchange, chunks=20).payloads()
    counts = {"prompt_tokens": 700, "completion_tokens": 1, "total_tokens": 701}
    await exchange.begin()
    for chunk in [{**first, "usage": counts}, *rest[:10]]:
        await exchange.send(event(chunk))


STREAMS = {
    "whole": "ok",
    "untold": "own",
    "cut": "cut-chunked",
    "left": "stall-mid",
    "told-first": "own",
}
OWN: dict[str, Fault] = {"own@untold": untold, "own@told-first": told_first}


def streaming(url: str) -> dict[str, Any]:
    """Return a configuration with a pool for each kind of stream."""
    vendor = {"connector": "openai-compatible", "base_url": url}
    model = {"provider": "v", "capabilities": ["chat-completion"], "pricing": ALL_PRICES}
    names = {name: f"{STREAMS[name]}@{name}" for name in STREAMS}
    return {
        "storage": {"connector": "memory"},
        "providers": {"v": {**vendor, "rate_limits": FREE, "budget": {"daily_limit": 1000}}},
        "models": {names[name]: model for name in STREAMS},
        "pools": {name: {"models": [names[name]]} for name in STREAMS},
    }


async def test_case_14_a_stream_is_settled_to_what_came_and_an_estimate_is_told_as_one() -> None:
    async with FakeProvider(faults=OWN) as vendor:
        mesh = ModelMesh(load(streaming(vendor.url), environ={}))
        server = ProxyServer(mesh, host="127.0.0.1", port=0)
        async with server, aiohttp.ClientSession() as client:
            for name in STREAMS:
                asked = {"model": name, "messages": MESSAGES, "stream": True}
                async with client.post(f"{server.url}/v1/chat/completions", json=asked) as came:
                    told = await (came.content.readany() if name == "left" else came.read())
                # A client is told what the vendor told, and no guess of ours.
                assert b"estimated" not in told
            await until(lambda: not any(each["in_flight"] for each in fares(mesh).values()))
            found = fares(mesh)
    exact = found["whole"]
    assert exact["tokens_out"] > 0
    assert (exact["tokens_estimated"], exact["spent_estimated"]) == (0, 0)
    for name in ("untold", "cut", "left", "told-first"):
        each = found[name]
        assert each["tokens_estimated"] == each["tokens_in"] + each["tokens_out"]
        assert each["spent_estimated"] == each["spent"] > 0
        assert each["spent"] == pytest.approx((each["tokens_in"] + 2 * each["tokens_out"]) / 1e6)
    assert (found["untold"]["tokens_out"], found["cut"]["tokens_out"]) == (5, 2)
    first = found["told-first"]
    assert (first["tokens_in"], first["tokens_out"]) == (700, 10)


def fares(mesh: ModelMesh) -> dict[str, Any]:
    return {name: pool["targets"][0] for name, pool in mesh.pool_status().items()}


# Case 15

for rule in ("refuse", "warn", "allow"):
    own = {"budget": {"daily_limit": 1.0, "on_unknown_cost": rule}}
    POOLS.add(f"unpriced-{rule}", "ok", providers={"a": own}, **AT_ONCE)
POOLS.add("unpriced-beside", "ok", "ok", providers={"a": BUDGET}, **AT_ONCE)
POOLS.add("no-budget", "ok", **AT_ONCE)
ZERO = {"pricing": {"input": 0, "output": 0}}
POOLS.add("priced-at-nothing", "ok", providers={"a": BUDGET}, models={"a": ZERO}, **AT_ONCE)


async def test_case_15_what_nobody_knows_the_price_of_is_refused_with_a_word_on_what_to_do(
    scene: Scene,
) -> None:
    came = await scene.ask("unpriced-refuse")
    assert (came.status, came.error["code"]) == (400, "unknown_cost")
    assert came.headers["x-should-retry"] == "false"
    assert "unpriced-refuse.a: $1 a day" in came.error["message"]
    assert "`models.ok@unpriced-refuse.a.pricing`" in came.error["message"]
    assert "`providers.unpriced-refuse.a.budget.on_unknown_cost`" in came.error["message"]
    assert scene.asked("unpriced-refuse") == ""


async def test_case_15_a_model_with_a_price_or_without_a_limit_is_asked_instead(
    scene: Scene,
) -> None:
    assert text_of(await scene.ask("unpriced-beside"), stream=False).endswith("beside.b")


@pytest.mark.parametrize("rule", ["warn", "allow"])
async def test_case_15_it_is_asked_where_the_budget_lets_it(scene: Scene, rule: str) -> None:
    assert (await scene.ask(f"unpriced-{rule}")).status == 200
    notes = await scene.notes(f"unpriced-{rule}")
    assert ["its price is unknown" in note for note in notes] == [True] * (rule == "warn")


@pytest.mark.parametrize("pool", ["no-budget", "priced-at-nothing"])
async def test_case_15_there_is_no_budget_error_without_a_budget_or_at_a_price_of_nothing(
    scene: Scene, pool: str
) -> None:
    for _ in range(20):
        assert (await scene.ask(pool)).status == 200
    assert await scene.notes(pool) == []


@pytest.mark.parametrize("price", [-1, "NaN", 1e9])
async def test_case_15_an_absurd_price_is_a_mistake_in_the_configuration(price: Any) -> None:
    model = {"provider": "openai.llm.v1", "pricing": {"input": price}}
    with pytest.raises(ConfigError, match=r"models\.m\.pricing\.input"):
        load({"providers": {"openai.llm.v1": {}}, "models": {"m": model}}, environ={})


# Case 16


async def cached(exchange: Exchange) -> None:
    said = talk(exchange, prompt_tokens=8000)
    said.usage["prompt_tokens_details"] = {"cached_tokens": 8000}
    await exchange.deliver(said.parts())


CACHED = {"pricing": {"input": 100, "cached_input": 10, "output": 0}}
POOLS.add("cached", cached, providers={"a": BUDGET}, models={"a": CACHED}, **AT_ONCE)


async def test_case_16_what_was_cached_is_paid_once_and_at_its_price(scene: Scene) -> None:
    # At worst 85 cents each. They cost 8, and would cost 80 by the usual price, 88 by both.
    long = [{"role": "user", "content": "x" * 17_000}]
    came = [await scene.ask("cached", messages=long) for _ in range(3)]
    assert [each.status for each in came] == [200, 200, 429]
