"""Runs every command of README.md, docs/proxy.md and the proxy guide, in order, as a new user.

That is in a fresh clone with a fresh environment; servers run in the background, and a server of
ours stands in for vendors. What cannot run is named. It ends with 1 where a command fails.
"""

import argparse
import json
import os
import re
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import yaml
from attrs import frozen

from modelmesh.connectors.providers.openai import Provider as OpenAI
from modelmesh.testing.fake_provider import FakeProvider
from scripts import guide
from scripts.commands import blocks
from scripts.cookbook import Command, File
from scripts.terminal import FailedError, Servers, Terminal

ROOT: Final = Path(__file__).parents[1]
BIN: Final = Path(sys.executable).parent
PORT: Final = 8080
OTHER_PORT: Final = 9090
CHATS: Final = ("gpt-4o-mini", "claude-3-5-haiku", "llama-3.3-70b")
MODELS: Final = (*OpenAI.models, *CHATS, *(model for model, _ in guide.BESIDE_CHAT.values()))

_COPIED: Final = ("src", "scripts", "docs", "examples", "pyproject.toml", "README.md", "LICENSE")
_INSTALLS: Final = re.compile(r"^(git clone|cd |python3 -m venv|pip install)")
_NOT_RUN: Final[Mapping[str, str]] = {
    r"^docker ": "wants a Docker daemon, and images from elsewhere",
    r"^\./scripts/(test|walk-readme)\b": "is what CI runs, and takes minutes",
}
_SERVER: Final = re.compile(
    r"^(python -m modelmesh\.proxy|modelmesh proxy|\./scripts/demo|\./scripts/proxy-up\.sh)(?= |$)"
)
_ENDS: Final = re.compile(r" --(check|once|detach|version|help)\b")
_FOR_EVER: Final = re.compile(r"^curl -N ")
_ASKED: Final = re.compile(r"localhost:(\d+)")
_OURS: Final = re.compile(r"_(API_KEY|TOKEN|BASE_URL|API_BASE)$|^(PYTHON|VIRTUAL_ENV|MODELMESH_)")
_CURL: Final = "silent\nshow-error\nfail-with-body\nmax-time = 30\nnoproxy = localhost\n"

Blocks = Iterable[Sequence[File | Command]]


@frozen
class Step:
    """What was done, how it went, and the seconds it took."""

    what: str
    result: str
    seconds: float = 0.0
    said: str = ""


@frozen
class Walk:
    """How commands differ on this machine: where the sources are, and which ports are free."""

    servers: Servers
    source: Path
    ports: Mapping[int, int]
    installed: bool

    def steps(self, page: Blocks) -> Iterator[Step]:
        """Do what a page says. Of servers that stand together the first is meant later."""
        for block in page:
            seen: set[int] = set()
            for step in block:
                if isinstance(step, File):
                    step.write(self.servers.terminal.folder)
                    yield Step(f"write {step.name}", "ok")
                elif why := self._why_not(step.line):
                    yield Step(step.line, "not run", said=why)
                else:
                    yield self._done(self._here(step.line), seen)

    def _why_not(self, line: str) -> str | None:
        if self.installed and _INSTALLS.match(line):
            return "it is installed"
        return next((why for wanted, why in _NOT_RUN.items() if re.match(wanted, line)), None)

    def _here(self, line: str) -> str:
        """Return a command as it is run here."""
        line = line.replace("<this repository>", str(self.source))
        line = re.sub(r"https://github\.com/\S+/(\w+)\.git", rf"{self.source} \1", line)
        if line.startswith("pip install"):
            line = line.replace("modelmesh-lite", str(self.source))
        for port, mapped in self.ports.items():
            line = re.sub(rf"(localhost:|--port ){port}\b", rf"\g<1>{mapped}", line)
        if self.ports[PORT] != PORT and "--port" not in line:
            served = _SERVER.match(line) and not _ENDS.search(line.replace("--detach", ""))
            if served or "proxy-test.sh --full" in line:
                line += f" --port {self.ports[PORT]}"
            elif "proxy-test.sh" in line:
                line += f" --url http://localhost:{self.ports[PORT]}"
        return line

    def _done(self, line: str, seen: set[int]) -> Step:
        begun = time.perf_counter()
        try:
            said = self._serve(line, seen) if self._serves(line) else self._run(line)
            result = "ok"
        except FailedError as failed:
            said, result = str(failed), "FAILED"
        return Step(line, result, time.perf_counter() - begun, said)

    def _serves(self, line: str) -> bool:
        return bool(_SERVER.match(line)) and not _ENDS.search(line)

    def _serve(self, line: str, seen: set[int]) -> str:
        told = re.search(r"--port (\d+)", line)
        port = int(told[1]) if told else PORT
        if port not in seen:
            seen.add(port)
            self.servers.meant[port] = line
        self.servers.start(line, port)
        return f"answers at port {port}"

    def _run(self, line: str) -> str:
        if "--detach" in line or "--full" in line:  # these start a server
            self.servers.stop_all()
        elif asked := _ASKED.search(line):
            self.servers.ensure(int(asked[1]))
        elif "proxy-test.sh" in line:
            self.servers.ensure(PORT)
        return self.servers.terminal.run(line, seconds=3 if _FOR_EVER.match(line) else None)


def pages(address: str) -> Iterator[tuple[str, Blocks]]:
    """Give what is walked, each from nothing: its name, and what a reader writes and types."""
    provider = {"openai.llm.v1": {"api_key": "${secrets:OPENAI_API_KEY}"}}
    chat = {"gpt-4o-mini": {"provider": "openai.llm.v1", "capabilities": ["chat-completion"]}}
    pool = {"chat-completion": {"capability": "chat-completion"}}
    assumed = guide.served({"providers": provider, "models": chat, "pools": pool}, address)
    config = File("modelmesh.yaml", json.dumps(assumed))  # JSON is YAML
    read = [(ROOT / name).read_text() for name in ("README.md", "docs/proxy.md")]
    yield "README.md, then docs/proxy.md", [*blocks(read[0]), [config], *blocks(read[1])]
    if guide.GUIDE:
        venv = Command(
            "python3 -m venv .venv && . .venv/bin/activate"
        )  # which it takes for granted
        yield "the proxy guide", [[venv], *(_over(address, block) for block in guide.steps())]


def _over(address: str, block: Sequence[File | Command]) -> list[File | Command]:
    """Have the guide's configurations ask a vendor elsewhere."""
    return [
        File(step.name, json.dumps(guide.served(yaml.safe_load(step.text), address)))
        if isinstance(step, File)
        else step
        for step in block
    ]


def _environment(address: str, folder: Path, *, installed: bool) -> dict[str, str]:
    """Return a new user's environment, in which vendors are elsewhere and curl fails on a 404."""
    (folder / ".curlrc").write_text(_CURL)
    kept = {name: value for name, value in os.environ.items() if not _OURS.search(name)}
    programs = [path for path in kept["PATH"].split(os.pathsep) if Path(path) != BIN]
    vendors = ("OPENAI_BASE_URL", "ANTHROPIC_BASE_URL", "GROQ_API_BASE")
    return {
        **kept,
        **dict.fromkeys(vendors, address),
        "CURL_HOME": str(folder),
        "PATH": os.pathsep.join([str(BIN), *programs] if installed else programs),
    }


def walk(folder: Path, page: Blocks, address: str, *, port: int, installed: bool) -> Iterator[Step]:
    """Walk a page in a new folder; with `installed` it begins with a copy of this checkout."""
    home = folder / "home"
    home.mkdir()
    if installed:
        for name in _COPIED:
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
            copy(ROOT / name, home / name)
        (home / ".venv").symlink_to(BIN.parent)
    ports = {PORT: port, OTHER_PORT: OTHER_PORT + port - PORT}
    terminal = Terminal(home, _environment(address, folder, installed=installed))
    servers = Servers(terminal, folder)
    try:
        yield from Walk(servers, ROOT, ports, installed).steps(page)
    finally:
        servers.stop_all()


def main(arguments: list[str]) -> int:
    """Walk all pages, and show it. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="scripts/walk-readme", description=__doc__)
    parser.add_argument("--port", type=int, default=PORT, help="where pages say %(default)s")
    parser.add_argument("--installed", action="store_true", help="install nothing: use .venv")
    options = parser.parse_args(arguments)
    steps: list[Step] = []
    with FakeProvider(models=MODELS) as vendor:
        for name, page in pages(vendor.url):
            print(f"\n{name}\n")
            first = len(steps)
            with tempfile.TemporaryDirectory() as folder:
                for step in walk(Path(folder), page, vendor.url, **vars(options)):
                    print(shown(step), flush=True)
                    steps.append(step)
            if first == 0 and not options.installed:
                seconds = sum(step.seconds for step in steps[:2])
                print(f"\n{seconds:7.2f} s from nothing to a proxy that answers, by two commands")
    if not guide.GUIDE:
        print(f"\nthe proxy guide is left out: {guide.PATH} is not there")
    counted = Counter(step.result for step in steps)
    print(f"\n{', '.join(f'{count} {result}' for result, count in counted.items())}")
    return int("FAILED" in counted)


def shown(step: Step) -> str:
    """Return a step as a line, with what was said where that matters."""
    line = " ".join(step.what.replace("\\\n", " ").split())
    why = f"  ({step.said})" if step.result == "not run" else ""
    said = f"\n{step.said.strip()}" if step.result == "FAILED" else ""
    return f"{step.seconds:7.2f} s  {step.result:7}  {line}{why}{said}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
