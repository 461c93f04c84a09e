"""Makes the table of metrics in docs/metrics.md, of what there is: `python -m scripts.metrics`.

With `--check` nothing is written, and it fails where the page is another one.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from modelmesh.connectors.observability._metrics import METRICS
from scripts import pages

PAGE: Final = Path(__file__).parents[1] / "docs/metrics.md"
_TABLE: Final = re.compile(r"(?<=<!-- table -->\n).*(?=<!-- end of table -->)", re.DOTALL)


def page(written: str) -> str:
    """Return the page with the table as it must be."""
    return _TABLE.sub(lambda _: "".join(f"{line}\n" for line in _lines()), written)


def _lines() -> Iterator[str]:
    yield "| metric | type | by | what it tells |"
    yield "|---|---|---|---|"
    for name, metric in METRICS.items():
        labels = ", ".join(f"`{label}`" for label in metric.labels)
        yield f"| `{metric.exposed(name)}` | {metric.kind} | {labels} | {metric.says} |"


def main(arguments: list[str]) -> int:
    """Write the table, or check it. Returns the exit code."""
    return pages.write(PAGE, page, arguments, prog="python -m scripts.metrics", about=__doc__)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
