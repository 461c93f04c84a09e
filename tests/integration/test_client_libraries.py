"""The libraries people use, against the real proxy with Anthropic, Gemini and Cohere behind it.

Each runs in a process of its own, and in Pythons of their own, since not all of them go with the
same version of OpenAI's SDK. `scripts/test` installs them.
"""

import asyncio
import json
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest
from attrs import frozen
from native_vendors import NativeVendors
from native_vendors.gemini import SKIPS_CHECK
from proxy_process import running_proxy

ROOT: Final = Path(__file__).parents[2]
HERE: Final = Path(__file__).parent
PAGE: Final = (ROOT / "docs/clients.md").read_text()
VENDORS: Final = ("anthropic", "gemini", "cohere")


@frozen
class Library:
    """A library, by the heading it has on the page; the program that runs its scripts."""

    heading: str
    program: str
    script: Path

    @property
    def missing(self) -> bool:
        installed = shutil.which(self.program) is not None
        return not installed or (self.program == "node" and not (NODE / "node_modules").exists())

    def evaluate(self, code: str) -> Sequence[str]:
        """Return the command which runs a piece of code."""
        if self.program == "node":
            return (self.program, "--input-type=module", "-e", code)
        return (self.program, "-c", code)


def _python(environment: str) -> str:
    return str(ROOT / ".venvs" / environment / "bin/python")


NODE: Final = HERE / "node"
CLIENTS: Final = HERE / "clients"
LIBRARIES: Final = {
    "openai": Library("openai", sys.executable, CLIENTS / "with_openai.py"),
    "node": Library("openai for Node", "node", NODE / "deeds.mjs"),
    "langchain": Library("langchain-openai", _python("clients"), CLIENTS / "with_langchain.py"),
    "llm": Library("llm", _python("clients"), CLIENTS / "with_llm.py"),
    "instructor": Library("instructor", _python("instructor"), CLIENTS / "with_instructor.py"),
    "pydantic-ai": Library("pydantic-ai", _python("clients"), CLIENTS / "with_pydantic_ai.py"),
}
DEEDS: Final[Mapping[str, Callable[[str], Any]]] = {
    "chat": lambda model: f"Hello from {model}.",
    "stream": lambda model: f"Hello from {model}.",
    "tools": lambda _: "Oslo: rain, Rome: sun",
    "structured": lambda _: {"city": "Oslo", "degrees": 7},
}
"""What is to come of each deed, by the name of the model which answers."""


@frozen
class Done:
    """What a library did: what came of it by vendor and deed, and how the vendors saw it."""

    came: Mapping[str, Mapping[str, Any]]
    vendors: NativeVendors


@cache
def done(name: str) -> Done:
    """Have a library do its deeds, once for all the tests."""
    library = LIBRARIES[name]
    if library.missing:
        pytest.skip(f"scripts/test installs {library.heading}")
    return asyncio.run(_done(library))


async def _done(library: Library) -> Done:
    async with NativeVendors() as vendors, running_proxy(vendors.config()) as proxy:
        url = f"{proxy.url}/v1"
        said = await run((library.program, str(library.script), url, *VENDORS))
        return Done(json.loads(said), vendors)


async def run(command: Sequence[str], environment: Mapping[str, str] | None = None) -> str:
    """Run a program where nothing of ours is, and return what it prints."""
    with tempfile.TemporaryDirectory() as home:
        process = await asyncio.create_subprocess_exec(
            *command,
            cwd=NODE if command[0] == "node" else home,
            env={"HOME": home, "PATH": os.environ["PATH"], **(environment or {})},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        output, complaint = await process.communicate()
    assert process.returncode == 0, complaint.decode()
    return output.decode()


@pytest.mark.parametrize("deed", DEEDS)
@pytest.mark.parametrize("vendor", VENDORS)
@pytest.mark.parametrize("library", LIBRARIES)
def test_a_library_does_its_deed(library: str, vendor: str, deed: str) -> None:
    result = done(library)
    came = result.came[vendor]
    if deed == "stream":
        assert len(came["stream"]) > 1
        came = {**came, "stream": "".join(came["stream"])}
    if deed == "tools":
        assert sorted(came["asked"]) == ["Oslo", "Rome"]  # some call them at once, in threads
    assert came[deed] == DEEDS[deed](result.vendors.named(vendor).model)


@pytest.mark.parametrize("vendor", VENDORS)
@pytest.mark.parametrize("library", LIBRARIES)
def test_a_vendor_was_asked_by_its_rules(library: str, vendor: str) -> None:
    asked = done(library).vendors.named(vendor)
    assert len(asked.asked) >= len(DEEDS)
    assert asked.refusals == []


@pytest.mark.parametrize("library", ["openai", "instructor", "pydantic-ai"])
def test_a_library_which_echoes_brings_signatures_back(library: str) -> None:
    gemini = done(library).vendors.gemini
    assert gemini.returned
    assert gemini.returned <= set(gemini.issued)


def test_thoughts_come_back_through_openais_sdk() -> None:
    anthropic = done("openai").vendors.anthropic
    assert anthropic.returned == set(anthropic.issued[:2])


@pytest.mark.parametrize("library", ["langchain", "llm", "node"])
def test_a_library_which_drops_signatures_is_served_all_the_same(library: str) -> None:
    assert done(library).vendors.gemini.returned == {SKIPS_CHECK}


def section(heading: str) -> str:
    return re.split(r"^## ", PAGE.split(f"\n## {heading}\n")[1], flags=re.MULTILINE)[0]


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("library", LIBRARIES)
async def test_the_code_on_the_page_runs(library: str, tmp_path: Path) -> None:
    here = LIBRARIES[library]
    if here.missing:
        pytest.skip(f"scripts/test installs {here.heading}")
    text = section(here.heading)
    pool = {"chat-completion": {"models": ["anthropic"]}}
    async with NativeVendors() as vendors, running_proxy(vendors.config(**pool)) as proxy:
        there = text.replace("http://localhost:8080", proxy.url)
        for models in blocks(there, "yaml"):
            (tmp_path / "extra-openai-models.yaml").write_text(models)
        (code,) = blocks(there, "js" if library == "node" else "python")
        said = await run(here.evaluate(code), {"LLM_USER_PATH": str(tmp_path)})
    assert re.search("Hello from claude|degrees=7|Oslo: It rains in Oslo", said), said
