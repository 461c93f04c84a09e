"""`scripts/compare_strategies [--check]`."""

import argparse
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from modelmesh.config import schema
from scripts.strategies.simulation import Run
from scripts.strategies.traffic import VENDORS, calls

PAGE: Final = Path(__file__).parents[2] / "docs/strategies.md"
_TABLE: Final = re.compile(r"(?<=<!-- table -->\n).*(?=<!-- end of table -->)", re.DOTALL)

RUNS: Final = (
    ("stick-until-failure", Run(schema.Pool(strategy="stick-until-failure"))),
    ("round-robin", Run(schema.Pool(strategy="round-robin"))),
    (
        "round-robin, `relative`",
        Run(schema.Pool(strategy="round-robin", balance_mode="relative")),
    ),
    ("cost-first", Run(schema.Pool(strategy="cost-first"))),
    (
        "cost-first, `by: expected`",
        Run(schema.Pool(strategy="cost-first", options={"by": "expected"})),
    ),
    ("latency-first", Run(schema.Pool(strategy="latency-first"))),
    (
        "priority-selection, `fast` then `cheap`",
        Run(schema.Pool(strategy="priority-selection", model_priority=("fast", "cheap"))),
    ),
    ("session-stickiness", Run(schema.Pool(strategy="session-stickiness"))),
    ("rate-limit-aware", Run(schema.Pool(strategy="rate-limit-aware"))),
    (
        "rate-limit-aware, falling back to round-robin",
        Run(schema.Pool(strategy="rate-limit-aware"), "round-robin"),
    ),
    ("load-balanced", Run(schema.Pool(strategy="load-balanced"))),
    (
        "load-balanced, `relative`",
        Run(schema.Pool(strategy="load-balanced", balance_mode="relative")),
    ),
)


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
    for name, run in RUNS:
        came = run.over(traffic)
        shares = " | ".join(f"{share:.0%}" for share in came.shares)
        yield (
            f"| {name} | {shares} | {came.switches:.0%} | {came.failures:,} "
            f"| ${came.dollars:.2f} | {came.p95:.1f} s |"
        )


def main(arguments: list[str]) -> int:
    """Write the table, or check it. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="scripts/compare_strategies", description=__doc__)
    parser.add_argument("--check", action="store_true", help="only compare, and fail on a change")
    only_check = parser.parse_args(arguments).check
    written = PAGE.read_text()
    made = page(written)
    if only_check:
        return int(made != written)
    PAGE.write_text(made)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
