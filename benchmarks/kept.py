"""Keeping what was measured, round by round, and on what."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from attrs import asdict

from benchmarks.figures import Row
from benchmarks.machine import machine


def keep(file: Path, rows: Iterable[Row], rounds: int) -> None:
    results = {
        "when": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "machine": machine(),
        "rounds": rounds,
        "rows": [asdict(row) for row in rows],
    }
    file.write_text(json.dumps(results, indent=1) + "\n")
