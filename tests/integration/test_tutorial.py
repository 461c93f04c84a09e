"""The tutorial, walked: its files are written, its commands run, and they say what the page shows.

Only what has to differ in a test is replaced: ports, and where a vendor with a real key is. Of what
is shown, times, ids and versions may differ; `…` stands for anything.
"""

import asyncio
import os
import re
import shutil
import socket
import sys
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from contextlib import suppress
from pathlib import Path

import pytest
from attrs import define, field

from modelmesh.connectors.providers.openai import Provider as OpenAI
from modelmesh.testing.fake_provider import FakeProvider

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/tutorial.md").read_text()
INSTALLED, *BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
_SERVES = re.compile(r"(modelmesh mock-upstream\b.*|python -m modelmesh\.proxy)\n")
# Versions of a configuration; milliseconds; ports and seconds until midnight; ids of answers.
_VARIES = re.compile(r"\b[0-9a-f]{12}\b|\d+\.\d+|\d{4,}|(?<=chatcmpl-)\d+|(?<=answers )\d+")
MODELS = [*OpenAI.models, "gpt-4o-mini-tts", "tts-1", "tts-1-hd"]


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def essence(text: str) -> str:
    """Return what must be as it is shown: columns may be wider, and what varies may vary."""
    return _VARIES.sub("#", re.sub(" +", " ", text.strip()))


def alike(shown: str, said: str) -> bool:
    parts = (re.escape(part) for part in essence(shown).split("…"))
    return bool(re.fullmatch(".*".join(parts), essence(said), re.DOTALL))


@define(eq=False)
class Walk:
    """The reader: where they are, what they have exported, and what runs in their terminals."""

    folder: Path
    environ: dict[str, str]
    ports: dict[str, str] = field(factory=lambda: {"8080": str(free_port()), "8089": "0"})
    servers: dict[str, Process] = field(factory=dict)
    said: str = ""
    log: Path | None = None

    def here(self, text: str) -> str:
        for shown, real in self.ports.items():
            text = text.replace(f":{shown}", f":{real}").replace(f"port {shown}", f"port {real}")
        return text

    async def take(self, language: str, text: str) -> None:
        """Do what a block is there for."""
        if language == "yaml":
            (self.folder / "modelmesh.yaml").write_text(self.here(text))
        elif language == "python":
            self.said, self.log = await self.run(f"python -c '{self.here(text)}'"), None
        elif language == "text":
            assert await self.was_said(self.here(text)), f"{text}\n{self.said}"
        elif _SERVES.fullmatch(text):
            await self.serve(self.here(text).strip())
        else:
            self.said, self.log = await self.run(self.here(text)), None

    async def was_said(self, shown: str) -> bool:
        """Whether the last command said this; of what runs on, soon."""
        with suppress(TimeoutError):
            async with asyncio.timeout(20):
                while self.log and not alike(shown, self.said):
                    self.said = self.log.read_text()
                    await asyncio.sleep(0.02)
        return alike(shown, self.said)

    async def run(self, script: str) -> str:
        """Run commands as one shell would that stays open."""
        kept = self.folder.parent / "kept"
        process = await asyncio.create_subprocess_exec(
            *("bash", "-eo", "pipefail", "-c", f"{script}\npwd > '{kept}'\nenv -0 > '{kept}.env'"),
            cwd=self.folder,
            env=self.environ,
            stdout=PIPE,
            stderr=STDOUT,
        )
        output, _ = await process.communicate()
        assert process.returncode == 0, f"{script}\n{output.decode()}"
        self.folder = Path(kept.read_text().strip())
        pairs = kept.with_suffix(".env").read_text().strip("\0").split("\0")
        self.environ = dict(pair.split("=", 1) for pair in pairs)
        return output.decode().replace("\r", "")  # which end headers

    async def serve(self, command: str) -> None:
        """Start what runs until it is interrupted, in place of what ran there before."""
        program = command.partition(" --")[0]
        await self.interrupt(program)
        log = self.folder.parent / f"{program}.log"
        if program.endswith("proxy"):
            command += f" --host 127.0.0.1 --port {self.ports['8080']}"
        log.write_text("")
        process = await asyncio.create_subprocess_shell(
            f"exec {command} > '{log}' 2>&1", cwd=self.folder, env=self.environ, stdin=DEVNULL
        )
        self.servers[program] = process
        async with asyncio.timeout(20):
            while not (found := re.search(r" at http://127\.0\.0\.1:(\d+)", log.read_text())):
                assert process.returncode is None, log.read_text()
                await asyncio.sleep(0.02)
        if not program.endswith("proxy"):
            self.ports["8089"] = found[1]
        self.log, self.said = log, ""

    async def interrupt(self, program: str) -> None:
        if program in self.servers:
            process = self.servers.pop(program)
            with suppress(ProcessLookupError):
                process.terminate()  # Ctrl-C does not reach what a job in the background starts
            await process.wait()


@pytest.mark.skipif(not shutil.which("curl"), reason="there is no curl")
async def test_the_tutorial_does_what_it_says(tmp_path: Path) -> None:
    async with FakeProvider(models=MODELS) as vendor:
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        walk = Walk(tmp_path, {"PATH": path, "OPENAI_BASE_URL": vendor.url})
        try:
            for language, text in BLOCKS:
                await walk.take(language, text)
        finally:
            for program in list(walk.servers):
                await walk.interrupt(program)


def test_the_tutorial_installs_as_the_readme_does() -> None:
    readme = (ROOT / "README.md").read_text()
    assert all(line in readme for line in INSTALLED[1].splitlines())


@pytest.mark.parametrize(
    ("shown", "said", "same"),
    [
        ("7.1 ms, version b6544bafa423", "19.5 ms, version 06ba2f98a775", True),
        ("answers  182  -", "answers   24  -", True),
        ("20 of them", "19 of them", False),
        ("first…last", "first and\nlast", True),
        ("x-modelmesh-trail: a;ok", "x-modelmesh-trail: b;ok", False),
    ],
)
def test_what_is_shown_is_compared(shown: str, said: str, same: bool) -> None:
    assert alike(shown, said) is same
