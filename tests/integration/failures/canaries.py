"""Keys and words by which a leak is known, and vendors that leak whatever they can."""

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import Any

from proxy_process import ProxyProcess, many_pools

from failures.raw_http import ask, chat
from modelmesh.testing.fake_answers import encode, error, event, talk
from modelmesh.testing.fake_provider import Exchange, FakeProvider, Fault

CANARY = "canary"
KEY = f"{CANARY}-Key"
TOKEN = f"{CANARY}-Token"
HEADER = f"{CANARY}-Header"
PROMPT = f"{CANARY}-prompt"
LOUD = {"PYTHONDEVMODE": "1"}

BROKEN = """
from modelmesh.connectors.providers import openai_compatible

class Strategy:
    connector = "broken"
    def __init__(self, settings):
        pass
    def order(self, targets, turn):
        raise ZeroDivisionError(str([target.key.reveal() for target in targets]))

class Provider(openai_compatible.Provider):
    connector = "leaky"
    def request(self, request, *, model, key, drop):
        self.last = super().request(request, model=model, key=key, drop=drop)
        return self.last
    def answer(self, reply, *, request, model, wall):
        raise ValueError(str(self.last.headers))
    def decoder(self, *, request, model, wall):
        raise ValueError(str(self.last.headers))
"""


async def quote_key(exchange: Exchange, *, status: int, form: str) -> None:
    """Refuse, and quote the key that came."""
    text = form.format(key=exchange.request.key)
    refusal = error(status, message=text, code=exchange.request.key, param=exchange.request.key)
    await exchange.answer(status, encode(refusal))


async def quote_key_in_plain(exchange: Exchange) -> None:
    """Fail in plain text, and quote the key as it came."""
    quoted = exchange.request.headers["authorization"].encode()
    await exchange.answer(500, quoted, {"content-type": "text/plain"})


async def quote_key_in_stream(exchange: Exchange) -> None:
    """Say something, then break off with an error that quotes the key."""
    refusal = error(500, message=f"what is {exchange.request.key}?")
    if exchange.request.streaming:
        await exchange.deliver([*talk(exchange).parts()[:3], event(refusal)])
    else:
        await exchange.answer(200, encode(refusal))


async def garbage(exchange: Exchange) -> None:
    """Answer with what is no HTTP, and quote the key in it."""
    await exchange.send_raw(f"HTTP/1.1 {exchange.request.key}\r\n\r\n".encode())
    exchange.close()


async def quote_prompt(exchange: Exchange) -> None:
    """Refuse, and quote the whole request."""
    await exchange.answer(400, encode(error(400, message=exchange.request.body.decode())))


async def quote_prompt_and_fail(exchange: Exchange) -> None:
    """Fail, and quote the whole request."""
    await exchange.answer(500, encode(error(500, message=exchange.request.body.decode())))


FAULTS: dict[str, Fault] = {
    "quote-401": partial(quote_key, status=401, form="Incorrect API key provided: {key}."),
    "quote-400": partial(quote_key, status=400, form="{key} is not what I expected"),
    "quote-429": partial(quote_key, status=429, form="too many requests of {key}"),
    "quote-in-plain": quote_key_in_plain,
    "quote-in-stream": quote_key_in_stream,
    "garbage": garbage,
    "quote-prompt": quote_prompt,
    "quote-prompt-and-fail": quote_prompt_and_fail,
}
EVERY = {f"{name}{label}": fault for name, fault in FAULTS.items() for label in ("", "@s")}
NAMED = [
    "ok",
    "echo",
    "cut-chunked",
    "cut-length",
    "reset-mid",
    "stall-mid",
    "never-headers",
    "close-before-headers",
    "close-on-reuse",
    "error-200",
    "error-first-event",
    "error-mid",
    "empty-stream",
    "empty-choices",
    "null-body",
    "html-200",
    "redirect",
    "gzip-gzip",
    *(f"status~code={status}" for status in (400, 401, 402, 403, 404, 413, 422, 429, 500, 503)),
]
OTHERS = ["nobody", "insecure", "broken", "leaky"]
POOLS = {
    stream: [f"{name}{label}" for name in (*NAMED, *FAULTS, *OTHERS)]
    for stream, label in ((False, ""), (True, "@s"))
}
LEFT = "stall-mid@left"


def configured(vendor: FakeProvider) -> dict[str, Any]:
    """Return a configuration with a pool for everything that can go wrong, and keys in it."""
    config = many_pools(vendor, *POOLS[False], *POOLS[True], LEFT)
    for pool in config["pools"].values():
        pool["timeouts"] = {"first_token": 0.25, "idle": 0.25}
    for name, provider in config["providers"].items():
        config["providers"][name] = {
            **provider,
            "api_keys": [f"{KEY}1-of-{name}", f"{KEY}2-of-{name}"],
            "headers": {"x-own": HEADER},
        }
    for label in ("", "@s"):
        config["models"][f"leaky{label}"]["model"] = "ok@leaky"
        config["providers"][f"nobody{label}"]["base_url"] = "http://127.0.0.1:9/v1"
        secure = vendor.url.replace("http:", "https:")
        config["providers"][f"insecure{label}"]["base_url"] = secure
    return config


def served(vendor: FakeProvider) -> dict[str, Any]:
    config = configured(vendor)
    for label in ("", "@s"):
        config["providers"][f"leaky{label}"]["connector"] = "leaky"
        config["pools"][f"broken{label}"]["strategy"] = "broken"
    config["connectors"] = {"broken": "broken:Strategy", "leaky": "broken:Provider"}
    return config


async def matrix(proxy: ProxyProcess, body: Mapping[str, Any], headers: Mapping[str, str]) -> str:
    """Ask every pool in both ways, and in every wrong way; return all that came back."""

    async def answered(pool: str, *, stream: bool) -> str:
        reply = await proxy.chat(headers, model=pool, stream=stream, **body)
        return f"{pool}: {reply.status} {dict(reply.headers)} {reply.text}"

    came = []
    for stream, pools in POOLS.items():
        came += await asyncio.gather(*(answered(pool, stream=stream) for pool in pools))
    lines = [f"{name}: {text}" for name, text in headers.items()]
    for request in (
        chat("ok", *lines, "Content-Length: 3"),
        chat("ok", *lines, f"X-Bad: {KEY}\0"),
        chat("ok", *lines, f"X-Long: {KEY * 1000}"),
        chat("ok", *lines, api_key=KEY),
        chat("ok", *lines, note=KEY).replace(b'"note":', b'"note"!'),
        chat("ok", f"Authorization: Basic {KEY}"),
        chat("ok", f"Authorization: Bearer {KEY}"),
        chat("ok", *lines).replace(b"completions HTTP", f"completions?key={KEY} HTTP".encode()),
        f"{KEY}\r\n\r\n".encode(),
    ):
        reply = await ask(proxy, request)
        came.append(f"{reply.status} {reply.headers} {reply.body.decode()}")
    return "\n".join(came)
