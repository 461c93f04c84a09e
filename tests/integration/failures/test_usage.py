"""Case 17: what streams take is known exactly, and clients see of it what they asked for."""

from typing import Any

import pytest

from failures.scenes import Pools, Scene, chunks_of, text_of
from failures.vendors import well
from modelmesh.testing.fake_answers import encode, error
from modelmesh.testing.fake_wire import Exchange

pytestmark = pytest.mark.asyncio(loop_scope="module")

POOLS = Pools()
ASKED: dict[str, Any] = {"stream": True, "stream_options": {"include_usage": True}}
OPENAI = {"a": {"connector": "openai.llm.v1", "api_key": "k"}}
# 5,010 tokens are taken of it by the first answer.
ONE_ANSWER = {"token_limit": 11_000, "quota_window": "monthly"}


async def picky(exchange: Exchange) -> None:
    """Refuse to count, as servers do which know nothing of it."""
    if "stream_options" in exchange.request.json:
        refused = error(400, message="Unrecognized request argument supplied: stream_options")
        await exchange.answer(400, encode(refused))
    else:
        await well(exchange)


for name, settings in {"openai": OPENAI, "compatible": {}}.items():
    POOLS.add(name, "ok", providers=settings)
    POOLS.add(f"packed-{name}", "usage-in-stream", providers=settings)
    counting = "ok~completion-tokens=5000"
    POOLS.add(f"limited-{name}", counting, providers=settings, deactivation=ONE_ANSWER)
POOLS.add("picky", picky)


def usages(chunks: list[Any]) -> list[Any]:
    return [chunk["usage"] for chunk in chunks if chunk.get("usage")]


@pytest.mark.parametrize("pool", ["openai", "compatible"])
@pytest.mark.parametrize("body", [{"stream": True}, {**ASKED, "stream_options": {}}])
async def test_case_17_the_vendor_is_asked_for_usage_and_the_client_sees_none(
    scene: Scene, pool: str, body: dict[str, Any]
) -> None:
    chunks = chunks_of(await scene.ask(pool, **body))
    assert usages(chunks) == []
    assert all(chunk["choices"] for chunk in chunks)
    assert scene.requests(pool)[-1].json["stream_options"] == {"include_usage": True}


@pytest.mark.parametrize("pool", ["openai", "compatible", "packed-compatible"])
async def test_case_17_who_asks_sees_usage_once_and_last(scene: Scene, pool: str) -> None:
    chunks = chunks_of(await scene.ask(pool, **ASKED))
    assert len(usages(chunks)) == 1
    assert (chunks[-1]["choices"], bool(chunks[-1]["usage"])) == ([], True)


@pytest.mark.parametrize("pool", ["packed-openai", "packed-compatible"])
async def test_case_17_usage_in_the_last_chunk_with_a_choice_comes_once(
    scene: Scene, pool: str
) -> None:
    chunks = chunks_of(await scene.ask(pool, stream=True))
    assert len(usages(chunks)) == 1
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"


@pytest.mark.parametrize("pool", ["limited-openai", "limited-compatible"])
async def test_case_17_the_exact_usage_counts_against_limits(scene: Scene, pool: str) -> None:
    assert (await scene.ask(pool, stream=True, max_tokens=6000)).status == 200
    assert (await scene.ask(pool, stream=True, max_tokens=6000)).status == 429
    assert (await scene.ask(pool, stream=True, max_tokens=5900)).status == 200


async def test_case_17_an_upstream_that_refuses_to_count_answers_all_the_same(
    scene: Scene,
) -> None:
    for _ in range(2):
        assert text_of(await scene.ask("picky", stream=True), stream=True)
    counted = ["stream_options" in request.json for request in scene.requests("picky")]
    assert counted == [True, False, False]
    assert await scene.notes("picky") == []
