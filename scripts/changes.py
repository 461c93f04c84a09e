"""Prints what CHANGELOG.md says of a version: `python -m scripts.changes 0.1.0`."""

import re
import sys
from pathlib import Path
from typing import Final

PAGE: Final = Path(__file__).parents[1] / "CHANGELOG.md"


def of(version: str, page: Path = PAGE) -> str:
    """Return what was changed in a version, or nothing where the page does not know it."""
    heading = rf"^## \[?{re.escape(version)}\]?(?: [^\n]*)?\n(.*?)(?=^## |\Z)"
    found = re.search(heading, page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    return found[1].strip() if found else ""


if __name__ == "__main__":
    print(of(sys.argv[1]) or sys.exit(f"CHANGELOG.md says nothing of {sys.argv[1]}"))
