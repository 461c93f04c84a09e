"""Embeddings over the real server, asked for by OpenAI's own SDK."""

import base64
import json
import struct
from collections.abc import AsyncIterator
from typing import Any

import openai
import pytest
import pytest_asyncio
from openai import AsyncOpenAI
from proxy_process import ProxyProcess, running_proxy

from modelmesh.testing.fake_embeddings import SIZE, vector
from modelmesh.testing.fake_provider import FakeProvider
from modelmesh.testing.fake_wire import Exchange

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATH = "/v1/embeddings"
TEXTS = ["Grüße", "a lighthouse"]
TOKENS = [[15339, 1917], [64]]
POOLS = {
    "good": ["ok"],
    "limited-first": ["status~code=429~retry-after=30@a", "ok@b"],
    "limited": ["status~code=429~retry-after=30"],
    "failing-over": ["too-few", "empty-data", "null-body", "html-200", "error-200", "ok@c"],
    "too-few": ["too-few@d"],
    "too-long": ["too-long", "ok@e"],
    "numbers-only": ["numbers-only"],
    "base64-only": ["base64-only"],
    "backwards": ["backwards"],
    "texts-only": ["ok@texts-only"],
    "texts-only-first": ["ok@texts-too", "ok@f"],
    "chatty": ["chatty", "ok@g"],
    "two-models": ["status~code=503@one-model", "ok@another"],
    "mixed": ["status~code=503@one-model", "ok@another"],
    "cohere": ["embed-v4.0"],
    "gemini": ["gemini-embedding-2"],
}
VENDORS = {
    "embed-v4.0": "cohere.api.v1",
    "gemini-embedding-2": "google.gemini.v1",
    # They take no tokens.
    "ok@texts-only": "ollama.local.v1",
    "ok@texts-too": "ollama.local.v1",
}
"""The vendors of models which are not at the one that speaks as OpenAI does."""


async def as_cohere(exchange: Exchange) -> None:
    made = [vector(text) for text in exchange.request.json["texts"]]
    counts = {"billed_units": {"input_tokens": 7}}
    await exchange.answer(200, json.dumps({"embeddings": {"float": made}, "meta": counts}).encode())


async def as_gemini(exchange: Exchange) -> None:
    parts = [one["content"]["parts"] for one in exchange.request.json["requests"]]
    made = [{"values": vector(text["text"])} for (text,) in parts]
    counts = {"promptTokenCount": 7}
    await exchange.answer(200, json.dumps({"embeddings": made, "usageMetadata": counts}).encode())


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def vendor() -> AsyncIterator[FakeProvider]:
    async with FakeProvider(
        faults={"embed-v4.0": as_cohere, "gemini-embedding-2": as_gemini}
    ) as running:
        yield running


@pytest.fixture(autouse=True)
def fresh(vendor: FakeProvider) -> None:
    vendor.reset()


def model(name: str) -> dict[str, Any]:
    apart = name.endswith(("@one-model", "@another"))
    return {
        "provider": VENDORS.get(name, "fake"),
        "capabilities": ["chat-completion" if name == "chatty" else "text-embeddings"],
        **({} if apart else {"embedding_space": "the same"}),
    }


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def proxy(vendor: FakeProvider) -> AsyncIterator[ProxyProcess]:
    config = {
        "providers": {
            "fake": {"connector": "openai-compatible", "base_url": vendor.url},
            **{name: {"base_url": vendor.url, "api_key": "k"} for name in VENDORS.values()},
        },
        "models": {name: model(name) for names in POOLS.values() for name in names},
        "pools": {
            pool: {
                "models": names,
                "retry": {"max_attempts": 1},
                "max_wait": 0,
                "mix_embeddings": pool == "mixed",
            }
            for pool, names in POOLS.items()
        },
    }
    async with running_proxy(config) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(proxy: ProxyProcess) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(base_url=f"{proxy.url}/v1", api_key="any", max_retries=0) as sdk:
        yield sdk


def numbers(text: str) -> list[float]:
    content = base64.b64decode(text, validate=True)
    return list(struct.unpack(f"<{len(content) // 4}f", content))


async def test_the_sdk_asks_for_base64_and_gets_numbers(
    client: AsyncOpenAI, vendor: FakeProvider
) -> None:
    made = await client.embeddings.create(model="good", input=TEXTS)
    assert vendor.received[-1].json["encoding_format"] == "base64"
    assert [one.embedding for one in made.data] == [vector(text) for text in TEXTS]
    assert [one.index for one in made.data] == [0, 1]
    assert made.model == "ok"
    assert made.usage.prompt_tokens == made.usage.total_tokens > 0


@pytest.mark.parametrize("pool", ["good", "numbers-only", "base64-only", "backwards"])
@pytest.mark.parametrize("form", ["float", "base64"])
async def test_embeddings_come_in_the_form_and_order_asked_for(
    proxy: ProxyProcess, pool: str, form: str
) -> None:
    asked = {"model": pool, "input": TEXTS, "encoding_format": form}
    reply = await proxy.send("POST", PATH, json=asked)
    assert reply.status == 200
    made = [entry["embedding"] for entry in reply.json["data"]]
    if form == "base64":
        made = [numbers(text) for text in made]
    assert made == [vector(text) for text in TEXTS]
    assert [entry["index"] for entry in reply.json["data"]] == [0, 1]


async def test_numbers_come_where_nothing_is_said_of_the_form(proxy: ProxyProcess) -> None:
    reply = await proxy.send("POST", PATH, json={"model": "base64-only", "input": "a"})
    assert reply.json["data"][0]["embedding"] == vector("a")


@pytest.mark.parametrize("pool", ["good", "numbers-only", "base64-only"])
async def test_the_sdk_reads_them_from_any_vendor(client: AsyncOpenAI, pool: str) -> None:
    for form in ("float", "base64"):
        made = await client.embeddings.create(
            model=pool, input="a lighthouse", encoding_format=form
        )
        got: Any = made.data[0].embedding
        assert (numbers(got) if isinstance(got, str) else got) == vector("a lighthouse")


@pytest.mark.parametrize(
    ("pool", "path"),
    [("cohere", "/v2/embed"), ("gemini", "/v1/models/gemini-embedding-2:batchEmbedContents")],
)
async def test_vendors_with_an_api_of_their_own_embed_as_openai_does(
    client: AsyncOpenAI, vendor: FakeProvider, pool: str, path: str
) -> None:
    made = await client.embeddings.create(model=pool, input=TEXTS)
    assert [one.embedding for one in made.data] == [vector(text) for text in TEXTS]
    assert (made.model, made.usage.prompt_tokens, made.usage.total_tokens) == (*POOLS[pool], 7, 7)
    assert vendor.received[-1].path == path


async def test_tokens_and_parameters_reach_the_vendor_as_they_are(
    client: AsyncOpenAI, vendor: FakeProvider
) -> None:
    made = await client.embeddings.create(model="good", input=TOKENS, dimensions=4, user="ada")
    assert [one.embedding for one in made.data] == [vector(tokens, 4) for tokens in TOKENS]
    sent = vendor.received[-1].json
    assert (sent["input"], sent["dimensions"], sent["user"]) == (TOKENS, 4, "ada")
    alone = await client.embeddings.create(model="good", input=TOKENS[0])
    assert [one.embedding for one in alone.data] == [vector(TOKENS[0])]


async def test_another_vendor_of_the_same_model_embeds_where_one_is_limited(
    client: AsyncOpenAI,
) -> None:
    raw = await client.embeddings.with_raw_response.create(model="limited-first", input=TEXTS)
    assert raw.headers["x-modelmesh-attempts"] == "2"
    made = raw.parse()
    assert made.model == "ok@b"
    assert [one.embedding for one in made.data] == [vector(text) for text in TEXTS]


async def test_what_only_looks_like_an_answer_fails_over(
    client: AsyncOpenAI, vendor: FakeProvider
) -> None:
    made = await client.embeddings.create(model="failing-over", input=TEXTS)
    assert made.model == "ok@c"
    assert [request.model for request in vendor.received] == POOLS["failing-over"]


async def test_an_embedding_that_is_missing_is_a_failure(client: AsyncOpenAI) -> None:
    with pytest.raises(openai.InternalServerError) as raised:
        await client.embeddings.create(model="too-few", input=TEXTS)
    assert raised.value.status_code == 502
    assert "1 embeddings for 2 inputs" in str(raised.value)


async def test_a_vendor_that_heeds_no_size_fails_over(client: AsyncOpenAI) -> None:
    made = await client.embeddings.create(model="too-long", input="a", dimensions=4)
    assert (made.model, len(made.data[0].embedding)) == ("ok@e", 4)


async def test_the_client_is_told_when_to_come_back(client: AsyncOpenAI) -> None:
    with pytest.raises(openai.RateLimitError) as raised:
        await client.embeddings.create(model="limited", input=TEXTS)
    assert int(raised.value.response.headers["retry-after"]) in range(1, 31)


async def test_embeddings_of_another_model_are_no_substitute(
    client: AsyncOpenAI, vendor: FakeProvider
) -> None:
    with pytest.raises(openai.InternalServerError):
        await client.embeddings.create(model="two-models", input="a")
    assert [request.model for request in vendor.received] == ["status~code=503@one-model"]


async def test_they_are_one_where_the_pool_says_so(client: AsyncOpenAI) -> None:
    made = await client.embeddings.create(model="mixed", input="a")
    assert (made.model, len(made.data[0].embedding)) == ("ok@another", SIZE)


async def test_a_model_that_only_chats_is_passed_over(client: AsyncOpenAI) -> None:
    assert (await client.embeddings.create(model="chatty", input="a")).model == "ok@g"


async def test_a_vendor_that_takes_no_tokens_is_passed_over(
    client: AsyncOpenAI, vendor: FakeProvider
) -> None:
    assert (await client.embeddings.create(model="texts-only-first", input=TOKENS)).model == "ok@f"
    with pytest.raises(openai.BadRequestError) as raised:
        await client.embeddings.create(model="texts-only", input=TOKENS)
    assert raised.value.param == "input"
    assert "tokens for an input" in str(raised.value)
    assert [request.model for request in vendor.received] == ["ok@f"]


@pytest.mark.parametrize(
    ("asked", "param"),
    [
        ({}, "input"),
        ({"input": []}, "input"),
        ({"input": "a", "encoding_format": "hex"}, "encoding_format"),
        ({"input": "a", "stream": True}, "stream"),
    ],
)
async def test_what_makes_no_sense_is_refused_at_once(
    proxy: ProxyProcess, vendor: FakeProvider, asked: dict[str, Any], param: str
) -> None:
    reply = await proxy.send("POST", PATH, json={"model": "good", **asked})
    assert (reply.status, reply.error["param"]) == (400, param)
    assert vendor.received == []
