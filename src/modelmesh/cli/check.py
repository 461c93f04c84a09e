"""`modelmesh check`: mistakes, what is hardly meant so, and with `--online` what works."""

import argparse
import asyncio
import json
import os
import sys

from attrs import evolve

from modelmesh.check import Checked, check
from modelmesh.cli._progress import Progress
from modelmesh.cli._table import cut, width
from modelmesh.cli._terminal import FAILED, FOUND, OK, say
from modelmesh.cli.checked import record, table_of, text, works
from modelmesh.clock import SystemClock
from modelmesh.config.detect import detect
from modelmesh.online import Probed, probe, questions
from modelmesh.proxy.sources import find_file
from modelmesh.transport.choose import choose


def add_flags(parser: argparse.ArgumentParser) -> None:
    which = parser.add_mutually_exclusive_group()
    which.add_argument("file", metavar="FILE", nargs="?", help=f"(default: {FOUND})")
    which.add_argument("--config", metavar="FILE", help="the same, as for other commands")
    add_ways(parser)


def add_ways(parser: argparse.ArgumentParser, where: str = "") -> None:
    """Add the flags that tell how to check; `where` begins what is said of each."""
    parser.add_argument(
        "--strict", action="store_true", help=f"{where}treat findings as failures: exit code 1"
    )
    parser.add_argument(
        "--online",
        action="store_true",
        help=f"{where}ask every vendor for its models, once with each key; this costs nothing",
    )
    parser.add_argument("--json", action="store_true", help=f"{where}print JSON")


def run(arguments: argparse.Namespace) -> int:
    return check_file(arguments.file or arguments.config, None, arguments)


def check_file(path: str | None, workers: int | None, ways: argparse.Namespace) -> int:
    """Check a file, or what would be used without one; return the exit code."""
    checked = _checked(path, workers)
    if not ways.json:
        say(text(checked))
    probed = asyncio.run(_probed(checked)) if ways.online and not checked.problems else None
    if ways.json:
        say(json.dumps(record(checked, probed), indent=2, ensure_ascii=False))
    elif probed:
        say(cut(table_of(probed), width()))
    failed = checked.problems or (ways.strict and checked.findings) or not works(probed or ())
    return FAILED if failed else OK


def _checked(path: str | None, workers: int | None) -> Checked:
    """Check a file, or what was found. Raises NothingFoundError where nothing was."""
    wall = SystemClock().wall()
    file = path or find_file()
    if file is not None:
        return check(file, os.environ, workers, wall=wall)
    found = check(detect(os.environ), os.environ, workers, wall=wall)
    return evolve(found, source="the environment")


async def _probed(checked: Checked) -> list[Probed]:
    assert checked.parts is not None
    assert checked.config is not None
    plan, transport = checked.parts.plan, choose(checked.config)
    progress = Progress(sys.stderr, questions(plan))
    try:
        return await probe(
            plan,
            transport,
            SystemClock(),
            lambda one: progress.tell(f"{one.name}: {one.state}"),
        )
    finally:
        progress.end()
        await transport.close()
