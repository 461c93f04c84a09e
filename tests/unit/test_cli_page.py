"""The page on the command line: every command, flag and code is there, and what it shows is so."""

import argparse
import re
from collections.abc import Iterator
from importlib import import_module
from typing import get_args

import pytest

from modelmesh.check import check
from modelmesh.cli import COMMANDS
from modelmesh.cli.checked import record
from modelmesh.lint import RULES
from modelmesh.online import State
from scripts.command_line import PAGE, main

WRITTEN = PAGE.read_text()


def section(title: str) -> str:
    """Return what stands under a heading, the smaller headings below it included."""
    _, _, rest = WRITTEN.partition(f"\n## {title}\n")
    return rest.partition("\n## ")[0]


def flags(parser: argparse.ArgumentParser) -> Iterator[str]:
    """Give what a command takes, and what the commands below it take."""
    for action in parser._actions:
        if action.help == argparse.SUPPRESS:
            continue
        if isinstance(action, argparse._SubParsersAction):
            for name, below in action.choices.items():
                yield name
                yield from flags(below)
        elif action.option_strings:
            yield action.option_strings[-1]
        else:
            yield str(action.metavar or action.dest)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_and_all_it_takes_is_on_the_page(command: str) -> None:
    parser = argparse.ArgumentParser()
    import_module(f"modelmesh.cli.{command.replace('-', '_')}").add_flags(parser)
    told = " ".join(re.findall(r"`([^`\n]+)`", section(f"modelmesh {command}"))).split()
    assert set(flags(parser)) - {"--help", *told} == set()
    assert f"| [`modelmesh {command}`](#modelmesh-{command}) |" in WRITTEN


def test_no_other_command_is_on_the_page() -> None:
    assert set(re.findall(r"\n## modelmesh (.*)\n", WRITTEN)) == set(COMMANDS)


def test_every_code_is_on_the_page_and_no_other() -> None:
    _, _, told = section("modelmesh check").partition("\n### Findings\n")
    table = told.partition("\n### ")[0]
    assert re.findall(r"\n\| `([a-z-]+)` \|", table) == list(RULES)


def test_every_state_of_a_vendor_is_on_the_page_and_no_other() -> None:
    _, _, told = section("modelmesh check").partition("\n### What works\n")
    table = told.partition("\n### ")[0]
    assert set(re.findall(r"\n\| `([a-z ]+)` \|", table)) == set(get_args(State))


def test_every_key_of_the_json_is_on_the_page_and_no_other() -> None:
    _, _, told = section("modelmesh check").partition("\n### For programs\n")
    known = record(check({}, {}, wall=0.0), None)
    assert re.findall(r"\n\| `([a-z]+)` \|", told) == list(known)


def test_what_the_page_shows_is_what_is_said() -> None:
    assert main(["--check"]) == 0, "write it anew: python -m scripts.command_line"
    assert WRITTEN.count("```console\nmodelmesh ") == 4
