"""Memory: at rest, for each open stream, and what stays after very many requests."""

import asyncio
from contextlib import AsyncExitStack
from typing import Final

from benchmarks.lab import Gateway, Lab
from benchmarks.load import ask, held

TITLE: Final = "Memory"
FIGURES: Final = {
    "idle_mib": "memory at rest, MiB",
    "per_stream_kib": "memory per open stream, KiB",
    "grown_mib": "growth over requests, MiB",
    "requests": "requests",
}
PLOT: Final = ("at rest", "idle_mib")
_SETTLING: Final = 0.3
_MIB: Final = 1 << 20


async def run(lab: Lab) -> None:
    for number in range(lab.scale.rounds):
        for name in lab.between:
            for measure in (_streams, _requests):
                async with AsyncExitStack() as stack:
                    if gateway := await lab.start(name, stack):
                        await measure(lab, gateway, number)


async def _streams(lab: Lab, gateway: Gateway, number: int) -> None:
    """Record what a fresh gateway holds at rest and with many streams open."""
    idle = gateway.program.memory()
    await ask(gateway.door, in_flight=64, seconds=lab.scale.seconds)
    await asyncio.sleep(_SETTLING)
    before = gateway.program.memory()
    async with held(gateway.door, lab.scale.held) as begun:
        await asyncio.sleep(_SETTLING)
        more = gateway.program.memory() - before
    figures = {"per_stream_kib": more / begun / 1024} if begun == lab.scale.held else {}
    lab.record("at rest", gateway.name, number, idle_mib=idle / _MIB, **figures)


async def _requests(lab: Lab, gateway: Gateway, number: int) -> None:
    """Record what a gateway holds after very many requests more than after many."""
    warm = lab.scale.requests // 10
    await ask(gateway.door, in_flight=64, seconds=lab.scale.patience, at_most=warm)
    await asyncio.sleep(_SETTLING)
    before = gateway.program.memory()
    tally = await ask(
        gateway.door, in_flight=64, seconds=lab.scale.patience, at_most=lab.scale.requests
    )
    await asyncio.sleep(_SETTLING)
    grown = (gateway.program.memory() - before) / _MIB
    lab.record("after requests", gateway.name, number, grown_mib=grown, requests=tally.answers)
