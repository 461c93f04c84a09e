"""What each observer costs: a request in Python alone, as in `benchmarks.alone`, with each of them.

python -m benchmarks.observers [--rounds N] [--page]

Takes two minutes or so. Every round is kept in `benchmarks/results/observers.json`, from which the
table in `docs/observability.md` is made; `--page` makes it without measuring.
"""

import argparse
import asyncio
import gc
import json
import logging
import os
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, suppress
from importlib.util import find_spec
from pathlib import Path
from ssl import SSLContext
from typing import Any, Final

from attrs import field, frozen

from benchmarks import alone
from benchmarks.figures import Figures, Row, Spread, rows_from
from benchmarks.gateways.modelmesh import configuration
from benchmarks.kept import filled_in, keep
from benchmarks.programs import GATEWAY_CORE, OTHER_CORES, free_port
from benchmarks.pythons import ROOT, module
from modelmesh.config.load import load
from modelmesh.mesh import ModelMesh
from modelmesh.proxy.server import ProxyServer
from modelmesh.transport import opening
from modelmesh.transport.address import Origin
from modelmesh.transport.connection import Connection

RESULTS: Final = ROOT / "benchmarks" / "results" / "observers.json"
PAGE: Final = ROOT / "docs" / "observability.md"
NONE: Final = "none"

_HELP: Final = "Measure what each observer costs."
_KIND: Final = "observers"
_REQUESTS: Final = 2000
_WARM: Final = 50
_SILENT: Final = (NONE, "null")
_SECTIONS: Final = ("routing", "logging", "statistics")
_NOWHERE: Final = 9
"""The vendor's port. Whoever connects to it is connected to nothing, and answered at once."""


@frozen
class Run:
    """A row of the table: an observer that is told of everything, and where it does most of it."""

    name: str
    place: str
    settings: Mapping[str, Any] = field(factory=dict)
    library: str = ""

    @property
    def available(self) -> bool:
        return not self.library or find_spec(self.library) is not None


def runs(port: int, folder: str) -> list[Run]:
    """Return the rows; `port` is that of a server that takes everything."""
    sink = f"http://127.0.0.1:{port}"
    return [
        Run(NONE, ""),
        Run("null", "nowhere"),
        Run("callback", "at once", {"function": "builtins:id"}),
        Run("console", "in a thread; to `/dev/null`"),
        Run("local-file", "in a thread", {"path": f"{folder}/events.jsonl"}),
        Run("webhook", "at once, and beside requests", {"url": sink}),
        Run("prometheus", "at once", library="prometheus_client"),
        Run("opentelemetry", "at once, and in threads", {"endpoint": sink}, "opentelemetry.sdk"),
    ]


def observed(run: Run) -> dict[str, Any]:
    """Return the configuration of a proxy with that observer in every section."""
    config = configuration(f"http://127.0.0.1:{_NOWHERE}")
    if run.name != NONE:
        settings = {"connector": run.name, **run.settings}
        config["observability"] = dict.fromkeys(_SECTIONS, settings)
    return config


async def measure(rounds: int) -> list[Row]:
    """Take every figure once a round, each time another one first."""
    port, rows = free_port(), []
    with (
        tempfile.TemporaryDirectory(prefix="benchmark-") as folder,
        module("benchmarks.sink", port, cores=OTHER_CORES) as sink,
        vendor_nowhere(),
    ):
        sink.says(r"listens at (\d+)")
        cells = [run for run in runs(port, folder) if run.available]
        for one in range(rounds):
            first = one % len(cells)
            for run in (*cells[first:], *cells[:first]):
                took = await figures(run)
                rows.append(Row(_KIND, f"{_REQUESTS:,} requests", run.name, one, took))
            print(f"round {one + 1} of {rounds}", flush=True)
    return rows


@contextmanager
def vendor_nowhere() -> Iterator[None]:
    """Let a vendor's connections lead nowhere, and observers' ones where they should."""
    really = opening.connect

    async def connect(origin: Origin, tls: SSLContext | None, connection: Connection) -> None:
        way = alone.connect_nowhere if origin.port == _NOWHERE else really
        await way(origin, tls, connection)

    opening.connect = connect
    try:
        yield
    finally:
        opening.connect = really


async def figures(run: Run, requests: int = _REQUESTS) -> dict[str, float]:
    """Return the CPU that a request takes until the last of it was told, in all threads.

    Raises:
        RuntimeError: the observer is told nothing, so there is nothing to measure.

    """
    mesh = ModelMesh(load(observed(run), environ={}))
    server = ProxyServer(mesh, host="127.0.0.1", port=0)
    async with server:
        if (mesh.audience.of_requests is None) != (run.name in _SILENT):
            raise RuntimeError(f"{run.name} is told nothing, or nobody of something")
        proxy = alone.Proxy(server)
        for _ in range(_WARM):
            await proxy.ask()
        counted = await alone.opcodes(proxy)
        gc.collect()
        before = time.process_time()
        for _ in range(requests):
            await proxy.ask()
        proxy.leave()
    took = (time.process_time() - before) / requests
    return {"cpu_us": took * 1e6, "instructions": counted.total() / alone.COUNTED}


def page(written: str, results: Mapping[str, Any]) -> str:
    """Return the page with the table as it must be."""
    made = "".join(f"{line}\n" for line in _lines(results))
    return filled_in(written, made)


def _lines(results: Mapping[str, Any]) -> Iterator[str]:
    found, on = Figures.of(rows_from(results["rows"])), results["machine"]
    (case,) = found.cases(_KIND)
    yield (
        f"Measured {results['when']} on one core of {on['processor']}, Python {on['python']}, in "
        f"{results['rounds']} interleaved rounds of {case}. The least of them says what it takes "
        "where nobody else uses the machine; the median is beside it."
    )
    yield ""
    yield (
        "| observer | does its work | CPU per request, µs | median | more than none, µs | "
        "instructions |"
    )
    yield "|---|---|--:|--:|--:|--:|"
    usual = _spread(found, case, NONE, "cpu_us")
    for run in runs(0, ""):
        if run.name in found.gateways(_KIND, case):
            cpu = _spread(found, case, run.name, "cpu_us")
            counted = _spread(found, case, run.name, "instructions").median
            more = "" if run.name == NONE else f"{cpu.least - usual.least:+.0f}"
            took = f"{cpu.least:.0f} | {cpu.median:.0f} | {more}"
            yield f"| {run.name} | {run.place} | {took} | {counted:,.0f} |"


def _spread(found: Figures, case: str, name: str, figure: str) -> Spread:
    taken = found.spread(_KIND, case, name, figure)
    assert taken, f"{figure} was not measured for {name}"
    return taken


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.observers", description=_HELP)
    parser.add_argument("--rounds", type=int, default=15, help="how often each figure is taken")
    parser.add_argument("--page", action="store_true", help="only make the table anew")
    asked = parser.parse_args(arguments)
    if not asked.page:
        logging.disable()
        os.sched_setaffinity(0, GATEWAY_CORE)
        make: Any = asyncio.new_event_loop
        with suppress(ImportError):
            from uvloop import new_event_loop as make  # noqa: PLC0415 - it may be missing
        with (
            Path(os.devnull).open("w") as silence,
            redirect_stderr(silence),
            asyncio.Runner(loop_factory=make) as runner,
        ):
            keep(RESULTS, runner.run(measure(asked.rounds)), asked.rounds)
    PAGE.write_text(page(PAGE.read_text(), json.loads(RESULTS.read_text())))


if __name__ == "__main__":
    main()
