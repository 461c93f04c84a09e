"""Columns for people: aligned, and cut to the terminal. What is piped somewhere is complete."""

import shutil
import sys
from collections.abc import Sequence
from typing import Final

_GAP: Final = "  "
_CUT: Final = "…"


def width() -> int | None:
    """Return the columns of the terminal that is written to; None where it is none."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def table(
    head: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[str] = ()
) -> list[str]:
    """Return the lines of a table; the columns in `right` are numbers."""
    wide = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    return [
        _GAP.join(
            cell.rjust(size) if name in right else cell.ljust(size)
            for name, cell, size in zip(head, row, wide, strict=True)
        ).rstrip()
        for row in (head, *rows)
    ]


def cut(lines: Sequence[str], columns: int | None) -> str:
    """Return lines as one text, none of them wider than so many columns."""
    if columns is None:
        return "\n".join(lines)
    return "\n".join(
        line if len(line) <= columns else f"{line[: columns - 1]}{_CUT}" for line in lines
    )
