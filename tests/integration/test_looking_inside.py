"""Looking inside a real server, behind either front: case 46 of what others' pages may do."""

import asyncio
import json
import re
import shutil
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from attrs import define, field
from proxy_process import ProxyProcess, one_vendor, running_proxy, until
from test_workers import TWO, only, workers

from modelmesh import proxy as package
from modelmesh.proxy.feed import LISTENERS
from modelmesh.testing.fake_provider import FakeProvider

pytestmark = pytest.mark.asyncio(loop_scope="module")

STATUS, EVENTS, EXPLAIN = "/v1/mesh/status", "/v1/mesh/events", "/v1/mesh/explain"
INSIDE = (STATUS, EVENTS, EXPLAIN, "/metrics")
EVIL = "http://evil.example"
STATIC = Path(package.__file__).with_name("static")


@pytest.fixture(autouse=True)
def fresh(vendor: FakeProvider) -> None:
    vendor.reset()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def proxy(vendor: FakeProvider, front: str) -> AsyncIterator[ProxyProcess]:
    """Serve without any token."""
    async with running_proxy(one_vendor(vendor, "ok", front=front, heartbeat=0.2)) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def guarded(vendor: FakeProvider, front: str) -> AsyncIterator[ProxyProcess]:
    auth = {"tokens": ["ordinary"], "admin_tokens": ["admin"]}
    async with running_proxy(one_vendor(vendor, "ok", front=front, auth=auth)) as running:
        yield running


def method(path: str) -> str:
    return "POST" if path == EXPLAIN else "GET"


async def status_at(proxy: ProxyProcess, path: str, headers: Mapping[str, str]) -> int:
    """Ask, and look at no more than the head: a feed has no end."""
    body = {"model": "chat"} if path == EXPLAIN else None
    url = proxy.url + path
    async with proxy.client.request(method(path), url, headers=headers, json=body) as reply:
        assert not [name for name in reply.headers if name.lower().startswith("access-control")]
        return reply.status


@define
class Feed:
    """The events that come, as a client reads them."""

    events: list[tuple[str, Any]] = field(factory=list)
    comments: int = 0
    over: bool = False

    def names(self, *of: str) -> list[str]:
        return [name for name, _ in self.events if not of or name in of]

    async def read(self, reply: aiohttp.ClientResponse) -> None:
        name = ""
        async for line in reply.content:
            sort, _, text = line.decode().rstrip("\n").partition(": ")
            if sort == "":
                self.comments += text == "ping"
            elif sort == "event":
                name = text
            elif sort == "data":
                self.events.append((name, json.loads(text)))
        self.over = True


@asynccontextmanager
async def listening(
    proxy: ProxyProcess, headers: Mapping[str, str] | None = None
) -> AsyncIterator[Feed]:
    feed = Feed()
    async with proxy.client.get(proxy.url + EVENTS, headers=headers) as reply:
        assert reply.status == 200
        assert reply.headers["content-type"] == "text/event-stream; charset=utf-8"
        reading = asyncio.create_task(feed.read(reply))
        try:
            await until(lambda: feed.comments)
            yield feed
        finally:
            reading.cancel()
            await asyncio.wait([reading])


# What is told


async def test_the_status_tells_how_the_mesh_fares(proxy: ProxyProcess) -> None:
    assert (await proxy.chat()).status == 200
    reply = await proxy.get(STATUS)
    told = reply.json
    assert (reply.status, reply.headers["cache-control"]) == (200, "no-store")
    assert told["worker"] == {"number": 1, "of": 1}
    assert told["config_version"] == reply.headers["x-modelmesh-config"]
    assert told["uptime_seconds"] > 0
    assert told["pools"]["chat"]["targets"][0]["answers"] >= 1
    assert told["stats"]["targets"]["fake/ok"]["latency"]["p95"] > 0


async def test_looking_inside_is_no_request_of_the_servers_own(proxy: ProxyProcess) -> None:
    before = (await proxy.get("/health")).json
    async with listening(proxy):
        for path in (STATUS, "/", STATUS):
            assert (await proxy.get(path)).status == 200
        after = (await proxy.get("/health")).json
    for count in ("total_requests", "active_connections"):
        assert after[count] == before[count]


async def test_the_feed_tells_of_requests_as_they_come_and_go(proxy: ProxyProcess) -> None:
    async with listening(proxy) as feed:
        assert (await proxy.chat({"x-request-id": "watched"}, stream=True)).status == 200
        await until(lambda: "request.ended" in feed.names())
    told = {name: record for name, record in feed.events if record.get("request") == "watched"}
    assert list(told) == ["request.began", "attempt.ended", "request.ended"]
    assert told["request.ended"]["attempts"][0]["target"] == "fake/ok"
    assert "Hello" not in json.dumps(feed.events)


async def test_a_silent_feed_says_that_it_is_alive(proxy: ProxyProcess) -> None:
    async with listening(proxy) as feed:
        await until(lambda: feed.comments >= 3)


async def test_a_feed_that_nobody_reads_any_more_makes_room(proxy: ProxyProcess) -> None:
    for _ in range(2):
        feeds = [await proxy.client.get(proxy.url + EVENTS) for _ in range(LISTENERS)]
        assert {feed.status for feed in feeds} == {200}
        refused = await proxy.get(EVENTS)
        assert (refused.status, refused.headers["retry-after"]) == (503, "5")
        for feed in feeds:
            feed.close()
        # That they are gone is seen a moment later.
        async with asyncio.timeout(5):
            while await status_at(proxy, EVENTS, {}) == 503:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.02)


async def test_it_is_explained_where_a_request_would_go_and_nobody_is_asked(
    vendor: FakeProvider, proxy: ProxyProcess
) -> None:
    reply = await proxy.send("POST", EXPLAIN, json={"model": "chat", "max_tokens": 10})
    assert (reply.status, reply.json["pool"]) == (200, "chat")
    assert reply.json["targets"][0]["target"] == "fake/ok"
    assert vendor.received == []


@pytest.mark.parametrize("path", ["/", STATUS, EVENTS])
async def test_a_head_is_answered_without_a_body(proxy: ProxyProcess, path: str) -> None:
    host = proxy.url.removeprefix("http://")
    asked = f"HEAD {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    head, _, body = (await proxy.raw(asked.encode())).partition(b"\r\n\r\n")
    assert (head.splitlines()[0], body) == (b"HTTP/1.1 200 OK", b"")
    assert (b"content-length: " in head.lower()) is (path != EVENTS)  # which has no end


async def test_the_page_comes_with_a_policy_that_lets_nothing_else_in(
    proxy: ProxyProcess, front: str
) -> None:
    reply = await proxy.get("/")
    assert (reply.status, reply.text) == (200, (STATIC / "page.html").read_text())
    assert "default-src 'none'" in reply.headers["content-security-policy"]
    assert ("server" in reply.headers) is (front == "aiohttp")
    for file in STATIC.glob("*.*"):
        if file.name != "page.html":
            assert (await proxy.get(f"/{file.name}")).text == file.read_text()


# Case 46


@pytest.mark.parametrize("path", INSIDE)
async def test_case_46_without_a_token_only_this_machine_looks_inside(
    proxy: ProxyProcess, path: str
) -> None:
    port = proxy.port
    for mine in ("localhost", f"localhost:{port}", f"127.0.0.1:{port}", f"[::1]:{port}"):
        assert await status_at(proxy, path, {"host": mine}) in (200, 404)
    own = {"host": f"localhost:{port}", "origin": f"http://localhost:{port}"}
    assert await status_at(proxy, path, own) in (200, 404)
    # A page whose name was made to lead here, one of elsewhere, and what a proxy passed on.
    for foreign in (
        {"host": f"evil.example:{port}"},
        {"host": f"evil.example:{port}", "origin": f"{EVIL}:{port}"},
        {"origin": EVIL},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"},
        {"x-forwarded-for": "127.0.0.1"},
    ):
        assert await status_at(proxy, path, foreign) == 403
    refused = await proxy.send(method(path), path, headers={"origin": EVIL})
    assert refused.error["code"] == "local_only"
    assert "proxy.auth.admin_tokens" in refused.error["message"]


def own_address() -> str:
    """Return an address of this machine that is not loopback; nothing where it has none."""
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # nothing is sent
            name: str = probe.getsockname()[0]
        except OSError:
            return ""
    return "" if name.startswith("127.") else name


async def test_case_46_another_machine_does_not_look_inside_whatever_it_calls_the_server(
    vendor: FakeProvider, front: str
) -> None:
    address = own_address()
    if not address:
        pytest.skip("this machine has no address but loopback")
    config = one_vendor(vendor, "ok", front=front)
    async with running_proxy(config, flags=["--host", "0.0.0.0"]) as proxy:
        there = f"http://{address}:{proxy.port}"
        for path in (STATUS, "/"):
            for host in ("localhost", f"{address}:{proxy.port}"):
                async with proxy.client.get(there + path, headers={"host": host}) as reply:
                    assert reply.status == 403
        async with proxy.client.get(f"{there}/v1/models") as reply:
            assert reply.status == 200


@pytest.mark.parametrize("path", [*INSIDE, "/", "/page.js"])
async def test_case_46_no_preflight_opens_what_is_inside(
    proxy: ProxyProcess, guarded: ProxyProcess, path: str
) -> None:
    asked = {
        "origin": EVIL,
        "access-control-request-method": method(path),
        "access-control-request-headers": "authorization",
    }
    for server in (proxy, guarded):
        reply = await server.send("OPTIONS", path, headers=asked)
        assert (reply.status, reply.text) == (204, "")
        assert not [name for name in reply.headers if name.lower().startswith("access-control")]


@pytest.mark.parametrize("path", INSIDE)
async def test_case_46_where_admins_have_tokens_no_other_opens(
    guarded: ProxyProcess, path: str
) -> None:
    for wrong in ("", "Bearer ordinary", "Bearer admin2", "Basic admin", "Bearer "):
        headers = {"authorization": wrong} if wrong else {}
        assert await status_at(guarded, path, headers) == 401
    # With the right one it does not matter by which name the server is called, and from where.
    right = {"authorization": "Bearer admin", "host": "mesh.example", "origin": EVIL}
    assert await status_at(guarded, path, right) in (200, 404)


async def test_case_46_the_page_is_there_for_who_has_no_token_yet(guarded: ProxyProcess) -> None:
    assert (await guarded.get("/", headers={"host": "mesh.example"})).status == 200
    assert (await guarded.chat({"authorization": "Bearer admin"})).status == 200


async def test_case_46_the_ordinary_token_opens_where_admins_have_none(
    vendor: FakeProvider, front: str
) -> None:
    config = one_vendor(vendor, "ok", front=front, page=False)
    async with running_proxy(config, flags=["--token", "ordinary"]) as proxy:
        right, away = {"authorization": "Bearer ordinary"}, {"host": "mesh.example"}
        assert await status_at(proxy, STATUS, {**right, **away}) == 200
        assert await status_at(proxy, STATUS, {}) == 401
        # The page was left out, and what is at its place is what is at any other.
        assert (await proxy.get("/", headers=right)).status == 404
        assert (await proxy.get("/")).status == 401


async def test_case_46_keys_are_in_nothing_that_is_told(vendor: FakeProvider, front: str) -> None:
    config = one_vendor(vendor, "ok", "status~code=500", front=front)
    config["providers"]["fake"]["api_key"] = "canary-key"
    config["proxy"]["auth"] = {"admin_tokens": ["canary-admin"]}
    headers = {"authorization": "Bearer canary-admin"}
    async with running_proxy(config) as proxy:
        async with listening(proxy, headers) as feed:
            for model in ("chat", "nothing", "canary-model"):
                await proxy.chat(model=model, user="canary-user")
            await until(lambda: feed.names().count("request.ended") == 3)
        explained = await proxy.send("POST", EXPLAIN, headers=headers, json={"model": "chat"})
        status = await proxy.get(STATUS, headers=headers)
        assert "canary" not in json.dumps(feed.events) + explained.text + status.text + proxy.logs


# What the page says


def commands() -> list[str]:
    """Return the page's commands for looking inside."""
    text = (Path(__file__).parents[2] / "docs/proxy.md").read_text()
    section = re.search(r"^## Looking inside\n(.*?)^## ", text, re.DOTALL | re.MULTILINE)
    assert section
    (block,) = re.findall(r"^```console\n(.*?)^```", section[1], re.DOTALL | re.MULTILINE)
    return [f"curl {command.strip()}" for command in block.split("curl ")[1:]]


@pytest.mark.skipif(not shutil.which("curl"), reason="there is no curl")
@pytest.mark.parametrize("command", commands())
async def test_a_command_on_the_page_works_as_written(
    vendor: FakeProvider, front: str, command: str
) -> None:
    config = one_vendor(vendor, "ok", front=front)
    config["pools"] = {"chat-completion": config["pools"]["chat"]}
    flags = ["--token", "my-secret"] if "my-secret" in command else []
    async with running_proxy(config, flags=flags) as proxy:
        there = command.replace("http://localhost:8080", f"http://localhost:{proxy.port}")
        # The feed has no end of its own.
        ended = await asyncio.create_subprocess_shell(
            f"{there} -sS --max-time 1 -w '\n%{{http_code}}'",
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        said, complaint = await ended.communicate()
    body, _, status = said.decode().rpartition("\n")
    assert status == "200", (body, complaint)
    assert body.startswith(": ping" if EVENTS in command else "{")


async def test_every_path_inside_that_answers_by_itself_has_its_command() -> None:
    assert {path for path in INSIDE if any(path in command for command in commands())} == {
        STATUS,
        EVENTS,
        EXPLAIN,
    }


# How it ends


async def test_a_slow_listener_holds_up_nobody_and_is_told_what_it_lost(
    vendor: FakeProvider, front: str
) -> None:
    count, at_once = 600, 20
    config = one_vendor(vendor, front=front)
    # Systems keep megabytes for who does not read, so what is told has to be long.
    long = "long" * 250
    config["providers"] = {long: config["providers"]["fake"]}
    config["models"] = {
        long: {"provider": long, "model": "ok", "capabilities": ["chat-completion"]}
    }
    config["pools"]["chat"]["models"] = [long]
    async with running_proxy(config) as proxy:
        with socket.socket() as slow:
            slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
            slow.connect(("127.0.0.1", proxy.port))
            slow.sendall(f"GET {EVENTS} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
            async with listening(proxy) as quick:
                for _ in range(count // at_once):
                    replies = await asyncio.gather(*(proxy.chat() for _ in range(at_once)))
                    assert {reply.status for reply in replies} == {200}
                await until(lambda: quick.names().count("request.ended") == count)
                assert "lost" not in quick.names()
            slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
            told = await read_until_lost(slow)
    lost = json.loads(told[-1].removeprefix("data: "))["count"]
    assert 0 < lost < 3 * count
    assert 0 < told.count("event: request.ended") < count


async def read_until_lost(slow: socket.socket) -> list[str]:
    """Return the lines up to the one that says how much was lost."""
    reader, writer = await asyncio.open_connection(sock=slow)
    lines: list[str] = []
    with closing(writer):
        async with asyncio.timeout(20):
            while lines[-2:-1] != ["event: lost"]:
                lines.append((await reader.readline()).decode().rstrip())
    return lines


async def test_an_open_feed_does_not_keep_the_server_from_stopping(
    vendor: FakeProvider, front: str
) -> None:
    config = one_vendor(vendor, "steady~chunks=5~gap=0.1", front=front, drain_timeout=60)
    async with running_proxy(config) as proxy:
        async with listening(proxy) as feed:
            stream = asyncio.create_task(proxy.chat(stream=True))
            await until(lambda: "request.began" in feed.names())
            proxy.signal()
            await until(lambda: feed.over)
            assert not stream.done()
            assert (await stream).events[-1] == "[DONE]"
        assert await proxy.exit_code(within=20) == 0
        assert "Traceback" not in proxy.logs


async def test_each_of_two_workers_tells_its_number_and_ends_its_feeds(
    vendor: FakeProvider, front: str
) -> None:
    alone = {"connection": "close"}
    async with running_proxy(one_vendor(vendor, "ok", front=front), flags=TWO) as proxy:
        told = []
        for pid in await workers(proxy):
            with only(pid, proxy):
                told.append((await proxy.get(STATUS, headers=alone)).json["worker"])
        assert sorted(one["number"] for one in told) == [1, 2]
        assert {one["of"] for one in told} == {2}
        async with listening(proxy, alone) as first, listening(proxy, alone) as second:
            proxy.signal()
            await until(lambda: first.over and second.over)
        assert await proxy.exit_code(within=20) == 0


async def test_looking_inside_is_logged_only_where_it_is_refused(
    vendor: FakeProvider, front: str
) -> None:
    async with running_proxy(one_vendor(vendor, "ok", front=front)) as proxy:
        async with listening(proxy):
            assert (await proxy.get(STATUS)).status == 200
        await proxy.get(STATUS, headers={"origin": EVIL})
        await proxy.says(f"{STATUS}' 403")
        assert proxy.logs.count(STATUS) == 1
        assert EVENTS not in proxy.logs
