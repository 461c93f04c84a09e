"""Vendors on wires of their own, behind the real server: what clients and vendors saw of a chat.

came = await wires.ask("anthropic", stream=True, tools=TOOLS)
assert came.finish == "tool_calls"
"""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

from attrs import frozen
from native_vendors import NativeVendors
from native_vendors.anthropic import AnthropicOfOld, AnthropicWithBudget
from native_vendors.vendor import Vendor
from openai.lib.streaming._deltas import accumulate_delta
from proxy_process import ProxyProcess, Received, running_proxy

Message = dict[str, Any]

QUESTION: Final = {"role": "user", "content": "How is it in Oslo and in Rome, and how late?"}
WEATHER: Final = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
            "additionalProperties": False,
        },
    },
}
CLOCK: Final = {"type": "function", "function": {"name": "clock"}}
TOOLS: Final = [WEATHER, CLOCK]


@frozen
class Came:
    """An answer, however it came: the message whole, and of a stream its chunks, too."""

    message: Message
    choice: Mapping[str, Any]
    chunks: Sequence[Any]
    headers: Mapping[str, str]

    @property
    def finish(self) -> Any:
        return self.choice["finish_reason"]

    @property
    def calls(self) -> list[Any]:
        made: list[Any] = self.message.get("tool_calls") or []
        return made

    @property
    def bare(self) -> Message:
        """The message with nothing but OpenAI's own fields."""
        names = ("id", "type", "function")
        calls = [{name: call[name] for name in names} for call in self.calls]
        said = {"role": "assistant", "content": self.message.get("content")}
        return {**said, "tool_calls": calls} if calls else said

    def results(self) -> list[Message]:
        """Return results of the calls, the last one first."""
        return [
            {"role": "tool", "tool_call_id": call["id"], "content": f"of {number}"}
            for number, call in reversed([*enumerate(self.calls)])
        ]


@frozen
class Wires:
    """The vendors and the server before them."""

    vendors: NativeVendors
    proxy: ProxyProcess

    def vendor(self, name: str) -> Vendor:
        return self.vendors.named(name)

    async def send(self, pool: str, *messages: Message, **body: Any) -> Received:
        return await self.proxy.chat(model=pool, messages=messages or [QUESTION], **body)

    async def ask(self, pool: str, *messages: Message, **body: Any) -> Came:
        """Have a chat which no vendor finds fault with."""
        received = await self.send(pool, *messages, **body)
        assert received.status == 200, received.text
        assert {v.model: v.refusals for v in self.vendors.all if v.refusals} == {}
        return _streamed(received) if body.get("stream") else _whole(received)


def _whole(received: Received) -> Came:
    (choice,) = received.json["choices"]
    return Came(choice["message"], choice, (), received.headers)


def _streamed(received: Received) -> Came:
    *events, done = received.events
    assert done == "[DONE]"
    chunks = [json.loads(event) for event in events]
    whole: dict[object, object] = {}
    for chunk in chunks:
        for choice in chunk["choices"]:
            whole = accumulate_delta(whole, choice["delta"])
    message: Message = json.loads(json.dumps(whole))  # the chunks stay as they came
    for call in message.get("tool_calls") or []:
        call.pop("index")
    (last,) = [c for chunk in chunks for c in chunk["choices"] if c["finish_reason"]]
    return Came(message, last, chunks, received.headers)


@asynccontextmanager
async def running_wires() -> AsyncIterator[Wires]:
    """Run the vendors, two older models of Anthropic's among them, and a server."""
    vendors = NativeVendors(budget=AnthropicWithBudget(), old=AnthropicOfOld())
    pools = {"either": {"models": ["cohere", "gemini"]}}
    async with vendors, running_proxy(vendors.config(**pools)) as proxy:
        yield Wires(vendors, proxy)
