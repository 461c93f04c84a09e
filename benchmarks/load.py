"""The load: so many requests in flight, and every answer checked: status, bytes, pieces, end."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Final

from benchmarks import answers
from benchmarks.connections import Connection, Plain, Stream, Streamed, Tally, connected
from benchmarks.doors import Door

_PATIENCE: Final = 60.0
_APART: Final = 0.0004  # between the beginnings of streams, so that they do not march in step


async def ask(
    door: Door,
    *,
    in_flight: int,
    seconds: float,
    at_most: int | None = None,
    size: int = 1000,
) -> Tally:
    """Keep so many plain requests in flight for so long, or until there are enough answers."""
    request = door.request(answers.question(door.model.format(answers.PLAIN), size=size))
    tally = Tally()
    begun = time.perf_counter()

    def enough() -> bool:
        return time.perf_counter() - begun > seconds or (
            at_most is not None and tally.answers + in_flight > at_most
        )

    connections = [Plain(request, tally, enough, exact=door.exact) for _ in range(in_flight)]
    try:
        async with connected(door, connections):
            begun = time.perf_counter()
            for one in connections:
                one.ask()
            await _ended(connections)
            tally.seconds = time.perf_counter() - begun
    except OSError as failure:
        tally.faults[type(failure).__name__] += 1
    tally.faults.update(fault for one in connections if (fault := one.done.result()))
    return tally


async def stream(door: Door, *, model: str, count: int, pieces: int) -> list[Stream]:
    """Read so many streams to their end; each is checked after the last of them."""
    request = door.request(answers.question(door.model.format(model), stream=True))
    streams = [Stream() for _ in range(count)]
    connections = [Streamed(request, one) for one in streams]
    async with connected(door, connections):
        for one in connections:
            one.ask()
            await asyncio.sleep(_APART)
        await _ended(connections)
    for seen, one in zip(streams, connections, strict=True):
        seen.fault = one.done.result() or answers.stream_fault(
            seen.status, seen.body, model, pieces, exact=door.exact
        )
    return streams


@asynccontextmanager
async def held(door: Door, count: int) -> AsyncIterator[int]:
    """Keep so many streams open which do not end; give how many of them have begun."""
    request = door.request(answers.question(door.model.format(answers.HELD), stream=True))
    connections = [Streamed(request, Stream()) for _ in range(count)]
    async with connected(door, connections):
        for one in connections:
            one.ask()
        with suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE):
                for one in connections:
                    while not (one.begun or one.done.done()):  # noqa: ASYNC110 - once, and slow
                        await asyncio.sleep(0.01)
        yield sum(one.begun and not one.done.done() for one in connections)


async def _ended(connections: Sequence[Connection]) -> None:
    """Wait until all are done, within reason."""
    await asyncio.wait([one.done for one in connections], timeout=_PATIENCE)
