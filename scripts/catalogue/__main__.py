"""`scripts/build_catalogue [--check]`."""

import argparse
import re
import sys
from pathlib import Path
from typing import Final

from scripts.catalogue import facts as fact_files
from scripts.catalogue.rules import mistakes
from scripts.catalogue.writing import free_tiers_json, models_json, summary, table

ROOT: Final = Path(__file__).parents[2]
SHIPPED: Final = ROOT / "src/modelmesh/catalogue"
PAGE: Final = ROOT / "docs/models.md"
_TABLE: Final = re.compile(r"(?<=<!-- table -->\n).*(?=<!-- end of table -->)", re.DOTALL)
_LARGEST: Final = 150_000


def main(arguments: list[str]) -> int:
    """Build the catalogue, or check it. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="scripts/build_catalogue", description=__doc__)
    parser.add_argument("--check", action="store_true", help="only compare, and fail on a change")
    only_check = parser.parse_args(arguments).check
    facts = fact_files.read(ROOT / "facts")
    wrong = mistakes(facts)
    if wrong:
        print("\n".join(wrong), file=sys.stderr)
        return 1
    files = {
        SHIPPED / "models.json": models_json(facts),
        SHIPPED / "free_tiers.json": free_tiers_json(facts),
        PAGE: _TABLE.sub(lambda _: table(facts), PAGE.read_text(encoding="utf-8")),
    }
    size = sum(len(text.encode()) for file, text in files.items() if file.parent == SHIPPED)
    print(f"{summary(facts)}\n{size} bytes")
    if size > _LARGEST:
        print(f"more than {_LARGEST} bytes", file=sys.stderr)
        return 1
    stale = [file for file, text in files.items() if not _is_in(file, text)]
    for file in stale:
        if only_check:
            print(
                f"{file.relative_to(ROOT)} is stale: run scripts/build_catalogue", file=sys.stderr
            )
        else:
            file.write_text(files[file], encoding="utf-8")
            print(f"wrote {file.relative_to(ROOT)}")
    return 1 if stale and only_check else 0


def _is_in(file: Path, text: str) -> bool:
    return file.exists() and file.read_text(encoding="utf-8") == text


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
