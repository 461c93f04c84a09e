"""Streams, paced and in bursts: what a chunk costs and how old it is when it arrives."""

from statistics import median
from typing import Final

from benchmarks import answers
from benchmarks.connections import Stream
from benchmarks.lab import Gateway, Lab
from benchmarks.load import stream

TITLE: Final = "Streams"
FIGURES: Final = {
    "cpu_us": "CPU per chunk, µs",
    "age_ms": "age of a chunk on arrival, ms",
    "oldest_ms": "oldest chunk, ms",
    "first_token_ms": "time to first token, ms",
    "faults": "faults",
}
PLOT: Final = ("paced", "cpu_us")


async def run(lab: Lab) -> None:
    async with lab.running() as gateways:
        for number, turn in lab.rounds(gateways):
            for model in (answers.PACED, answers.BURST):
                for gateway in turn:
                    await _measure(lab, gateway, model, number, lab.scale.streams)
            for gateway in turn:
                await _alone(lab, gateway, number)


async def _measure(lab: Lab, gateway: Gateway, model: str, number: int, count: int) -> None:
    before = gateway.program.cpu()
    streams = await stream(gateway.door, model=model, count=count, pieces=lab.scale.pieces)
    spent = gateway.program.cpu() - before
    whole = sum(not one.fault for one in streams) * lab.scale.pieces
    cost = {"cpu_us": spent * 1e6 / whole} if whole else {}
    lab.record(model, gateway.name, number, **cost, **seen(streams))


async def _alone(lab: Lab, gateway: Gateway, number: int) -> None:
    """Record how long one stream alone takes to begin, a few times over."""
    streams: list[Stream] = []
    for _ in range(lab.scale.alone):
        streams += await stream(gateway.door, model=answers.BURST, count=1, pieces=lab.scale.pieces)
    lab.record("one stream", gateway.name, number, **seen(streams))


def seen(streams: list[Stream]) -> dict[str, float]:
    """Return what clients saw of some streams."""
    whole = [one for one in streams if not one.fault]
    faults = {"faults": float(len(streams) - len(whole))}
    if not whole:
        return faults
    ages = [age for one in whole for age in one.ages]
    return faults | {
        "first_token_ms": median(one.first_token for one in whole),
        "age_ms": median(ages),
        "oldest_ms": max(ages),
    }
