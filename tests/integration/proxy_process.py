"""The real server in a process of its own, for tests.

async with FakeProvider() as vendor, running_proxy(one_vendor(vendor, "ok")) as proxy:
    reply = await proxy.chat()
    assert reply.status == 200
"""

import asyncio
import json
import os
import re
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any

import aiohttp
from attrs import define, field, frozen

from modelmesh.testing.fake_provider import FakeProvider

POOL = "chat"
MESSAGES = [{"role": "user", "content": "Hello!"}]

_LISTENS = re.compile(r"listens at (http://\S+)")
_PATIENCE = 20.0
# Where programs are found, and our modules if they are not installed.
_PLACES = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}


def one_vendor(vendor: FakeProvider, *faults: str, **proxy: Any) -> dict[str, Any]:
    """Return a configuration: one pool over a vendor's models, in this order."""
    return {
        "providers": {"fake": {"connector": "openai-compatible", "base_url": vendor.url}},
        "models": {
            fault: {"provider": "fake", "capabilities": ["chat-completion"]} for fault in faults
        },
        "pools": {POOL: {"models": list(faults), "retry": {"max_attempts": 1}}},
        "proxy": proxy,
    }


def many_pools(vendor: FakeProvider, *faults: str) -> dict[str, Any]:
    """Return a configuration with a pool and a provider for each fault, which name them."""
    config = one_vendor(vendor, *faults)
    config["providers"] = dict.fromkeys(faults, config["providers"]["fake"])
    config["models"] = {
        fault: {"provider": fault, "capabilities": ["chat-completion"]} for fault in faults
    }
    patience = {"retry": {"max_attempts": 1}, "max_wait": 0, "timeouts": {"first_token": 0.5}}
    config["pools"] = {fault: {"models": [fault], **patience} for fault in faults}
    return config


async def until(condition: Callable[[], object], within: float = _PATIENCE) -> None:
    """Wait for what another process does."""
    async with asyncio.timeout(within):
        while not condition():  # noqa: ASYNC110 - what it waits for knows no event
            await asyncio.sleep(0.01)


def soon(condition: Callable[[], object]) -> bool:
    """Whether it comes true within a second, the time which a vendor may be kept."""
    until = time.monotonic() + 1
    while not condition() and time.monotonic() < until:
        time.sleep(0.005)
    return bool(condition())


@frozen(kw_only=True)
class Received:
    """A whole reply of the proxy's."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def error(self) -> Any:
        return self.json["error"]

    @property
    def events(self) -> list[str]:
        """The data of a stream's events."""
        return [event.removeprefix("data: ") for event in self.text.split("\n\n") if event]


WIRES = [
    (front, transport) for front in ("direct", "aiohttp") for transport in ("direct", "aiohttp")
]
"""Every front with every transport."""


@define(eq=False)
class ProxyProcess:
    """A running server. Its log is everything it said, on either stream."""

    process: asyncio.subprocess.Process
    client: aiohttp.ClientSession
    folder: Path
    url: str = ""
    _lines: list[str] = field(factory=list, init=False)
    _all_said: asyncio.Future[list[None]] = field(init=False)

    def __attrs_post_init__(self) -> None:
        outputs = (self.process.stdout, self.process.stderr)
        self._all_said = asyncio.gather(*map(self._keep, outputs))

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    @property
    def logs(self) -> str:
        return "".join(self._lines)

    async def send(self, method: str, path: str, **request: Any) -> Received:
        """Send a request; the arguments are those of aiohttp's client."""
        async with self.client.request(method, self.url + path, **request) as response:
            text = await response.text()
            return Received(status=response.status, headers=response.headers, text=text)

    async def get(self, path: str, **request: Any) -> Received:
        return await self.send("GET", path, **request)

    async def chat(self, headers: Mapping[str, str] | None = None, **body: Any) -> Received:
        """Send a chat, by default a plain one to the pool."""
        asked = {"model": POOL, "messages": MESSAGES, **body}
        return await self.send("POST", "/v1/chat/completions", json=asked, headers=headers)

    async def raw(self, request: bytes) -> bytes:
        """Send bytes on a connection of their own; return everything that comes back."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(request)
        try:
            async with asyncio.timeout(_PATIENCE):
                return await reader.read()
        finally:
            writer.close()

    def rewrite(self, config: Mapping[str, Any] | str) -> None:
        """Put another configuration in the place of the one it was started with."""
        text = config if isinstance(config, str) else json.dumps(_by_wire(config))
        (self.folder / "new.yaml").write_text(text)
        (self.folder / "new.yaml").rename(self.folder / "config.yaml")

    def signal(self, number: int = signal.SIGTERM) -> None:
        self.process.send_signal(number)

    async def says(self, text: str) -> None:
        """Wait until a text is in the log."""
        await until(lambda: text in self.logs, within=_PATIENCE)

    async def exit_code(self, within: float = _PATIENCE) -> int:
        """Wait for the end of the process; its log is complete then."""
        async with asyncio.timeout(within):
            code = await self.process.wait()
        await self._all_said
        return code

    async def _keep(self, output: asyncio.StreamReader | None) -> None:
        """Keep what the process says, and learn from it where it listens."""
        assert output is not None
        async for line in output:
            self._lines.append(line.decode())
            if found := _LISTENS.search(self._lines[-1]):
                self.url = found[1]

    async def _until_open(self) -> None:
        async with asyncio.timeout(_PATIENCE):
            while not self.url:
                if self.process.returncode is not None:
                    raise RuntimeError(f"the proxy ended with {self.process.returncode}")
                await asyncio.sleep(0.01)


def _by_wire(config: Mapping[str, Any]) -> dict[str, Any]:
    """Have the server speak to both sides as MODELMESH_TEST_WIRE says, unless a test says it."""
    wire = os.environ.get("MODELMESH_TEST_WIRE", "auto")
    proxy = {"front": wire, **config.get("proxy", {})}
    return {"transport": wire, **config, "proxy": proxy}


@asynccontextmanager
async def running_proxy(
    config: Mapping[str, Any] | None,
    *,
    flags: Sequence[str] = (),
    env: Mapping[str, str] | None = None,
    files: Mapping[str, str] = MappingProxyType({}),
    python: str = sys.executable,
) -> AsyncIterator[ProxyProcess]:
    """Run `python -m modelmesh.proxy` on a free port until the block ends.

    `env` is the whole environment besides PATH and PYTHONPATH, `files` are what is in the server's
    folder. Without a config it looks for one by itself. When something fails in the block, the
    server's log comes with the failure.
    """
    with tempfile.TemporaryDirectory() as folder:
        for name, text in files.items():
            (Path(folder) / name).write_text(text)
        command = [python, "-m", "modelmesh.proxy", "--host", "127.0.0.1", "--port", "0"]
        if config is not None:
            path = Path(folder) / "config.yaml"
            path.write_text(json.dumps(_by_wire(config)))  # JSON is YAML
            command += ["--config", str(path)]
        process = await asyncio.create_subprocess_exec(
            *command,
            *flags,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=folder,
            env={**_PLACES, **(env or {})},
        )
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(_PATIENCE)) as client:
            proxy = ProxyProcess(process, client, Path(folder))
            try:
                await proxy._until_open()
                yield proxy
            except BaseException as failure:
                failure.add_note(f"the proxy's log:\n{proxy.logs}")
                raise
            finally:
                with suppress(ProcessLookupError):
                    process.kill()
                await proxy.exit_code()
