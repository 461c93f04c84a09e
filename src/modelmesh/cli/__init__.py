"""The `modelmesh` command. Every command of it is a module here, with `add_flags` and `run`."""

import argparse
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from types import MappingProxyType
from typing import Final

from modelmesh.cli._terminal import attempt, version

COMMANDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "proxy": "serve OpenAI's HTTP API",
        "check": "list every mistake in a configuration, and what is hardly meant so",
        "explain": "tell where a request would go, and why",
        "pools": "list the pools, and the targets of each in order",
        "models": "list the models, and what is known of them",
        "providers": "list the vendors, and which of them can be used",
        "secrets": "look into a secret store, and put something into it",
        "mock-upstream": "serve a vendor that goes wrong on request",
    }
)
"""What there is, and what for. Only the one that is called for is imported."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the `modelmesh` command; return its exit code."""
    words = sys.argv[1:] if argv is None else list(argv)
    parser = argparse.ArgumentParser(prog="modelmesh", description="One door to many AI models.")
    parser.add_argument("--version", action="version", version=version())
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    parsers = {name: commands.add_parser(name, help=what) for name, what in COMMANDS.items()}
    chosen = next((word for word in words if not word.startswith("-")), "")
    if chosen not in COMMANDS:
        parser.parse_args(words)  # which says what is wrong, or helps, and ends
    module = import_module(f"modelmesh.cli.{chosen.replace('-', '_')}")
    module.add_flags(parsers[chosen])
    arguments = parser.parse_args(words)
    return attempt(lambda: module.run(arguments))
