"""The command line: what it finds, what it says, how it exits."""

import asyncio
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from proxy_process import POOL, running_proxy

OURS: dict[str, Any] = {
    "providers": {"fake": {"connector": "openai-compatible", "base_url": "http://127.0.0.1:9/v1"}},
    "models": {"some": {"provider": "fake", "capabilities": ["chat-completion"]}},
    "pools": {POOL: {"models": ["some"]}},
}
PROXY = ("-m", "modelmesh.proxy")
COMMAND = ("-c", "import sys; from modelmesh.cli import main; sys.exit(main())")


async def run(
    folder: Path, *arguments: str, env: Mapping[str, str] | None = None
) -> tuple[int | None, str]:
    """Run Python with these arguments; return its exit code and what it said."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *arguments,
        cwd=folder,
        env={"PATH": os.environ["PATH"], **(env or {})},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(20):
        said, _ = await process.communicate()
    return process.returncode, said.decode()


def written(path: Path, config: Any) -> str:
    path.write_text(json.dumps(config))
    return str(path)


async def test_without_key_or_file_it_says_what_it_looked_for(tmp_path: Path) -> None:
    code, said = await run(tmp_path, *PROXY)
    assert code == 2
    for looked_for in ("OPENAI_API_KEY", "OLLAMA_HOST", "--config", "--demo"):
        assert looked_for in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    "command",
    ["proxy", "check", "pools", "explain chat-completion"],
    ids=lambda told: told.split()[0],
)
async def test_with_neither_file_nor_key_every_command_that_needs_one_ends_alike(
    tmp_path: Path, command: str
) -> None:
    code, said = await run(tmp_path, *COMMAND, *command.split())
    assert code == 2
    assert said.startswith("environment: 1 problem\n  no provider was found. Set one of")


@pytest.mark.parametrize("command", ["pools", "models", "explain chat"], ids=lambda told: told[:6])
async def test_what_turns_out_when_pools_are_made_is_told_by_file_and_line(
    tmp_path: Path, command: str
) -> None:
    (tmp_path / "modelmesh.yaml").write_text(
        "providers:\n  groq.api.v1: {api_key: x}\npools:\n  chat: {capability: text-embeddings}\n"
    )
    code, said = await run(tmp_path, *COMMAND, *command.split())
    assert code == 1
    assert said.startswith("modelmesh.yaml: 1 problem\n  line 4: pools.chat: no model fits")


async def test_a_wrong_file_is_refused_with_every_mistake(tmp_path: Path) -> None:
    wrong = {**OURS, "proxy": {"prot": 1}, "pools": {POOL: {"modles": ["some"]}}}
    code, said = await run(tmp_path, *PROXY, "--config", written(tmp_path / "own.yaml", wrong))
    assert code == 1
    assert "prot" in said
    assert "modles" in said
    assert "Traceback" not in said


async def test_a_missing_file_is_told(tmp_path: Path) -> None:
    code, said = await run(tmp_path, *PROXY, "--config", "nowhere.yaml")
    assert code == 1
    assert "nowhere.yaml" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("command", [(*PROXY, "--check", "--config"), (*COMMAND, "check")])
async def test_a_file_is_checked(tmp_path: Path, command: tuple[str, ...]) -> None:
    code, said = await run(tmp_path, *command, written(tmp_path / "good.yaml", OURS))
    assert code == 0
    assert POOL in said
    wrong = {**OURS, "proxy": {"prot": 1}}
    code, said = await run(tmp_path, *command, written(tmp_path / "wrong.yaml", wrong))
    assert code == 1
    assert "prot" in said


async def test_without_a_file_a_check_tells_what_the_environment_holds(tmp_path: Path) -> None:
    code, said = await run(tmp_path, *PROXY, "--check", env={"OPENAI_API_KEY": "sk-canary"})
    assert (code, "openai" in said, "sk-canary" in said) == (0, True, False)
    assert (await run(tmp_path, *PROXY, "--check"))[0] == 2


@pytest.mark.parametrize("command", [PROXY, COMMAND, (*COMMAND, "proxy")])
async def test_it_tells_its_version(tmp_path: Path, command: tuple[str, ...]) -> None:
    assert await run(tmp_path, *command, "--version") == (0, "modelmesh-lite 0.1.0\n")


async def test_nothing_is_said_where_whoever_reads_has_seen_enough(tmp_path: Path) -> None:
    pipe, theirs = os.pipe()
    os.close(pipe)  # as `head -1` does
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, *COMMAND, "models", "--json"),
        cwd=tmp_path,
        stdout=theirs,
        stderr=asyncio.subprocess.PIPE,
    )
    os.close(theirs)
    _, said = await process.communicate()
    assert (process.returncode, said) == (1, b"")


async def test_an_empty_token_is_refused(tmp_path: Path) -> None:
    code, said = await run(tmp_path, *PROXY, "--demo", "--token", "")
    assert code == 2
    assert "token is empty" in said


@pytest.mark.parametrize(
    "command", [(*PROXY, "--demo"), (*COMMAND, "mock-upstream")], ids=["proxy", "mock-upstream"]
)
async def test_a_port_that_is_none_is_refused(tmp_path: Path, command: tuple[str, ...]) -> None:
    code, said = await run(tmp_path, *command, "--port", "65536")
    assert code == 2
    assert "'65536' is not a port" in said


async def test_a_host_that_is_none_is_told(tmp_path: Path) -> None:
    code, said = await run(tmp_path, *PROXY, "--demo", "--host", "300.1.1.1")
    assert code == 1
    assert "cannot listen" in said
    assert "--port" not in said


async def test_a_taken_port_is_told_and_ends_it(tmp_path: Path) -> None:
    async with running_proxy(OURS) as first:
        port = first.url.rpartition(":")[2]
        file = written(tmp_path / "own.yaml", OURS)
        flags = ("--config", file, "--host", "127.0.0.1", "--port", port)
        code, said = await run(tmp_path, *PROXY, *flags)
    assert code == 1
    assert "in use" in said
    assert "--port" in said
    assert "Traceback" not in said


async def test_the_file_of_the_folder_is_found() -> None:
    async with running_proxy(None, files={"modelmesh.yaml": json.dumps(OURS)}) as proxy:
        assert [model["id"] for model in (await proxy.get("/v1/models")).json["data"]] == [POOL]


async def test_vendors_are_found_by_their_keys() -> None:
    async with running_proxy(None, env={"OPENAI_API_KEY": "sk-canary"}) as proxy:
        names = [model["id"] for model in (await proxy.get("/v1/models")).json["data"]]
        assert "chat-completion" in names
        proxy.signal()
        assert await proxy.exit_code() == 0
        assert "openai" in proxy.logs
        assert "sk-canary" not in proxy.logs


async def test_the_address_and_what_is_served_are_told_at_the_start() -> None:
    async with running_proxy(OURS) as proxy:
        proxy.signal()
        assert await proxy.exit_code() == 0
        assert proxy.logs.startswith(f"ModelMesh listens at {proxy.url}\n")
        assert "fake/some" in proxy.logs
        assert "WARNING" not in proxy.logs


WARNING = "Anyone who can reach this machine"


async def test_one_warning_is_given_where_everybody_may_come() -> None:
    async with running_proxy(OURS, flags=["--host", "0.0.0.0"]) as proxy:
        proxy.signal()
        assert await proxy.exit_code() == 0
        assert proxy.logs.count(WARNING) == 1


@pytest.mark.parametrize(
    ("flags", "proxy"),
    [(["--token", "t"], {}), ([], {"cors": {"origins": ["https://page"]}})],
)
async def test_no_warning_is_given_where_not_everybody_may(
    flags: list[str], proxy: dict[str, Any]
) -> None:
    config = {**OURS, "proxy": proxy}
    async with running_proxy(config, flags=["--host", "0.0.0.0", *flags]) as running:
        running.signal()
        assert await running.exit_code() == 0
        assert WARNING not in running.logs


@pytest.mark.parametrize(
    ("flags", "hint"),
    [
        (("--once",), "--once goes with --demo"),
        (("--demo", "--config", "x.yaml"), "leave out --config"),
        (("--demo", "--check"), "leave out --config and --check"),
        (("--strict",), "go with --check"),
    ],
)
async def test_flags_that_do_not_go_together_are_told(
    tmp_path: Path, flags: tuple[str, ...], hint: str
) -> None:
    code, said = await run(tmp_path, *PROXY, *flags)
    assert code == 2
    assert hint in said
