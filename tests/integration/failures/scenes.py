"""Pools of vendors that fail, behind the real server: what clients, vendors and the log saw.

POOLS = Pools()
CUT = POOLS.add("cut", "cut-chunked", "ok")


async def test_a_cut_stream_is_told(scene: Scene) -> None:
    came = await scene.ask(CUT, stream=True)
    assert scene.asked(CUT) == "a"
    assert await scene.notes(CUT) == ["a stream_incomplete"]
"""

import asyncio
import json
import re
import socket
import struct
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from http import HTTPStatus
from string import ascii_lowercase
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

from attrs import define, field, frozen
from proxy_process import MESSAGES, ProxyProcess, Received, running_proxy, until

from modelmesh.testing import fake_wire
from modelmesh.testing.fake_provider import FakeProvider, Fault

_NONE: Mapping[str, Any] = MappingProxyType({})


@frozen
class Pools:
    """The pools of one server. Each has models of its own, called a, b, c in their order.

    Each model is at a provider of its own unless `account` puts several at one.
    """

    providers: dict[str, dict[str, Any]] = field(factory=dict)
    models: dict[str, dict[str, Any]] = field(factory=dict)
    pools: dict[str, dict[str, Any]] = field(factory=dict)
    faults: dict[str, Fault] = field(factory=dict)

    def add(
        self,
        pool: str,
        *behaviours: str | Fault,
        account: str = "",
        providers: Mapping[str, Mapping[str, Any]] = _NONE,
        models: Mapping[str, Mapping[str, Any]] = _NONE,
        **settings: Any,
    ) -> str:
        """Add a pool of models that behave so; return its name.

        Args:
            pool: its name, which no other has.
            behaviours: faults, or names of faults, in the pool's order.
            account: the models of one provider at one key, such as "ab".
            providers: more settings of providers, by the letter of their first model.
            models: more settings of models, by letter.
            settings: the pool's own.

        """
        members = []
        for letter, behaviour in zip(ascii_lowercase, behaviours, strict=False):
            named = behaviour if isinstance(behaviour, str) else "own"
            model = f"{named}@{pool}.{letter}"
            if not isinstance(behaviour, str):
                self.faults[model] = behaviour
            provider = f"{pool}.{account[0] if letter in account else letter}"
            key = {"api_key": f"key of {provider}"} if letter in account else {}
            self.providers.setdefault(provider, key | dict(providers.get(letter, {})))
            self.models[model] = {
                "provider": provider,
                "capabilities": ["chat-completion"],
                **models.get(letter, {}),
            }
            members.append(model)
        self.pools[pool] = {"models": members, "retry": {"max_attempts": 1}, **settings}
        return pool

    def config(self, url: str) -> dict[str, Any]:
        """Return the configuration, with all vendors at `url` which are nowhere else."""
        usual = {"connector": "openai-compatible", "base_url": url}
        return {
            "providers": {id_: {**usual, **own} for id_, own in self.providers.items()},
            "models": self.models,
            "pools": self.pools,
        }


@define(eq=False)
class Scene:
    """A running server in front of a vendor."""

    vendor: FakeProvider
    proxy: ProxyProcess
    _ids: dict[str, list[str]] = field(factory=dict, init=False)
    _asked: dict[str, float] = field(factory=dict, init=False)

    async def ask(self, pool: str, **body: Any) -> Received:
        """Send a chat to a pool; return the whole reply."""
        return await self.proxy.chat({"x-request-id": self.new_id(pool)}, model=pool, **body)

    def new_id(self, pool: str) -> str:
        """Name a request, so that it is found in the log."""
        ids = self._ids.setdefault(pool, [])
        self._asked.setdefault(pool, asyncio.get_running_loop().time())
        ids.append(f"{pool}-{len(ids) + 1}")
        return ids[-1]

    async def call(self, pool: str, **body: Any) -> "Caller":
        """Send a chat over a connection of its own, to hang up on."""
        url = urlsplit(self.proxy.url)
        reader, writer = await asyncio.open_connection(url.hostname, url.port)
        asked = json.dumps({"model": pool, "messages": MESSAGES, **body}).encode()
        head = (
            f"POST /v1/chat/completions HTTP/1.1\r\nhost: {url.netloc}\r\n"
            f"content-type: application/json\r\nx-request-id: {self.new_id(pool)}\r\n"
            f"content-length: {len(asked)}\r\n\r\n"
        )
        writer.write(head.encode() + asked)
        await writer.drain()
        return Caller(reader, writer)

    def requests(self, pool: str, letter: str = "") -> list[fake_wire.Received]:
        """Return what the vendor was asked for a pool, or for one of its models."""
        return [
            request
            for request in self.vendor.received
            if _place(request.model)[0] == pool and letter in ("", _place(request.model)[1])
        ]

    def asked(self, pool: str) -> str:
        """Return the letters of the models the vendor was asked for, in order."""
        return "".join(_place(request.model)[1] for request in self.requests(pool))

    def since_asked(self, pool: str, moment: float) -> float:
        """Return the seconds from just before a pool's first request.

        A pause is not longer by this than it was, however late a busy machine sees its beginning.
        """
        return moment - self._asked[pool]

    async def notes(self, pool: str) -> list[str]:
        """Return what the log says of a pool's attempts, once its requests are over."""
        over = [f"ms ({id_})\n" for id_ in self._ids.get(pool, [])]
        await until(lambda: all(end in self.proxy.logs for end in over))
        line = rf"^\w+ request \S+: \S+@{re.escape(pool)}\.(\w)(\S*): (.+)$"
        found = re.findall(line, self.proxy.logs, re.MULTILINE)
        return [f"{letter}{key} {what}" for letter, key, what in found]


@define(eq=False)
class Caller:
    """A client on a plain socket."""

    _reader: asyncio.StreamReader
    _writer: asyncio.StreamWriter
    came: bytes = field(default=b"", init=False)

    async def until_comes(self, text: str) -> None:
        """Read until so much of the reply is there."""
        while text.encode() not in self.came:
            piece = await self._reader.read(1 << 16)
            assert piece, f"the reply ended before {text!r}"
            self.came += piece

    async def hang_up(self, *, reset: bool = False) -> None:
        """Close the connection, or reset it."""
        if reset:
            at_once = struct.pack("ii", 1, 0)
            connection = self._writer.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
            self._writer.transport.abort()
        self._writer.close()
        with suppress(ConnectionError):
            await self._writer.wait_closed()


@asynccontextmanager
async def running(pools: Pools) -> AsyncIterator[Scene]:
    """Run a server with these pools."""
    async with (
        FakeProvider(faults=pools.faults) as vendor,
        running_proxy(pools.config(vendor.url), flags=["--log-level", "DEBUG"]) as proxy,
    ):
        yield Scene(vendor, proxy)


def chunks_of(came: Received) -> list[Any]:
    """Return the chunks of a stream that ended well."""
    assert came.status == HTTPStatus.OK
    assert came.headers["content-type"].startswith("text/event-stream")
    *chunks, end = came.events
    assert end == "[DONE]"
    return [json.loads(chunk) for chunk in chunks]


def text_of(came: Received, *, stream: bool) -> str:
    """Return what an answer says, which has to be a whole one."""
    if not stream:
        assert came.status == HTTPStatus.OK
        assert came.json["choices"][0]["finish_reason"]
        return str(came.json["choices"][0]["message"]["content"])
    choices = [choice for chunk in chunks_of(came) for choice in chunk["choices"]]
    assert [choice["finish_reason"] for choice in choices if choice["finish_reason"]] == ["stop"]
    return "".join(choice["delta"].get("content", "") for choice in choices)


def _place(model: str | None) -> tuple[str, str]:
    pool, _, letter = (model or "").rpartition("@")[2].rpartition(".")
    return pool, letter
