"""The demo, as a newcomer meets it."""

import asyncio
import os
import re
from pathlib import Path

from proxy_process import running_proxy

ROOT = Path(__file__).parents[2]
_TIME = re.compile(r"[\d.]+ ms")


async def test_the_tour_shows_who_answered_and_what_failed_over() -> None:
    process = await asyncio.create_subprocess_exec(
        str(ROOT / "scripts" / "demo"),
        "--once",
        cwd="/",
        env={"PATH": os.environ["PATH"]},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(60):
        said, complained = await process.communicate()
    shown = said.decode()
    assert (process.returncode, complained) == (0, b"")
    page = (ROOT / "docs/index.md").read_text()
    [told] = re.findall(r"^```text\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    assert {"429 rate_limit", "500 server_error"} <= set(re.findall(r"\d+ \w+_\w+", told))
    assert _TIME.sub("#", shown) == _TIME.sub("#", told)
    assert "\033" not in shown  # plain, because nobody watches


async def test_the_demo_answers_the_commands_it_prints() -> None:
    async with running_proxy(None, flags=["--demo"]) as proxy:
        await proxy.says("Ctrl-C stops")
        commands = re.findall(r"  (curl (?:.|\n)*?)\n\n", proxy.logs)
        assert len(commands) == 3
        said = [await curl(command) for command in commands]
    assert '"id": "chat-completion"' in said[0]
    assert "x-modelmesh-provider: limited" in said[1].lower()
    assert "x-modelmesh-provider: flaky" in said[2].lower()
    assert said[2].endswith("data: [DONE]\n\n")


async def curl(command: str) -> str:
    process = await asyncio.create_subprocess_shell(
        command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    async with asyncio.timeout(20):
        said, _ = await process.communicate()
    assert process.returncode == 0
    return said.decode().replace("\r\n", "\n")
