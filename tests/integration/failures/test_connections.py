"""Connections: none is lost or kept, and one that turns out to be closed is nobody's failure."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio
from proxy_process import MESSAGES, ProxyProcess, many_pools, one_vendor, running_proxy, until

from modelmesh import create, create_async
from modelmesh.testing.fake_answers import error, event, talk
from modelmesh.testing.fake_provider import Exchange, FakeProvider, Fault

pytestmark = pytest.mark.asyncio(loop_scope="module")

CHAT = "/v1/chat/completions"
STRICT = {"PYTHONDEVMODE": "1", "PYTHONWARNINGS": "error::ResourceWarning"}
ROUNDS = {"direct": 5, "aiohttp": 1}
"""How many times a hundred streams there are over each transport."""


async def half_a_head_on_reuse(exchange: Exchange) -> None:
    """Answer one request; begin the head of another's reply, and close."""
    if not exchange.memory:
        exchange.memory.append(1)
        await exchange.deliver(talk(exchange).parts())
        return
    await exchange.send_raw(b"HTTP/1.1 200 OK\r\ncontent-")
    await exchange.sleep(0.05)
    exchange.close()


async def only_once(exchange: Exchange) -> None:
    """Answer one request, and close at every further one."""
    if exchange.memory:
        exchange.close()
    else:
        exchange.memory.append(1)
        await exchange.deliver(talk(exchange).parts())


async def error_then_silence(exchange: Exchange) -> None:
    """Begin a stream, tell of an error, and never end."""
    await exchange.begin()
    await exchange.send(event(error(429)))
    await exchange.silence()


OWN: dict[str, Fault] = {
    "half-a-head-on-reuse": half_a_head_on_reuse,
    "only-once": only_once,
    "error-then-silence": error_then_silence,
}
GIVEN_UP = "error-then-silence@stream"
ENDING = ["close-after-idle", "close-after-answer", "close-on-reuse", "close-before-headers"]
POOLS = [f"{fault}@{label}" for fault in (*ENDING, *OWN) for label in ("plain", "stream")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def home() -> FakeProvider:
    """Give a vendor whose port is known, and which is not running."""
    vendor = FakeProvider(
        faults={pool: OWN[name] for pool in POOLS if (name := pool.partition("@")[0]) in OWN}
    )
    await vendor.start()
    await vendor.stop()
    return vendor


@pytest_asyncio.fixture(loop_scope="module")
async def vendor(home: FakeProvider) -> AsyncIterator[FakeProvider]:
    home.reset()
    async with home:
        yield home


@pytest.fixture(scope="module", params=["direct", "aiohttp"])
def transport(request: pytest.FixtureRequest) -> str:
    chosen: str = request.param
    return chosen


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def proxy(home: FakeProvider, transport: str) -> AsyncIterator[ProxyProcess]:
    config = {**many_pools(home, *POOLS), "transport": transport}
    for pool in config["pools"].values():
        pool["timeouts"] = {"first_token": 20}
    config["pools"][GIVEN_UP]["recovery"] = {"cooldown": 0}
    async with running_proxy(config) as running:
        yield running


# Case 25: connections are neither lost nor kept


def sockets(proxy: ProxyProcess) -> int:
    """Count the sockets that a process has open."""
    links = []
    for number in Path(f"/proc/{proxy.process.pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            links.append(str(number.readlink()))
    return sum(link.startswith("socket:") for link in links)


async def test_case_25_streams_read_and_streams_left_give_their_connections_back(
    vendor: FakeProvider, transport: str
) -> None:
    config = many_pools(vendor, "ok~chunks=6", "stall-mid")
    for pool in config["pools"].values():
        pool["timeouts"] = {"first_token": 20, "idle": 60}
    config["transport"] = transport
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
            for _ in range(ROUNDS[transport]):
                came = await asyncio.gather(
                    *(ask_once(client, model) for model in ["ok~chunks=6", "stall-mid"] * 50)
                )
                assert all(stream.endswith(b"data: [DONE]\n\n") for stream in came[::2])
                assert all(stream.startswith(b"data: ") for stream in came[1::2])
        assert len(vendor.received) == 100 * ROUNDS[transport]
        await until(lambda: all(r.finished or r.client_gone for r in vendor.received))
        assert (await proxy.get("/health")).json["active_connections"] == 0
        noted = set(re.findall(r"request \S+: (\S+: .+)", proxy.logs))
        assert noted == {"stall-mid/stall-mid: cancelled"}
        await vendor.stop()  # which ends the connections that were kept for further requests
        await proxy.client.close()
        await until(lambda: sockets(proxy) <= before)
        proxy.signal()
        assert await proxy.exit_code() == 0
        assert "Unclosed" not in proxy.logs
        assert "ResourceWarning" not in proxy.logs
        assert "Traceback" not in proxy.logs


async def test_case_25_a_reply_that_is_given_up_gives_its_connection_back(
    vendor: FakeProvider, proxy: ProxyProcess
) -> None:
    replies = [await proxy.chat(model=GIVEN_UP, stream=True) for _ in range(20)]
    assert {reply.status for reply in replies} == {429}
    assert len(vendor.received) == 20
    await until(lambda: all(request.client_gone for request in vendor.received))
    await until(lambda: vendor.open_connections == 0)


async def test_case_25_a_vendor_that_hangs_keeps_no_other_waiting(
    vendor: FakeProvider, transport: str
) -> None:
    async with FakeProvider() as other:
        config = many_pools(vendor, "never-headers", "ok")
        config["providers"]["ok"] = {"connector": "openai-compatible", "base_url": other.url}
        for pool in config["pools"].values():
            pool["timeouts"] = {"first_token": 60}
        config["transport"] = transport
        async with (
            running_proxy(config) as proxy,
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as client,
        ):
            question = {"model": "never-headers", "messages": MESSAGES, "stream": True}
            hung = [
                asyncio.create_task(client.post(proxy.url + CHAT, json=question))
                for _ in range(300)
            ]
            await until(lambda: len(vendor.received) == 300)
            now = asyncio.get_running_loop().time
            began = now()
            replies = [await proxy.chat(model="ok") for _ in range(20)]
            took = now() - began
            assert {reply.status for reply in replies} == {200}
            assert took < 20
            for task in hung:
                task.cancel()
            await asyncio.gather(*hung, return_exceptions=True)
            await until(lambda: all(request.client_gone for request in vendor.received))
            assert (await proxy.get("/health")).json["active_connections"] == 0


async def test_case_25_the_library_works_in_several_event_loops_at_once(
    vendor: FakeProvider,
) -> None:
    config = one_vendor(vendor, "ok~delay=0.05")
    shared = create(config=config)

    async def talk_in_a_loop() -> set[str | None]:
        async with create_async(config=config) as own:
            answer = await own.chat.completions.create(messages=MESSAGES)
            # The synchronous client blocks the loop it is called in, and works all the same.
            other = shared.chat.completions.create(messages=MESSAGES)
            return {one.choices[0].message.content for one in (answer, other)}

    said = await asyncio.gather(
        *(asyncio.to_thread(asyncio.run, talk_in_a_loop()) for _ in range(4))
    )
    await asyncio.to_thread(shared.close)
    assert said == [{"Hello from ok~delay=0.05"}] * 4
    assert len(vendor.received) == 8


# Case 26: a kept connection which the vendor has closed


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("fault", "upstream"),
    [("close-after-idle", 2), ("close-after-answer", 2), ("close-on-reuse", 3)],
)
async def test_case_26_a_kept_connection_that_was_closed_is_no_failure(
    vendor: FakeProvider, proxy: ProxyProcess, fault: str, upstream: int, stream: bool
) -> None:
    pool = f"{fault}@{'stream' if stream else 'plain'}"
    first = await proxy.chat(model=pool)
    if fault == "close-after-idle":
        await until(lambda: vendor.open_connections == 0)
    reply = await proxy.chat(model=pool, stream=stream)

    assert (first.status, reply.status) == (200, 200)
    (answer,) = set(re.findall(r"chatcmpl-\d+", reply.text))  # one answer, and of one request
    assert answer != first.json["id"]
    assert reply.headers["x-modelmesh-attempts"] == "1"
    assert len(vendor.received) == upstream
    assert len({request.sha256 for request in vendor.received[1:]}) == 1
    assert f"{pool}/{pool}: " not in proxy.logs


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("fault", "upstream"),
    [
        pytest.param("close-before-headers", 1, id="the connection was new"),
        pytest.param("half-a-head-on-reuse", 2, id="a reply had begun"),
        pytest.param("only-once", 3, id="it was sent once more before"),
    ],
)
async def test_case_26_a_request_is_sent_once_more_only_if_nobody_may_have_heeded_it(
    vendor: FakeProvider, proxy: ProxyProcess, fault: str, upstream: int, stream: bool
) -> None:
    pool = f"{fault}@{'stream' if stream else 'plain'}"
    if fault != "close-before-headers":
        assert (await proxy.chat(model=pool)).status == 200
    reply = await proxy.chat(model=pool, stream=stream)

    assert reply.status == 502
    assert reply.headers["content-type"] == "application/json"
    assert len(vendor.received) == upstream
    await proxy.says(f"{pool}/{pool}: ")
