"""The scripts on the page about web pages run as they stand, and its table of origins holds."""

import asyncio
import re
import shutil
from pathlib import Path

import pytest
from proxy_process import one_vendor, running_proxy

from modelmesh.testing.fake_provider import FakeProvider

PAGE = (Path(__file__).parents[2] / "docs/browser.md").read_text()
PLAIN, STREAM = re.findall(r"^```js\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
OURS, OTHERS = "https://app.example.org", "https://other.example"


async def run(code: str, fault: str) -> tuple[str, int | None]:
    """Run a script against a vendor with this fault; return what it says, and its exit code."""
    node = shutil.which("node") or pytest.skip("there is no node")
    async with FakeProvider() as vendor:
        config = one_vendor(vendor, fault)
        config["pools"]["chat-completion"] = config["pools"].pop("chat")
        async with running_proxy(config) as proxy:
            process = await asyncio.create_subprocess_exec(
                *(node, "--input-type=module", "-e"),
                code.replace("http://localhost:8080", proxy.url),
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
            output, _ = await process.communicate()
    return output.decode(), process.returncode


@pytest.mark.parametrize(
    ("code", "said"), [(PLAIN, "Hello from ok"), (STREAM, "Hello\n from\n ok")]
)
async def test_a_script_shows_the_answer(code: str, said: str) -> None:
    output, exit_code = await run(code, "ok")
    assert said in output
    assert exit_code == 0


@pytest.mark.parametrize(
    ("code", "fault", "said"),
    [
        (PLAIN, "status~code=503", "Routing error"),
        (STREAM, "status~code=503", "Routing error"),
        (STREAM, "cut-chunked", "broke off"),
    ],
)
async def test_a_script_takes_no_failure_for_an_answer(code: str, fault: str, said: str) -> None:
    output, exit_code = await run(code, fault)
    assert said in output
    assert exit_code == 1


@pytest.mark.parametrize(
    ("origins", "origin", "type_", "status", "allowed"),
    [
        (None, OTHERS, "application/json", 200, "*"),
        (None, OTHERS, "text/plain", 200, "*"),
        ([OURS], OURS, "application/json", 200, OURS),
        ([OURS], OTHERS, "application/json", 403, None),
        ([OURS], None, "application/json", 200, None),
        ([OURS], OURS, "text/plain", 415, OURS),
    ],
)
async def test_the_table_of_origins_holds(
    origins: list[str] | None, origin: str | None, type_: str, status: int, allowed: str | None
) -> None:
    async with FakeProvider() as vendor:
        settings = {} if origins is None else {"cors": {"origins": origins}}
        async with running_proxy(one_vendor(vendor, "ok", **settings)) as proxy:
            headers = {"Content-Type": type_} | ({"Origin": origin} if origin else {})
            body = '{"model": "chat", "messages": [{"role": "user", "content": "Hello!"}]}'
            reply = await proxy.send("POST", "/v1/chat/completions", data=body, headers=headers)
    assert reply.status == status
    assert reply.headers.get("Access-Control-Allow-Origin") == allowed
    assert "Access-Control-Allow-Credentials" not in reply.headers
