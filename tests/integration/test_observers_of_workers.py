"""Observers of a real proxy: its workers write one file, and lose nothing on a clean stop."""

import asyncio
import json
import os
import sys
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from proxy_process import POOL, one_vendor, running_proxy, until

from modelmesh.testing.fake_provider import FakeProvider

PROMPT = "canary-prompt"


@pytest.fixture
async def vendor() -> AsyncIterator[FakeProvider]:
    async with FakeProvider() as running:
        yield running


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def observed(vendor: FakeProvider, **sections: Mapping[str, Any]) -> dict[str, Any]:
    return {**one_vendor(vendor, "status~code=500", "ok"), "observability": sections}


async def ask(url: str, *, stream: bool) -> str:
    body = {"model": POOL, "messages": [{"role": "user", "content": PROMPT}], "stream": stream}
    # A connection of its own, which any of the workers may take.
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{url}/v1/chat/completions", json=body) as reply,
    ):
        assert reply.status == 200
        return await reply.text()


async def test_workers_write_one_file_and_nothing_is_lost_on_a_clean_stop(
    vendor: FakeProvider, tmp_path: Path
) -> None:
    path = tmp_path / "events.jsonl"
    section = {"connector": "local-file", "path": str(path), "interval": "1h"}
    config = observed(vendor, routing=section, logging=section, statistics=section)
    async with running_proxy(config, flags=["--workers", "2"]) as proxy:
        for number in range(20):
            await ask(proxy.url, stream=bool(number % 2))
        proxy.signal()
        assert await proxy.exit_code() == 0
    told = lines(path)
    names = Counter(line["event"] for line in told)
    assert (names["request.began"], names["request.ended"]) == (20, 20)
    ended = [line for line in told if line["event"] == "request.ended"]
    assert {line["status"] for line in ended} == {200}
    assert sum(line["stream"] for line in ended) == 10
    attempts = [line for line in told if line["event"] == "attempt.ended"]
    assert len(attempts) == sum(len(line["attempts"]) for line in ended)
    sums = [line["stats"] for line in told if line["event"] == "statistics.taken"]
    assert 1 <= len(sums) <= 2
    assert sum(one["pools"][POOL]["requests"] for one in sums) == len(attempts)
    assert sum(one["targets"]["fake/ok"]["answers"] for one in sums) == 20
    assert PROMPT not in path.read_text()


async def test_a_line_is_there_while_the_proxy_runs(vendor: FakeProvider, tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    config = observed(vendor, logging={"connector": "local-file", "path": str(path), "content": {}})
    async with running_proxy(config) as proxy:
        said = json.loads(await ask(proxy.url, stream=False))["choices"][0]["message"]["content"]
        await until(lambda: path.exists() and len(path.read_text().splitlines()) == 2)
        began, ended = lines(path)
        assert began["content"]["messages"][0]["content"] == PROMPT
        assert ended["content"]["answer"] == said
        assert began["request"] == ended["request"]


async def test_of_a_streamed_answer_the_same_text_is_told(
    vendor: FakeProvider, tmp_path: Path
) -> None:
    path = tmp_path / "events.jsonl"
    config = observed(vendor, logging={"connector": "local-file", "path": str(path), "content": {}})
    async with running_proxy(config) as proxy:
        streamed = await ask(proxy.url, stream=True)
        payloads = [line[6:] for line in streamed.splitlines() if line.startswith("data: {")]
        choices = [choice for each in payloads for choice in json.loads(each)["choices"]]
        said = "".join(choice["delta"].get("content") or "" for choice in choices)
        proxy.signal()
        assert await proxy.exit_code() == 0
    assert said
    assert lines(path)[-1]["content"]["answer"] == said


async def test_the_console_tells_people_on_stderr(vendor: FakeProvider) -> None:
    config = observed(vendor, logging={"connector": "console"}, routing={"connector": "console"})
    async with running_proxy(config) as proxy:
        await ask(proxy.url, stream=False)
        proxy.signal()
        assert await proxy.exit_code() == 0
    told = proxy.logs
    assert "failed after" in told
    assert "200 in" in told
    assert PROMPT not in told
    assert "\x1b" not in told


PROGRAM = """
import modelmesh

client = modelmesh.create("chat", config="mesh.json")
client.chat.completions.create(messages=[{"role": "user", "content": "hi"}])
"""


async def test_a_program_that_ends_without_a_close_has_told_everything(
    vendor: FakeProvider, tmp_path: Path
) -> None:
    section = {"connector": "local-file", "path": "events.jsonl"}
    config = observed(vendor, routing=section, logging=section, statistics=section)
    (tmp_path / "mesh.json").write_text(json.dumps(config))
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        PROGRAM,
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"]},
        stderr=asyncio.subprocess.PIPE,
    )
    _, complaint = await process.communicate()
    assert process.returncode == 0, complaint.decode()
    assert "broke" not in complaint.decode()
    names = [line["event"] for line in lines(tmp_path / "events.jsonl")]
    assert names[0] == "request.began"
    assert names[-2:] == ["request.ended", "statistics.taken"]
