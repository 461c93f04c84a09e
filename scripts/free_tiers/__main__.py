"""`scripts/free_tier_day [--check]`."""

import asyncio
import logging
import re
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Final

from attrs import frozen

from scripts import pages
from scripts.free_tiers.day import Day, simulate
from scripts.free_tiers.vendors import Vendor

PAGE: Final = Path(__file__).parents[2] / "docs/free-tiers.md"
_TABLE: Final = re.compile(r"(?<=<!-- table -->\n).*(?=<!-- end of table -->)", re.DOTALL)


@frozen
class Run:
    """Some hours of traffic, from a moment on."""

    name: str
    begins: datetime
    hours: float = 38.0


RUNS: Final[Sequence[Run]] = (
    Run("an ordinary day", datetime(2026, 6, 9, 20, tzinfo=UTC)),
    Run("clocks go forward", datetime(2026, 3, 7, 20, tzinfo=UTC)),
    Run("clocks go back", datetime(2026, 10, 31, 20, tzinfo=UTC)),
)


@cache
def came_of(run: Run) -> Day:
    """Return what comes of a run, the same whenever it is asked for."""
    return asyncio.run(simulate(run.begins, run.hours))


def page(written: str) -> str:
    """Return the page with the table as it must be."""
    table = "".join(f"{line}\n" for line in _lines())
    return _TABLE.sub(lambda _: table, written)


def _lines() -> Iterator[str]:
    days = [(run, came_of(run)) for run in RUNS]
    vendors = days[0][1].vendors
    names = " | ".join(vendor.name for vendor in vendors)
    yield f"| | {names} | answered | refused by a vendor | turned away | wrongly |"
    yield "|---|" + "--:|" * (len(vendors) + 4)
    yield "| free | " + " | ".join(map(_granted, vendors)) + " | | | | |"
    for run, day in days:
        counts = [len(vendor.answered) for vendor in day.vendors]
        counts += [day.served, day.refused, day.turned_away, len(day.wrongly)]
        yield f"| {run.name} | " + " | ".join(f"{count:,}" for count in counts) + " |"


def _granted(vendor: Vendor) -> str:
    caps = [f"{cap.amount:,} a {cap.window}" for cap in vendor.caps if cap.unit == "requests"]
    zones = {reset.zone for reset in vendor.tier.resets.values() if reset.at}
    where = f", by the calendar of {zones.pop()}" if zones else ""
    return ", ".join(caps) + where


def main(arguments: list[str]) -> int:
    """Write the table, or check it. Returns the exit code."""
    return pages.write(PAGE, page, arguments, prog="scripts/free_tier_day", about=__doc__)


if __name__ == "__main__":
    logging.disable()
    sys.exit(main(sys.argv[1:]))
