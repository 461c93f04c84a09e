"""The page and its images, made from a file of results.

python -m benchmarks.report [RESULTS]

What people wrote on the page outside the two marks stays as it is.
"""

import importlib
import inspect
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from benchmarks import experiments
from benchmarks.figures import Figures, rows_from
from benchmarks.plots import Bar, bars
from benchmarks.pythons import ROOT
from benchmarks.targets import OURS, TARGETS, in_targets_order
from benchmarks.words import in_order, name, number, spread, times

LATEST: Final = ROOT / "benchmarks" / "results" / "latest.json"

_BEGIN: Final = "<!-- made by `python -m benchmarks.report`: begin -->"
_END: Final = "<!-- made by `python -m benchmarks.report`: end -->"
_NEW_PAGE: Final = f"# Performance\n\n{_BEGIN}\n{_END}\n"
_VERDICTS: Final = {True: "met", False: "**not met**", None: "not measured"}


def write(results: Mapping[str, Any], docs: Path) -> None:
    """Write the page and the images that it shows."""
    figures = Figures.of(rows_from(results["rows"]))
    modules = {
        experiment: importlib.import_module(f"{experiments.__name__}.{experiment}")
        for experiment in in_targets_order(figures.experiments())
    }
    images = docs / "images"
    images.mkdir(parents=True, exist_ok=True)
    for experiment, module in modules.items():
        (images / f"{experiment}.svg").write_text(plot(experiment, module, figures))
    path = docs / "performance.md"
    page = path.read_text() if path.exists() else _NEW_PAGE
    path.write_text(spliced(page, "\n".join(_lines(results, figures, modules))))


def spliced(page: str, made: str) -> str:
    """Return a page with what is between the marks replaced.

    Raises:
        ValueError: the marks are not there.

    """
    before, begin, rest = page.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not begin or not end:
        raise ValueError("the page has lost its marks")
    return f"{before}{_BEGIN}\n{made}\n{_END}{after}"


def plot(experiment: str, module: ModuleType, figures: Figures) -> str:
    """Return the image of an experiment's main figure."""
    case, figure = module.PLOT
    drawn = [
        Bar(name(gateway), value.median, ours=gateway == OURS)
        for gateway in figures.gateways(experiment, case)
        if (value := figures.spread(experiment, case, gateway, figure)) and value.median
    ]
    return bars(f"{module.TITLE}: {module.FIGURES[figure]}", f"{case}; shorter is better", drawn)


def _lines(
    results: Mapping[str, Any], figures: Figures, modules: Mapping[str, ModuleType]
) -> Iterator[str]:
    yield ""
    if results["scale"]["quick"]:
        yield "> From a quick run, which shows that everything works: no figures to quote."
        yield ""
    yield from _about(results)
    yield from _targets(figures)
    for experiment, module in modules.items():
        yield f"## {module.TITLE}"
        yield ""
        yield _told(module)
        yield ""
        yield f"![{module.TITLE}](images/{experiment}.svg)"
        yield ""
        for figure, title in module.FIGURES.items():
            yield from _table(experiment, figure, title, figures)


def _told(module: ModuleType) -> str:
    """Return what an experiment says of itself, after its name."""
    text = " ".join((inspect.getdoc(module) or "").split()).partition(": ")[2]
    return text[:1].upper() + text[1:]


def _about(results: Mapping[str, Any]) -> Iterator[str]:
    machine, scale = results["machine"], results["scale"]
    yield (
        f"Measured {results['when']} on {machine['cores']} cores of {machine['processor']},"
        f" {machine['system']}, Python {machine['python']}. Each figure is the median of"
        f" {scale['rounds']} interleaved rounds, with the least and the most in brackets. The"
        " gateway has a core to itself; vendor and load generator share another, so requests per"
        " second end where these two do. Every answer is checked: its status, its bytes, the"
        " number of its pieces and its end. CPU is what the kernel counts for the gateway's"
        " processes. Absolute figures move with the machine; ratios in one run hold."
    )
    yield ""
    yield "Beside each other:"
    yield ""
    versions = results["versions"]
    for key in in_order(versions):
        yield f"- {name(key)}: {versions[key] or 'not installed'}"
    yield ""


def _targets(figures: Figures) -> Iterator[str]:
    yield "## What must hold"
    yield ""
    yield "| | CPU, unless something else is named | bound | measured | |"
    yield "|---|---|---|---|---|"
    for target in TARGETS:
        measured = target.measured(figures)
        bound = f"{'at least' if target.at_least else 'at most'} {number(target.limit)}"
        shown = "" if measured is None else number(measured)
        verdict = _VERDICTS[target.met(figures)]
        yield f"| {target.number} | {target.promise} | {bound} | {shown} | {verdict} |"
    yield ""


def _table(experiment: str, figure: str, title: str, figures: Figures) -> Iterator[str]:
    """Give a table of one figure, gateways by cases, with how many times ours each CPU time is."""
    cases = [
        case for case in figures.cases(experiment) if figure in figures.names(experiment, case)
    ]
    gateways = in_order({one for case in cases for one in figures.gateways(experiment, case)})
    rows = {
        one: [_cell(experiment, case, one, figure, figures) for case in cases] for one in gateways
    }
    if not any(cell for cells in rows.values() for cell in cells if cell != "0"):
        yield f"{title[0].upper()}{title[1:]}: none."
        yield ""
        return
    yield f"| {title} | {' | '.join(cases)} |"
    yield "|---" * (len(cases) + 1) + "|"
    for gateway, cells in rows.items():
        if any(cells):
            yield f"| {name(gateway)} | {' | '.join(cells)} |"
    yield ""


def _cell(experiment: str, case: str, gateway: str, figure: str, figures: Figures) -> str:
    shown = spread(figures.spread(experiment, case, gateway, figure))
    ratio = figures.ratio(experiment, case, gateway, figure, OURS)
    return f"{shown}, {times(ratio)}" if ratio and figure == "cpu_us" and gateway != OURS else shown


if __name__ == "__main__":
    chosen = Path(sys.argv[1]) if sys.argv[1:] else LATEST
    write(json.loads(chosen.read_text()), ROOT / "docs")
