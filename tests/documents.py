"""The pages people read, and what stands on them."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

from attrs import frozen

ROOT: Final = Path(__file__).parents[1]
DOCS: Final = ROOT / "docs"

_BLOCK: Final = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_HEADING: Final = re.compile(r"^#+ (.+)$", re.MULTILINE)
_LINK: Final = re.compile(
    r"\]\(\s*<?([^)\s>]+)|^\[[^]]+\]: (\S+)|\b(?:href|src)=\"([^\"]+)\"", re.MULTILINE
)


@frozen
class Block:
    """What stands between two fences: in which language, from which line on, and the text."""

    page: Path
    number: int
    language: str
    text: str

    @property
    def name(self) -> str:
        return f"{name(self.page)}-{self.number}"


def everywhere() -> list[Path]:
    """Return all pages there are: of the site, and those which a forge shows."""
    folders = (ROOT, ROOT / ".github", ROOT / "examples", ROOT / "facts", ROOT / "deploy")
    shown = [page for folder in folders for page in sorted(folder.glob("*.md"))]
    return [*shown, *on_site()]


def on_site() -> list[Path]:
    return sorted(DOCS.rglob("*.md"))


def name(page: Path) -> str:
    return page.relative_to(ROOT).with_suffix("").as_posix()


@cache
def written(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def prose(page: Path) -> str:
    """Return a page without its blocks of code."""
    return _BLOCK.sub("", written(page))


def blocks(page: Path, *languages: str) -> list[Block]:
    """Return a page's blocks in these languages, numbered as they come in each."""
    found: list[Block] = []
    for language, text in _BLOCK.findall(written(page)):
        if language in languages:
            number = 1 + sum(one.language == language for one in found)
            found.append(Block(page, number, language, text))
    return found


def links(page: Path) -> Iterator[str]:
    """Give what a page links to, other sites left aside."""
    without_code = re.sub(r"`[^`\n]+`", "", prose(page))
    for found in _LINK.finditer(without_code):
        link = next(filter(None, found.groups()))
        if not re.match(r"[a-z]+:", link):
            yield link


@cache
def anchors(page: Path) -> frozenset[str]:
    """Return what a page's headings are called in links, as forges and the site call them."""
    found: list[str] = []
    for heading in _HEADING.findall(prose(page)):
        words = re.sub(r"\[([^]]+)\]\([^)]*\)", r"\1", heading).strip().lower()
        anchor = re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
        found.append(f"{anchor}-{found.count(anchor)}" if anchor in found else anchor)
    return frozenset(found)
