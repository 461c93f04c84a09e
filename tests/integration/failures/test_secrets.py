"""Keys and what was said: in no log, no error, no header, no repr."""

import asyncio
import pickle
from collections import deque
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from functools import partial
from types import FunctionType, MethodType
from typing import Any

import pytest
from proxy_process import MESSAGES, ProxyProcess, many_pools, running_proxy, until

from failures.raw_http import ask, chat
from modelmesh import MeshError, create
from modelmesh.config.load import load
from modelmesh.connectors import registry
from modelmesh.portal import Portal
from modelmesh.proxy.server import ProxyServer
from modelmesh.testing.fake_answers import encode, error, event, talk
from modelmesh.testing.fake_provider import Exchange, FakeProvider, Fault
from modelmesh.types import Request, Secret

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
    def answer(self, reply, *, wall):
        raise ValueError(str(self.last.headers))
    def decoder(self):
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
        pool["timeouts"] = {"first_token": 0.4, "idle": 0.4}
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


@pytest.fixture
async def vendor() -> AsyncIterator[FakeProvider]:
    async with FakeProvider(faults=EVERY) as running:
        yield running


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
        chat("ok", f"Authorization: Basic {KEY}"),
        chat("ok", f"Authorization: Bearer {KEY}"),
        chat("ok", *lines).replace(b"completions HTTP", f"completions?key={KEY} HTTP".encode()),
        f"{KEY}\r\n\r\n".encode(),
    ):
        reply = await ask(proxy, request)
        came.append(f"{reply.status} {reply.headers} {reply.body.decode()}")
    return "\n".join(came)


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
    request = Request(id="r", model="m", body={"model": "m", "messages": MESSAGES})
    for connector, vendor in registry.available("providers").items():
        provider = vendor("p", base_url="https://vendor.example/v1")
        sent = provider.request(request, model="m", key=Secret(KEY), drop=frozenset())
        listing = provider.models_request(Secret(KEY))
        for one in (sent, listing):
            if one is not None:
                assert KEY not in one.url, connector
                assert KEY in str(dict(one.headers)), connector
                assert KEY not in repr(one) + str(one), connector


# In process: whatever can be reached from a mesh


def inside(value: Any) -> Iterable[Any]:
    """Give what an object holds. What is in a secret is what nobody sees."""
    match value:
        case Secret():
            return
        case Mapping():
            yield from [*value.keys(), *value.values()]
        case list() | tuple() | set() | frozenset() | deque():
            yield from value
        case partial():
            yield from (value.func, value.args, value.keywords)
        case MethodType():
            yield value.__self__
        case FunctionType():
            yield from [cell.cell_contents for cell in value.__closure__ or ()]
        case BaseException():
            yield from (value.args, value.__cause__, value.__context__)
    if is_ours(value):
        yield getattr(value, "__dict__", {})
        names = [name for kind in type(value).__mro__ for name in getattr(kind, "__slots__", ())]
        yield [getattr(value, name) for name in names if hasattr(value, name)]


def is_ours(value: Any) -> bool:
    return type(value).__module__.partition(".")[0] == "modelmesh"


def reachable(*roots: Any) -> list[Any]:
    """Return everything that can be reached, each once."""
    seen: dict[int, Any] = {}
    waiting = list(roots)
    while waiting:
        value = waiting.pop()
        if id(value) not in seen:
            seen[id(value)] = value
            waiting += inside(value)
    return list(seen.values())


def shown(value: Any) -> str:
    """Return all that an object shows of itself, pickled too where it lets itself be."""
    try:
        written = pickle.dumps(value).decode("latin-1")
    except Exception:  # noqa: BLE001 - whatever cannot be written down shows nothing
        written = ""
    return f"{value!r} {value!s} {written}"


@pytest.fixture
def vendor_elsewhere() -> Iterator[FakeProvider]:
    """A vendor whose loop is on a thread of its own, so that tests may block theirs."""

    class Resident(FakeProvider):
        async def close(self) -> None:
            await self.stop()

    home = Portal(lambda: Resident(faults=EVERY))
    home.run(home.resident.start())
    yield home.resident
    home.close()


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
        await proxy.says("cancelled by the client")
        assert PROMPT in came  # a client does get what it said, of a vendor that echoes it
        proxy.signal()
        assert await proxy.exit_code() == 0
    assert "named-by-the-client" in proxy.logs
    assert [line for line in proxy.logs.splitlines() if CANARY in line] == []
