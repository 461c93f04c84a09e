"""The scripts which start, ask and stop a proxy, as a user runs them, over a vendor of ours."""

import asyncio
import os
import shutil
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml
from attrs import evolve, frozen
from proxy_process import one_vendor, running_proxy, until

from modelmesh.connectors.providers.openai import Provider as OpenAI
from modelmesh.testing.fake_provider import FakeProvider

ROOT = Path(__file__).parents[2]
SPOKEN = ("gpt-4o-mini-tts", "gpt-transcribe")
ENDPOINTS = ("chat/completions", "embeddings", "audio/speech", "audio/transcriptions")
# Stands in for Docker, which tests cannot have: what it starts is the proxy of this Python.
DOCKER = f"""#!/usr/bin/env bash
echo "$*" >> "$CALLS"
case $* in
  "compose ps --quiet") cat "$CALLS.pid" 2> /dev/null || true ;;
  "compose up --build --detach")
    config=(--config "${{MODELMESH_CONFIG:-modelmesh.yaml}}")
    [ "$COMPOSE_FILE" != docker-compose.yaml:docker-compose.keys.yaml ] || config=()
    {sys.executable} -m modelmesh.proxy --port "$MODELMESH_PORT" "${{config[@]}}" > /dev/null 2>&1 &
    echo $! > "$CALLS.pid" ;;
  "compose down") kill "$(cat "$CALLS.pid")" && rm "$CALLS.pid" ;;
esac
"""


@frozen
class Done:
    code: int
    said: str
    complained: str

    @property
    def counts(self) -> tuple[int, int, int]:
        """Of a smoke test: what works, is skipped and fails. The summary counts every row."""
        rows = Counter(line.partition(" ")[0] for line in self.said.splitlines())
        found = (rows["works"], rows["skipped"], rows["FAILS"])
        summary = "{} work, {} skipped, {} fail.".format(*found)
        assert summary in self.said.splitlines(), self.said
        return found


@frozen
class Scripts:
    """The scripts in an environment where only a test's things are."""

    folder: Path
    env: Mapping[str, str]
    root: Path = ROOT

    def copied(self) -> "Scripts":
        """Return those of a checkout that has a .env, and no configuration file."""
        root = self.folder / "copy"
        (root / "scripts").mkdir(parents=True)
        for script in (
            "install",
            *(f"proxy-{what}.sh" for what in ("up", "down", "test", "shared")),
        ):
            shutil.copy(ROOT / "scripts" / script, root / "scripts")
        (root / ".venv").symlink_to(ROOT / ".venv")
        (root / ".env").write_text("# keys\nQUOTED='sk-o'\nexport PLAIN=from=file\nOUTER=no\n\n")
        return evolve(self, root=root)

    @property
    def record(self) -> Path:
        return self.folder / "run"

    @property
    def pid(self) -> int:
        return int((self.record / "proxy.pid").read_text().split("\n")[0])

    @property
    def url(self) -> str:
        return (self.record / "proxy.url").read_text().strip()

    async def start(self, name: str, *flags: str, **env: str) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *(str(self.root / "scripts" / name), *flags),
            cwd=self.folder,
            env={**self.env, **env},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )

    async def run(self, name: str, *flags: str, **env: str) -> Done:
        process = await self.start(name, *flags, **env)
        said, complained = await process.communicate()
        assert process.returncode is not None
        return Done(process.returncode, said.decode(), complained.decode())

    def program(self, name: str, text: str) -> None:
        (self.folder / "bin" / name).write_text(text)
        (self.folder / "bin" / name).chmod(0o755)

    def configured(self, config: Mapping[str, Any]) -> None:
        (self.folder / "mesh.yaml").write_text(yaml.safe_dump(dict(config)))


@pytest.fixture
async def vendor() -> AsyncIterator[FakeProvider]:
    async with FakeProvider(models=[*OpenAI.models, *SPOKEN]) as running:
        yield running


@pytest.fixture
async def scripts(tmp_path: Path, vendor: FakeProvider) -> AsyncIterator[Scripts]:
    (tmp_path / "bin").mkdir()
    scripts = Scripts(
        folder=tmp_path,
        env={
            "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}",
            "MODELMESH_RUN": str(tmp_path / "run"),
            "OPENAI_API_KEY": "sk-o",
            "OPENAI_BASE_URL": vendor.url,
        },
    )
    scripts.program("docker", "#!/bin/sh\nexit 1\n")
    yield scripts
    await scripts.run("proxy-down.sh")


async def free_port() -> int:
    """Return the port of a proxy that has just ended."""
    async with running_proxy(None, flags=["--demo"]) as other:
        return other.port


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # One that has ended and that nobody waits for is still listed where there is no init.
    return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


async def test_it_is_started_once_answers_and_is_stopped(scripts: Scripts) -> None:
    first = await scripts.run("proxy-up.sh", "--detach", "--port", "0")
    assert (first.code, first.complained) == (0, "")
    assert "Docker is not usable here, so as a process of this machine." in first.said
    assert f"The proxy answers at {scripts.url}" in first.said
    pid = scripts.pid

    again = await scripts.run("proxy-up.sh", "--detach", "--port", "0")
    assert again.code == 1
    assert f"A proxy runs already: process {pid}" in again.complained

    stopped = await scripts.run("proxy-down.sh")
    assert (stopped.code, stopped.complained) == (0, "")
    assert stopped.said.endswith("Stopped.\n")
    assert not alive(pid)
    assert {path.name for path in scripts.record.iterdir()} == {"proxy.log"}
    assert "There is nothing to stop" in (await scripts.run("proxy-down.sh")).said


async def test_of_two_who_start_it_at_once_one_is_refused(scripts: Scripts) -> None:
    both = await asyncio.gather(
        *(scripts.run("proxy-up.sh", "--detach", "--port", "0") for _ in range(2))
    )
    assert sorted(done.code for done in both) == [0, 1]
    assert alive(scripts.pid)


async def test_what_is_in_flight_ends_before_it_stops(
    scripts: Scripts, vendor: FakeProvider
) -> None:
    scripts.configured(one_vendor(vendor, "ok~chunks=10~gap=0.1"))
    up = await scripts.run("proxy-up.sh", "--detach", "--port", "0", "--config", "mesh.yaml")
    assert up.code == 0, up.complained
    asked = {"model": "chat", "messages": [{"role": "user", "content": "Hi"}], "stream": True}
    async with (
        aiohttp.ClientSession() as client,
        client.post(f"{scripts.url}/v1/chat/completions", json=asked) as reply,
    ):
        begun = await reply.content.readline()
        down = asyncio.create_task(scripts.run("proxy-down.sh"))
        rest = await reply.read()
    assert begun.startswith(b"data: {")
    assert rest.endswith(b"data: [DONE]\n\n")
    assert (await down).code == 0


async def test_a_process_that_it_did_not_start_is_left_alone(scripts: Scripts) -> None:
    stranger = await asyncio.create_subprocess_exec("sleep", "60")
    scripts.record.mkdir()
    command = ".venv/bin/python -m modelmesh.proxy --port 8080"
    (scripts.record / "proxy.pid").write_text(f"{stranger.pid}\n{command}\n")
    try:
        down = await scripts.run("proxy-down.sh")
        assert "There is nothing to stop" in down.said
        assert stranger.returncode is None
        assert (await scripts.run("proxy-up.sh", "-d", "--port", "0")).code == 0
    finally:
        stranger.kill()
        await stranger.wait()


async def test_who_has_no_key_is_told_all_of_what_is_missing(scripts: Scripts) -> None:
    done = await scripts.run("proxy-up.sh", "--detach", "--port", "0", OPENAI_API_KEY="")
    assert done.code == 1
    assert "no provider was found. Set one of these variables" in done.complained


async def test_who_cannot_start_is_told_why(scripts: Scripts) -> None:
    async with running_proxy(None, flags=["--demo"]) as other:
        done = await scripts.run("proxy-up.sh", "--detach", "--port", str(other.port))
    assert done.code == 1
    assert "address already in use" in done.complained
    assert f"its log is {scripts.record / 'proxy.log'}" in done.complained
    assert not (scripts.record / "proxy.pid").exists()


@pytest.mark.parametrize(
    ("flags", "why"),
    [
        (["--config", "nowhere.yaml"], "--config nowhere.yaml: there is no such file"),
        (["--port"], "--port wants a value"),
        (["--port", "http"], "--port http: not a port"),
        (["--deatch"], "There is no --deatch"),
    ],
)
async def test_a_flag_that_is_wrong_is_named(scripts: Scripts, flags: list[str], why: str) -> None:
    done = await scripts.run("proxy-up.sh", *flags)
    assert done.code == 2
    assert why in done.complained


@pytest.mark.parametrize("name", ["proxy-up.sh", "proxy-down.sh", "proxy-test.sh"])
async def test_a_script_tells_how_it_is_used(scripts: Scripts, name: str) -> None:
    done = await scripts.run(name, "--help")
    assert done.code == 0
    assert f"./scripts/{name}" in done.said


async def test_in_the_foreground_ctrl_c_stops_it(scripts: Scripts) -> None:
    process = await scripts.start("proxy-up.sh", "--port", "0")
    await until((scripts.record / "proxy.pid").exists)
    assert process.stdout is not None
    async for line in process.stdout:
        if b"listens at" in line:
            break
    assert scripts.pid == process.pid
    process.send_signal(signal.SIGINT)
    await process.communicate()
    assert process.returncode == 0


async def test_one_in_the_foreground_is_found_by_the_smoke_test_as_long_as_it_runs(
    scripts: Scripts,
) -> None:
    port = await free_port()
    process = await scripts.start("proxy-up.sh", "--port", str(port))
    assert process.stdout is not None
    async for line in process.stdout:
        if b"listens at" in line:
            break
    tested = await scripts.run("proxy-test.sh")
    process.send_signal(signal.SIGINT)
    await process.communicate()
    assert tested.said.startswith(f"The proxy at http://localhost:{port}\n")
    assert tested.code == 0
    after = await scripts.run("proxy-test.sh")
    assert str(port) not in after.said + after.complained


async def test_with_docker_it_runs_there(scripts: Scripts, vendor: FakeProvider) -> None:
    scripts.program("docker", DOCKER)
    scripts.configured(one_vendor(vendor, "ok"))
    scripts = scripts.copied()
    with_docker = {"CALLS": str(scripts.folder / "calls")}
    port = await free_port()
    flags = ("--detach", "--config", "mesh.yaml", "--port", str(port))

    up = await scripts.run("proxy-up.sh", *flags, **with_docker)
    assert up.code == 0, up.complained
    assert "With Docker" in up.said
    assert scripts.url == f"http://localhost:{port}"
    twice = await scripts.run("proxy-up.sh", *flags, **with_docker)
    assert (twice.code, "A proxy runs already, in Docker" in twice.complained) == (1, True)
    tested = await scripts.run("proxy-test.sh", "--full", **with_docker)
    assert tested.code == 0, tested.said

    assert (await scripts.run("proxy-down.sh", **with_docker)).code == 0
    done = (scripts.folder / "calls").read_text().splitlines()
    assert [call for call in done if call not in ("info", "compose version")] == [
        "compose ps --quiet",
        "compose up --build --detach",
        "compose ps --quiet",
        "compose down",
    ]


@pytest.mark.parametrize("there", [False, True], ids=["no file", "a file"])
async def test_with_docker_and_without_a_file_the_keys_alone_do(
    scripts: Scripts, vendor: FakeProvider, *, there: bool
) -> None:
    scripts.program("docker", DOCKER)
    scripts = scripts.copied()
    if there:
        config = yaml.safe_dump(one_vendor(vendor, "ok"))
        (scripts.root / "modelmesh.yaml").write_text(config)
    with_docker = {"CALLS": str(scripts.folder / "calls")}
    port = str(await free_port())
    up = await scripts.run("proxy-up.sh", "--detach", "--port", port, **with_docker)
    assert (await scripts.run("proxy-down.sh", **with_docker)).code == 0
    assert up.code == 0, up.complained
    assert ("There is no modelmesh.yaml, so by the keys in .env alone." in up.said) is not there


async def test_with_docker_and_without_keys_it_says_how_to_have_them(scripts: Scripts) -> None:
    scripts.program("docker", DOCKER)
    scripts = scripts.copied()
    (scripts.root / ".env").unlink()
    calls = scripts.folder / "calls"
    done = await scripts.run("proxy-up.sh", "--detach", CALLS=str(calls))
    assert done.code == 2
    assert "cp .env.example .env" in done.complained
    assert "compose up" not in calls.read_text()


async def test_what_the_env_file_has_is_known_to_it(scripts: Scripts) -> None:
    """In a copy: the file is looked for beside the scripts."""
    scripts = scripts.copied()
    (scripts.root / "modelmesh.yaml").write_text(
        "providers: {openai.llm.v1: {api_key: '${secrets:QUOTED}'}}\n"
        "models: {gpt-4o-mini: {provider: openai.llm.v1}}\n"
        "pools: {chat: {capability: chat-completion}}\n"
        "proxy: {token: '${secrets:PLAIN}', auth: {admin_tokens: ['${secrets:OUTER}']}}\n"
    )
    up = await scripts.run("proxy-up.sh", "--detach", "--port", "0", OUTER="from-outside")
    assert up.code == 0, up.complained
    async with aiohttp.ClientSession() as client:
        for token in ("from=file", "from-outside"):
            headers = {"Authorization": f"Bearer {token}"}
            async with client.get(f"{scripts.url}/v1/models", headers=headers) as reply:
                assert reply.status == 200


async def test_the_smoke_test_costs_nothing(scripts: Scripts, vendor: FakeProvider) -> None:
    async with running_proxy(one_vendor(vendor, "ok")) as proxy:
        done = await scripts.run("proxy-test.sh", MODELMESH_URL=f"{proxy.url}/")
    assert done.code == 0, done.said
    assert vendor.received == []
    for path in (*ENDPOINTS, "images/generations", "models", "mesh/status", "mesh/explain"):
        assert f"/v1/{path}" in done.said
    assert done.counts == (15, 0, 0)


async def test_in_full_it_asks_each_endpoint_once(scripts: Scripts, vendor: FakeProvider) -> None:
    """And starts a proxy for it where none runs, which it stops."""
    done = await scripts.run("proxy-test.sh", "--full", "--port", "0")
    assert done.code == 0, done.said
    assert done.counts == (21, 0, 0)
    asked = [received.path for received in vendor.received if received.method == "POST"]
    paths = (ENDPOINTS[0], *ENDPOINTS, "images/generations")
    assert asked == [f"/v1/{path}" for path in paths]
    assert done.said.endswith("Stopped.\n")
    assert not (scripts.record / "proxy.pid").exists()


async def test_a_proxy_that_runs_is_not_stopped_by_it(
    scripts: Scripts, vendor: FakeProvider
) -> None:
    scripts.configured(one_vendor(vendor, "ok"))
    await scripts.run("proxy-up.sh", "--detach", "--port", "0", "--config", "mesh.yaml")
    done = await scripts.run("proxy-test.sh", "--full")
    assert done.code == 0, done.said
    for skipped in ("embeddings", "speech", "transcriptions", "images"):
        assert f"{skipped}: no pool serves it" in done.said
    assert done.counts == (17, 4, 0)
    assert alive(scripts.pid)


async def test_what_fails_is_shown_and_is_the_exit_code(
    scripts: Scripts, vendor: FakeProvider
) -> None:
    async with running_proxy(one_vendor(vendor, "status~code=500")) as proxy:
        done = await scripts.run("proxy-test.sh", "--full", "--url", proxy.url)
    assert done.code == 1
    assert "FAILS    502" in done.said
    assert '"error":{"message":"Routing error' in done.said
    assert done.counts == (15, 4, 2)


async def test_without_a_proxy_it_fails_and_says_so(scripts: Scripts) -> None:
    for flags in ([], ["--full"]):
        done = await scripts.run("proxy-test.sh", "--url", "http://127.0.0.1:9", *flags)
        assert done.code == 1
        assert "No proxy answers at http://127.0.0.1:9" in done.complained


async def test_it_brings_its_token(scripts: Scripts, vendor: FakeProvider) -> None:
    config = one_vendor(vendor, "ok", token="my-secret")
    async with running_proxy(config) as proxy:
        without = await scripts.run("proxy-test.sh", "--url", proxy.url)
        by_flag = await scripts.run("proxy-test.sh", "--url", proxy.url, "--token", "my-secret")
        by_name = await scripts.run(
            "proxy-test.sh", MODELMESH_URL=proxy.url, MODELMESH_TOKEN="my-secret"
        )
    assert without.code == 1
    assert without.counts == (2, 0, 13)
    assert (by_flag.code, by_name.code) == (0, 0), by_flag.said
    assert by_flag.counts == by_name.counts == (16, 0, 0)
    assert "refuses a wrong token" in by_flag.said


async def test_it_brings_the_token_of_an_admin_where_clients_need_none(
    scripts: Scripts, vendor: FakeProvider
) -> None:
    config = one_vendor(vendor, "ok", auth={"admin_tokens": ["my-secret"]})
    async with running_proxy(config) as proxy:
        done = await scripts.run("proxy-test.sh", "--url", proxy.url, "--token", "my-secret")
    assert done.code == 0, done.said
    assert done.counts == (16, 0, 0)


async def test_a_token_that_is_not_asked_for_protects_nothing(
    scripts: Scripts, vendor: FakeProvider
) -> None:
    async with running_proxy(one_vendor(vendor, "ok")) as proxy:
        done = await scripts.run("proxy-test.sh", "--url", proxy.url, "--token", "my-secret")
    assert done.code == 1
    assert done.counts == (15, 0, 1)


async def test_what_is_turned_off_is_skipped(scripts: Scripts, vendor: FakeProvider) -> None:
    only = ["/v1/chat/completions", "/v1/models"]
    async with running_proxy(one_vendor(vendor, "ok", endpoints=only)) as proxy:
        done = await scripts.run("proxy-test.sh", "--url", proxy.url)
    assert done.code == 0, done.said
    assert "/v1/embeddings             not served: by its configuration" in done.said
    assert done.counts == (8, 7, 0)
