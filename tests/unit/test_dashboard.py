"""The dashboard for Grafana: every query is one, and asks for what there is."""

import json
import re
from collections.abc import Iterator
from typing import Any, get_args

import promql_parser as promql
import pytest
from prometheus_client.parser import text_string_to_metric_families

from modelmesh.connectors.observability._metrics import METRICS
from modelmesh.connectors.observability._series import Metrics
from modelmesh.events import End
from scripts.dashboard import FILE, dashboard, main

WORDS = {
    "outcome": set(get_args(End)),
    "status": {"2xx", "4xx", "5xx"},
    "direction": {"in", "out"},
}
PANELS = [panel for panel in json.loads(FILE.read_text())["panels"] if panel["type"] != "row"]
QUERIES = [
    pytest.param(query["expr"], query["legendFormat"], id=f"{panel['title']}, {query['refId']}")
    for panel in PANELS
    for query in panel["targets"]
]


def exported() -> dict[str, set[str]]:
    """Return the labels of every series that the observer's library writes, by its name."""
    metrics = Metrics(None)
    for name, metric in METRICS.items():
        metrics[name].begin(*metric.labels)
    text, _ = metrics.text("")
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(text.decode()):
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


EXPORTED = exported()


def parsed(query: str) -> Any:
    """Return a query as its parts, with numbers and names where Grafana puts them."""
    return promql.parse(query.replace("$__rate_interval", "5m"))


def parts(query: Any) -> Iterator[Any]:
    """Give all parts of a query, itself first."""
    yield query
    inner = [getattr(query, name, None) for name in ("expr", "lhs", "rhs", "vector_selector")]
    for part in (*inner, *(getattr(query, "args", None) or ())):
        if part is not None and not isinstance(part, str):
            yield from parts(part)


def selectors(query: Any) -> list[Any]:
    return [part for part in parts(query) if isinstance(part, promql.VectorSelector)]


def wrong(query: str, legend: str = "") -> Iterator[str]:
    """Give what is wrong with a query: names and labels that nothing exports."""
    whole = parsed(query)
    known: set[str] = set()
    for selector in selectors(whole):
        labels = EXPORTED.get(selector.name)
        if labels is None:
            yield f"no metric {selector.name}"
            continue
        known |= labels
        for matcher in selector.matchers.matchers:
            if matcher.name not in labels:
                yield f"no label {matcher.name} at {selector.name}"
            elif "$" not in matcher.value and matcher.value not in WORDS[matcher.name]:
                yield f"{matcher.name} is never {matcher.value}"
    grouped = [
        part.modifier.labels
        for part in parts(whole)
        if isinstance(part, promql.AggregateExpr) and part.modifier
    ]
    kept = set(grouped[0]) if grouped else set()
    yield from (f"no label {label}" for labels in grouped for label in labels if label not in known)
    yield from (
        f"{label} is told nothing by the query"
        for label in re.findall(r"\{\{(\w+)\}\}", legend)
        if label not in kept
    )


@pytest.mark.parametrize(("query", "legend"), QUERIES)
def test_a_query_asks_for_what_the_observer_exports(query: str, legend: str) -> None:
    assert list(wrong(query, legend)) == []
    assert selectors(parsed(query))


@pytest.mark.parametrize(
    ("query", "legend", "what"),
    [
        ("sum(rate(modelmesh_request_total[5m]))", "", "no metric modelmesh_request_total"),
        ("modelmesh_store_up{pool='a'}", "", "no label pool at modelmesh_store_up"),
        ('modelmesh_requests_total{status="500"}', "", "status is never 500"),
        ("sum by (modle) (modelmesh_store_up)", "", "no label modle"),
        ("sum by (store) (modelmesh_store_up)", "{{id}}", "id is told nothing by the query"),
    ],
)
def test_what_is_wrong_with_a_query_is_found(query: str, legend: str, what: str) -> None:
    assert list(wrong(query, legend)) == [what]


def test_what_is_no_query_does_not_parse() -> None:
    with pytest.raises(ValueError, match="unclosed"):
        parsed("sum by (pool) (rate(modelmesh_requests_total[$__rate_interval])")


def test_every_metric_is_on_it() -> None:
    names = {
        selector.name.removesuffix("_bucket")
        for query in QUERIES
        for selector in selectors(parsed(str(query.values[0])))
    }
    assert names == {metric.exposed(name) for name, metric in METRICS.items()}


def test_what_people_choose_are_labels_and_every_choice_is_used() -> None:
    source, *choices = dashboard()["templating"]["list"]
    assert source["type"] == "datasource"
    queries = " ".join(str(query.values[0]) for query in QUERIES)
    for choice in choices:
        asked = re.fullmatch(r"label_values\((\w+), (\w+)\)", choice["query"]["query"])
        assert asked
        assert asked[2] in EXPORTED[asked[1]]
        assert f'=~"${choice["name"]}"' in queries
    assert set(re.findall(r"\$(\w+)", queries)) == {one["name"] for one in choices} | {
        "__rate_interval"
    }


def test_no_panel_lies_on_another() -> None:
    taken = [
        (x, y)
        for panel in dashboard()["panels"]
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(taken) == len(set(taken))
    assert max(x for x, _ in taken) < 24
    assert len({panel["id"] for panel in dashboard()["panels"]}) == len(dashboard()["panels"])


def test_the_file_is_what_the_script_makes() -> None:
    assert main(["--check"]) == 0, "write it anew: python -m scripts.dashboard"
