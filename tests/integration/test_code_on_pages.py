"""Every piece of Python in the README and the docs runs."""

import asyncio
import re
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from proxy_process import running_proxy

from modelmesh.capabilities import meant_by_pool
from modelmesh.connectors.providers.openai import Provider as OpenAI
from modelmesh.testing.fake_provider import FakeProvider

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
MODELS = [*OpenAI.models, "gpt-4o-mini-tts"]
POOLS = ("chat-completion", "embeddings", "text-to-speech", "speech-to-text", "image-generation")


def programs() -> list[object]:
    """Return the Python on all pages but one.

    What stands in `clients.md` needs the libraries it is about: `test_client_libraries.py`.
    """
    return [
        pytest.param(code, id=f"{page.stem}-{number}")
        for page in PAGES
        if page.stem != "clients"
        for number, code in enumerate(
            re.findall(r"^```python\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE), 1
        )
    ]


@pytest.fixture
async def vendor() -> AsyncIterator[FakeProvider]:
    async with FakeProvider(models=MODELS) as running:
        yield running


async def run(code: str, vendor: FakeProvider, folder: Path) -> None:
    """Run a program which finds a vendor's key in its environment."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        code,
        cwd=folder,
        env={"OPENAI_API_KEY": "sk-o", "OPENAI_BASE_URL": vendor.url, "GROQ_API_KEY": "gsk-g"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    _, complaint = await process.communicate()
    assert process.returncode == 0, complaint.decode()


@pytest.mark.parametrize("code", programs())
async def test_python_on_a_page_runs(code: str, vendor: FakeProvider, tmp_path: Path) -> None:
    shutil.copy(ROOT / "examples/modelmesh.yaml", tmp_path)
    config = {
        "providers": {"openai.llm.v1": {"base_url": vendor.url, "api_key": "sk-o"}},
        "models": {model: {"provider": "openai.llm.v1"} for model in MODELS},
        "pools": {id_: {"capability": meant_by_pool(id_)} for id_ in POOLS},
    }
    async with running_proxy(config) as proxy:
        there = code.replace("http://localhost:8080", proxy.url)
        await run(there.replace("port=8080", "port=0"), vendor, tmp_path)
