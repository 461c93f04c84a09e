"""What a client sends reaches a vendor as it was sent, and what a vendor answers comes back so."""

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from openai.types.chat import completion_create_params
from proxy_process import ProxyProcess, running_proxy

from modelmesh.testing.fake_provider import FakeProvider
from modelmesh.testing.fake_wire import Exchange

pytestmark = pytest.mark.asyncio(loop_scope="module")

WIRE = Path(__file__).parents[3] / "shared/wire/openai"

# A value for every documented parameter, unlike its default, in an order and spelling of its own.
SENT: dict[str, Any] = {
    "messages": [
        {"role": "developer", "content": "Be brief.", "name": "boss"},
        {
            "role": "user",
            "content": [{"type": "text", "text": "Gr\u00fc\u00dfe \U0001f44b", "x_new": 1}],
        },
    ],
    "audio": {"voice": "alloy", "format": "wav"},
    "frequency_penalty": 0.25,
    "function_call": "auto",
    "functions": [{"name": "f", "parameters": {"type": "object"}}],
    "logit_bias": {"50256": -100},
    "logprobs": True,
    "max_completion_tokens": 64,
    "max_tokens": 65,
    "metadata": {"k": "v"},
    "modalities": ["text", "audio"],
    "moderation": {"x": True},
    "n": 2,
    "parallel_tool_calls": False,
    "prediction": {"type": "content", "content": "p"},
    "presence_penalty": -0.5,
    "prompt_cache_key": "key",
    "prompt_cache_options": {"x": 1},
    "prompt_cache_retention": "24h",
    "reasoning_effort": "low",
    "response_format": {"type": "json_schema", "json_schema": {"name": "s", "schema": {}}},
    "safety_identifier": "id",
    "seed": 9007199254740993,
    "service_tier": "flex",
    "stop": ["\n", "\u2028"],
    "store": True,
    "stream_options": {"include_usage": True, "include_obfuscation": False},
    "temperature": 1e-7,
    "tool_choice": {"type": "function", "function": {"name": "f"}},
    "tools": [{"type": "function", "function": {"name": "f", "strict": True}}],
    "top_logprobs": 3,
    "top_p": 0.10,
    "user": "u",
    "verbosity": "low",
    "web_search_options": {"search_context_size": "low"},
    "unknown_to_everybody": {"deep": [1.0, None, {"model": "not this one"}]},
}


def recordings(endpoint: str) -> Iterator[Any]:
    for path in sorted(WIRE.glob(f"openai.{endpoint}.*.json")):
        case = json.loads(path.read_text())
        response = case["response"]
        if response["status"] == 200 and ("sse" in response or "choices" in response["body"]):
            yield pytest.param(response, id=case["id"].rpartition(".")[2])


async def recorded(exchange: Exchange) -> None:
    """Answer with the recording that the request's `replay` names."""
    case = json.loads(exchange.request.json["replay"])
    if "sse" in case:
        await exchange.begin()
        await exchange.send(case["sse"].encode())
        await exchange.end()
    else:
        await exchange.answer(200, json.dumps(case["body"]).encode())


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def running_vendor() -> AsyncIterator[FakeProvider]:
    async with FakeProvider(faults={"recorded": recorded}) as running:
        yield running


@pytest.fixture
def vendor(running_vendor: FakeProvider) -> FakeProvider:
    running_vendor.reset()
    return running_vendor


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def proxy(running_vendor: FakeProvider) -> AsyncIterator[ProxyProcess]:
    config = {
        "providers": {
            "fake": {"connector": "openai.llm.v1", "base_url": running_vendor.url, "api_key": "k"}
        },
        "models": {
            "ok": {"provider": "fake", "capabilities": ["chat-completion"]},
            "recorded": {"provider": "fake", "capabilities": ["chat-completion"]},
        },
        "pools": {"chat": {"models": ["ok"]}, "replay": {"models": ["recorded"]}},
    }
    async with running_proxy(config) as running:
        yield running


async def test_every_documented_parameter_is_tried() -> None:
    documented = set(completion_create_params.CompletionCreateParamsBase.__annotations__)
    assert documented - SENT.keys() == {"model"}


async def test_every_parameter_reaches_the_vendor_byte_for_byte(
    proxy: ProxyProcess, vendor: FakeProvider
) -> None:
    sent = json.dumps({"stream": True, "model": "chat", **SENT}, indent=1).encode()
    reply = await proxy.send(
        "POST",
        "/v1/chat/completions",
        data=sent,
        headers={"content-type": "application/json"},
    )
    assert reply.status == 200
    assert vendor.received[0].body == sent.replace(b'"model": "chat"', b'"model": "ok"')


@pytest.mark.parametrize("name", SENT)
async def test_a_parameter_alone_reaches_the_vendor(
    name: str, proxy: ProxyProcess, vendor: FakeProvider
) -> None:
    reply = await proxy.chat(**{name: SENT[name]})
    assert reply.status == 200
    assert vendor.received[0].json[name] == SENT[name]


@pytest.mark.skipif(not WIRE.exists(), reason="the recordings are not here (../shared/wire)")
@pytest.mark.parametrize("case", [*recordings("chat")])
async def test_a_recorded_answer_comes_back_unchanged(
    case: dict[str, Any], proxy: ProxyProcess
) -> None:
    reply = await proxy.chat(model="replay", replay=json.dumps(case))
    assert reply.text == json.dumps(case["body"])


@pytest.mark.skipif(not WIRE.exists(), reason="the recordings are not here (../shared/wire)")
@pytest.mark.parametrize("case", [*recordings("chat_stream")])
async def test_a_recorded_stream_comes_back_unchanged(
    case: dict[str, Any], proxy: ProxyProcess
) -> None:
    asked: dict[str, Any] = {"stream": True, "stream_options": {"include_usage": True}}
    reply = await proxy.chat(model="replay", replay=json.dumps(case), **asked)
    assert reply.text == case["sse"]


@pytest.mark.skipif(not WIRE.exists(), reason="the recordings are not here (../shared/wire)")
@pytest.mark.parametrize("case", [*recordings("chat_stream")])
async def test_case_17_a_recorded_stream_comes_back_without_usage_that_nobody_asked_for(
    case: dict[str, Any], proxy: ProxyProcess
) -> None:
    reply = await proxy.chat(model="replay", stream=True, replay=json.dumps(case))
    events = case["sse"].split("\n\n")
    assert reply.text == "\n\n".join(event for event in events if not _is_usage(event))


def _is_usage(event: str) -> bool:
    data = event.removeprefix("data: ")
    said = json.loads(data) if data.startswith("{") else {}
    return bool(said.get("usage")) and said.get("choices") == []


@pytest.mark.parametrize("indent", [None, 1])
async def test_case_17_a_stream_is_counted_and_all_else_reaches_the_vendor_byte_for_byte(
    indent: int | None, proxy: ProxyProcess, vendor: FakeProvider
) -> None:
    others = {name: value for name, value in SENT.items() if name != "stream_options"}
    sent = json.dumps({"stream": True, "model": "chat", **others}, indent=indent).encode()
    json_body = {"content-type": "application/json"}
    reply = await proxy.send("POST", "/v1/chat/completions", data=sent, headers=json_body)
    assert reply.status == 200
    named = sent.replace(b'"model": "chat"', b'"model": "ok"')
    counted = b'{"stream_options":{"include_usage":true},'
    assert vendor.received[0].body == named.replace(b"{", counted, 1)
