"""Bodies from 1 KB to 1 MB: what they cost, and what large ones do to streams beside them."""

import asyncio
from typing import Final

from benchmarks import answers
from benchmarks.experiments.plain import cost
from benchmarks.experiments.streams import seen
from benchmarks.lab import Gateway, Lab
from benchmarks.load import ask, stream

TITLE: Final = "Large bodies"
FIGURES: Final = {
    "cpu_us": "CPU per request, µs",
    "wait_ms": "wait for an answer, ms",
    "age_ms": "age of a chunk on arrival, ms",
    "oldest_ms": "oldest chunk, ms",
    "faults": "faults",
}
PLOT: Final = ("1 MB", "cpu_us")
SIZES: Final = {"1 KB": 1_000, "100 KB": 100_000, "1 MB": 1_000_000}
_PAUSE: Final = 0.05


async def run(lab: Lab) -> None:
    async with lab.running() as gateways:
        for number, turn in lab.rounds(gateways):
            for case, size in SIZES.items():
                for gateway in turn:
                    figures = await cost(lab, gateway, in_flight=16, size=size)
                    lab.record(case, gateway.name, number, **figures)
            for gateway in turn:
                await _beside(lab, gateway, number)


async def _beside(lab: Lab, gateway: Gateway, number: int) -> None:
    """Record how streams fare while a large body comes every little while."""
    bodies = asyncio.create_task(_send_bodies(gateway))
    try:
        streams = await stream(
            gateway.door,
            model=answers.PACED,
            count=lab.scale.streams // 2,
            pieces=lab.scale.pieces,
        )
    finally:
        bodies.cancel()
    lab.record("streams beside 1 MB", gateway.name, number, **seen(streams))


async def _send_bodies(gateway: Gateway) -> None:
    while True:
        await ask(gateway.door, in_flight=1, seconds=0, size=SIZES["1 MB"])
        await asyncio.sleep(_PAUSE)
