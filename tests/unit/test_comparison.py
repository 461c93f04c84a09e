"""The figures in the comparison are those of the page on performance."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/comparison.md").read_text()
README = (ROOT / "README.md").read_text()
MEASURED = (ROOT / "docs/performance.md").read_text()
# Where a row's figures are: the heading of a table's first column there, and the column.
WHERE = {
    "CPU for a plain request, 64 in flight, µs": ("CPU per request, µs", "64 in flight"),
    "wait for an answer, 1 in flight, ms": ("wait for an answer, ms", "1 in flight"),
    "CPU for a chunk of a stream, paced, µs": ("CPU per chunk, µs", "paced"),
    "CPU for a body of 1 MB, µs": ("CPU per request, µs", "1 MB"),
    "memory at rest, MiB": ("memory at rest, MiB", "at rest"),
    "memory for each open stream, KiB": ("memory per open stream, KiB", "at rest"),
    "from the command to the first answer, s": ("seconds", "first answer"),
    "CPU for a call, 64 at once, µs": ("CPU per call, µs", "64 at once"),
    "CPU for a call, one by one, sync, µs": ("CPU per call, µs", "one by one, sync"),
    "CPU to import a client, ms": ("CPU to import a client, ms", "import"),
    "size with all it needs, MiB": ("size with all it needs, MiB", "import"),
}


def tables(page: str) -> list[list[list[str]]]:
    found = re.findall(r"(?:^\|.*\n)+", page, re.MULTILINE)
    return [
        [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()]
        for text in found
    ]


def measured(about: str, column: str, name: str) -> str:
    """Return the median that the page on performance has, or a dash where it has none."""
    for heading, _, *rows in tables(MEASURED):
        if heading[0] == about and column in heading:
            row = next((row for row in rows if row[0] == name), None)
            return row[heading.index(column)].split()[0].rstrip(",") if row else "\N{EN DASH}"
    raise LookupError(about)


SHOWN = [
    pytest.param(row[0], name, figure, id=f"{'page' if page is PAGE else 'readme'}-{row[0]}-{name}")
    for page in (PAGE, README)
    for heading, _, *rows in tables(page)
    if "ModelMesh" in heading
    for row in rows
    if row[0] != "version"
    for name, figure in zip(heading[1:], row[1:], strict=True)
]


@pytest.mark.parametrize(("about", "name", "figure"), SHOWN)
def test_a_figure_is_the_one_that_was_measured(about: str, name: str, figure: str) -> None:
    assert figure == measured(*WHERE[about], name)


def test_every_row_is_looked_up() -> None:
    assert len(SHOWN) == 7 * 5 + 4 * 4 + 4 * 4


def test_versions_and_the_day_are_those_that_were_measured() -> None:
    (version,) = (row for table in tables(PAGE) for row in table if row[0] == "version")
    for name, number in zip(
        ("ModelMesh", "TensorZero", "Portkey", "LiteLLM", "nginx"), version[1:], strict=True
    ):
        assert f"- {name}: {number}" in MEASURED
    (day,) = re.findall(r"^Measured (\S+) .*on (2 cores of AMD EPYC)", MEASURED, re.MULTILINE)
    assert f"on {day[1]}, on {day[0]}" in PAGE.replace("\n", " ")
    assert f"on {day[1]}, on {day[0]}" in README.replace("\n", " ")


def test_the_figure_in_an_answer_is_the_one_that_was_measured() -> None:
    (figure,) = re.findall(r"some (\S+) µs of CPU", (ROOT / "docs/faq.md").read_text())
    assert figure == measured("CPU per request, µs", "64 in flight", "ModelMesh")


def test_every_source_that_is_named_is_there() -> None:
    named = {
        number for group in re.findall(r"\[(\d+(?:, \d+)*)\]", PAGE) for number in group.split(", ")
    }
    assert named == set(re.findall(r"^\| (\d+) \| .*<https://", PAGE, re.MULTILINE))
