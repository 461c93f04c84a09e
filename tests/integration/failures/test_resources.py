"""What requests cost the server: its loop, its start, its connections.

The loads are small enough for any machine. What a server bears is for benchmarks to say.
"""

import asyncio
import json
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import Any, Self

import aiohttp
import pytest
from proxy_process import MESSAGES, ProxyProcess, many_pools, one_vendor, running_proxy, until

from failures.raw_http import ask, chat
from modelmesh import create, create_async
from modelmesh.portal import Portal
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


async def half_a_head_on_reuse(exchange: Exchange) -> None:
    """Answer one request; begin the head of another's reply, and close."""
    if exchange.number == 1:
        await exchange.deliver(talk(exchange).parts())
        return
    await exchange.send_raw(b"HTTP/1.1 200 OK\r\ncontent-")
    await exchange.sleep(0.05)
    exchange.close()


async def only_once(exchange: Exchange) -> None:
    """Answer one request, and close at every further one."""
    if exchange.number == 1:
        await exchange.deliver(talk(exchange).parts())
    else:
        exchange.close()


@pytest.fixture
async def vendor() -> AsyncIterator[FakeProvider]:
    faults = {
        "flood": flood,
        "half-a-head-on-reuse": half_a_head_on_reuse,
        "only-once": only_once,
    }
    async with FakeProvider(faults=faults) as running:
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
        await until(lambda: all(r.finished or r.client_gone for r in vendor.received), within=10)
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
        await until(lambda: len(vendor.received) >= 10, within=20)
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
    assert request_.body.decode() == body.replace('"chat"', '"ok"')


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


# Case 25: connections are neither lost nor kept


def sockets(proxy: ProxyProcess) -> int:
    """Count the sockets that a process has open."""
    links = []
    for number in Path(f"/proc/{proxy.process.pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            links.append(str(number.readlink()))
    return sum(link.startswith("socket:") for link in links)


async def test_case_25_streams_read_and_streams_left_give_their_connections_back(
    vendor: FakeProvider,
) -> None:
    config = many_pools(vendor, "ok~chunks=6", "stall-mid")
    config["pools"]["stall-mid"]["timeouts"] = {"idle": 60}
    async with running_proxy(config, env=STRICT) as proxy:
        before = sockets(proxy)

        async def ask_once(client: aiohttp.ClientSession, model: str) -> bytes:
            question = {"model": model, "messages": MESSAGES, "stream": True}
            async with client.post(proxy.url + CHAT, json=question) as reply:
                assert reply.status == 200
                if model == "stall-mid":
                    return await reply.content.readany()  # and then it leaves
                return await reply.read()

        async with aiohttp.ClientSession() as client:
            for _ in range(6):
                came = await asyncio.gather(
                    *(ask_once(client, model) for model in ["ok~chunks=6", "stall-mid"] * 50)
                )
                assert all(stream.endswith(b"data: [DONE]\n\n") for stream in came[::2])
                assert all(stream.startswith(b"data: ") for stream in came[1::2])
        assert len(vendor.received) == 600
        await until(lambda: all(r.finished or r.client_gone for r in vendor.received), within=10)
        assert (await proxy.get("/health")).json["active_connections"] == 0
        assert "stall-mid/stall-mid: cancelled by the client" in proxy.logs
        assert "WARNING" not in proxy.logs  # nobody is blamed for those who left
        await vendor.stop()  # which ends the connections that were kept for further requests
        await proxy.client.close()
        await until(lambda: sockets(proxy) <= before, within=10)
        proxy.signal()
        assert await proxy.exit_code() == 0
        assert "Unclosed" not in proxy.logs
        assert "ResourceWarning" not in proxy.logs
        assert "Traceback" not in proxy.logs


async def test_case_25_a_vendor_that_hangs_keeps_no_other_waiting(vendor: FakeProvider) -> None:
    async with FakeProvider() as other:
        config = many_pools(vendor, "never-headers", "ok")
        config["providers"]["ok"] = {"connector": "openai-compatible", "base_url": other.url}
        config["pools"]["never-headers"]["timeouts"] = {"first_token": 60}
        async with (
            running_proxy(config) as proxy,
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as client,
        ):
            question = {"model": "never-headers", "messages": MESSAGES, "stream": True}
            hung = [
                asyncio.create_task(client.post(proxy.url + CHAT, json=question))
                for _ in range(300)
            ]
            await until(lambda: len(vendor.received) == 300, within=20)
            now = asyncio.get_running_loop().time
            began = now()
            replies = [await proxy.chat(model="ok") for _ in range(20)]
            took = now() - began
            assert {reply.status for reply in replies} == {200}
            assert took < 5
            for task in hung:
                task.cancel()
            await asyncio.gather(*hung, return_exceptions=True)
            await until(lambda: all(request.client_gone for request in vendor.received), within=10)
            assert (await proxy.get("/health")).json["active_connections"] == 0


@pytest.fixture
def vendor_elsewhere() -> Iterator[FakeProvider]:
    """A vendor whose loop is on a thread of its own, so that tests may block theirs."""

    class Resident(FakeProvider):
        async def close(self) -> None:
            await self.stop()

    home = Portal(Resident)
    home.run(home.resident.start())
    yield home.resident
    home.close()


def test_case_25_the_library_works_in_several_event_loops_at_once(
    vendor_elsewhere: FakeProvider,
) -> None:
    config = one_vendor(vendor_elsewhere, "ok~delay=0.05")
    shared = create(config=config)
    said: list[Any] = []

    async def talk_in_a_loop() -> None:
        async with create_async(config=config) as own:
            answer = await own.chat.completions.create(messages=MESSAGES)
            said.append(answer.choices[0].message.content)
            # The synchronous client blocks the loop it is called in, and works all the same.
            said.append(
                shared.chat.completions.create(messages=MESSAGES).choices[0].message.content
            )

    threads = [threading.Thread(target=asyncio.run, args=(talk_in_a_loop(),)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    shared.close()
    assert said == ["Hello from ok~delay=0.05"] * 8


# Case 26: a kept connection which the vendor has closed


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("fault", "upstream"),
    [("close-after-idle", 2), ("close-after-answer", 2), ("close-on-reuse", 3)],
)
async def test_case_26_a_kept_connection_that_was_closed_is_no_failure(
    vendor: FakeProvider, fault: str, upstream: int, stream: bool
) -> None:
    async with running_proxy(one_vendor(vendor, fault)) as proxy:
        assert (await proxy.chat()).status == 200
        if fault == "close-after-idle":
            await until(lambda: vendor.open_connections == 0)
        reply = await proxy.chat(stream=stream)
        assert reply.status == 200
        assert reply.text.count(f"chatcmpl-{upstream}") >= 1  # one answer, and of one request
        assert f"chatcmpl-{upstream - 1}" not in reply.text
        assert reply.headers["x-modelmesh-attempts"] == "1"
        assert len(vendor.received) == upstream
        assert len({request.sha256 for request in vendor.received[1:]}) == 1
        assert f"fake/{fault}: " not in proxy.logs


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("fault", "upstream", "why"),
    [
        ("close-before-headers", 1, "nothing went over the connection before"),
        ("half-a-head-on-reuse", 2, "the reply had begun"),
        ("only-once", 3, "it was sent once more, and no more"),
    ],
)
async def test_case_26_a_request_is_sent_once_more_only_if_that_cannot_be_its_second_time(
    vendor: FakeProvider, fault: str, upstream: int, why: str, stream: bool
) -> None:
    async with running_proxy(one_vendor(vendor, fault)) as proxy:
        if fault != "close-before-headers":
            assert (await proxy.chat()).status == 200
        reply = await proxy.chat(stream=stream)
        assert reply.status == 502
        assert reply.headers["content-type"] == "application/json"
        assert len(vendor.received) == upstream, why
        await proxy.says(f"fake/{fault}: ")
