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
from modelmesh.cli._terminal import FAILED, FOUND, NOTHING_TO_SERVE, OK, complain, say
from modelmesh.cli.checked import record, table_of, text, works
from modelmesh.clock import SystemClock
from modelmesh.config.detect import detect
from modelmesh.errors import ConfigError
from modelmesh.online import Probed, probe, questions
from modelmesh.proxy.sources import find_file
from modelmesh.transport.choose import choose


def add_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", nargs="?", help=f"(default: {FOUND})")
    parser.add_argument("--strict", action="store_true", help="findings are failures: exit code 1")
    parser.add_argument(
        "--online", action="store_true", help="ask every vendor for its models, which costs nothing"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> int:
    return check_file(
        arguments.file,
        strict=arguments.strict,
        online=arguments.online,
        as_json=arguments.json,
    )


def check_file(
    path: str | None,
    workers: int | None = None,
    *,
    strict: bool = False,
    online: bool = False,
    as_json: bool = False,
) -> int:
    """Check a file, or what would be used without one; return the exit code."""
    try:
        checked = _checked(path, workers)
    except ConfigError as error:
        complain(str(error))
        return NOTHING_TO_SERVE
    if not as_json:
        say(text(checked))
    probed = asyncio.run(_probed(checked)) if online and not checked.problems else None
    if as_json:
        say(json.dumps(record(checked, probed), indent=2, ensure_ascii=False))
    elif probed:
        say(cut(table_of(probed), width()))
    failed = checked.problems or (strict and checked.findings) or not works(probed or ())
    return FAILED if failed else OK


def _checked(path: str | None, workers: int | None) -> Checked:
    """Check a file, or what was found. Raises ConfigError where nothing was found."""
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
