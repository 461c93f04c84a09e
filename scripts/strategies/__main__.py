"""`scripts/compare_strategies [--check]`."""

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from modelmesh.config import schema
from scripts import pages
from scripts.strategies.simulation import Run
from scripts.strategies.traffic import VENDORS, calls

PAGE: Final = Path(__file__).parents[2] / "docs/strategies.md"
_TABLE: Final = re.compile(r"(?<=<!-- table -->\n).*(?=<!-- end of table -->)", re.DOTALL)

_Settings = Mapping[str, Any]
RUNS: Final[Sequence[tuple[str, _Settings, str | None]]] = (
    ("stick-until-failure", {}, None),
    ("round-robin", {}, None),
    ("round-robin, `relative`", {"balance_mode": "relative"}, None),
    ("cost-first", {}, None),
    ("cost-first, `by: expected`", {"options": {"by": "expected"}}, None),
    ("latency-first", {}, None),
    ("priority-selection: `fast`, `cheap`", {"model_priority": ("fast", "cheap")}, None),
    ("session-stickiness", {}, None),
    ("rate-limit-aware", {}, None),
    ("rate-limit-aware, then round-robin", {}, "round-robin"),
    ("load-balanced", {}, None),
    ("load-balanced, `relative`", {"balance_mode": "relative"}, None),
)
"""What a row is called, which begins with the strategy; its settings; its fallback."""


def table() -> str:
    """Return the table: the same traffic for each strategy."""
    return "".join(f"{line}\n" for line in _lines())


def page(written: str) -> str:
    """Return the page with the table as it must be."""
    return _TABLE.sub(lambda _: table(), written)


def _lines() -> Iterator[str]:
    names = " | ".join(f"`{vendor.name}`" for vendor in VENDORS)
    yield f"| strategy | {names} | switches | failures | cost | p95 |"
    yield "|---|" + "--:|" * (len(VENDORS) + 4)
    traffic = calls()
    for name, settings, fallback in RUNS:
        strategy = re.split("[,:]", name)[0]
        came = Run(schema.Pool(strategy=strategy, **settings), fallback).over(traffic)
        shares = " | ".join(f"{share:.0%}" for share in came.shares)
        yield (
            f"| {name} | {shares} | {came.switches:.0%} | {came.failures:,} "
            f"| ${came.dollars:.2f} | {came.p95:.1f} s |"
        )


def main(arguments: list[str]) -> int:
    """Write the table, or check it. Returns the exit code."""
    return pages.write(PAGE, page, arguments, prog="scripts/compare_strategies", about=__doc__)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
