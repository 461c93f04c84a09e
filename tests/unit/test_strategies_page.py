"""The page about strategies: its table is what the simulation gives, its headings are all there."""

import json
import re

import pytest

from benchmarks import routing
from modelmesh.connectors import registry
from scripts.strategies.__main__ import PAGE, RUNS, main, page, table

WRITTEN = PAGE.read_text()


def test_the_table_is_what_the_simulation_gives() -> None:
    assert page(WRITTEN) == WRITTEN, "write it anew: scripts/compare_strategies"
    assert main(["--check"]) == 0
    assert f"<!-- table -->\n{table()}<!-- end of table -->" in WRITTEN


def test_the_costs_are_those_that_were_measured_last() -> None:
    measured = json.loads(routing.RESULTS.read_text())
    assert routing.page(WRITTEN, measured) == WRITTEN, "python -m benchmarks.routing --page"
    assert measured["when"] in WRITTEN


@pytest.mark.parametrize("id_", sorted(registry.available("strategies")))
def test_every_strategy_has_its_section_and_its_rows(id_: str) -> None:
    name = registry.names(id_)[2]
    assert f"\n## {name}\n" in WRITTEN
    assert name in {re.split("[,:]", row)[0] for row, *_ in RUNS}
    assert name in {run.strategy for run in routing.RUNS}


@pytest.mark.parametrize("id_", sorted(registry.available("strategies")))
def test_every_setting_of_a_strategys_own_is_explained(id_: str) -> None:
    strategy = registry.find("strategies", id_)
    _, _, section = WRITTEN.partition(f"\n## {registry.names(id_)[2]}\n")
    own = getattr(strategy, "Options", None)
    for field in own.__attrs_attrs__ if own else ():
        assert f"`options.{field.name}" in section.partition("\n## ")[0]
