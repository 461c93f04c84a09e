"""A conversation which four vendors share: each takes over where the one before broke down.

The last request goes back to the first vendor, which gets its own state again, and no other's.
"""

import json
import re
from collections.abc import AsyncIterator
from typing import Any, Final

import pytest
from native_vendors import NAMES, NativeVendors
from native_vendors.gemini import SKIPS_CHECK
from openai import AsyncOpenAI
from openai.lib.streaming._deltas import accumulate_delta
from proxy_process import ProxyProcess, running_proxy

TOOLS: Final[Any] = [
    {
        "type": "function",
        "function": {
            "name": "weather",
            "parameters": {
                "type": "object",
                "properties": {"city": {"type": "string"}},
                "required": ["city"],
            },
        },
    },
    {"type": "function", "function": {"name": "clock"}},
]
TURNS: Final = (
    ("anthropic", "anthropic"),
    ("anthropic", "gemini"),
    ("gemini", "gemini"),
    ("openai", "openai"),
    ("openai", "cohere"),
    ("cohere", "cohere"),
)
"""Who calls the tools in each turn, and who answers when they are done."""

Message = dict[str, Any]
ways = pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
clients = pytest.mark.parametrize("bare", [False, True], ids=["echoing", "bare"])


class Talk:
    """A client's side of the conversation; a bare one sends only OpenAI's own fields back."""

    def __init__(self, sdk: AsyncOpenAI, *, stream: bool, bare: bool) -> None:
        self._sdk, self._stream, self._bare = sdk, stream, bare
        self.messages: list[Message] = [{"role": "system", "content": "Be brief."}]
        # Of each request, how many targets were asked, and which one answered.
        self.trail: list[tuple[str, str]] = []

    async def ask(self, pool: str = "chat") -> Message:
        """Ask for what comes next, and keep it as it goes into the next request."""
        told: Any = self.messages  # as the SDK gave them, which it has no type for
        raw = await self._sdk.chat.completions.with_raw_response.create(
            model=pool,
            messages=told,
            tools=TOOLS,
            reasoning_effort="low",
            stream=self._stream,
        )
        headers = raw.headers
        self.trail.append((headers["x-modelmesh-provider"], headers["x-modelmesh-attempts"]))
        came = raw.parse()
        message = await _gathered(came) if self._stream else _dumped(came)
        self.messages.append(_bare(message) if self._bare else message)
        return message

    def tell(self, calls: list[Message], turn: int) -> None:
        """Tell what came of the calls, the last one first."""
        for call in reversed(calls):
            about = json.loads(call["function"]["arguments"]).get("city", "time")
            result = {"role": "tool", "tool_call_id": call["id"], "content": f"{about} {turn}"}
            self.messages.append(result)


async def _gathered(stream: Any) -> Message:
    """Put a stream together as the SDK does."""
    whole: dict[object, object] = {}
    async for chunk in stream:
        for choice in chunk.choices:
            whole = accumulate_delta(whole, choice.delta.to_dict())
    message: Message = {str(name): value for name, value in whole.items()}
    for call in message.get("tool_calls") or []:
        call.pop("index")
    return message


def _dumped(completion: Any) -> Message:
    message: Message = completion.choices[0].message.to_dict()
    return message


def _bare(message: Message) -> Message:
    bare = {"role": "assistant", "content": message.get("content")}
    calls = [
        {"id": call["id"], "type": "function", "function": call["function"]}
        for call in message.get("tool_calls") or []
    ]
    return {**bare, "tool_calls": calls} if calls else bare


@pytest.fixture
async def vendors() -> AsyncIterator[NativeVendors]:
    async with NativeVendors() as running:
        yield running


@pytest.fixture
async def proxy(vendors: NativeVendors) -> AsyncIterator[ProxyProcess]:
    chat = {"models": list(NAMES), "strategy": "stick-until-failure", "retry": {"max_attempts": 1}}
    async with running_proxy(vendors.config(chat=chat)) as running:
        yield running


async def talked(proxy: ProxyProcess, vendors: NativeVendors, *, stream: bool, bare: bool) -> Talk:
    """Have the conversation; a vendor breaks down as soon as the next one is to answer."""
    async with AsyncOpenAI(base_url=f"{proxy.url}/v1", api_key="none", max_retries=0) as sdk:
        talk = Talk(sdk, stream=stream, bare=bare)
        for turn, (calls, answers) in enumerate(TURNS, 1):
            question = f"{turn}: how is the weather in Oslo and in Rome, and how late is it?"
            talk.messages.append({"role": "user", "content": question})
            _break_all_before(vendors, calls)
            talk.tell((await talk.ask())["tool_calls"], turn)
            _break_all_before(vendors, answers)
            said = await talk.ask()
            assert said["content"] == f"Oslo: Oslo {turn}, Rome: Rome {turn}, clock: time {turn}"
        vendors.anthropic.down = None
        talk.messages.append({"role": "user", "content": "7: and in Bern?"})
        await talk.ask("anthropic")
    return talk


def _break_all_before(vendors: NativeVendors, name: str) -> None:
    for broken in NAMES[: NAMES.index(name)]:
        vendors.named(broken).down = vendors.named(broken).overloaded


@ways
@clients
async def test_a_conversation_goes_on_from_vendor_to_vendor(
    proxy: ProxyProcess, vendors: NativeVendors, stream: bool, bare: bool
) -> None:
    talk = await talked(proxy, vendors, stream=stream, bare=bare)
    assert [name for name, _ in talk.trail] == [*sum(TURNS, ()), "anthropic"]
    # One more was asked where one broke down, and it was left alone from then on.
    assert [attempts for _, attempts in talk.trail] == list("1112112112111")
    assert {v.model: v.refusals for v in vendors.all if v.refusals} == {}
    failed = re.findall(r"^WARNING request \S+: (\S+): (\w+)", proxy.logs, re.MULTILINE)
    assert failed == [(f"{name}/{name}", "overloaded") for name in NAMES[:3]]


@ways
@clients
async def test_every_vendor_is_told_all_that_was_said(
    proxy: ProxyProcess, vendors: NativeVendors, stream: bool, bare: bool
) -> None:
    talk = await talked(proxy, vendors, stream=stream, bare=bare)
    words = [m["content"] for m in talk.messages[:-1] if m.get("content")]
    sent = json.dumps(vendors.anthropic.asked[-1], ensure_ascii=False)
    assert [text for text in words if text not in sent] == []
    sent = json.dumps(vendors.cohere.asked[-1], ensure_ascii=False)
    assert [text for text in words[: words.index("7: and in Bern?") - 1] if text not in sent] == []


@ways
async def test_every_vendor_gets_its_own_state_back_and_no_other(
    proxy: ProxyProcess, vendors: NativeVendors, stream: bool
) -> None:
    await talked(proxy, vendors, stream=stream, bare=False)
    anthropic, gemini = vendors.anthropic, vendors.gemini
    # Two blocks for each answer, of which the last was to the last request.
    assert anthropic.returned == set(anthropic.issued[:-2])
    # For calls which another made there is a word of Google's.
    assert gemini.returned == {*gemini.issued[:-1], SKIPS_CHECK}
    for vendor in vendors.all:
        foreign = [v for other in vendors.all if other is not vendor for v in other.states]
        told = json.dumps(vendor.asked, ensure_ascii=False)
        assert [state for state in foreign if state in told] == []


@ways
async def test_a_client_which_drops_their_state_is_served_all_the_same(
    proxy: ProxyProcess, vendors: NativeVendors, stream: bool
) -> None:
    await talked(proxy, vendors, stream=stream, bare=True)
    assert vendors.anthropic.returned == set()
    assert vendors.gemini.returned == {SKIPS_CHECK}
