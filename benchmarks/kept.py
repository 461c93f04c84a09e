"""Keeping what was measured, round by round, and on what."""

import json
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from attrs import asdict

from benchmarks.figures import Row
from benchmarks.machine import machine

_MADE: Final = re.compile(r"(?<=<!-- costs -->\n).*(?=<!-- end of costs -->)", re.DOTALL)


def keep(file: Path, rows: Iterable[Row], rounds: int) -> None:
    results = {
        "when": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "machine": machine(),
        "rounds": rounds,
        "rows": [asdict(row) for row in rows],
    }
    file.write_text(json.dumps(results, indent=1) + "\n")


def filled_in(page: str, made: str) -> str:
    """Return a page with what was made of the figures between its marks."""
    return _MADE.sub(lambda _: made, page)
