"""Start to ready: from the command to the first right answer."""

from contextlib import AsyncExitStack
from typing import Final

from benchmarks.lab import Lab

TITLE: Final = "Start"
FIGURES: Final = {
    "seconds": "seconds",
    "cpu_seconds": "seconds of CPU",
}
PLOT: Final = ("first answer", "seconds")


async def run(lab: Lab) -> None:
    for number in range(lab.scale.rounds):
        for name in lab.between:
            async with AsyncExitStack() as stack:
                if gateway := await lab.start(name, stack):
                    lab.record(
                        "first answer",
                        name,
                        number,
                        seconds=gateway.seconds_to_ready,
                        cpu_seconds=gateway.program.cpu(),
                    )
