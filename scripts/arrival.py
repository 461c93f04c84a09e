"""A newcomer's path, timed: everything a page of the cookbook says, in a new folder.

The commands install this checkout, and otherwise are those on the page.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from attrs import frozen

from scripts.cookbook import Command, File, steps

ROOT: Final = Path(__file__).parents[1]
DISTRIBUTION: Final = "modelmesh-lite"

_FIRST: Final = "provider"
"""The page with the first lines that all pages need."""


class StuckError(Exception):
    """A step failed; the message is what was said."""


@frozen
class Step:
    """What was done, and the seconds it took."""

    what: str
    seconds: float
    said: str


def walk(page: str, folder: Path, *, installed: Path | None = None) -> Iterator[Step]:
    """Do what a page says, step by step.

    With `installed`, a folder of programs, nothing is installed: they are used.

    Raises:
        StuckError: a step fails.

    """
    programs = installed or folder / ".venv/bin"
    env = {**os.environ, "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"}
    for step in journey(page):
        begun = time.perf_counter()
        if isinstance(step, File):
            step.write(folder)
            what, said = f"write {step.name}", ""
        elif installed and _installs(step):
            continue
        else:
            what, said = step.line, _done(step.line, folder, env)
        yield Step(what, time.perf_counter() - begun, said)


def journey(page: str) -> list[File | Command]:
    """Return the steps of a page, with the first ones of another page where those are meant."""
    there = list(steps(page))
    before = [] if any(map(_installs, there)) else filter(_installs, steps(_FIRST))
    return [*before, *there]


def _installs(step: File | Command) -> bool:
    return isinstance(step, Command) and any(
        word in step.line for word in ("-m venv", "activate", "pip install")
    )


def _done(line: str, folder: Path, env: Mapping[str, str]) -> str:
    """Run a command line; return what it said."""
    words = line.replace(DISTRIBUTION, str(ROOT)) if "pip install" in line else line
    done = subprocess.run(
        ["bash", "-c", words],
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise StuckError(f"{line}\n{done.stdout}{done.stderr}")
    return done.stdout


def main(page: str = _FIRST) -> None:
    with tempfile.TemporaryDirectory() as folder:
        total, last = 0.0, ""
        for step in walk(page, Path(folder)):
            print(f"{step.seconds:7.2f} s  {step.what}", flush=True)
            total, last = total + step.seconds, step.said or last
        print(f"{total:7.2f} s  in all; the last command said: {last.splitlines()[-1]}")


if __name__ == "__main__":
    main(*sys.argv[1:])
