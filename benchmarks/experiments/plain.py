"""Plain requests: what one costs a gateway, with few and with many in flight."""

from typing import Final

from benchmarks.lab import Gateway, Lab
from benchmarks.load import ask, middle

TITLE: Final = "Plain requests"
IN_FLIGHT: Final = (1, 16, 64, 256)


async def run(lab: Lab) -> None:
    async with lab.running() as gateways:
        for number, turn in lab.rounds(gateways):
            for in_flight in IN_FLIGHT:
                for gateway in turn:
                    await measure(
                        lab, gateway, f"{in_flight} in flight", number, in_flight=in_flight
                    )


async def measure(
    lab: Lab, gateway: Gateway, case: str, number: int, *, in_flight: int = 64, size: int = 1000
) -> None:
    """Record what plain requests cost."""
    before = gateway.program.cpu()
    tally = await ask(gateway.door, in_flight=in_flight, seconds=lab.scale.seconds, size=size)
    spent = gateway.program.cpu() - before
    lab.record(
        case,
        gateway.name,
        number,
        cpu_us=spent * 1e6 / max(tally.answers, 1),
        per_second=tally.answers / tally.seconds,
        wait_ms=middle(tally.waits) * 1000,
        faults=tally.faults.total(),
    )
