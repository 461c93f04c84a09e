"""The files and commands which a page of the cookbook has, taken from the page itself."""

import re
from pathlib import Path
from typing import Final

PAGES: Final = Path(__file__).parents[1] / "docs/cookbook"

_FILE: Final = re.compile(r"^`([\w./-]+)`:\n\n```\w+\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_COMMANDS: Final = re.compile(r"^```console\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def files(text: str) -> list[tuple[str, str]]:
    """Return the files of a page: their names, and what is in them."""
    return _FILE.findall(text)


def write(page: str, folder: Path) -> list[str]:
    """Write every file of a page into a folder; return their names."""
    found = files((PAGES / f"{page}.md").read_text(encoding="utf-8"))
    for name, text in found:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return [name for name, _ in found]


def commands(page: str) -> list[str]:
    """Return the commands a page has its reader type, in their order."""
    blocks = _COMMANDS.findall((PAGES / f"{page}.md").read_text(encoding="utf-8"))
    return [line for block in blocks for line in block.splitlines() if line]
