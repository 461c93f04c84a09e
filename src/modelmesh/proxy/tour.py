"""`--demo --once`: the demo's requests, sent by itself, and what became of each."""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

import aiohttp
from attrs import field, frozen

from modelmesh.clock import Clock, SystemClock
from modelmesh.proxy.demo import POOL, VENDORS, vendors
from modelmesh.proxy.server import ProxyServer

_CHATS: Final = (
    ("a chat", False, ["limited"]),
    ("a streaming chat", True, ["limited", "flaky"]),
    ("another chat", False, ["flaky", "steady"]),
)
"""What is sent, whether as a stream, and which vendors must have been tried in which order."""


@frozen(kw_only=True)
class Ink:
    """Colours for a terminal; none for a file or a pipe."""

    colours: bool

    def bold(self, text: str) -> str:
        return self._in("1", text)

    def faint(self, text: str) -> str:
        return self._in("2", text)

    def good(self, text: str) -> str:
        return self._in("32", text)

    def bad(self, text: str) -> str:
        return self._in("31", text)

    def _in(self, code: str, text: str) -> str:
        return f"\033[{code}m{text}\033[0m" if self.colours else text


async def tour(say: Callable[[str], object], *, colours: bool) -> bool:
    """Send the demo's requests and show them; whether everything went as it must."""
    ink = Ink(colours=colours)
    say(ink.bold("Three simulated vendors, one pool, no key, no network"))
    for name, matter in VENDORS.items():
        say(f"  {name:<9}{ink.faint(matter)}")
    async with vendors() as config:
        server = ProxyServer(config=config, port=0, announce=lambda _: None)
        async with server, aiohttp.ClientSession(server.url) as client:
            guide = _Guide(client=client, say=say, ink=ink)
            held = [await guide.models(), *[await guide.chat(*chat) for chat in _CHATS]]
    if all(held):
        unnoticed = sum(len(tried) - 1 for *_, tried in _CHATS)
        say(ink.good(f"\nEvery request was answered; {unnoticed} failures went unnoticed."))
    else:
        say(ink.bad("\nSomething did not go as expected: see above."))
    return all(held)


@frozen(kw_only=True)
class _Guide:
    """Sends requests, and shows what became of them."""

    client: aiohttp.ClientSession
    say: Callable[[str], object]
    ink: Ink
    clock: Clock = field(factory=SystemClock)

    async def models(self) -> bool:
        async with self.client.get("/v1/models") as response:
            listed = await response.json()
        names = [model["id"] for model in listed.get("data", [])]
        self.say(f"\n{self.ink.bold('GET /v1/models')}\n  {', '.join(names)}")
        return names == [POOL]

    async def chat(self, title: str, stream: bool, expected: list[str]) -> bool:
        started = self.clock.now()
        message = {"role": "user", "content": "Hello!"}
        body = {"model": POOL, "messages": [message], "stream": stream}
        async with self.client.post("/v1/chat/completions", json=body) as response:
            text = await response.text()
        took = self.ink.faint(f"{(self.clock.now() - started) * 1000:.0f} ms")
        self.say(f"\n{self.ink.bold('POST /v1/chat/completions')}  {title}  {took}")
        if not response.ok:
            self.say(f"  {self.ink.bad(str(response.status))} {text}")
            return False
        said = _streamed(text) if stream else _said(json.loads(text), "message")
        trail = [each.split(";") for each in response.headers["x-modelmesh-trail"].split(", ")]
        tried = [target.partition("/")[0] for target, *_ in trail]
        for provider, (_, became, status, milliseconds) in zip(tried, trail, strict=True):
            after = self.ink.faint(f"after {milliseconds} ms")
            if became == "ok":
                came = f"{self.ink.good('answered')} {after}  {said!r}"
            else:
                came = f"{self.ink.bad(f'{status} {became}')} {after}, on to the next"
            self.say(f"  {provider:<9}{came}")
        return bool(said) and tried == expected


def _streamed(text: str) -> str:
    """Return what a stream says if it came to its end, else nothing."""
    events = [event.removeprefix("data: ") for event in text.split("\n\n") if event]
    if events[-1:] != ["[DONE]"]:
        return ""
    return "".join(_said(json.loads(event), "delta") for event in events[:-1])


def _said(completion: Mapping[str, Any], where: str) -> str:
    return "".join(choice[where].get("content") or "" for choice in completion.get("choices", ()))
