"""Plain requests: what one costs a gateway, with few and with many in flight."""

from statistics import median
from typing import Final

from benchmarks.lab import Gateway, Lab
from benchmarks.load import ask

TITLE: Final = "Plain requests"
FIGURES: Final = {
    "cpu_us": "CPU per request, µs",
    "per_second": "requests per second",
    "wait_ms": "wait for an answer, ms",
    "faults": "faults",
}
PLOT: Final = ("64 in flight", "cpu_us")
IN_FLIGHT: Final = (1, 16, 64, 256, 1000)


async def run(lab: Lab) -> None:
    async with lab.running() as gateways:
        for number, turn in lab.rounds(gateways):
            for in_flight in IN_FLIGHT:
                for gateway in turn:
                    figures = await cost(lab, gateway, in_flight=in_flight)
                    lab.record(f"{in_flight:,} in flight", gateway.name, number, **figures)


async def cost(
    lab: Lab, gateway: Gateway, *, in_flight: int = 64, size: int = 1000
) -> dict[str, float]:
    """Return what plain requests cost where as many have been in flight already."""
    await ask(gateway.door, in_flight=in_flight, seconds=0, size=size)
    before = gateway.program.cpu()
    tally = await ask(gateway.door, in_flight=in_flight, seconds=lab.scale.seconds, size=size)
    spent = gateway.program.cpu() - before
    figures: dict[str, float] = {"faults": tally.faults.total()}
    if not tally.answers:
        return figures
    return figures | {
        "cpu_us": spent * 1e6 / tally.answers,
        "per_second": tally.answers / tally.seconds,
        "wait_ms": median(tally.waits) * 1000,
        "answers": tally.answers,
    }
