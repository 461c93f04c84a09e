"""What stands on pages as commands is what the programs take; what stands there as data is that."""

import importlib.util
import json
import os
import re
import shlex
import tomllib
from collections.abc import Iterator
from contextlib import suppress

import documents
import pytest

from modelmesh import cli
from modelmesh.proxy.openapi import document
from scripts.commands import blocks

PAGES = documents.everywhere()
LINES = [
    pytest.param(command.line, id=f"{documents.name(page)}-{number}")
    for page in PAGES
    for number, command in enumerate(
        (command for block in blocks(documents.written(page)) for command in block), 1
    )
]
DATA = [block for page in PAGES for block in documents.blocks(page, "json", "toml")]
PATHS = [re.sub(r"\{\w+\}", "[^/]+", path) for path in document()["paths"]]
PROXY = ["python", "-m", "modelmesh.proxy"]
NAMED_ONLY = "the following arguments are required"


def programs(line: str) -> Iterator[list[str]]:
    """Give what a line of a shell runs, each with its arguments."""
    words = shlex.shlex(line.replace("\\\n", " "), posix=True, punctuation_chars=True)
    words.whitespace_split = True
    called: list[str] = []
    for word in [*words, ";"]:
        if word and set(word) <= set("();<>|&"):
            yield called
            called = []
        elif called or not re.match(r"[A-Z_]+=", word):
            called.append(word)


def arguments(called: list[str]) -> list[str] | None:
    """Return what `modelmesh` is told; None where it is not what is called."""
    if called[:1] == ["modelmesh"]:
        return called[1:]
    if called[:3] == PROXY:
        return ["proxy", *called[3:]]
    if called[:2] == ["docker", "run"]:
        return ["proxy", *called[called.index("modelmesh-lite") + 1 :]]
    return None


@pytest.mark.parametrize("line", LINES)
def test_a_command_is_there_and_takes_what_it_is_told(
    line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for called in programs(line):
        match called:
            case ["curl", *told]:
                check_curl(told)
            case [program, *_] if program.startswith("./"):
                assert os.access(documents.ROOT / program, os.X_OK)
            case ["python" | ".venv/bin/python", "-m", module, *_]:
                assert importlib.util.find_spec(module), module
        ours = arguments(called)
        if ours is not None and "COMMAND" not in ours:
            check_arguments(ours, capsys)


def check_arguments(told: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Assert that `modelmesh` takes them; who only names a command need not say all it wants."""
    with suppress(SystemExit):
        cli.read(told)
    complaint = capsys.readouterr().err
    named = NAMED_ONLY in complaint and not any(word.startswith("-") for word in told)
    assert not complaint or named, complaint


def check_curl(told: list[str]) -> None:
    """Assert that what is asked is a path there is, and what is sent is JSON."""
    [url] = [word for word in told if word.startswith("http")]
    path = url.removeprefix("http://localhost:8080")
    assert any(re.fullmatch(known, path) for known in PATHS), url
    if "-d" in told and not (sent := told[told.index("-d") + 1]).startswith("@"):
        json.loads(sent)


@pytest.mark.parametrize("block", DATA, ids=lambda it: f"{it.name}-{it.language}")
def test_data_can_be_read(block: documents.Block) -> None:
    assert {"json": json.loads, "toml": tomllib.loads}[block.language](block.text)


def test_commands_are_found_within_lines() -> None:
    line = "pass show a | KEY=1 modelmesh check \\\n  --strict > b && (python -m modelmesh.proxy)"
    found = [arguments(called) for called in programs(line)]
    assert [told for told in found if told] == [["check", "--strict"], ["proxy"]]
    with pytest.raises(SystemExit):
        cli.read(["check", "--strct"])


def test_there_are_many() -> None:
    ours = [
        told
        for line in LINES
        for called in programs(str(line.values[0]))
        if (told := arguments(called))
    ]
    assert len(ours) > 40
    assert len(DATA) > 20
