"""Keys and what was said: in no log, no error, no header, no repr."""

import asyncio
import pickle
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from proxy_process import MESSAGES, running_proxy, until

from failures.canaries import (
    BROKEN,
    CANARY,
    EVERY,
    HEADER,
    KEY,
    LEFT,
    LOUD,
    POOLS,
    PROMPT,
    TOKEN,
    configured,
    matrix,
    served,
)
from failures.reachable import is_ours, reachable, shown
from modelmesh import MeshError, create
from modelmesh.config.load import load
from modelmesh.connectors import registry
from modelmesh.proxy.server import ProxyServer
from modelmesh.testing.fake_provider import FakeProvider
from modelmesh.types import Request, Secret, Upload


@pytest.fixture
async def vendor() -> AsyncIterator[FakeProvider]:
    async with FakeProvider(faults=EVERY) as running:
        yield running


async def test_case_43_keys_are_in_no_reply_and_no_log(vendor: FakeProvider) -> None:
    flags = ["--log-level", "DEBUG", "--token", TOKEN]
    async with running_proxy(
        served(vendor), flags=flags, env=LOUD, files={"broken.py": BROKEN}
    ) as proxy:
        authorized = {"Authorization": f"Bearer {TOKEN}", "X-Api-Key": KEY, "Cookie": KEY}
        came = await matrix(proxy, {"user": "u"}, authorized)
        proxy.signal()
        assert await proxy.exit_code() == 0
    unheard_of = {pool.removesuffix("@s") for pools in POOLS.values() for pool in pools} - {
        request.model.removesuffix("@s") for request in vendor.received if request.model
    }
    assert unheard_of == {"nobody", "insecure", "broken", "leaky"}
    assert all(request.key.startswith(KEY) for request in vendor.received)
    assert all(request.headers["x-own"] == HEADER for request in vendor.received)
    for status in ("200", "400", "401", "429", "500", "502", "503", "504"):
        assert f": {status} " in came or f"\n{status} " in came
    assert [line for line in (came + proxy.logs).splitlines() if CANARY in line] == []
    assert "ZeroDivisionError" in proxy.logs


async def test_case_43_a_wrong_configuration_is_complained_of_without_its_keys(
    vendor: FakeProvider,
) -> None:
    config = served(vendor)
    config["providers"]["ok"]["api_keyz"] = KEY
    config["providers"]["echo"]["api_key"] = {"value": KEY}
    config["proxy"] = {"token": [TOKEN]}
    with pytest.raises(RuntimeError, match="ended with 1") as refused:
        async with running_proxy(config, files={"broken.py": BROKEN}):
            pass
    told = str(refused.value.__notes__)
    assert "providers.ok.api_keyz" in told
    assert "proxy.token" in told
    assert CANARY not in told


def test_case_43_a_key_is_in_no_address() -> None:
    upload = Upload(name="a.mp3", content=b"sound")
    asked = {"input": "Hello", "messages": MESSAGES, "prompt": "a cat", "voice": "alloy"}
    for connector, vendor in registry.available("providers").items():
        provider = vendor("p", base_url="https://vendor.example/v1")
        made = [provider.models_request(Secret(KEY))]
        for endpoint in provider.endpoints:
            request = Request(id="r", model="m", body=asked, endpoint=endpoint, upload=upload)
            made.append(provider.request(request, model="m", key=Secret(KEY), drop=frozenset()))
        for one in made:
            if one is not None:
                assert KEY not in one.url, connector
                assert KEY in str(dict(one.headers)), connector
                assert KEY not in repr(one) + str(one), connector


# In process: whatever can be reached from a mesh


@pytest.fixture
def vendor_elsewhere() -> Iterator[FakeProvider]:
    """A vendor whose loop is on a thread of its own, so that tests may block theirs."""
    with FakeProvider(faults=EVERY) as running:
        yield running


@pytest.mark.parametrize("transport", ["direct", "aiohttp"])
def test_case_43_nothing_that_can_be_reached_shows_a_key(
    vendor_elsewhere: FakeProvider, transport: str
) -> None:
    config = {
        **configured(vendor_elsewhere),
        "transport": transport,
        "proxy": {"token": TOKEN, "auth": {"tokens": [TOKEN]}},
    }
    for provider in config["providers"].values():
        del provider["headers"]  # a header is no secret unless it holds a key
    settings = load(config, environ={})
    errors: list[Exception] = []
    with create(config=settings) as client:
        for stream, pools in POOLS.items():
            for pool in pools:
                try:
                    list(
                        client.chat.completions.create(model=pool, messages=MESSAGES, stream=stream)
                    )
                except MeshError as failed:
                    errors.append(failed)
        everything = reachable(client, client.mesh, settings, ProxyServer(config=settings), errors)
        ours = [value for value in everything if is_ours(value)]
        kinds = {type(value).__name__ for value in ours}
        assert {"ModelMesh", "MeshConfig", "Pool", "Target", "Provider", "RoutingError"} <= kinds
        assert {"ProviderError", "Secret", "MeshClient", "ProxyServer", "Router"} <= kinds
        assert len(errors) > 30
        leaks = {type(value).__name__ for value in ours if CANARY in shown(value)}
        others = [value for value in everything if isinstance(value, BaseException)]
        assert CANARY not in "".join(f"{value!r} {value!s}" for value in others)
    assert leaks == set()


def test_case_43_a_secret_is_not_to_be_written_down() -> None:
    secret = Secret(KEY)
    assert CANARY not in f"{secret} {secret!r} {[secret]} {secret!s:>20}"
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(TypeError):
            pickle.dumps(secret, protocol)
        with pytest.raises(TypeError):
            pickle.dumps({"deep": [secret]}, protocol)


# Case 48

SAID: dict[str, Any] = {
    "messages": [
        {"role": "system", "content": PROMPT},
        {
            "role": "user",
            "name": PROMPT,
            "content": [
                {"type": "text", "text": PROMPT},
                {"type": "image_url", "image_url": {"url": f"https://a.example/{PROMPT}.png"}},
                {"type": "file", "file": {"filename": f"{PROMPT}.pdf", "file_data": PROMPT}},
            ],
        },
        {
            "role": "assistant",
            "tool_calls": [
                {"id": "1", "type": "function", "function": {"name": "f", "arguments": PROMPT}}
            ],
        },
        {"role": "tool", "tool_call_id": "1", "content": PROMPT},
    ],
    "tools": [{"type": "function", "function": {"name": PROMPT, "description": PROMPT}}],
    "metadata": {"about": PROMPT},
    "user": PROMPT,
    "stop": [PROMPT],
}


@pytest.mark.parametrize("flags", [[], ["--log-level", "DEBUG"]], ids=["default", "debug"])
async def test_case_48_what_was_said_is_in_no_log(vendor: FakeProvider, flags: list[str]) -> None:
    async with running_proxy(
        served(vendor), flags=flags, env=LOUD, files={"broken.py": BROKEN}
    ) as proxy:
        came = await matrix(proxy, SAID, {"X-Request-Id": "named-by-the-client"})
        leaving = asyncio.create_task(proxy.chat(model=LEFT, stream=True, **SAID))
        await until(lambda: vendor.requests_for(LEFT))
        leaving.cancel()
        await proxy.says("cancelled")
        assert PROMPT in came  # a client does get what it said, of a vendor that echoes it
        proxy.signal()
        assert await proxy.exit_code() == 0
    assert "named-by-the-client" in proxy.logs
    assert [line for line in proxy.logs.splitlines() if CANARY in line] == []
