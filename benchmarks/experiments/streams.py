"""Streams, paced and in bursts: what a chunk costs and how old it is when it arrives."""

from typing import Final

from benchmarks import answers
from benchmarks.lab import Gateway, Lab
from benchmarks.load import Stream, middle, stream

TITLE: Final = "Streams"


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
    lab.record(model, gateway.name, number, cpu_us=spent * 1e6 / max(whole, 1), **seen(streams))


async def _alone(lab: Lab, gateway: Gateway, number: int) -> None:
    """Record how long one stream alone takes to begin, a few times over."""
    streams: list[Stream] = []
    for _ in range(lab.scale.alone):
        streams += await stream(gateway.door, model=answers.BURST, count=1, pieces=lab.scale.pieces)
    lab.record("one stream", gateway.name, number, **seen(streams))


def seen(streams: list[Stream]) -> dict[str, float]:
    """Return what clients saw of some streams."""
    ages = sorted(age for one in streams for age in one.ages)
    firsts = [one.first_token for one in streams if one.first_token is not None]
    return {
        "first_token_ms": middle(firsts),
        "age_ms": middle(ages),
        "oldest_ms": ages[-1] if ages else 0.0,
        "faults": sum(bool(one.fault) for one in streams),
    }
