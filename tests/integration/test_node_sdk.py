"""The official `openai` SDK for Node against the real proxy. `scripts/test` installs it."""

import asyncio
import json
import shutil
from pathlib import Path

import pytest
from proxy_process import running_proxy, until

from modelmesh.testing.fake_provider import FakeProvider

NODE = Path(__file__).parent / "node"

POOLS = {
    "good": ["ok"],
    "failing-over": ["status~code=503", "ok~text=second"],
    "tools": ["tool-calls~calls=2"],
    "refusing": ["status~code=400"],
    "limited": ["status~code=429~retry-after=30@limited"],
    "down": ["status~code=500"],
    "cut": ["cut-chunked"],
    "endless": ["steady~chunks=100000"],
}


@pytest.mark.skipif(not shutil.which("node"), reason="there is no node")
@pytest.mark.skipif(not (NODE / "node_modules").exists(), reason="scripts/test installs the SDK")
async def test_the_node_sdk_talks_to_the_proxy() -> None:
    async with FakeProvider() as vendor:
        provider = {"connector": "openai-compatible", "base_url": vendor.url}
        config = {
            "providers": dict.fromkeys(POOLS, provider),
            "models": {
                fault: {"provider": pool} for pool, faults in POOLS.items() for fault in faults
            },
            "pools": {
                pool: {"models": faults, "retry": {"max_attempts": 1}}
                for pool, faults in POOLS.items()
            },
            "proxy": {"token": "a-token"},
        }
        async with running_proxy(config) as proxy:
            process = await asyncio.create_subprocess_exec(
                "node",
                str(NODE / "talk.mjs"),
                f"{proxy.url}/v1",
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
            output, complaint = await process.communicate()
            assert process.returncode == 0, complaint.decode()
            seen = json.loads(output)
            left = vendor.requests_for("steady~chunks=100000")
            await until(lambda: left[0].client_gone)
    assert seen == {
        "whole": "Hello from ok",
        "streamed": "Hello from ok",
        "attempts": "2",
        "models": list(POOLS),
        "arguments": ['{"city":"Paris"}', '{"city":"Paris"}'],
        "errors": {
            "refusing": ["BadRequestError", 400, True],
            "nothing": ["NotFoundError", 404, True],
            "limited": ["RateLimitError", 429, True],
            "down": ["InternalServerError", 502, True],
        },
        "broken": "stream_incomplete",
    }
