"""What observers cost: that each is measured, and that the page has what was measured last."""

import json
from pathlib import Path

import pytest

from benchmarks import observers
from benchmarks.observers import NONE, Run
from modelmesh.connectors import registry

PAGE = "Before\n<!-- costs -->\nold\n<!-- end of costs -->\nafter\n"


def run_of(name: str, folder: str) -> Run:
    """Return a row's run; where it sends to nobody listens."""
    return next(run for run in observers.runs(9, folder) if run.name == name)


@pytest.mark.parametrize("name", [NONE, "null", "callback", "local-file"])
async def test_a_request_is_measured_with_an_observer(name: str, tmp_path: Path) -> None:
    with observers.vendor_nowhere():
        took = await observers.figures(run_of(name, str(tmp_path)), requests=20)
    assert took["cpu_us"] > 0
    assert took["instructions"] > 1000
    told = tmp_path / "events.jsonl"
    assert told.exists() == (name == "local-file")


def test_every_observer_of_ours_has_a_row() -> None:
    rows = {run.name for run in observers.runs(9, "")}
    assert {registry.names(id_)[2] for id_ in registry.available("observability")} <= rows


def test_the_table_tells_what_each_takes_at_least_and_how_much_more_than_none() -> None:
    measured = {NONE: ((150, 100, 120), 7000.2), "null": ((101, 190, 151), 7001)}
    rows = [
        {
            "experiment": "observers",
            "case": "2,000 requests",
            "gateway": name,
            "round": number,
            "figures": {"cpu_us": us, "instructions": instructions},
        }
        for name, (figures, instructions) in measured.items()
        for number, us in enumerate(figures)
    ]
    on = {"when": "today", "machine": {"processor": "P", "python": "3"}, "rounds": 3}
    written = observers.page(PAGE, on | {"rows": rows})
    assert "| none |  | 100 | 120 |  | 7,000 |\n" in written
    assert "| null | nowhere | 101 | 151 | +1 | 7,001 |\n" in written
    assert written.startswith("Before\n<!-- costs -->\nMeasured today on one core of P")
    assert written.endswith("\n<!-- end of costs -->\nafter\n")
    assert "old" not in written


def test_the_page_has_what_was_measured_last() -> None:
    written = observers.PAGE.read_text()
    measured = json.loads(observers.RESULTS.read_text())
    assert observers.page(written, measured) == written, "python -m benchmarks.observers --page"
    assert measured["when"] in written
