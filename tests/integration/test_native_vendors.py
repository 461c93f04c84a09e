"""The vendors on wires of their own refuse what breaks their rules: other tests believe them."""

import json
from collections.abc import Mapping
from typing import Any, Final

import aiohttp
import pytest
from native_vendors import NAMES, NativeVendors

ASK: Final = {"role": "user", "content": "How is it in Oslo?"}
USE: Final = {"type": "tool_use", "id": "t", "name": "f", "input": {}}
MADE: Final = {"functionCall": {"name": "f", "args": {}}}
CAME: Final = {"functionResponse": {"name": "f", "response": {"result": "1"}}}
CALL: Final = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}


def said(name: str, *messages: Any, **more: Any) -> dict[str, Any]:
    """Return a request with these messages, or a sound one."""
    match name:
        case "anthropic":
            least = {"model": "claude-haiku-5-5", "max_tokens": 100, "messages": [ASK]}
        case "gemini":
            question = {"role": "user", "parts": [{"text": ASK["content"]}]}
            return {"contents": [question, *messages], **more}
        case "openai":
            least = {"model": "gpt-6.1-sol", "messages": [ASK]}
        case _:
            least = {"model": "command-a-plus-05-2026", "messages": [ASK]}
    return {**least, "messages": [ASK, *messages], **more}


async def answered(
    vendors: NativeVendors, name: str, body: Any, headers: Mapping[str, str] | None = None
) -> tuple[int, str]:
    vendor = vendors.named(name)
    key, text = vendor.key_header
    sent = {key: text.format(key="a-key-of-the-vendors"), **(headers or {})}
    async with (
        aiohttp.ClientSession() as session,
        session.post(vendors.origin + vendor.path, json=body, headers=sent) as answer,
    ):
        return answer.status, await answer.text()


def calling(name: str, **fields: Any) -> dict[str, Any]:
    if name == "anthropic":
        return {"role": "assistant", "content": [USE]}
    if name == "gemini":
        return {"role": "model", "parts": [{**MADE, **fields}]}
    return {"role": "assistant", "tool_calls": [CALL], **fields}


THOUGHT: Final = {"type": "thinking", "thinking": "Hm.", "signature": "another's"}
SKIP: Final = {"thoughtSignature": "skip_thought_signature_validator"}
UNSOUND: Final = [
    ("anthropic", said("anthropic", max_tokens=None), "max_tokens"),
    ("anthropic", said("anthropic", temperature=1), "temperature: Extra inputs"),
    ("anthropic", said("anthropic", ASK), "two turns of the user"),
    ("anthropic", said("anthropic", {"role": "assistant", "content": "So"}), "prefill"),
    ("anthropic", said("anthropic", calling("anthropic"), ASK), "without `tool_result` blocks"),
    (
        "anthropic",
        said("anthropic", {"role": "assistant", "content": [THOUGHT, USE]}, ASK),
        "Invalid `signature` in `thinking` block",
    ),
    ("gemini", said("gemini", {"role": "assistant", "parts": [MADE]}), "use a valid role"),
    ("gemini", said("gemini", calling("gemini", **SKIP)), "number of function response parts"),
    (
        "gemini",
        said("gemini", calling("gemini"), {"role": "user", "parts": [CAME]}),
        "missing a thought_signature",
    ),
    (
        "gemini",
        said(
            "gemini",
            calling("gemini", thoughtSignature="another's"),
            {"role": "user", "parts": [CAME]},
        ),
        "Corrupted thought signature",
    ),
    ("gemini", said("gemini", temperature=1), "temperature, which is unknown"),
    ("openai", said("openai", calling("openai"), ASK), "before the results"),
    (
        "openai",
        said("openai", {"role": "assistant", "content": "So.", "thinking_blocks": []}, ASK),
        "Unknown parameter: 'messages[1].thinking_blocks'",
    ),
    ("cohere", said("cohere", calling("cohere"), ASK), "before the results"),
    (
        "cohere",
        said("cohere", {"role": "assistant", "content": "So.", "extra_content": {}}, ASK),
        "unknown fields ['extra_content']",
    ),
    (
        "cohere",
        said("cohere", calling("cohere", content=[{"type": "text"}]), ASK),
        "beside tool_calls",
    ),
    ("cohere", said("cohere", stop=["a"]), "stop, which is unknown"),
]


@pytest.mark.parametrize("name", NAMES)
async def test_a_sound_request_is_answered(name: str) -> None:
    async with NativeVendors() as vendors:
        status, text = await answered(vendors, name, said(name))
        assert (status, vendors.named(name).refusals) == (200, [])
        assert f"Hello from {vendors.named(name).model}" in text


@pytest.mark.parametrize(("name", "body", "why"), UNSOUND)
async def test_what_breaks_a_rule_is_refused_in_the_vendors_shape(
    name: str, body: Any, why: str
) -> None:
    async with NativeVendors() as vendors:
        status, text = await answered(vendors, name, body)
        vendor = vendors.named(name)
        assert status == 400
        assert why in vendor.refusals[0]
        assert json.loads(text) == vendor.error(400, vendor.refusals[0])


@pytest.mark.parametrize("name", NAMES)
async def test_a_wrong_key_is_refused(name: str) -> None:
    async with NativeVendors() as vendors:
        headers = {vendors.named(name).key_header[0]: "another"}
        assert (await answered(vendors, name, said(name), headers))[0] == 401


async def test_thoughts_which_were_changed_are_refused() -> None:
    async with NativeVendors() as vendors:
        thinking = {"thinking": {"type": "adaptive"}, "max_tokens": 4000}
        first = await answered(vendors, "anthropic", said("anthropic", **thinking))
        content = json.loads(first[1])["content"]
        for changed in (content[1:], [*content[2:], *content[:2]]):
            spoken = {"role": "assistant", "content": changed}
            status, text = await answered(vendors, "anthropic", said("anthropic", spoken, ASK))
            assert (status, "thought" in text or "cannot be modified" in text) == (400, True)
        spoken = {"role": "assistant", "content": content}
        assert (await answered(vendors, "anthropic", said("anthropic", spoken, ASK)))[0] == 200
