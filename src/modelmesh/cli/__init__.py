"""The `modelmesh` command. Every command of it is a module here, with `add_flags` and `run`."""

import argparse
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from types import MappingProxyType, ModuleType
from typing import Final

from modelmesh.cli._parser import Parser
from modelmesh.cli._terminal import attempt, version

COMMANDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "proxy": "serve OpenAI's HTTP API",
        "check": "list every mistake in a configuration, and what looks unintended",
        "explain": "show where a request would go, and why",
        "pools": "list the pools, and the targets of each in order",
        "models": "list the models, and what is known about them",
        "providers": "list the vendors, and which of them can be used",
        "secrets": "read secrets from a store, and write them to it",
        "mock-upstream": "serve a simulated vendor that fails on request",
    }
)
"""What there is, and what for. Only the one that is called for is imported."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the `modelmesh` command; return its exit code."""
    command, arguments = read(sys.argv[1:] if argv is None else argv)
    return attempt(lambda: command.run(arguments))


def read(words: Sequence[str]) -> tuple[ModuleType, argparse.Namespace]:
    """Return the command that is called for, and what it is told.

    Raises:
        SystemExit: there is none, or it is told what it does not take, or help is asked for.

    """
    parser = Parser(prog="modelmesh", description="One door to many AI models.")
    parser.add_argument("--version", action="version", version=version())
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    parsers = {name: commands.add_parser(name, help=what) for name, what in COMMANDS.items()}
    chosen = next((word for word in words if not word.startswith("-")), "")
    if chosen not in COMMANDS:
        parser.parse_args(words)  # which says what is wrong, or helps, and ends
    module = import_module(f"modelmesh.cli.{chosen.replace('-', '_')}")
    module.add_flags(parsers[chosen])
    return module, parser.parse_args(words)
