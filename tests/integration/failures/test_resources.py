"""What the server's work costs: its event loop is free, and its start is quick.

The loads are small enough for any machine. What a server bears is for benchmarks to say.
"""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from io import BytesIO
from typing import Self

import pytest
from proxy_process import MESSAGES, ProxyProcess, one_vendor, running_proxy, until

from failures.raw_http import ask, chat
from modelmesh.testing.fake_answers import DONE, talk
from modelmesh.testing.fake_provider import Exchange, FakeProvider

CHAT = "/v1/chat/completions"
STRICT = {"PYTHONDEVMODE": "1", "PYTHONWARNINGS": "error::ResourceWarning"}
MEBIBYTE = 1 << 20
FLOOD_PIECE = 1 << 16


async def flood(exchange: Exchange) -> None:
    """Stream as many MiB as the request's seed says."""
    said = talk(exchange, "x" * FLOOD_PIECE, 1).parts()
    await exchange.begin()
    await exchange.send(said[0])
    for _ in range(exchange.request.json["seed"] * MEBIBYTE // FLOOD_PIECE):
        await exchange.send(said[1])
    for part in (*said[2:], DONE):
        await exchange.send(part)
    await exchange.end()


@pytest.fixture
async def vendor() -> AsyncIterator[FakeProvider]:
    async with FakeProvider(faults={"flood": flood}) as running:
        yield running


# Case 22: the event loop is not blocked


class Watch:
    """Asks a server over and over whether it lives, and keeps how long it took to say so."""

    def __init__(self, proxy: ProxyProcess) -> None:
        self._proxy = proxy
        self.waits: list[float] = []

    async def __aenter__(self) -> Self:
        self._watching = asyncio.create_task(self._watch())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._watching.cancel()
        with suppress(asyncio.CancelledError):
            await self._watching

    async def _watch(self) -> None:
        now = asyncio.get_running_loop().time
        while True:
            began = now()
            assert (await self._proxy.get("/livez")).status == 200
            self.waits.append(now() - began)
            await asyncio.sleep(0.02)


async def test_case_22_the_server_tells_that_it_lives_while_floods_come_and_everybody_leaves(
    vendor: FakeProvider,
) -> None:
    async with running_proxy(one_vendor(vendor, "flood")) as proxy, Watch(proxy) as watch:
        question = {"model": "chat", "messages": MESSAGES, "stream": True}
        streams = [
            await proxy.client.post(proxy.url + CHAT, json={**question, "seed": 1 + number % 5})
            for number in range(30)
        ]
        drunk = [await stream.content.readexactly(MEBIBYTE // 2) for stream in streams]
        for stream in streams[::2]:
            stream.close()
        for stream in streams[1::2]:
            assert (await stream.content.read()).endswith(b"data: [DONE]\n\n")
            stream.release()
        assert len(drunk) == 30
        await until(lambda: all(r.finished or r.client_gone for r in vendor.received))
        assert (await proxy.get("/health")).json["active_connections"] == 0
        assert (await proxy.chat(seed=1, stream=True)).status == 200

    assert len(watch.waits) >= 5
    assert max(watch.waits) < 2


async def test_case_22_the_server_tells_that_it_lives_while_large_questions_come(
    vendor: FakeProvider,
) -> None:
    said = [{"role": "user", "content": "words and words " * (MEBIBYTE // 4)}]  # 4 MiB
    question = json.dumps({"model": "chat", "messages": said}).encode()
    async with running_proxy(one_vendor(vendor, "ok")) as proxy, Watch(proxy) as watch:
        asking = [
            asyncio.create_task(proxy.send("POST", CHAT, data=BytesIO(question))) for _ in range(30)
        ]
        await until(lambda: len(vendor.received) >= 10)
        for task in asking[::2]:
            task.cancel()
        replies = await asyncio.gather(*asking[1::2])
        assert {reply.status for reply in replies} == {200}

    assert len(watch.waits) >= 5
    assert max(watch.waits) < 2


@pytest.mark.parametrize("stream", ["true", "false"])
async def test_case_22_a_body_that_needs_no_change_is_not_written_anew(
    vendor: FakeProvider, stream: str
) -> None:
    body = (
        '{ "messages" : [ {"content":"caf\\u00e9 \\ud83d\\ude00","role": "user"} ],\n\t'
        f'"x_of_mine":1.50e1, "model":"chat" , "stream":{stream} }}'
    )
    request = chat("chat").partition(b"\r\n\r\n")[0].decode()
    length = next(line for line in request.split("\r\n") if line.startswith("Content-Length"))
    head = request.replace(length, f"Content-Length: {len(body)}")
    async with running_proxy(one_vendor(vendor, "ok")) as proxy:
        reply = await ask(proxy, f"{head}\r\n\r\n{body}".encode())
    assert reply.status == 200
    (request_,) = vendor.received
    # A stream is counted, and that is all there is to it.
    counted = '"stream_options":{"include_usage":true},' if stream == "true" else ""
    assert request_.body.decode() == "{" + counted + body.replace('"chat"', '"ok"')[1:]


# Case 23: an import does nothing else

IMPORTING = """
import sys
seen = []
def watch(event, arguments):
    if event.startswith(("socket.", "os.mkdir", "os.rename", "os.remove", "subprocess.")):
        seen.append((event, str(arguments)))
    if event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+"):
        seen.append((event, str(arguments)))
before = set(sys.modules)
sys.addaudithook(watch)
import modelmesh
if %s:
    modelmesh.create, modelmesh.ModelMesh, modelmesh.MeshConfig, modelmesh.RoutingError
import json
loaded = sorted(set(sys.modules) - before)
print(json.dumps({"seen": seen, "loaded": loaded}))
"""


@pytest.mark.parametrize("names_too", [False, True])
def test_case_23_an_import_opens_nothing_and_loads_no_library_for_the_wire(
    names_too: bool,
) -> None:
    ran = subprocess.run(
        [sys.executable, "-B", "-c", IMPORTING % names_too],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    told = json.loads(ran.stdout)
    assert told["seen"] == []
    assert "modelmesh" in told["loaded"]
    heavy = {"aiohttp", "yaml", "openai", "httpx"}
    assert not heavy & {name.partition(".")[0] for name in told["loaded"]}
    vendors = [name for name in told["loaded"] if ".connectors.providers." in name]
    assert vendors == []


def test_case_23_an_import_takes_no_time() -> None:
    def milliseconds() -> float:
        ran = subprocess.run(
            [sys.executable, "-X", "importtime", "-c", "import modelmesh"],
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        (line,) = [one for one in ran.stderr.splitlines() if one.endswith("| modelmesh")]
        return int(line.split("|")[1]) / 1000

    # The quickest of a few: a busy machine slows each of them down.
    assert min(milliseconds() for _ in range(5)) < 100
