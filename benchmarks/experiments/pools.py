"""Pools of 1 to 1,000 targets: what a request costs should not depend on the size."""

from contextlib import AsyncExitStack
from typing import Final

from benchmarks.experiments.plain import cost
from benchmarks.lab import Lab

TITLE: Final = "Large pools"
FIGURES: Final = {
    "cpu_us": "CPU per request, µs",
    "faults": "faults",
}
PLOT: Final = ("1,000 targets", "cpu_us")
SIZES: Final = (1, 10, 100, 1000)


async def run(lab: Lab) -> None:
    async with AsyncExitStack() as stack:
        pools = [
            (f"{size:,} target{'s' * (size > 1)}", gateway)
            for name in lab.ours
            for size in SIZES
            if (gateway := await lab.start(name, stack, targets=size))
        ]
        for number, turn in lab.rounds(pools):
            for case, gateway in turn:
                lab.record(case, gateway.name, number, **await cost(lab, gateway))
