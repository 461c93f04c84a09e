"""Clients in process: what a call costs, many at once and one after another."""

import json
import re
from typing import Final

from benchmarks import clients
from benchmarks.lab import Lab
from benchmarks.pythons import module

_FIGURES: Final = re.compile(r"^{.*}$", re.MULTILINE)

TITLE: Final = "Clients in process"
FIGURES: Final = {
    "cpu_us": "CPU per call, µs",
    "per_second": "calls per second",
}
PLOT: Final = ("64 at once", "cpu_us")
CASES: Final = {"64 at once": "64", "one by one, sync": "sync"}


async def run(lab: Lab) -> None:
    found = clients.found()
    lab.versions = {name: client.version for name, client in found.items()} | lab.versions
    for number in range(lab.scale.rounds):
        for case, way in CASES.items():
            for client in found.values():
                if way == "sync" and not client.sync:
                    continue
                arguments = (client.name, lab.vendor_url, way, lab.scale.seconds)
                program = module(
                    "benchmarks.clients",
                    *arguments,
                    python=client.python,
                    environment=client.environment,
                )
                with program:
                    said = await program.all_said()
                if figures := _FIGURES.search(said):
                    lab.record(case, client.name, number, **json.loads(figures[0]))
                else:
                    print(f"  {client.name} fails\n{said[-1000:]}")
