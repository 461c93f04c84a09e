"""The proxy guide's own examples, as they stand there, against the real proxy.

Only what has to differ in a test is replaced: the port, and where the vendors are.
"""

import asyncio
import re
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from guide import GUIDE, configurations, with_guide
from proxy_process import ProxyProcess, running_proxy

from modelmesh.connectors.providers.openai import Provider as OpenAI
from modelmesh.testing.fake_provider import FakeProvider
from scripts.cookbook import Command
from scripts.guide import BESIDE_CHAT, served, steps

NODE = Path(__file__).parent / "node"
KEYS = {"OPENAI_API_KEY": "sk-o", "ANTHROPIC_API_KEY": "sk-a", "GROQ_API_KEY": "gsk-g"}

pytestmark = with_guide
with_node = pytest.mark.skipif(
    not (shutil.which("node") and (NODE / "node_modules").exists()),
    reason="there is no node, or scripts/test has not installed the SDK",
)


def curls() -> list[str]:
    """Return the guide's commands that ask a server, each once."""
    typed = (step.line for block in steps() for step in block if isinstance(step, Command))
    return list(dict.fromkeys(line for line in typed if line.startswith("curl ")))


def passage(start: str, end: str, nth: int = 0) -> str:
    """Return the nth passage of the guide between two texts, both included."""
    found = re.findall(re.escape(start) + ".*?" + re.escape(end), GUIDE, re.DOTALL)
    return str(found[nth])


@pytest.fixture
async def vendor() -> AsyncIterator[FakeProvider]:
    chat = ["gpt-4o-mini", "claude-3-5-haiku", "llama-3.3-70b", *OpenAI.models]
    names = [*chat, *(model for model, _ in BESIDE_CHAT.values())]
    async with FakeProvider(models=names) as running:
        yield running


@pytest.fixture
async def proxy(vendor: FakeProvider) -> AsyncIterator[ProxyProcess]:
    """Run the guide's larger configuration, with its token and the pool of its first steps."""
    config = served(yaml.safe_load(configurations()[1]), vendor.url)
    async with running_proxy(config, env=KEYS) as running:
        yield running


async def run(*command: str, folder: Path | None = None) -> str:
    process = await asyncio.create_subprocess_exec(
        *command, cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    output, complaint = await process.communicate()
    assert process.returncode == 0, complaint.decode()
    return output.decode(errors="replace")  # one of the commands prints sound


def there(text: str, proxy: ProxyProcess) -> str:
    return text.replace("http://localhost:8080", proxy.url)


@pytest.mark.skipif(not shutil.which("curl"), reason="there is no curl")
@pytest.mark.parametrize("command", curls())
async def test_a_command_works_as_written(command: str, proxy: ProxyProcess) -> None:
    told = f"{there(command, proxy)} -s -w '\\n%{{http_code}}'"
    body, _, status = (await run("bash", "-c", told)).rpartition("\n")
    assert status == "200", body
    if '"stream": true' in command:
        assert body.rstrip().endswith("data: [DONE]")


def test_all_commands_of_the_guide_are_tried() -> None:
    assert len(curls()) >= 8
    assert sum('"messages"' in command for command in curls()) >= 3


@pytest.mark.parametrize("number", [0, 1])
async def test_a_configuration_loads_unchanged(number: int, tmp_path: Path) -> None:
    (tmp_path / "modelmesh.yaml").write_text(configurations()[number])
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "modelmesh.proxy", "--config", "modelmesh.yaml", "--check"),
        cwd=tmp_path,
        env=KEYS,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()


async def test_the_smaller_configuration_routes(vendor: FakeProvider) -> None:
    config = yaml.safe_load(configurations()[0])
    config["providers"]["openai.llm.v1"]["base_url"] = vendor.url
    async with running_proxy(config, env=KEYS) as proxy:
        reply = await proxy.chat(model="chat")
    assert reply.json["choices"][0]["message"]["content"] == "Hello from gpt-4o-mini"


async def test_with_no_file_a_pool_stands_over_the_vendors_found(vendor: FakeProvider) -> None:
    found = {"OPENAI_API_KEY": "sk-o", "OPENAI_BASE_URL": vendor.url}
    async with running_proxy(None, env=found) as proxy:
        reply = await proxy.chat(model="chat-completion")
        models = await proxy.get("/v1/models")
    assert reply.json["choices"][0]["message"]["content"] == f"Hello from {OpenAI.models[0]}"
    assert "chat-completion" in [model["id"] for model in models.json["data"]]


async def test_with_a_token_the_guides_command_works_and_no_other(vendor: FakeProvider) -> None:
    config = yaml.safe_load(configurations()[0])
    config["providers"]["openai.llm.v1"]["base_url"] = vendor.url
    command = next(text for text in curls() if "Bearer my-secret" in text)
    async with running_proxy(config, env=KEYS, flags=("--token", "my-secret")) as proxy:
        assert '"object": "list"' in await run("bash", "-c", f"{there(command, proxy)} -s")
        stranger = await proxy.get("/v1/models")
    assert stranger.status == 401
    assert stranger.error["message"].startswith("Invalid token")


async def test_web_pages_may_call_it(proxy: ProxyProcess) -> None:
    page = {"Origin": "https://example.org"}
    asks = {**page, "Access-Control-Request-Method": "POST"}
    preflight = await proxy.send("OPTIONS", "/v1/chat/completions", headers=asks)
    reply = await proxy.chat(model="text-generation", headers=page)
    for answer in (preflight, reply):
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert "Access-Control-Allow-Credentials" not in answer.headers


async def test_the_python_sdk_works_as_written(proxy: ProxyProcess) -> None:
    code = passage("from openai import OpenAI", "print(response.choices[0].message.content)")
    assert (await run(sys.executable, "-c", there(code, proxy))) == "Hello from gpt-4o-mini\n"


@with_node
async def test_the_typescript_sdk_works_as_written(proxy: ProxyProcess) -> None:
    code = passage(
        "import OpenAI from 'openai'", "console.log(response.choices[0].message.content);"
    )
    program = ("node", "--input-type=module", "-e", there(code, proxy))
    assert (await run(*program, folder=NODE)) == "Hello from gpt-4o-mini\n"


@with_node
@pytest.mark.parametrize("behind", ["Streaming request:", "Any OpenAI SDK client works"])
async def test_fetch_works_as_written(behind: str, proxy: ProxyProcess) -> None:
    before, start = GUIDE.split(behind)[0], "const response = await fetch("
    code = start + before.rpartition(start)[2]
    output = await run("node", "--input-type=module", "-e", there(code, proxy), folder=NODE)
    assert output.strip() == "Hello from gpt-4o-mini"


async def test_a_program_embeds_it_as_written(vendor: FakeProvider, tmp_path: Path) -> None:
    config: dict[str, Any] = yaml.safe_load(configurations()[0])
    config["providers"]["openai.llm.v1"] |= {"base_url": vendor.url, "api_key": "sk-o"}
    (tmp_path / "modelmesh.yaml").write_text(yaml.safe_dump(config))
    code = passage("from modelmesh.proxy.server import ProxyServer", "server.stop()")
    output = await run(sys.executable, "-c", code.replace("port=8080", "port=0"), folder=tmp_path)
    assert "running=True" in output
