"""Every example runs by the command which the index gives, and its vendor is asked what it says.

They run in a copy of the folder, unchanged, with the environment that their user would have.
"""

import asyncio
import os
import re
import shlex
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import aiohttp
import pytest
from proxy_process import running_proxy

from modelmesh.connectors.providers.openai import Provider as OpenAI
from modelmesh.testing.fake_provider import Exchange, FakeProvider, select

ROOT: Final = Path(__file__).parents[2]
EXAMPLES: Final = ROOT / "examples"
NODE_MODULES: Final = ROOT / "tests/integration/node/node_modules"
ROW: Final = re.compile(
    r"^\| \[(?P<name>[\w.-]+)\]\((?P<file>[^)]+)\) \| .+ \| .*`(?P<how>.+)` \|$"
)
INDEX: Final = {
    row["name"]: row
    for line in (EXAMPLES / "README.md").read_text().splitlines()
    if (row := ROW.match(line))
}
PYTHONS: Final = {"from_langchain.py": "clients", "from_openai_agents.py": "clients"} | {
    "from_llamaindex.py": "llamaindex"
}
"""Examples whose libraries are in a Python of their own, and which one that is."""
FREE: Final = {"openai/gpt-oss-20b": 30, "openai/gpt-oss-20b:free": 20}
"""What models give for nothing in a minute."""
MODELS: Final = (*OpenAI.models, "gpt-4o-mini", *FREE)
GONE: Final = (0, -signal.SIGTERM)


@pytest.fixture
async def vendor() -> AsyncIterator[FakeProvider]:
    async with FakeProvider(models=MODELS) as running:
        yield running


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a copy of the examples, and with what npm installs for them."""
    shutil.copytree(EXAMPLES, tmp_path / "examples", ignore=lambda *_: ["node_modules"])
    if NODE_MODULES.exists():
        (tmp_path / "node_modules").symlink_to(NODE_MODULES)
    return tmp_path


def keys(vendor: FakeProvider, *variables: str) -> dict[str, str]:
    """Return the environment of somebody with keys, whose vendors are all this one."""
    keys_and_bases = {
        "OPENAI_API_KEY": "OPENAI_BASE_URL",
        "GROQ_API_KEY": "GROQ_API_BASE",
        "OPENROUTER_API_KEY": "OPENROUTER_API_BASE",
        "GATEWAY_KEY": "GATEWAY_URL",
    }
    named = variables or ("OPENAI_API_KEY",)
    bases = {keys_and_bases[name]: vendor.url for name in named}
    return bases | {name: f"key of {name}" for name in named}


async def started(
    example: str, folder: Path, environment: Mapping[str, str], *more: str
) -> asyncio.subprocess.Process:
    """Start an example by its command; skip the test where its library is not installed."""
    program, *rest = shlex.split(INDEX[example]["how"])
    home = Path(sys.executable).parent
    if example in PYTHONS:
        home = ROOT / ".venvs" / PYTHONS[example] / "bin"
    path = f"{home}{os.pathsep}{os.environ['PATH']}"
    found = shutil.which(program, path=path)
    installed = program != "node" or NODE_MODULES.exists()
    if not found or not installed or not home.exists():
        pytest.skip(f"scripts/test installs what {example} needs")
    return await asyncio.create_subprocess_exec(
        found,
        *rest,
        *more,
        cwd=folder,
        env={"PATH": path, "HOME": str(folder), "PYTHONUNBUFFERED": "1", **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def said(example: str, folder: Path, environment: Mapping[str, str]) -> str:
    """Run an example to its end; return what it prints."""
    process = await started(example, folder, environment)
    output, complaint = await process.communicate()
    assert process.returncode == 0, complaint.decode()
    return output.decode()


@asynccontextmanager
async def serving(
    example: str, folder: Path, environment: Mapping[str, str], *more: str, places: int = 1
) -> AsyncIterator[list[str]]:
    """Run an example that serves; give the origins it says it is at."""
    process = await started(example, folder, environment, *more)
    assert process.stdout
    assert process.stderr
    lines: list[str] = []
    arrived = asyncio.Event()

    async def keep(output: asyncio.StreamReader) -> None:
        async for line in output:
            lines.append(line.decode())
            arrived.set()
        arrived.set()

    keeping = asyncio.gather(keep(process.stdout), keep(process.stderr))
    try:
        async with asyncio.timeout(20):
            while len(found := re.findall(r"http://127\.0\.0\.1:\d+", "".join(lines))) < places:
                assert process.returncode is None, lines
                arrived.clear()
                await arrived.wait()
        yield found
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(20):
            assert await process.wait() in GONE
    except BaseException as failure:
        failure.add_note("".join(lines))
        raise
    finally:
        if process.returncode is None:
            process.kill()
        await keeping
    assert "Traceback" not in "".join(lines), lines


async def got(url: str, **query: str) -> Any:
    async with aiohttp.ClientSession() as client, client.get(url, params=query) as response:
        assert response.status == 200
        return await response.json()


async def asked(url: str, **more: Any) -> str:
    """Ask a proxy; return what it answers."""
    messages = [{"role": "user", "content": "Hello!"}]
    body = {"model": "chat-completion", "messages": messages, **more}
    async with (
        aiohttp.ClientSession() as client,
        client.post(f"{url}/chat/completions", json=body) as response,
    ):
        assert response.status == 200, await response.text()
        content: str = (await response.json())["choices"][0]["message"]["content"]
        return content


def questions(vendor: FakeProvider) -> list[str]:
    """Return what a vendor was asked last, request by request."""
    return [request.json["messages"][-1]["content"] for request in vendor.received]


def test_the_index_has_every_example_and_no_other() -> None:
    there = {path.name for path in EXAMPLES.iterdir()} - {"README.md", "node_modules"}
    assert set(INDEX) == {name for name in there if not name.startswith("__")}
    assert all((EXAMPLES / row["file"]).is_file() for row in INDEX.values())


@pytest.mark.parametrize("example", INDEX)
def test_an_example_says_at_its_top_how_it_is_run(example: str) -> None:
    top = (EXAMPLES / INDEX[example]["file"]).read_text().splitlines()[:10]
    assert INDEX[example]["how"] in "\n".join(top)


@pytest.mark.parametrize("page", ["README.md", "docs/index.md"])
def test_the_index_is_found(page: str) -> None:
    assert "examples/README.md)" in (ROOT / page).read_text()


def test_links_of_the_index_lead_somewhere() -> None:
    for link in re.findall(r"\]\(([^)#]+)", (EXAMPLES / "README.md").read_text()):
        assert (EXAMPLES / link).exists(), link


@pytest.mark.parametrize(
    ("example", "asks"),
    [
        ("quickstart.py", ["Say hello in three languages."]),
        ("streaming.py", ["Count to ten."]),
        ("asynchronous.py", ["What is a mesh?", "What is a pool?"]),
    ],
)
async def test_a_program_is_answered(
    example: str, asks: list[str], vendor: FakeProvider, folder: Path
) -> None:
    output = await said(example, folder, keys(vendor))
    assert output.count(f"Hello from {vendor.received[0].model}\n") == len(asks)
    assert sorted(questions(vendor)) == asks
    assert {request.key for request in vendor.received} == {"key of OPENAI_API_KEY"}
    assert vendor.received[0].streaming is (example == "streaming.py")


async def test_failover_is_seen(folder: Path) -> None:
    output = await said("failover.py", folder, {})
    assert output.startswith("Hello from ok\n")
    assert re.search(r"broken/\S+ +.*left alone", output), output


async def test_a_budget_is_not_exceeded(vendor: FakeProvider, folder: Path) -> None:
    output = await said("budgets.py", folder, keys(vendor))
    answers = output.count("Hello from gpt-4o-mini\n")
    assert 1 <= answers < 20
    assert [request.key for request in vendor.received] == ["key of OPENAI_API_KEY"] * answers
    assert "openai.llm.v1: $0.00005 a day: $0.0000" in output
    assert re.search(r"^ask again in [1-9]\d* s$", output, re.MULTILINE)
    spent = re.search(r"^spent: \$(\S+)$", output, re.MULTILINE)
    assert spent
    assert 0 < float(spent[1]) <= 0.00005


async def test_free_tiers_serve_what_they_give_and_are_counted_from_run_to_run(
    vendor: FakeProvider, folder: Path
) -> None:
    both = keys(vendor, "GROQ_API_KEY", "OPENROUTER_API_KEY")
    output = await said("free_tier_day.py", folder, both)
    assert {model: len(vendor.requests_for(model)) for model in FREE} == FREE
    assert output.startswith("50 answered\n")
    assert re.search(r"^10 told to ask again in [1-9]\d* s$", output, re.MULTILINE)
    assert "openrouter.api.v1: 20 answers, no failures" in output
    assert "openrouter.api.v1, free tier: 50 requests a day: 30 left" in output
    assert vendor.requests_for("openai/gpt-oss-20b:free")[0].key == "key of OPENROUTER_API_KEY"

    assert "60 told to ask again" in await said("free_tier_day.py", folder, both)
    assert len(vendor.received) == sum(FREE.values())


async def test_a_configuration_is_served(vendor: FakeProvider, folder: Path) -> None:
    both = keys(vendor, "OPENAI_API_KEY", "GROQ_API_KEY")
    async with serving("modelmesh.yaml", folder, both, "--port", "0") as (proxy,):
        assert [model["id"] for model in (await got(f"{proxy}/v1/models"))["data"]] == ["chat"]


async def test_a_provider_of_ones_own_is_served(vendor: FakeProvider, folder: Path) -> None:
    local = ("--host", "127.0.0.1", "--port", "0")
    async with serving("custom_provider", folder, keys(vendor, "GATEWAY_KEY"), *local) as (proxy,):
        answer = await asked(f"{proxy}/v1", max_completion_tokens=9)
        assert answer == "Hello from gpt-4o-mini"
    (sent,) = vendor.received
    assert sent.headers["api-key"] == "key of GATEWAY_KEY"
    assert "authorization" not in sent.headers
    assert sent.json["max_tokens"] == 9
    assert "max_completion_tokens" not in sent.json


async def test_a_script_has_a_proxy_inside(vendor: FakeProvider, folder: Path) -> None:
    output = await said("in_a_script.py", folder, keys(vendor))
    model = vendor.received[0].model
    assert output == f"Hello from {model}\nrunning: True, requests: 1\nrunning: False\n"
    assert questions(vendor) == ["Say hello in one word."]


async def test_an_aiohttp_application_has_a_proxy_inside(
    vendor: FakeProvider, folder: Path
) -> None:
    environment = {**keys(vendor), "PORT": "0"}
    async with serving("in_aiohttp.py", folder, environment) as (origin,):
        async with aiohttp.ClientSession() as client, client.get(origin) as response:
            assert "/ai/v1" in await response.text()
        assert "chat-completion" in str(await got(f"{origin}/ai/v1/models"))
        assert (await asked(f"{origin}/ai/v1")).startswith("Hello from")
    assert questions(vendor) == ["Hello!"]


async def test_a_fastapi_application_shares_its_mesh_with_a_proxy(
    vendor: FakeProvider, folder: Path
) -> None:
    environment = {**keys(vendor), "PROXY_PORT": "0"}
    ports = ("--port", "0")
    async with serving("in_fastapi.py", folder, environment, *ports, places=2) as found:
        proxy, application = found
        answer = await got(f"{application}/ask", question="Who are you?")
        assert answer["answer"] == f"Hello from {answer['model']}"
        assert (await asked(f"{proxy}/v1")).startswith("Hello from")
        stats = (await got(f"{proxy}/v1/mesh/status"))["stats"]
        assert stats["pools"]["chat-completion"]["answers"] == 2
    assert questions(vendor) == ["Who are you?", "Hello!"]


async def looks_up(exchange: Exchange) -> None:
    """Call a tool where one is offered and was not called yet; else answer."""
    body = exchange.request.json
    called = any(message["role"] == "tool" for message in body["messages"])
    await select("tool-calls" if body.get("tools") and not called else "ok")(exchange)


@pytest.mark.parametrize(
    ("example", "asks", "streams"),
    [
        ("from_curl.sh", ["Say hello in one word.", "Count to five."], [False, True]),
        ("from_langchain.py", ["What is a mesh?"], [True]),
        ("from_llamaindex.py", [None], [False]),
        ("from_node.mjs", ["Count to five."], [True]),
        ("from_openai_agents.py", ["Do I need an umbrella in Paris?", None], [False, False]),
    ],
)
async def test_a_running_proxy_is_asked(
    example: str, asks: list[str | None], streams: list[bool], folder: Path
) -> None:
    async with FakeProvider(faults={"gpt-4o-mini": looks_up}) as vendor:
        config = {
            "providers": {"openai.llm.v1": {"base_url": vendor.url, "api_key": "sk-o"}},
            "models": {"gpt-4o-mini": {"provider": "openai.llm.v1"}},
            "pools": {"chat-completion": {"models": ["gpt-4o-mini"]}},
            "proxy": {"token": "a-token"},
        }
        async with running_proxy(config) as proxy:
            there = {"MODELMESH_URL": f"{proxy.url}/v1", "MODELMESH_TOKEN": "a-token"}
            output = await said(example, folder, there)
    assert [request.streaming for request in vendor.received] == streams
    for question, was in zip(asks, questions(vendor), strict=True):
        assert question in (None, was)
    SEEN[example](output, vendor.received[-1].json["messages"])


def seen_by_curl(output: str, _: Any) -> None:
    assert '"id":"chat-completion"' in output.replace(" ", "")
    assert "Hello from gpt-4o-mini" in output
    assert output.endswith("data: [DONE]\n\n")


def seen_by_langchain(output: str, messages: Any) -> None:
    assert output == "Hello from gpt-4o-mini\n"
    assert messages[0] == {"role": "system", "content": "Answer in French."}


def seen_by_llamaindex(output: str, messages: Any) -> None:
    assert output == "Hello from gpt-4o-mini\n"
    assert "Its keeper was called Anna." in messages[-1]["content"]
    assert "Who kept the lighthouse?" in messages[-1]["content"]


def seen_by_node(output: str, _: Any) -> None:
    assert output == "(gpt-4o-mini answers)\nHello from gpt-4o-mini\n"


def seen_by_agents(output: str, messages: Any) -> None:
    assert output == "(asked about Paris)\nHello from gpt-4o-mini\n"
    assert (messages[-1]["role"], messages[-1]["content"]) == ("tool", "It rains in Paris.")


SEEN: Final = {
    "from_curl.sh": seen_by_curl,
    "from_langchain.py": seen_by_langchain,
    "from_llamaindex.py": seen_by_llamaindex,
    "from_node.mjs": seen_by_node,
    "from_openai_agents.py": seen_by_agents,
}
