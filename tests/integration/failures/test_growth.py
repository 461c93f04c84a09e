"""What stays of very many requests, each of them named as no other is: nothing.

    MODELMESH_GROWTH=50000 pytest --log-cli-level=INFO tests/integration/failures/test_growth.py

asks so many streams, and has as many requests fail; without it they are few enough for every day.
"""

import asyncio
import json
import logging
import os
import re
import signal
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen
from proxy_process import ProxyProcess, running_proxy, until

from modelmesh.testing.fake_answers import encode, error, talk
from modelmesh.testing.fake_provider import Exchange, FakeProvider

log = logging.getLogger(__name__)

COUNT = int(os.environ.get("MODELMESH_GROWTH", "4000"))
WARM_UP = 4500  # more than any pool remembers of sessions
AT_ONCE = 16
BATCH = 1000
MEBIBYTE = 1 << 20
HOLDS = re.compile(r"^holds (.*)$", re.MULTILINE)
TOKEN = "the token"
AMPLE = 10**9

needs_proc = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="there is no /proc")


# A vendor that quotes what it is asked, in everything it says


def words(exchange: Exchange) -> str:
    return str(exchange.request.json["messages"][0]["content"])


def named(exchange: Exchange) -> dict[str, str]:
    """Return headers as no other answer has them."""
    number = exchange.number
    return {f"x-own-{number}": f"{number}", "x-ratelimit-remaining-requests": f"{AMPLE - number}"}


async def quoting(exchange: Exchange) -> None:
    await exchange.deliver(talk(exchange, words(exchange)).parts(), headers=named(exchange))


async def refusing(exchange: Exchange) -> None:
    said = words(exchange)
    body = error(400, message=said, code=f"code-{exchange.number}")
    await exchange.answer(400, encode(body), named(exchange))


async def breaking(exchange: Exchange) -> None:
    body = error(500, message=words(exchange), code=f"code-{exchange.number}")
    await exchange.answer(500, encode(body), named(exchange))


async def limiting(exchange: Exchange) -> None:
    body = error(429, message=words(exchange))
    await exchange.answer(429, encode(body), {"retry-after": f"{exchange.number % 9}"})


async def cutting(exchange: Exchange) -> None:
    await exchange.begin()
    await exchange.send(talk(exchange, words(exchange)).parts()[1])


FAULTS = {
    "quoting": quoting,
    "refusing": refusing,
    "breaking": breaking,
    "limiting": limiting,
    "cutting": cutting,
}


def config(vendor: FakeProvider) -> dict[str, Any]:
    return {
        "connectors": {"counting": "counting:Provider"},
        "providers": {
            "fake": {
                "connector": "counting",
                "base_url": vendor.url,
                "rate_limits": {"rpm": AMPLE, "tpd": AMPLE},
                "budget": {"daily_limit": 1000},
            }
        },
        "models": {
            fault: {
                "provider": "fake",
                "capabilities": ["chat-completion"],
                "pricing": {"input": 0, "output": 0},
            }
            for fault in FAULTS
        },
        "pools": {
            fault: {
                "models": [fault],
                "strategy": "session-stickiness" if fault == "quoting" else "round-robin",
                # However often it fails, it is asked.
                "recovery": {"cooldown": 0},
                "retry": {"max_attempts": 1},
                "max_wait": 0,
            }
            for fault in FAULTS
        },
        "storage": {"connector": "modelmesh.memory.v1"},
        "proxy": {"token": TOKEN},
    }


# Clients which never say the same thing twice


@frozen
class Question:
    """A request, and the status it is to be answered with."""

    wire: bytes
    status: int


def question(
    number: int,
    status: int,
    model: str,
    *,
    path: str = "/v1/chat/completions",
    body: bytes | None = None,
    token: str = TOKEN,
    **more: Any,
) -> Question:
    asked = {
        "model": model,
        "messages": [{"role": "user", "content": f"words {number} " * 20}],
        "user": f"user {number}",
        "max_tokens": 100,
        **more,
    }
    sent = json.dumps(asked).encode() if body is None else body
    lines = [
        f"POST {path} HTTP/1.1",
        "host: proxy",
        "content-type: application/json",
        f"content-length: {len(sent)}",
        f"authorization: Bearer {token}",
        f"x-request-id: request-{number}",
        f"x-session-id: session-{number}",
        f"idempotency-key: key-{number}",
        f"x-own-{number}: {number}",
    ]
    return Question("\r\n".join([*lines, "", ""]).encode() + sent, status)


def stream(number: int) -> Question:
    return question(number, 200, "quoting", stream=True)


FAILING: list[Callable[[int], Question]] = [
    lambda number: question(number, 400, "refusing"),
    lambda number: question(number, 502, "breaking"),
    lambda number: question(number, 502, "breaking", stream=True),
    lambda number: question(number, 429, "limiting"),
    lambda number: question(number, 200, "cutting", stream=True),
    lambda number: question(number, 404, f"model-{number}"),
    lambda number: question(number, 404, "quoting", path=f"/v1/nowhere-{number}"),
    lambda number: question(number, 401, "quoting", token=f"token-{number}"),
    lambda number: question(number, 400, "quoting", body=b"no JSON %d" % number),
    lambda number: question(number, 400, "quoting", messages=number),
]


def failing(number: int) -> Question:
    return FAILING[number % len(FAILING)](number)


async def ask(proxy: ProxyProcess, questions: list[Question]) -> None:
    """Ask all of them over so many connections, and see each answered to its end."""
    waiting = iter(questions)

    async def client() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        for each in waiting:
            writer.write(each.wire)
            head = await reader.readuntil(b"\r\n\r\n")
            assert int(head.split(b" ", 2)[1]) == each.status, (each, head)
            await _read_to_the_end(reader, head.lower())
            if b"connection: close" in head.lower():
                writer.close()
                reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        writer.close()
        await writer.wait_closed()

    async with asyncio.TaskGroup() as clients:
        for _ in range(AT_ONCE):
            clients.create_task(client())


async def _read_to_the_end(reader: asyncio.StreamReader, head: bytes) -> None:
    length = re.search(rb"content-length: (\d+)", head)
    if length:
        await reader.readexactly(int(length[1]))
    else:
        await reader.readuntil(b"\r\n0\r\n\r\n")


# What the server holds


@frozen(kw_only=True)
class Held:
    """What a process holds: bytes, tasks, blocks of memory, and objects of ours by class."""

    rss: int
    tasks: int
    blocks: int
    objects: Mapping[str, int]


def rss_of(pid: int) -> int:
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found
    return int(found[1]) << 10


async def held(proxy: ProxyProcess) -> Held:
    """Return what the server holds once it has nothing to do: as many tasks as a while before."""
    before, now = -1, await _holds(proxy)
    async with asyncio.timeout(20):
        while now["tasks"] != before:
            before = now["tasks"]
            await asyncio.sleep(0.5)
            now = await _holds(proxy)
    return Held(rss=rss_of(proxy.process.pid), **now)


async def _holds(proxy: ProxyProcess) -> dict[str, Any]:
    known = len(HOLDS.findall(proxy.logs))
    proxy.signal(signal.SIGUSR1)
    await until(lambda: len(HOLDS.findall(proxy.logs)) > known, within=20)
    told: dict[str, Any] = json.loads(HOLDS.findall(proxy.logs)[-1])
    return told


async def ask_many(proxy: ProxyProcess, vendor: FakeProvider, first: int, count: int) -> None:
    """Ask so many streams, and so many requests that fail, side by side."""
    for begin in range(first, first + count, BATCH):
        numbers = range(begin, min(begin + BATCH, first + count))
        await ask(proxy, [ask_(number) for number in numbers for ask_ in (stream, failing)])
        vendor.reset()


@needs_proc
@pytest.mark.timeout(120 + COUNT // 20)
async def test_case_21_nothing_stays_of_requests_each_of_which_is_named_as_no_other() -> None:
    counting = {"counting.py": Path(__file__).with_name("counting.py").read_text()}
    async with (
        FakeProvider(faults=FAULTS) as vendor,
        running_proxy(config(vendor), flags=["--log-level", "ERROR"], files=counting) as proxy,
    ):
        await ask_many(proxy, vendor, 0, WARM_UP)
        before = await held(proxy)
        await ask_many(proxy, vendor, WARM_UP, COUNT)
        after = await held(proxy)

    grown = (after.rss - before.rss) / MEBIBYTE
    log.info("%d streams, %d failures: %.1f MiB, %s", COUNT, COUNT, grown, after)
    assert after.tasks == before.tasks
    # 20 MiB for a hundred thousand requests, the usual unrest of an allocator included.
    assert grown < 4 + 16 * COUNT / 50_000
    # Of a single thing that stayed of each there would be more.
    assert after.blocks - before.blocks < COUNT // 2
    more = {name: n - before.objects.get(name, 0) for name, n in after.objects.items()}
    assert {name: n for name, n in more.items() if n > 4 * AT_ONCE} == {}
