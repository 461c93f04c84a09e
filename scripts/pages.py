"""Pages of the documentation which a script writes in part."""

import argparse
from collections.abc import Callable
from pathlib import Path


def write(
    page: Path, made: Callable[[str], str], arguments: list[str], *, prog: str, about: str | None
) -> int:
    """Write a page anew, or with `--check` only compare it. Returns the exit code."""
    parser = argparse.ArgumentParser(prog=prog, description=about)
    parser.add_argument("--check", action="store_true", help="only compare, and fail on a change")
    only_check = parser.parse_args(arguments).check
    written = page.read_text()
    anew = made(written)
    if only_check:
        return int(anew != written)
    page.write_text(anew)
    return 0
