"""Schemathesis asks a running proxy whatever its OpenAPI document allows, and what it does not.

It looks for a 500, for statuses and replies which are not told of, and for bodies that are taken
though they are unsound, or the other way round. `scripts/test` installs it.
"""

import asyncio
import json
import re
from pathlib import Path
from typing import Final

import pytest
from described_proxy import POOLS, config
from proxy_process import running_proxy

from modelmesh.config.schema import ENDPOINTS, OPENAPI_PATH
from modelmesh.testing.fake_provider import FakeProvider

HERE: Final = Path(__file__).parent
PROGRAM: Final = HERE.parents[1] / ".venvs/schemathesis/bin/schemathesis"
OPTIONS: Final = (
    *("--seed", "7", "--max-examples", "15"),
    *("--request-timeout", "10", "--warnings", "off", "--no-shrink"),
    *("--exclude-path", "/v1/mesh/events"),  # which has no end
)
TOKEN: Final = "letmein"
# In a form everything is text, so much that is unsound before it is written is sound then.
SETTINGS: Final = f"""
[auth.openapi.token]
bearer = "{TOKEN}"

[[operations]]
include-path = "/v1/audio/transcriptions"
checks.negative_data_rejection.enabled = false
"""


async def run(url: str, folder: Path) -> tuple[int | None, str]:
    """Have it ask a server by the document in a folder; return its exit code and words."""
    (folder / "schemathesis.toml").write_text(SETTINGS)
    environ = {
        "SCHEMATHESIS_HOOKS": "schemathesis_hooks",
        "PYTHONPATH": str(HERE),
        "POOLS": json.dumps(dict(zip(ENDPOINTS, POOLS, strict=True))),
        "NO_COLOR": "1",
    }
    process = await asyncio.create_subprocess_exec(
        *(PROGRAM, "run", folder / "openapi.json", "--url", url, *OPTIONS),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        cwd=folder,
        env=environ,
    )
    said, _ = await process.communicate()
    return process.returncode, said.decode()


@pytest.mark.skipif(not PROGRAM.exists(), reason="scripts/test installs schemathesis")
async def test_whatever_is_asked_is_answered_as_told(front: str, tmp_path: Path) -> None:
    async with FakeProvider(models=[*POOLS.values()]) as vendor:
        async with running_proxy(config(vendor.url, token=TOKEN, front=front)) as proxy:
            allowed = {"Authorization": f"Bearer {TOKEN}"}
            told = await proxy.get(OPENAPI_PATH, headers=allowed)
            (tmp_path / "openapi.json").write_text(told.text)
            code, said = await run(proxy.url, tmp_path)
        assert code == 0, said
        phases = re.findall(r"(Examples|Coverage|Fuzzing|Stateful) \(in", said)
        assert phases == ["Examples", "Coverage", "Fuzzing", "Stateful"]
        operations = [each for item in told.json["paths"].values() for each in item]
        tested = re.search(r"Tested: (\d+)", said)
        assert tested
        assert int(tested[1]) == len(operations) - 1
        assert {request.model for request in vendor.received} >= {*POOLS.values()}
