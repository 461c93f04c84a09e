"""Several workers on one port: real processes, real signals."""

import asyncio
import json
import logging
import os
import signal
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from proxy_process import POOL, ProxyProcess, one_vendor, running_proxy, until
from test_cli import COMMAND, OURS, PROXY, WARNING, run, written

from modelmesh.proxy import ProxyServer
from modelmesh.testing.fake_provider import FakeProvider

TWO = ("--workers", "2")
DEAD = "status~code=401"


@pytest.fixture
async def vendor() -> AsyncIterator[FakeProvider]:
    async with FakeProvider() as running:
        yield running


def alive(pid: int) -> bool:
    """Whether a process runs; one that ended may still be waited for."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return "State:\tZ" not in status


def children(proxy: ProxyProcess) -> list[int]:
    pid = proxy.process.pid
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


async def workers(proxy: ProxyProcess, count: int = 2) -> list[int]:
    """Wait until there are so many; return their ids."""
    await until(lambda: len(children(proxy)) == count)
    return children(proxy)


@contextmanager
def only(worker: int, proxy: ProxyProcess) -> Iterator[None]:
    """Have nobody but one worker take connections."""
    others = [pid for pid in children(proxy) if pid != worker]
    for pid in others:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in others:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


async def health(proxy: ProxyProcess) -> Any:
    """Ask on a connection of its own."""
    reply = await proxy.get("/health", headers={"connection": "close"})
    assert reply.status == 200
    return reply.json


async def streaming(worker: int, proxy: ProxyProcess, vendor: FakeProvider) -> asyncio.Task[Any]:
    """Begin a stream at one worker."""
    before = len(vendor.received)
    with only(worker, proxy):
        stream = asyncio.create_task(proxy.chat({"connection": "close"}, stream=True))
        await until(lambda: len(vendor.received) > before)
    return stream


@pytest.mark.parametrize("front", ["direct", "aiohttp"])
async def test_each_of_two_workers_answers_on_the_one_port(
    vendor: FakeProvider, front: str
) -> None:
    async with running_proxy(one_vendor(vendor, "ok", front=front), flags=TWO) as proxy:
        first, second = await workers(proxy)
        for _ in range(3):
            with only(first, proxy):
                assert (await proxy.chat({"connection": "close"})).status == 200
        with only(second, proxy):
            assert (await health(proxy))["total_requests"] == 0
            for path in ("/livez", "/readyz"):
                assert (await proxy.get(path, headers={"connection": "close"})).status == 200
        with only(first, proxy):
            told = await health(proxy)
        assert (told["total_requests"], told["port"]) == (3, proxy.port)


async def test_the_start_is_told_once() -> None:
    config = {**OURS, "proxy": {"workers": 3}}
    async with running_proxy(config, flags=["--host", "0.0.0.0"]) as proxy:
        for pid in await workers(proxy, 3):
            with only(pid, proxy):
                await health(proxy)
        proxy.signal()
        assert await proxy.exit_code(within=20) == 0
        told = ("listens at", "fake/some", WARNING, "stopping")
        assert [proxy.logs.count(text) for text in told] == [1, 1, 1, 1]


async def test_one_worker_by_flag_goes_before_several_by_file() -> None:
    config = {**OURS, "proxy": {"workers": 3}}
    async with running_proxy(config, flags=["--workers", "1"]) as proxy:
        assert (await proxy.get("/livez")).status == 200
        assert children(proxy) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("everybody", [False, True])
async def test_a_signal_lets_streams_end_and_leaves_no_process(
    vendor: FakeProvider, number: int, everybody: bool
) -> None:
    config = one_vendor(vendor, "steady~chunks=10~gap=0.1")
    async with running_proxy(config, flags=["--workers", "3"]) as proxy:
        first, second, idle = await workers(proxy, 3)
        streams = [await streaming(pid, proxy, vendor) for pid in (first, second)]
        # As a terminal or systemd does, which tell all processes at once.
        for pid in (first, second, idle) if everybody else ():
            os.kill(pid, number)
        proxy.signal(number)
        await proxy.says("stopping")
        assert not any(stream.done() for stream in streams)
        assert [(await stream).events[-1] for stream in streams] == ["[DONE]"] * 2
        assert await proxy.exit_code(within=20) == 0
        assert not any(map(alive, (first, second, idle)))
        assert "Traceback" not in proxy.logs


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_second_signal_ends_everybody_at_once(vendor: FakeProvider, number: int) -> None:
    config = one_vendor(vendor, "stall-mid", drain_timeout=60)
    async with running_proxy(config, flags=TWO) as proxy:
        pids = await workers(proxy)
        stream = await streaming(pids[0], proxy, vendor)
        proxy.signal(number)
        await proxy.says("stopping")
        proxy.signal(number)
        assert await proxy.exit_code(within=20) == -number
        await until(lambda: not any(map(alive, pids)))
        await until(lambda: vendor.received[0].client_gone)
        stream.cancel()


async def test_a_worker_that_does_not_stop_is_ended(vendor: FakeProvider) -> None:
    config = one_vendor(vendor, "ok", drain_timeout="100ms")
    async with running_proxy(config, flags=TWO) as proxy:
        stuck, _ = await workers(proxy)
        os.kill(stuck, signal.SIGSTOP)
        proxy.signal()
        assert await proxy.exit_code(within=20) == 1
        assert not alive(stuck)


async def test_a_worker_that_is_killed_is_replaced_while_the_other_serves(
    vendor: FakeProvider,
) -> None:
    async with running_proxy(one_vendor(vendor, "steady~chunks=10~gap=0.1"), flags=TWO) as proxy:
        killed, other = await workers(proxy)
        stream = await streaming(other, proxy, vendor)
        os.kill(killed, signal.SIGKILL)
        await proxy.says(f"worker {killed} was ended by SIGKILL; another one starts in 0.25 s")
        assert (await health(proxy))["running"]
        assert (await stream).events[-1] == "[DONE]"
        [new] = set(await workers(proxy)) - {other}
        with only(new, proxy):
            assert (await health(proxy))["total_requests"] == 0
        proxy.signal()
        assert await proxy.exit_code(within=20) == 0
        assert proxy.logs.count("listens at") == 1


async def test_a_worker_that_somebody_else_stops_ends_well_and_is_replaced(
    vendor: FakeProvider,
) -> None:
    async with running_proxy(one_vendor(vendor, "steady~chunks=5~gap=0.1"), flags=TWO) as proxy:
        stopped, other = await workers(proxy)
        stream = await streaming(stopped, proxy, vendor)
        os.kill(stopped, signal.SIGTERM)
        assert (await stream).events[-1] == "[DONE]"
        await proxy.says(f"worker {stopped} ended with 0; another one starts")
        assert other in await workers(proxy)


async def test_workers_end_with_their_supervisor_and_free_the_port(vendor: FakeProvider) -> None:
    config = one_vendor(vendor, "stall-mid", drain_timeout=60)
    async with running_proxy(config, flags=TWO) as proxy:
        pids = await workers(proxy)
        stream = await streaming(pids[0], proxy, vendor)
        proxy.process.kill()
        await until(lambda: not any(map(alive, pids)))
        assert await proxy.exit_code() == -signal.SIGKILL
        assert proxy.logs.count("the supervisor is gone") == 2
        stream.cancel()
        async with running_proxy(config, flags=[*TWO, "--port", str(proxy.port)]) as next_one:
            assert next_one.port == proxy.port


async def test_a_taken_port_is_told_once_and_ends_it(tmp_path: Path) -> None:
    file = written(tmp_path / "own.yaml", OURS)
    async with running_proxy(OURS, flags=TWO) as first:
        flags = ("--config", file, "--host", "127.0.0.1", "--port", str(first.port), *TWO)
        code, said = await run(tmp_path, *PROXY, *flags)
    assert code == 1
    assert said.count("in use") == said.count("--port") == 1
    assert "Traceback" not in said


async def test_a_host_that_is_none_is_told_once(tmp_path: Path) -> None:
    file = written(tmp_path / "own.yaml", OURS)
    code, said = await run(tmp_path, *PROXY, "--config", file, "--host", "300.1.1.1", *TWO)
    assert code == 1
    assert said.count("cannot listen") == 1
    assert "Traceback" not in said


async def test_what_only_a_worker_finds_out_at_the_start_is_told_once(tmp_path: Path) -> None:
    silent = {
        "providers": {
            "here": {"connector": "ollama.local.v1", "base_url": "http://127.0.0.1:9/v1"}
        },
        "pools": {"chat": {"capability": "chat-completion"}},
        "proxy": {"port": 0},
    }
    file = written(tmp_path / "own.yaml", silent)
    code, said = await run(tmp_path, *PROXY, "--config", file, *TWO)
    assert code == 1
    assert said.count("pools.chat") == 1
    assert "another one starts" not in said
    assert "Traceback" not in said


async def test_it_ends_where_no_worker_lives_to_serve(tmp_path: Path) -> None:
    (tmp_path / "drop_dead.py").write_text(
        "import os\n"
        "from modelmesh.connectors.providers.openai_compatible import Provider\n"
        "os.register_at_fork(after_in_child=lambda: os._exit(3))\n"
    )
    config = {
        **OURS,
        "connectors": {"own": "drop_dead:Provider"},
        "providers": {"fake": {"connector": "own", "base_url": "http://127.0.0.1:9/v1"}},
        "proxy": {"port": 0},
    }
    file = written(tmp_path / "own.yaml", config)
    env = {"PYTHONPATH": str(tmp_path)}
    code, said = await run(tmp_path, *PROXY, "--config", file, *TWO, env=env)
    assert code == 1
    assert said.count("ended with 3; another one starts in") == 4
    assert said.count("5 in a row ended before they could serve, so the server stops") == 1
    assert "listens at" not in said


@pytest.mark.parametrize("command", [PROXY, (*COMMAND, "proxy"), (*PROXY, "--check")])
async def test_case_19_limits_in_memory_are_refused_beside_several_workers(
    tmp_path: Path, command: tuple[str, ...]
) -> None:
    limited = {**OURS["providers"]["fake"], "rate_limits": {"rpm": 5}}
    memory = {"connector": "modelmesh.memory.v1"}
    config = {**OURS, "providers": {"fake": limited}, "storage": memory}
    file = tmp_path / "own.yaml"
    file.write_text(json.dumps(config, indent=1))
    [line] = [n for n, text in enumerate(file.read_text().splitlines(), 1) if "rpm" in text]
    code, said = await run(tmp_path, *command, "--config", str(file), *TWO)
    assert code == 1
    assert f"line {line}: providers.fake.rate_limits.rpm: 2 workers cannot share" in said
    assert "Traceback" not in said


async def test_case_19_servers_of_one_configuration_tell_one_version_and_others_another(
    vendor: FakeProvider,
) -> None:
    config = one_vendor(vendor, "ok")
    other = {**config, "pools": {POOL: {**config["pools"][POOL], "max_wait": 7}}}
    told = set()
    async with (
        running_proxy(config, flags=TWO) as proxy,
        running_proxy(config) as same,
        running_proxy(other) as another,
    ):
        for pid in await workers(proxy):
            with only(pid, proxy):
                told.add(await version(proxy))
        [of_both] = told
        assert await version(same) == of_both
        assert await version(another) != of_both


async def version(proxy: ProxyProcess) -> str:
    """Return the version which every reply of a server tells, and its health."""
    close = {"connection": "close"}
    [told] = {
        reply.headers["x-modelmesh-config"]
        for reply in (
            await proxy.chat(close),
            await proxy.chat(close, stream=True),
            await proxy.chat(close, model="nobody"),
            await proxy.get("/v1/models", headers=close),
        )
    }
    assert (await health(proxy))["config_version"] == told
    return told


async def test_case_19_a_key_that_one_worker_finds_dead_is_left_alone_by_the_other(
    vendor: FakeProvider, tmp_path: Path
) -> None:
    database = tmp_path / "state.db"
    config = one_vendor(vendor, DEAD, "ok")
    fake = {**config["providers"]["fake"], "api_key": "sk-dead"}
    config["providers"] = {"fake": fake, "well": {**fake, "api_key": "sk-well"}}
    config["models"]["ok"]["provider"] = "well"
    config["storage"] = {"connector": "modelmesh.sqlite.v1", "path": str(database)}

    def noted() -> bool:
        with closing(sqlite3.connect(database)) as opened:
            kept = opened.execute("SELECT name FROM notes").fetchall()
        return any(name.startswith("key:fake ") for (name,) in kept)

    async with running_proxy(config, flags=TWO) as proxy:
        first, second = await workers(proxy)
        with only(first, proxy):
            assert (await proxy.chat({"connection": "close"})).status == 200
            assert len(vendor.requests_for(DEAD)) == 1
            await until(noted, within=20)
        # Within a second, by which a busy machine may be late.
        await asyncio.sleep(2)
        with only(second, proxy):
            assert (await proxy.chat({"connection": "close"})).status == 200
        assert len(vendor.requests_for(DEAD)) == 1
        assert len(vendor.requests_for("ok")) == 2


async def test_case_19_a_worker_that_ends_late_undoes_nothing_of_what_others_did(
    vendor: FakeProvider, tmp_path: Path
) -> None:
    """What it knew when its request began is no longer so."""
    database = tmp_path / "state.db"
    config = one_vendor(vendor, "steady~chunks=4~gap=0.5", "ok")
    config["providers"]["fake"]["rate_limits"] = {"rpd": 1000}
    config["pools"] = {name: {"models": [name]} for name in config["models"]}
    config["pools"][POOL] = config["pools"].pop("steady~chunks=4~gap=0.5")
    config["storage"] = {"path": str(database)}
    async with running_proxy(config, flags=TWO) as proxy:
        first, second = await workers(proxy)
        stream = await streaming(first, proxy, vendor)
        with only(second, proxy):
            replies = [await proxy.chat({"connection": "close"}, model="ok") for _ in range(30)]
        assert {reply.status for reply in replies} == {200}
        assert (await stream).events[-1] == "[DONE]"
        proxy.signal()
        assert await proxy.exit_code() == 0
    with closing(sqlite3.connect(database)) as opened:
        assert opened.execute("SELECT sum(amount) FROM held").fetchone() == (31,)


async def test_the_demo_has_no_workers(tmp_path: Path) -> None:
    code, said = await run(tmp_path, *PROXY, "--demo", *TWO)
    assert code == 1
    assert "--workers" in said


@pytest.mark.parametrize("number", ["0", "-1", "two", "1.5"])
async def test_a_number_of_workers_that_is_none_is_refused(tmp_path: Path, number: str) -> None:
    code, said = await run(tmp_path, *PROXY, f"--workers={number}")
    assert code == 2
    assert f"'{number}' is not a number of processes" in said


async def test_a_server_in_another_program_serves_by_itself_and_says_so(
    caplog: pytest.LogCaptureFixture,
) -> None:
    config = {**OURS, "proxy": {"workers": 2, "host": "127.0.0.1", "port": 0}}
    with caplog.at_level(logging.WARNING, logger="modelmesh"):
        async with ProxyServer(config=config) as server:
            assert server.get_status().running
    assert caplog.messages == [
        "proxy.workers needs `python -m modelmesh.proxy`: one process serves"
    ]
