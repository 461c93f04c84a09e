"""What is told of where a request would go: by the command line, by a proxy, and what is true."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from proxy_process import POOL, one_vendor, running_proxy

from modelmesh.testing.fake_provider import FakeProvider

EXPLAIN, STATUS = "/v1/mesh/explain", "/v1/mesh/status"


@pytest.fixture
async def vendor() -> AsyncIterator[FakeProvider]:
    async with FakeProvider() as running:
        yield running


async def explain(folder: Path, config: Any, *arguments: str) -> tuple[int | None, str, str]:
    """Run the command beside a file with this configuration; return its code and what it says."""
    (folder / "modelmesh.yaml").write_text(json.dumps(config))
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "import sys; from modelmesh.cli import main; sys.exit(main())",
        "explain",
        *arguments,
        cwd=folder,
        env={"PATH": os.environ["PATH"]},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(20):
        said, complained = await process.communicate()
    return process.returncode, said.decode(), complained.decode()


def limited(vendor: FakeProvider, folder: Path) -> dict[str, Any]:
    """Return a configuration whose first target may be asked twice a day, kept in a file."""
    config = one_vendor(vendor, "status~code=503", "ok")
    config["providers"]["once"] = {**config["providers"]["fake"], "rate_limits": {"rpd": 2}}
    config["models"]["first"] = {
        "provider": "once",
        "model": "ok",
        "pricing": {"input": 1, "output": 0},
    }
    config["pools"][POOL]["models"] = ["first", "status~code=503", "ok"]
    config["storage"] = {"connector": "modelmesh.sqlite.v1", "path": str(folder / "state.db")}
    return config


async def test_the_command_tells_people_and_programs(vendor: FakeProvider, tmp_path: Path) -> None:
    config = limited(vendor, tmp_path)
    code, said, complained = await explain(tmp_path, config, POOL, "--message", "hi")
    assert (code, complained) == (0, "")
    assert said.splitlines()[:4] == [
        "chat  (modelmesh.stick-until-failure.v1)",
        ">  1  once/first            in front until it fails",
        "      cost: about $0.0000090",
        "      once: 2 requests a day: 2 of 2 left",
    ]
    assert "   2  fake/status~code=503  behind the one in front" in said
    assert "      cost: unknown" in said
    code, said, _ = await explain(tmp_path, config, POOL, "--json")
    told = json.loads(said)
    assert (code, told["pool"], told["next"]) == (0, POOL, {"target": "once/first", "seconds": 0.0})
    assert vendor.received == []


async def test_a_body_in_a_file_is_explained(vendor: FakeProvider, tmp_path: Path) -> None:
    body = tmp_path / "body.json"
    body.write_text(json.dumps({"model": "any", "input": "a", "endpoint": "embeddings"}))
    config = limited(vendor, tmp_path)
    config["models"]["first"]["capabilities"] = ["chat-completion"]
    code, said, _ = await explain(tmp_path, config, POOL, "--body", str(body))
    assert code == 0
    assert "not asked: it cannot embed; it is for chat-completion" in said
    assert said.endswith("Such a request would be refused.\n")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["chet"], "did you mean 'chat'?"),
        ([POOL, "--body", "nowhere.json"], "nowhere.json: No such file"),
        ([POOL, "--body", "modelmesh.yaml.txt"], "modelmesh.yaml.txt: Expecting value"),
        ([POOL, "--body", "list.json"], "list.json: the body of a request must be a JSON object"),
        ([POOL, "--config", "nowhere.yaml"], "nowhere.yaml"),
    ],
)
async def test_what_cannot_be_explained_is_told(
    vendor: FakeProvider, tmp_path: Path, arguments: list[str], told: str
) -> None:
    (tmp_path / "modelmesh.yaml.txt").write_text("pools:")
    (tmp_path / "list.json").write_text("[]")
    code, said, complained = await explain(tmp_path, limited(vendor, tmp_path), *arguments)
    assert (code, said) == (1, "")
    assert told in complained
    assert "Traceback" not in complained


async def test_command_and_proxy_tell_the_same_and_it_is_true(
    vendor: FakeProvider, tmp_path: Path
) -> None:
    config = limited(vendor, tmp_path)
    async with running_proxy(config) as proxy:
        for wanted in ("once/first", "once/first", "fake/status~code=503"):
            reply = await proxy.client.post(proxy.url + EXPLAIN, json={"model": POOL})
            assert (await reply.json())["next"]["target"] == wanted
            trail = (await proxy.chat()).headers["x-modelmesh-trail"]
            assert trail.partition(";")[0] == wanted
        await asyncio.sleep(1)  # by now the store has it
        reply = await proxy.client.post(proxy.url + EXPLAIN, json={"model": POOL})
        here = await reply.json()
        code, said, _ = await explain(tmp_path, config, POOL, "--json")
        assert code == 0
        there = json.loads(said)
        stats = (await (await proxy.client.get(proxy.url + STATUS)).json())["stats"]
    assert here["next"] == there["next"] == {"target": "fake/ok", "seconds": 0.0}
    for told in (here, there):
        rows = {row["target"]: row for row in told["targets"]}
        assert rows["once/first"]["limits"][0]["left"] == 0
        assert rows["once/first"]["reason"].startswith("it has reached its limit, once: 2 request")
        assert rows["fake/status~code=503"]["reason"].startswith("left alone for ")
    assert stats["pools"][POOL]["failures"] == {"overloaded": 1}
    assert stats["providers"]["once"]["answers"] == 2
    assert stats["targets"]["fake/ok"]["latency"]["p95"] > 0
    assert len(vendor.received) == 4
