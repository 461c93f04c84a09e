"""Case 18: what a client is told of the limit that refused it, by headers and to a program."""

import asyncio
import json
import re
import sqlite3
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import openai
import pytest
from openai.types.chat import ChatCompletionMessageParam
from proxy_process import running_proxy

import modelmesh
from failures.raw_http import ask, chat
from failures.scenes import Pools, Scene

pytestmark = pytest.mark.asyncio(loop_scope="module")

POOLS = Pools()
LIMITS = {"rpm": 2, "rpd": 50, "tpm": 100_000, "concurrency": 5}
PRICED = {"pricing": {"per_request": 1}}
HELLO: list[ChatCompletionMessageParam] = [{"role": "user", "content": "Hello!"}]
POOLS.add(
    "told",
    "ok",
    providers={"a": {"rate_limits": LIMITS}},
    max_wait=0,
)
POOLS.add(
    "money",
    "ok",
    providers={"a": {"budget": {"daily_limit": 1}, "rate_limits": {"rpm": 50}}},
    models={"a": PRICED},
    max_wait=0,
)


def rate_limits(headers: Mapping[str, str]) -> dict[str, str]:
    """Return what is told of limits as OpenAI does, without the name they all begin with."""
    found = {name.lower(): text for name, text in headers.items()}
    begin = "x-ratelimit-"
    return {
        name.removeprefix(begin): text for name, text in found.items() if name.startswith(begin)
    }


async def often(ask_once: Callable[[], Awaitable[object]]) -> None:
    """Ask more often than any limit here lets one."""
    for _ in range(4):
        await ask_once()


async def test_case_18_a_refusal_tells_what_is_left_as_openai_does(scene: Scene) -> None:
    for _ in range(2):
        served = await scene.ask("told", max_tokens=100)
        assert served.status == 200
        assert rate_limits(served.headers) == {}
    refused = await ask(scene.proxy, chat("told", max_tokens=100))
    code = json.loads(refused.text)["error"]["code"]
    assert (refused.status, code) == (429, "rate_limit_exceeded")
    told = rate_limits(refused.headers)
    assert told.keys() == {
        f"{what}-{unit}"
        for what in ("limit", "remaining", "reset")
        for unit in ("requests", "tokens")
    }
    assert (told["limit-requests"], told["remaining-requests"]) == ("2", "0")
    assert told["limit-tokens"] == "100000"
    assert 99_000 < int(told["remaining-tokens"]) < 100_000
    assert 1 <= int(refused.headers["retry-after"]) <= 67
    for reset in (told["reset-requests"], told["reset-tokens"]):
        assert re.fullmatch(r"(1m)?[0-9.]+s", reset)


async def test_case_18_openais_library_raises_its_own_error_with_what_is_left(
    scene: Scene,
) -> None:
    async with openai.AsyncOpenAI(
        base_url=f"{scene.proxy.url}/v1", api_key="any", max_retries=0
    ) as sdk:
        chats = sdk.chat.completions
        with pytest.raises(openai.RateLimitError) as raised:
            await often(lambda: chats.create(model="told", messages=HELLO, max_tokens=100))
    headers = raised.value.response.headers
    assert headers["x-ratelimit-limit-requests"] == "2"
    assert headers["x-ratelimit-remaining-requests"] == "0"
    assert headers["x-ratelimit-reset-requests"].endswith("s")
    assert headers["retry-after"].isdecimal()
    assert raised.value.code == "rate_limit_exceeded"


async def test_case_18_a_refusal_for_money_has_no_such_headers(scene: Scene) -> None:
    assert (await scene.ask("money")).status == 200
    refused = await scene.ask("money")
    assert (refused.status, refused.error["code"]) == (429, "insufficient_quota")
    assert refused.headers["retry-after"].isdecimal()
    assert rate_limits(refused.headers) == {}


@pytest.mark.parametrize(
    ("pool", "name", "unit", "amount"),
    [("told", "2 requests a minute", "requests", 2), ("money", "$1 a day", "dollars", 1)],
)
async def test_case_18_a_program_reads_what_is_left_of_the_limit_that_refused_it(
    scene: Scene, pool: str, name: str, unit: str, amount: int
) -> None:
    storage = {"connector": "modelmesh.memory.v1"}
    config = {**POOLS.config(scene.vendor.url), "storage": storage}
    async with modelmesh.create_async(config=config) as client:
        chats = client.chat.completions
        with pytest.raises(modelmesh.RoutingError) as raised:
            await often(lambda: chats.create(model=pool, messages=HELLO, max_tokens=100))
    limit, retry_after = raised.value.limit, raised.value.retry_after
    assert limit is not None
    assert (limit.name, limit.unit) == (f"{pool}.a: {name}", unit)
    assert (limit.amount, limit.left) == (amount, 0)
    assert retry_after is not None
    assert limit.renewed_in is not None
    assert 0 < retry_after <= limit.renewed_in


@pytest.mark.parametrize(
    ("limits", "rule"),
    [
        ({"rate_limits": {"rpm": 100}}, {"on_failure": "refuse"}),
        ({"budget": {"daily_limit": 9}}, {}),
    ],
    ids=["refuse", "money"],
)
async def test_case_18_a_shared_limit_whose_store_is_away_says_when_to_ask_again(
    scene: Scene, tmp_path: Path, limits: dict[str, Any], rule: dict[str, Any]
) -> None:
    scene.vendor.reset()
    path = tmp_path / "state.db"
    pools = Pools()
    pools.add("shared", "ok", providers={"a": limits}, models={"a": PRICED})
    storage = {"connector": "modelmesh.sqlite.v1", "path": str(path), "timeout": 0.1, **rule}
    async with running_proxy({**pools.config(scene.vendor.url), "storage": storage}) as proxy:
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        refused = await proxy.chat(model="shared")
        other.execute("ROLLBACK")
        other.close()
        assert (refused.status, refused.error["code"]) == (503, "store_unavailable")
        assert refused.headers["retry-after"] == "1"
        assert rate_limits(refused.headers) == {}
        assert "is kept in a shared store, which does not answer" in refused.error["message"]
        assert scene.requests("shared") == []
        await asyncio.sleep(int(refused.headers["retry-after"]))
        async with asyncio.timeout(20):
            while (await proxy.chat(model="shared")).status != 200:  # noqa: ASYNC110 - as a client
                await asyncio.sleep(0.1)
