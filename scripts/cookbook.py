"""The files and commands which a page of the cookbook has, taken from the page itself."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from attrs import frozen

PAGES: Final = Path(__file__).parents[1] / "docs/cookbook"

_STEP: Final = re.compile(
    r"^(?:`(?P<name>[\w./-]+)`:\n\n)?```(?P<language>\w+)\n(?P<text>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)


@frozen
class File:
    """A file that the reader writes."""

    name: str
    text: str

    def write(self, folder: Path) -> None:
        path = folder / self.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self.text, encoding="utf-8")


@frozen
class Command:
    """A line that the reader types."""

    line: str


def steps(page: str) -> Iterator[File | Command]:
    """Give what a page has its reader write and type, in this order."""
    for found in _STEP.finditer((PAGES / f"{page}.md").read_text(encoding="utf-8")):
        if found["name"]:
            yield File(found["name"], found["text"])
        elif found["language"] == "console":
            yield from map(Command, found["text"].splitlines())


def files(page: str) -> list[File]:
    return [step for step in steps(page) if isinstance(step, File)]
