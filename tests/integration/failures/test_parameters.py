"""Case 38: parameters which a vendor does not take, and what becomes of them."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from proxy_process import MESSAGES, ProxyProcess, Received, running_proxy

from modelmesh.testing.fake_provider import FakeProvider

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("fresh")]

TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
SCHEMA = {"type": "json_schema", "json_schema": {"name": "s", "schema": {"type": "object"}}}
ASKED: dict[str, Any] = {
    "audio": {"voice": "alloy", "format": "wav"},
    "frequency_penalty": 0.5,
    "function_call": "auto",
    "functions": [{"name": "f", "parameters": {}}],
    "logit_bias": {"50256": -100},
    "logprobs": True,
    "max_completion_tokens": 50,
    "max_tokens": 60,
    "metadata": {"team": "search"},
    "modalities": ["text", "audio"],
    "n": 2,
    "parallel_tool_calls": False,
    "prediction": {"type": "content", "content": "x"},
    "presence_penalty": 0.5,
    "prompt_cache_key": "k",
    "reasoning_effort": "low",
    "response_format": SCHEMA,
    "safety_identifier": "s",
    "seed": 7,
    "service_tier": "flex",
    "stop": ["end"],
    "store": True,
    "stream_options": {"include_usage": True},
    "temperature": 0.3,
    "tool_choice": "required",
    "tools": [TOOL],
    "top_logprobs": 3,
    "top_p": 0.9,
    "user": "u",
    "verbosity": "low",
    "web_search_options": {"search_context_size": "low"},
}
"""Every parameter of a chat besides model, messages and stream, asking for something."""

DECISIVE = {
    "audio",
    "function_call",
    "functions",
    "logprobs",
    "modalities",
    "n",
    "prediction",
    "response_format",
    "tool_choice",
    "tools",
    "top_logprobs",
    "web_search_options",
}
VENDORS = {
    "groq": "groq.api.v1",
    "mistral": "mistral.api.v1",
    "perplexity": "perplexity.api.v1",
    "any": "openai-compatible",
}
RENAMED = {"mistral": {"seed": "random_seed", "max_completion_tokens": "max_tokens"}}
WORDS = {"mistral": {"required": "any"}}
IMPLIED = {"mistral": {"stream_options"}}
"""What a vendor does unasked, and refuses to be asked for."""
WAYS = ("strict", "default", "lenient")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def proxy(vendor: FakeProvider) -> AsyncIterator[ProxyProcess]:
    """Serve, in each of the three ways, a pool for each vendor and one for `groq` before `any`."""
    members = {**{name: [name] for name in VENDORS}, "both": ["groq", "any"]}
    config = {
        "providers": {
            name: {"connector": connector, "base_url": vendor.url}
            for name, connector in VENDORS.items()
        },
        "models": {
            name: {
                "provider": name,
                "model": f"ok@{name}",
                "capabilities": ["chat-completion"],
            }
            for name in VENDORS
        },
        "pools": {
            f"{pool}-{way}": {"models": models, "parameters": way}
            for pool, models in members.items()
            for way in WAYS
        },
    }
    async with running_proxy(config) as running:
        yield running


def dropped(reply: Received) -> set[str]:
    named = reply.headers.get("x-modelmesh-dropped-params", "")
    return {name.strip() for name in named.split(",")} - {""}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("name", sorted(VENDORS))
async def test_case_38_nothing_is_dropped_without_being_named(
    vendor: FakeProvider, proxy: ProxyProcess, name: str, stream: bool
) -> None:
    for parameter, value in ASKED.items():
        vendor.reset()
        reply = await proxy.chat(model=f"{name}-lenient", stream=stream, **{parameter: value})
        assert reply.status == 200, parameter
        (request,) = vendor.received
        if parameter in IMPLIED.get(name, set()):
            continue
        sent_as = RENAMED.get(name, {}).get(parameter, parameter)
        words = WORDS.get(name, {})
        said = words.get(value, value) if isinstance(value, str) else value
        missing = {parameter} if request.json.get(sent_as) != said else set()
        assert dropped(reply) == missing


async def test_case_38_a_vendor_without_a_list_gets_everything(
    vendor: FakeProvider, proxy: ProxyProcess
) -> None:
    unknown: dict[str, Any] = {
        "x_of_mine": {"deep": [1, None, "a"]},
        "thinking": {"type": "enabled"},
    }
    for way in WAYS:
        vendor.reset()
        reply = await proxy.chat(model=f"any-{way}", **ASKED, **unknown)
        assert (reply.status, dropped(reply)) == (200, set())
        (request,) = vendor.received
        assert request.json == {
            "model": "ok@any",
            "messages": MESSAGES,
            **ASKED,
            **unknown,
        }


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("way", WAYS)
async def test_case_38_what_a_vendor_lacks_is_refused_or_left_out_as_the_pool_says(
    vendor: FakeProvider, proxy: ProxyProcess, way: str, stream: bool
) -> None:
    seen = set()
    for name in VENDORS:
        for parameter, value in ASKED.items():
            lenient = await proxy.chat(model=f"{name}-lenient", stream=stream, **{parameter: value})
            if not dropped(lenient):
                continue
            seen.add(parameter)
            vendor.reset()
            reply = await proxy.chat(model=f"{name}-{way}", stream=stream, **{parameter: value})
            if way == "strict" or (way == "default" and parameter in DECISIVE):
                assert reply.status == 400
                assert reply.headers["content-type"] == "application/json"
                assert reply.error["code"] == "unsupported_parameter"
                assert reply.error["param"] == parameter
                assert vendor.received == []
            else:
                assert (reply.status, dropped(reply)) == (200, {parameter})
                (request,) = vendor.received
                assert parameter not in request.json
    assert {"tools", "tool_choice", "n", "logprobs", "modalities"} <= seen
    assert {"seed", "logit_bias", "user", "store"} <= seen


async def test_case_38_a_target_that_can_answer_is_found_and_nobody_is_blamed(
    vendor: FakeProvider, proxy: ProxyProcess
) -> None:
    for way, parameter in [("default", "logprobs"), ("strict", "logit_bias")]:
        vendor.reset()
        reply = await proxy.chat(model=f"both-{way}", **{parameter: ASKED[parameter]})
        assert (reply.status, dropped(reply)) == (200, set())
        assert reply.headers["x-modelmesh-provider"] == "any"
        assert reply.headers["x-modelmesh-attempts"] == "1"
        (request,) = vendor.received
        assert request.json[parameter] == ASKED[parameter]
        assert "groq/groq: " not in proxy.logs
    hint = await proxy.chat(model="both-lenient", logit_bias=ASKED["logit_bias"])
    assert hint.headers["x-modelmesh-provider"] == "groq"
    assert dropped(hint) == {"logit_bias"}


async def test_case_38_a_value_that_asks_for_nothing_is_no_reason_to_refuse(
    vendor: FakeProvider, proxy: ProxyProcess
) -> None:
    idle: dict[str, Any] = {"n": 1, "logprobs": False, "logit_bias": None, "tools": []}
    reply = await proxy.chat(model="perplexity-strict", **idle)
    assert (reply.status, dropped(reply)) == (200, set())
    (request,) = vendor.received
    assert request.json == {"model": "ok@perplexity", "messages": MESSAGES}


async def test_case_38_a_true_or_false_is_not_guessed_from_words(
    vendor: FakeProvider, proxy: ProxyProcess
) -> None:
    reply = await proxy.chat(model="any-default", stream="false")
    assert (reply.status, reply.error["param"]) == (400, "stream")
    assert vendor.received == []

    config = {
        "providers": {"any": {"connector": "openai-compatible", "base_url": vendor.url}},
        "proxy": {"expose_models": "false"},
    }
    with pytest.raises(RuntimeError, match="ended with 1") as refused:
        async with running_proxy(config):
            pass
    assert "proxy.expose_models" in str(refused.value.__notes__)
