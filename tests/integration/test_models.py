"""What can be asked for, and which endpoints are served, over the real server."""

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import openai
import pytest
import pytest_asyncio
from openai import AsyncOpenAI
from proxy_process import MESSAGES, ProxyProcess, running_proxy

from modelmesh.testing.fake_provider import FakeProvider

pytestmark = pytest.mark.asyncio(loop_scope="module")

EVERY = {
    "POST /v1/chat/completions",
    "POST /v1/embeddings",
    "POST /v1/audio/speech",
    "POST /v1/audio/transcriptions",
    "POST /v1/images/generations",
    "GET /v1/models",
    "GET /v1/models/chat",
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def vendor() -> AsyncIterator[FakeProvider]:
    async with FakeProvider(models=["org/real"]) as running:
        yield running


def config(vendor: FakeProvider, **proxy: Any) -> dict[str, Any]:
    return {
        "providers": {"fake": {"connector": "openai-compatible", "base_url": vendor.url}},
        "models": {"org/real": {"provider": "fake", "capabilities": ["chat-completion"]}},
        "pools": {"chat": {"models": ["org/real"]}},
        "proxy": proxy,
    }


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def exposing(vendor: FakeProvider, front: str) -> AsyncIterator[ProxyProcess]:
    async with running_proxy(config(vendor, expose_models=True, front=front)) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def closed(vendor: FakeProvider) -> AsyncIterator[ProxyProcess]:
    async with running_proxy(config(vendor)) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def narrow(vendor: FakeProvider) -> AsyncIterator[ProxyProcess]:
    endpoints = ["/v1/chat/completions", "/v1/images/generations", "/health"]
    async with running_proxy(config(vendor, endpoints=endpoints)) as running:
        yield running


def sdk(proxy: ProxyProcess) -> AsyncOpenAI:
    return AsyncOpenAI(base_url=f"{proxy.url}/v1", api_key="any", max_retries=0)


async def served(proxy: ProxyProcess) -> set[str]:
    """Return what is served: whatever is not answered by a 404 without a model in it."""
    found = set()
    async with aiohttp.ClientSession() as session:
        for line in EVERY:
            method, path = line.split()
            async with session.request(method, f"{proxy.url}{path}") as reply:
                told = await reply.json()
                if told.get("error", {}).get("code") != "not_found":
                    found.add(line)
                else:
                    assert reply.status == 404
                    assert path in told["error"]["message"]
    return found


async def test_pools_and_exposed_models_are_listed(exposing: ProxyProcess) -> None:
    async with sdk(exposing) as client:
        listed = [model async for model in client.models.list()]
    assert {model.id: model.owned_by for model in listed} == {
        "chat": "modelmesh",
        "org/real": "fake",
        "fake/org/real": "fake",
    }
    assert {model.object for model in listed} == {"model"}
    assert all(model.created > 0 for model in listed)


@pytest.mark.parametrize("name", ["chat", "org/real", "fake/org/real"])
async def test_whatever_is_listed_is_found_and_answers(exposing: ProxyProcess, name: str) -> None:
    async with sdk(exposing) as client:
        assert (await client.models.retrieve(name)).id == name
        answer = await client.chat.completions.create(model=name, messages=MESSAGES)  # type: ignore[arg-type]  # a list of dicts
    assert answer.model == "org/real"


async def test_models_are_not_exposed_unless_the_configuration_says_so(
    closed: ProxyProcess,
) -> None:
    async with sdk(closed) as client:
        assert [model.id async for model in client.models.list()] == ["chat"]
        for name in ("org/real", "fake/org/real", "nobody"):
            with pytest.raises(openai.NotFoundError) as caught:
                await client.models.retrieve(name)
            assert caught.value.code == "model_not_found"
            with pytest.raises(openai.NotFoundError) as caught:
                await client.chat.completions.create(model=name, messages=MESSAGES)  # type: ignore[arg-type]  # a list of dicts
            assert caught.value.code == "model_not_found"


async def test_every_endpoint_is_served_unless_the_configuration_says_which(
    closed: ProxyProcess,
) -> None:
    assert await served(closed) == EVERY


async def test_only_the_endpoints_named_are_served(narrow: ProxyProcess) -> None:
    assert await served(narrow) == {"POST /v1/chat/completions", "POST /v1/images/generations"}
    for path in ("/health", "/livez", "/readyz"):
        assert (await narrow.get(path)).status == 200
    assert (await narrow.chat()).status == 200
