"""The commands of a page: those in its blocks, and those within its sentences."""

import re
import shlex
from collections.abc import Iterable, Iterator
from typing import Final

from scripts.cookbook import Command

_HERE: Final = re.compile(r"<<\s*'?(\w+)'?")
_COMMENT: Final = re.compile(r"\s+# .*$")
_FOUND: Final = re.compile(
    r"^```console\n(?P<block>.*?)^```$"
    r"|^```.*?^```$"
    r"|(?<!\[)`(?P<inline>(?:\./scripts/|pip\sinstall\s|python\s-m\s|modelmesh\s)[^`]+)`",
    re.DOTALL | re.MULTILINE,
)


def commands(lines: Iterable[str]) -> Iterator[str]:
    """Give the commands among lines of a shell; one may go over several."""
    command, end = "", ""
    for line in lines:
        command += f"{line}\n"
        if not end and (here := _HERE.search(line)):
            end = here[1]
        elif line == end or not (end or line.endswith("\\") or _is_open(command)):
            yield command.strip()
            command, end = "", ""


def _is_open(command: str) -> bool:
    """Whether a quotation mark waits for its other."""
    try:
        shlex.split(command)
    except ValueError:
        return True
    return False


def blocks(page: str) -> Iterator[list[Command]]:
    """Give the commands of a page written in Markdown; a list stands together."""
    for found in _FOUND.finditer(page):
        if found["inline"]:
            yield [Command(" ".join(found["inline"].split()))]
        elif found["block"]:
            lines = (_COMMENT.sub("", line) for line in found["block"].splitlines())
            yield [Command(text) for text in commands(lines) if text]
