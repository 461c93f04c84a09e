"""The benchmarks' arithmetic, page and eye for wrong answers. Nothing is measured here."""

import importlib
import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import answers, report, routing
from benchmarks.figures import Figures, Row, Spread
from benchmarks.plots import Bar, bars
from benchmarks.targets import OURS, TARGETS, Point, Target
from benchmarks.wire import Incoming
from benchmarks.words import number, spread

POINT = Point("plain", "64 in flight")


def rows(**cpu_us: list[float]) -> list[Row]:
    """Return rows of plain requests, a round for each figure of a gateway."""
    return [
        Row("plain", "64 in flight", gateway, round_, {"cpu_us": value})
        for gateway, values in cpu_us.items()
        for round_, value in enumerate(values)
    ]


def figures(**cpu_us: list[float]) -> Figures:
    return Figures.of(rows(**cpu_us))


def results(**cpu_us: list[float]) -> dict[str, Any]:
    """Return what a run keeps, as it is after reading the file."""
    kept = {
        "when": "2026-11-24 12:00 UTC",
        "machine": {"processor": "P", "cores": "2", "system": "S", "python": "3.11"},
        "versions": {"modelmesh": "0.1.0", "nginx": ""},
        "scale": {"quick": True, "rounds": 3},
        "rows": [
            {
                "experiment": row.experiment,
                "case": row.case,
                "gateway": row.gateway,
                "round": row.round,
                "figures": dict(row.figures),
            }
            for row in rows(**cpu_us)
        ],
    }
    again: dict[str, Any] = json.loads(json.dumps(kept))
    return again


def test_a_figure_is_the_median_of_its_rounds_with_the_least_and_the_most() -> None:
    seen = figures(modelmesh=[3.0, 1.0, 8.0]).spread("plain", "64 in flight", OURS, "cpu_us")
    assert seen == Spread(median=3.0, least=1.0, most=8.0)


def test_a_ratio_is_that_of_two_medians() -> None:
    seen = figures(modelmesh=[60.0, 50.0, 70.0], nginx=[30.0, 20.0, 900.0])
    assert seen.ratio("plain", "64 in flight", OURS, "cpu_us", "nginx") == 2.0


@pytest.mark.parametrize("nginx", [{}, {"nginx": [0.0]}])
def test_there_is_no_ratio_to_what_was_not_measured_or_is_nothing(
    nginx: dict[str, list[float]],
) -> None:
    seen = figures(modelmesh=[60.0], **nginx)
    assert seen.ratio("plain", "64 in flight", OURS, "cpu_us", "nginx") is None


@pytest.mark.parametrize(
    ("target", "measured", "met"),
    [
        (Target(1, "as it is", POINT, 60), 60.0, True),
        (Target(1, "as it is", POINT, 59), 60.0, False),
        (Target(1, "times", POINT, 2, times=POINT.of("nginx")), 2.0, True),
        (Target(1, "times", POINT, 1.9, times=POINT.of("nginx")), 2.0, False),
        (Target(1, "beyond", POINT, 29, beyond=POINT.of("nginx")), 30.0, False),
        (Target(1, "at least", POINT, 61, at_least=True), 60.0, False),
        (Target(1, "at least", POINT, 60, at_least=True), 60.0, True),
        (Target(1, "times what is not there", POINT, 1, times=POINT.of("portkey")), None, None),
        (Target(1, "where we are not", POINT.at("one"), 1), None, None),
    ],
)
def test_a_target_is_met_or_not_or_was_not_measured(
    target: Target, measured: float | None, met: bool | None
) -> None:
    seen = figures(modelmesh=[60.0], nginx=[30.0])
    assert target.measured(seen) == measured
    assert target.met(seen) is met


def points() -> Iterator[Point]:
    for target in TARGETS:
        yield from filter(None, (target.ours, target.times, target.beyond))


@pytest.mark.parametrize("point", dict.fromkeys(points()), ids=str)
def test_every_target_is_about_a_figure_that_an_experiment_shows(point: Point) -> None:
    experiment = importlib.import_module(f"benchmarks.experiments.{point.experiment}")
    assert point.figure in experiment.FIGURES


def test_the_page_says_what_is_met_and_what_was_not_measured(tmp_path: Path) -> None:
    report.write(results(modelmesh=[60.0], nginx=[10.0], tensorzero=[600.0]), tmp_path)
    page = (tmp_path / "performance.md").read_text()
    assert "| 1 | plain request, times nginx | at most 4 | 6 | **not met** |" in page
    assert "| 1 | plain request, times TensorZero | at most 0.45 | 0.10 | met |" in page
    assert "| 1 | plain request, times Portkey | at most 0.083 |  | not measured |" in page
    assert "| TensorZero | 600, 10\N{MULTIPLICATION SIGN} |" in page
    assert "- nginx: not installed" in page


@pytest.mark.parametrize("quick", [True, False])
def test_the_page_says_when_it_comes_from_a_quick_run(tmp_path: Path, quick: bool) -> None:
    made = results(modelmesh=[60.0])
    made["scale"]["quick"] = quick
    report.write(made, tmp_path)
    assert ("quick run" in (tmp_path / "performance.md").read_text()) is quick


def test_what_people_wrote_on_the_page_stays(tmp_path: Path) -> None:
    report.write(results(modelmesh=[60.0]), tmp_path)
    path = tmp_path / "performance.md"
    path.write_text("Read this first.\n" + path.read_text() + "Where the time goes.\n")
    report.write(results(modelmesh=[71.0]), tmp_path)
    page = path.read_text()
    assert page.startswith("Read this first.\n")
    assert page.endswith("Where the time goes.\n")
    assert "| ModelMesh | 71 |" in page
    assert "| ModelMesh | 60 |" not in page


def test_a_page_without_its_marks_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "performance.md"
    path.write_text("All of this was written by hand.\n")
    with pytest.raises(ValueError, match="marks"):
        report.write(results(modelmesh=[60.0]), tmp_path)
    assert path.read_text() == "All of this was written by hand.\n"


def test_every_image_on_the_page_is_there_and_well_formed(tmp_path: Path) -> None:
    report.write(results(modelmesh=[60.0], nginx=[30.0]), tmp_path)
    assert "(images/plain.svg)" in (tmp_path / "performance.md").read_text()
    assert ET.parse(tmp_path / "images/plain.svg").getroot().tag.endswith("svg")


def test_bars_are_sorted_and_the_longest_are_cut() -> None:
    image = bars("A < B", "note", [Bar("far", 900), Bar("ours", 2, ours=True), Bar("near", 1)])
    root = ET.fromstring(image)
    named = [text.text for text in root.iter() if "name" in text.get("class", "").split()]
    widths = [
        float(bar.get("width", "0")) for bar in root.iter() if bar.get("class") in {"ours", "bar"}
    ]
    assert named == ["near", "ours", "far"]
    assert all(shorter < longer for shorter, longer in pairwise(widths))
    assert widths[2] == 8 * widths[1]
    assert image.count('class="cut"') == 1


@pytest.mark.parametrize(
    ("value", "written"),
    [(0, "0"), (0.0123, "0.012"), (1.234, "1.23"), (45.67, "45.7"), (12345.6, "12,346"), (4, "4")],
)
def test_a_number_has_as_many_digits_as_say_something(value: float, written: str) -> None:
    assert number(value) == written


def test_a_spread_is_written_where_there_is_one() -> None:
    assert spread(Spread.of([3, 1, 8])) == "3 (1\N{EN DASH}8)"
    assert spread(Spread.of([3])) == "3"


@pytest.mark.parametrize("run", routing.RUNS, ids=lambda run: run.name)
async def test_routing_is_measured_for_every_strategy(run: routing.Run) -> None:
    cell = routing.Cell(run, 3)
    assert [await cell.microseconds(kind) > 0 for kind in routing.KINDS] == [True, True]
    assert sum(cell.pool.standing(one).record.answers for one in cell.pool.targets) > 0


def test_what_routing_costs_stands_beside_what_it_costs_for_one_target() -> None:
    took = {"1 target": 2.0, "1,000 targets": 3.0}
    made = [
        {
            "experiment": kind,
            "case": case,
            "gateway": run.name,
            "round": 0,
            "figures": {"cpu_us": us},
        }
        for kind in routing.KINDS
        for run in routing.RUNS
        for case, us in took.items()
    ]
    measured = {"when": "today", "machine": {"processor": "P", "python": "3"}, "rounds": 1}
    page = "Before\n<!-- costs -->\nold\n<!-- end of costs -->\nafter\n"
    written = routing.page(page, measured | {"rows": made})
    assert "| round-robin | one | 2 | 3 | 1.50\N{MULTIPLICATION SIGN} |\n" in written
    assert written.startswith("Before\n<!-- costs -->\nMeasured today on one core of P")
    assert written.endswith("\n<!-- end of costs -->\nafter\n")
    assert "old" not in written


BODY = b"An answer\r\n0\r\n\r\nthat looks like an end." * 3
COUNTED = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"".join(
    b"%x\r\n%b\r\n" % (len(piece), piece) for piece in (BODY[:7], BODY[7:50], BODY[50:], b"")
)


@given(message=st.sampled_from([COUNTED, CHUNKED]), cuts=st.sets(st.integers(0, len(CHUNKED))))
def test_a_message_is_read_whole_however_it_is_cut(message: bytes, cuts: set[int]) -> None:
    places = [0, *sorted(cut for cut in cuts if cut < len(message)), len(message)]
    incoming = Incoming()
    body = b""
    for begin, end in pairwise(places):
        assert not incoming.complete
        body += incoming.feed(message[begin:end])
    assert (incoming.complete, incoming.status, body) == (True, 200, BODY)


@pytest.mark.parametrize(
    "message", [COUNTED + b"x", CHUNKED + b"x", b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"]
)
def test_a_message_without_a_certain_end_is_none(message: bytes) -> None:
    with pytest.raises(ValueError, match=r"more than a message|without a length"):
        Incoming().feed(message)


@pytest.mark.parametrize("size", [1_000, 100_000])
def test_a_question_is_as_long_as_wanted_and_ends_with_its_mark(size: int) -> None:
    asked = answers.question(answers.PLAIN, size=size)
    content = json.loads(asked)["messages"][0]["content"]
    assert len(asked) == size
    assert content.endswith(answers.END_MARK)


WHOLE = (
    answers.opening("paced")
    + answers.stamped(answers.piece("paced"), 12) * 3
    + answers.closing("paced", usage=False)
)


@pytest.mark.parametrize(
    ("status", "body", "pieces", "fault"),
    [
        (200, WHOLE, 3, ""),
        (502, WHOLE, 3, "status 502"),
        (200, WHOLE.removesuffix(answers.DONE), 3, "no terminator"),
        (200, WHOLE, 4, "3 of 4 pieces"),
        (200, WHOLE.replace(b"assistant", b"Assistant"), 3, "other bytes"),
    ],
)
def test_every_fault_of_a_stream_is_seen(status: int, body: bytes, pieces: int, fault: str) -> None:
    assert answers.stream_fault(status, body, "paced", pieces, exact=True) == fault


@pytest.mark.parametrize(
    ("status", "body", "exact", "fault"),
    [
        (200, answers.plain(), True, ""),
        (500, answers.failure(), True, "status 500"),
        (200, answers.plain() + b" ", True, "other bytes"),
        (200, answers.plain() + b" ", False, ""),
        (200, answers.failure(), False, "no chat completion"),
        (200, answers.plain().replace(b"little", b"much"), False, "another text"),
    ],
)
def test_every_fault_of_a_plain_answer_is_seen(
    status: int, body: bytes, exact: bool, fault: str
) -> None:
    assert answers.plain_fault(status, body, exact=exact) == fault
