"""Both fronts of the real server: whichever takes the requests, clients see the same."""

import asyncio
import json
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import closing

import pytest
import pytest_asyncio
from proxy_process import MESSAGES, POOL, ProxyProcess, one_vendor, running_proxy, until

from modelmesh.errors import ConfigError
from modelmesh.proxy import ProxyServer
from modelmesh.testing.fake_provider import FakeProvider
from modelmesh.transport import choose as choosing

pytestmark = pytest.mark.asyncio(loop_scope="module")

CHAT = "/v1/chat/completions"
MEBIBYTE = 1 << 20
FAULTS = ("ok", "stall-mid", "never-headers", "echo", "ok~delay=0.2")


@pytest.fixture(autouse=True)
def fresh(vendor: FakeProvider) -> None:
    vendor.reset()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def proxy(vendor: FakeProvider, front: str) -> AsyncIterator[ProxyProcess]:
    config = one_vendor(vendor, *FAULTS, front=front, max_body="4MiB", expose_models=True)
    async with running_proxy(config) as running:
        yield running


def question(*lines: str, version: str = "1.1", **body: object) -> bytes:
    sent = json.dumps({"model": "ok", "messages": MESSAGES, **body}).encode()
    usual = ["Host: a", "Content-Type: application/json", f"Content-Length: {len(sent)}"]
    return "\r\n".join([f"POST {CHAT} HTTP/{version}", *usual, *lines, "", ""]).encode() + sent


async def test_the_front_that_was_asked_for_is_the_one_that_answers(
    proxy: ProxyProcess, front: str
) -> None:
    assert ("server" in (await proxy.get("/livez")).headers) is (front == "aiohttp")


async def test_answers_and_streams_share_a_connection(proxy: ProxyProcess) -> None:
    for number in range(20):
        reply = await proxy.chat(model="echo", user=f"user-{number}", stream=bool(number % 2))
        assert reply.status == 200
        assert f"user-{number}" in reply.text
    requests = [question(stream=True), question(), question("Connection: close", stream=True)]
    came = await proxy.raw(b"".join(requests[:2]) + requests[2])
    assert came.count(b"HTTP/1.1 200 OK\r\n") == 3
    assert came.count(b"data: [DONE]") == 2
    assert came.endswith(b"0\r\n\r\n")


async def test_requests_sent_at_once_are_answered_in_order(
    vendor: FakeProvider, proxy: ProxyProcess
) -> None:
    names = [f"X-Request-Id: r{number}" for number in range(4)]
    slow = question(names[0], model="ok~delay=0.2")
    quick = b"".join(question(name) for name in names[1:])
    came = (await proxy.raw(slow + quick + question("Connection: close"))).decode().lower()
    places = [came.index(f"x-request-id: r{number}\r\n") for number in range(4)]
    assert places == sorted(places)
    assert [request.model for request in vendor.received] == ["ok~delay=0.2", *["ok"] * 4]


@pytest.mark.parametrize(
    "head",
    [
        "NOT HTTP",
        "GET /livez HTTP/1.1\r\nHost: a\r\nHost: b",
        "GET /livez HTTP/1.1\r\nHost: a\r\nX: a\r\n folded",
        "GET /livez HTTP/1.1\r\nHost: a\r\nX: a\rb",
        f"GET /livez HTTP/1.1\r\nHost: a\r\nX: {'x' * 9000}",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5",
    ],
    ids=lambda head: head[-30:],
)
async def test_what_is_no_request_is_refused_in_json(proxy: ProxyProcess, head: str) -> None:
    # It comes to its end: what stands behind is not taken for another request.
    reply = await proxy.raw(f"{head}\r\n\r\n".encode() + question())
    said, _, body = reply.partition(b"\r\n\r\n")
    assert said.startswith((b"HTTP/1.1 400 ", b"HTTP/1.0 400 "))
    assert json.loads(body)["error"]["type"] == "invalid_request_error"


async def test_a_body_in_many_chunks_arrives_whole(
    vendor: FakeProvider, proxy: ProxyProcess
) -> None:
    said = [{"role": "user", "content": "x" * (3 * MEBIBYTE)}]
    body = json.dumps({"model": "ok", "messages": said}).encode()

    async def pieces() -> AsyncIterator[bytes]:
        for place in range(0, len(body), 50_000):
            yield body[place : place + 50_000]

    json_ = {"content-type": "application/json"}
    assert (await proxy.send("POST", CHAT, data=pieces(), headers=json_)).status == 200
    assert vendor.received[0].json["messages"] == said


async def test_a_client_that_sends_all_before_it_reads_gets_an_early_answer(
    proxy: ProxyProcess,
) -> None:
    def ask() -> bytes:
        with closing(socket.create_connection(("127.0.0.1", proxy.port), timeout=10)) as client:
            head = f"POST {CHAT} HTTP/1.1\r\nHost: a\r\nContent-Length: {20 * MEBIBYTE}\r\n\r\n"
            client.sendall(head.encode())
            for _ in range(20):
                client.sendall(b" " * MEBIBYTE)
            return client.recv(1 << 16)

    assert (await asyncio.to_thread(ask)).startswith(b"HTTP/1.1 413 ")


async def test_an_old_client_gets_a_stream_that_ends_with_the_connection(
    proxy: ProxyProcess,
) -> None:
    head, _, body = (await proxy.raw(question(version="1.0", stream=True))).partition(b"\r\n\r\n")
    assert b"transfer-encoding" not in head.lower()
    assert body.startswith(b"data: {")
    assert body.endswith(b"data: [DONE]\n\n")


async def test_an_answer_to_head_has_no_body(proxy: ProxyProcess) -> None:
    head = b"HEAD /v1/models HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    reply, _, body = (await proxy.raw(head)).partition(b"\r\n\r\n")
    assert b" 200 " in reply
    assert b"content-length: " in reply.lower()
    assert body == b""


@pytest.mark.parametrize("ending", ["half", "whole", "reset"])
@pytest.mark.parametrize(("fault", "stream"), [("never-headers", False), ("stall-mid", True)])
async def test_a_client_that_leaves_takes_its_request_with_it(
    vendor: FakeProvider, proxy: ProxyProcess, fault: str, stream: bool, ending: str
) -> None:
    client = socket.create_connection(("127.0.0.1", proxy.port))
    with closing(client):
        client.sendall(question(model=fault, stream=stream))
        await until(lambda: vendor.received)
        await asyncio.sleep(0.1)
        if ending == "half":
            client.shutdown(socket.SHUT_WR)
        elif ending == "reset":
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        if ending != "half":
            client.close()
        await until(lambda: vendor.received[0].client_gone, within=20)
    assert (await proxy.get("/health")).json["active_connections"] == 0


async def test_a_client_that_takes_nothing_is_given_up(vendor: FakeProvider, front: str) -> None:
    config = one_vendor(vendor, "huge-line~bytes=20000000", write_timeout=0.3, front=front)
    async with running_proxy(config) as proxy:
        with closing(socket.create_connection(("127.0.0.1", proxy.port))) as stuck:
            stuck.sendall(question(model=POOL, stream=True))
            await proxy.says("client_cancelled")
            assert (await proxy.get("/health")).json["active_connections"] == 0


async def test_several_hundred_clients_at_once_are_all_served(proxy: ProxyProcess) -> None:
    async def ask(number: int) -> bytes:
        return await proxy.raw(question("Connection: close", stream=bool(number % 2)))

    came = await asyncio.gather(*map(ask, range(300)))
    assert {reply.split(b" ", 2)[1] for reply in came} == {b"200"}
    assert (await proxy.get("/health")).json["active_connections"] == 0


async def test_it_stops_at_once_whatever_clients_keep_open(
    vendor: FakeProvider, front: str
) -> None:
    async with running_proxy(one_vendor(vendor, "ok", front=front)) as proxy:
        said = [b"", b"GET / HT", question(model=POOL)]
        clients = [socket.create_connection(("127.0.0.1", proxy.port)) for _ in said]
        for client, text in zip(clients, said, strict=True):
            client.sendall(text)
        await until(lambda: vendor.received)
        await asyncio.sleep(0.1)
        proxy.signal()
        assert await proxy.exit_code(within=20) == 0
        assert "Traceback" not in proxy.logs
        for client in clients:
            client.close()


# Which one it is


def offline(**proxy: str) -> dict[str, object]:
    vendor = {"connector": "openai-compatible", "base_url": "http://127.0.0.1:9/v1"}
    return {"providers": {"p": vendor}, "models": {"m": {"provider": "p"}}, "proxy": proxy}


async def test_the_direct_one_is_refused_where_httptools_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(choosing, "find_spec", lambda _: None)
    with pytest.raises(ConfigError, match=r"proxy\.front: needs httptools"):
        ProxyServer(config=offline(front="direct"))
    async with ProxyServer(config=offline(), host="127.0.0.1", port=0) as server:
        assert server.get_status().running


async def test_only_the_one_that_is_used_is_loaded(front: str) -> None:
    script = f"""
import asyncio, sys
from modelmesh.proxy import ProxyServer
async def main():
    async with ProxyServer(config={offline(front=front)}, host="127.0.0.1", port=0):
        pass
asyncio.run(main())
print("aiohttp" in sys.modules, "modelmesh.proxy.direct" in sys.modules)
"""
    ran = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await ran.communicate()
    assert said.decode().split() == [str(front == "aiohttp"), str(front == "direct")]
