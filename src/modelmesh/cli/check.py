"""`modelmesh check FILE`."""

import argparse
import os

from modelmesh.check import check
from modelmesh.cli._terminal import NOTHING_TO_SERVE, OK, say
from modelmesh.clock import SystemClock
from modelmesh.config.detect import detect
from modelmesh.errors import ConfigError
from modelmesh.proxy.sources import find_file


def add_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE")


def run(arguments: argparse.Namespace) -> int:
    return check_file(arguments.file)


def check_file(path: str | None, workers: int | None = None) -> int:
    """Check a file, or what would be used without one; return the exit code."""
    file = path or find_file()
    if file is not None:
        code, text = check(file, os.environ, workers, wall=SystemClock().wall())
        say(text)
        return code
    try:
        found = detect(os.environ)
    except ConfigError as error:
        say(error)
        return NOTHING_TO_SERVE
    say(f"No configuration file; found in the environment: {', '.join(found.providers)}.")
    return OK
