"""Makes the tables of docs/capabilities.md, of what there is: `python -m scripts.capabilities`.

With `--check` nothing is written, and it fails where the page is another one.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from modelmesh.capabilities import ABBREVIATIONS, TREE
from modelmesh.catalogue.facts import CAPABILITIES, FEATURE_CAPABILITIES
from scripts import pages

PAGE: Final = Path(__file__).parents[1] / "docs/capabilities.md"
_TABLES: Final = re.compile(r"(?<=<!-- tables -->\n).*(?=<!-- end of tables -->)", re.DOTALL)
_INDENTED: Final = "&emsp;"


def page(written: str) -> str:
    """Return the page with the tables as they must be."""
    return _TABLES.sub(lambda _: "".join(f"{line}\n" for line in _lines()), written)


def _lines() -> Iterator[str]:
    for path in TREE:
        depth = path.count(".")
        if depth == 0:
            yield from ("", f"### `{path}`", "", "| name | path | models |", "|---|---|---|")
        else:
            named, models = ", ".join(_names(path)), ", ".join(_models(path))
            yield f"| {_INDENTED * (depth - 1)}{named} | `{path}` | {models} |"
    yield ""


def _names(path: str) -> Iterator[str]:
    yield f"`{TREE.alias(path)}`"
    yield from (f"`{name}`" for name, stands_for in ABBREVIATIONS.items() if stands_for == path)


def _models(path: str) -> Iterator[str]:
    """Give the kinds of models, as the catalogue has it, which can do that very thing."""
    yield from (kind for kind, able in CAPABILITIES.items() if path in able)
    for (kind, feature), able in FEATURE_CAPABILITIES.items():
        if path in able:
            yield f"{kind} with `{feature}`"


def main(arguments: list[str]) -> int:
    """Write the tables, or check them. Returns the exit code."""
    return pages.write(PAGE, page, arguments, prog="python -m scripts.capabilities", about=__doc__)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
