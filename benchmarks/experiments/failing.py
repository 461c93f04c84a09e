"""A pool whose first target always fails: nobody notices, and it is hardly ever asked."""

from contextlib import AsyncExitStack
from typing import Final

from benchmarks import answers
from benchmarks.experiments.plain import cost
from benchmarks.lab import Lab

TITLE: Final = "First target failing"
FIGURES: Final = {
    "cpu_us": "CPU per request, µs",
    "calls_per_answer": "calls for each answer",
    "faults": "client errors",
}
PLOT: Final = ("first fails", "cpu_us")


async def run(lab: Lab) -> None:
    async with AsyncExitStack() as stack:
        pools = [
            (case, gateway)
            for name in lab.ours
            for case, fails in (("all healthy", False), ("first fails", True))
            if (gateway := await lab.start(name, stack, first_fails=fails))
        ]
        for number, turn in lab.rounds(pools):
            for case, gateway in turn:
                before = await _calls(lab)
                figures = await cost(lab, gateway)
                calls = await _calls(lab) - before
                if answered := figures.get("answers"):
                    figures["calls_per_answer"] = calls / answered
                lab.record(case, gateway.name, number, **figures)


async def _calls(lab: Lab) -> int:
    return await lab.asked(answers.PLAIN) + await lab.asked(answers.FAILING)
