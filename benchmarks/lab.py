"""Where experiments happen: the vendor, the gateways beside each other, and what was recorded."""

import asyncio
import importlib
import json
import pkgutil
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from types import ModuleType
from typing import Any, Final, TypeVar

from attrs import define, field, frozen

from benchmarks import gateways, load
from benchmarks.doors import Door
from benchmarks.figures import Row
from benchmarks.programs import OTHER_CORES, Program, free_port
from benchmarks.pythons import module

_PATIENCE: Final = 90.0
T = TypeVar("T")


@frozen(kw_only=True)
class Scale:
    """How much is done. Figures to publish come from the full scale."""

    quick: bool = False
    rounds: int = 5
    seconds: float = 2.0  # of load, for each figure
    pieces: int = 200
    gap: float = 0.02
    streams: int = 50
    alone: int = 20
    held: int = 500
    requests: int = 50_000
    patience: float = 30.0  # for all of them

    @classmethod
    def full(cls, rounds: int | None) -> "Scale":
        return cls(rounds=rounds) if rounds else cls()

    @classmethod
    def short(cls, rounds: int | None) -> "Scale":
        return cls(
            quick=True,
            rounds=rounds or 2,
            seconds=0.4,
            pieces=50,
            streams=20,
            alone=5,
            held=100,
            requests=10_000,
            patience=5.0,
        )


@define(kw_only=True)
class Gateway:
    """A gateway that runs and answers."""

    name: str
    door: Door
    program: Program
    seconds_to_ready: float


@define
class Lab:
    """What an experiment works with."""

    scale: Scale
    gateways: Mapping[str, ModuleType]  # those that are installed
    versions: dict[str, str]
    rows: list[Row] = field(factory=list, init=False)
    vendor_port: int = field(default=0, init=False)
    _experiment: str = field(default="", init=False)

    @classmethod
    def of(cls, scale: Scale, only: Sequence[str] = ()) -> "Lab":
        """Return a lab with the gateways of these names, or all there are."""
        found = {
            name: importlib.import_module(f"{gateways.__name__}.{name}")
            for _, name, _ in pkgutil.iter_modules(gateways.__path__)
            if not name.startswith("_") and (not only or name in only)
        }
        versions = {name: module.available() for name, module in found.items()}
        return cls(scale, {name: found[name] for name in found if versions[name]}, versions)

    @asynccontextmanager
    async def experiment(self, name: str) -> AsyncIterator[None]:
        """Run the vendor, afresh, while an experiment lasts."""
        self._experiment = name
        self.vendor_port = free_port()
        settings = (self.vendor_port, self.scale.pieces, self.scale.gap)
        with module("benchmarks.vendor", *settings, cores=OTHER_CORES) as vendor:
            await _ready(vendor, Door(port=self.vendor_port))
            yield

    @property
    def vendor_url(self) -> str:
        return f"http://127.0.0.1:{self.vendor_port}"

    @asynccontextmanager
    async def running(self) -> AsyncIterator[list[Gateway]]:
        """Start all gateways; give those that answer, warmed up."""
        async with AsyncExitStack() as stack:
            running = []
            for name in self.gateways:
                if gateway := await self.start(name, stack):
                    await load.ask(gateway.door, in_flight=16, seconds=self.scale.seconds / 2)
                    running.append(gateway)
            yield running

    async def start(self, name: str, stack: AsyncExitStack, **settings: Any) -> Gateway | None:
        """Start a gateway and wait for its first right answer."""
        begun = time.monotonic()
        try:
            door, program = self.gateways[name].start(free_port(), self.vendor_url, **settings)
            stack.callback(program.end)
            await _ready(program, door)
        except (TimeoutError, RuntimeError) as failure:
            print(f"  {name} does not answer rightly: {failure}")
            return None
        ready = time.monotonic() - begun
        return Gateway(name=name, door=door, program=program, seconds_to_ready=ready)

    @property
    def between(self) -> list[str]:
        """The gateways which are programs between client and vendor."""
        return [name for name in self.gateways if name != "direct"]

    @property
    def ours(self) -> list[str]:
        """The gateways which are ours."""
        return [name for name in self.gateways if name.startswith("modelmesh")]

    def rounds(self, running: Sequence[T]) -> Iterator[tuple[int, list[T]]]:
        """Give what runs once a round, each time with another one first."""
        for number in range(self.scale.rounds):
            first = number % max(len(running), 1)
            yield number, [*running[first:], *running[:first]]

    def record(self, case: str, gateway: str, number: int, **figures: float) -> None:
        """Keep what a round showed, and tell it."""
        self.rows.append(Row(self._experiment, case, gateway, number, figures))
        told = "  ".join(f"{name} {value:,.4g}" for name, value in figures.items())
        print(f"  {number + 1}  {case:<24} {gateway:<18} {told}", flush=True)

    async def asked(self, model: str) -> int:
        """Return how often the vendor was asked for a model."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.vendor_port)
        writer.write(b"GET /counts HTTP/1.1\r\nhost: vendor\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
        counts = (await reader.readuntil(b"}")).decode()
        writer.close()
        return int(json.loads(counts).get(model, 0))


async def _ready(program: Program, door: Door) -> None:
    """Wait until the first right answer."""
    async with asyncio.timeout(_PATIENCE):
        while True:
            tally = await load.ask(door, in_flight=1, seconds=0)
            if tally.answers:
                return
            if program.ended:
                raise RuntimeError(f"it has ended\n{program.log[-2000:]}")
            await asyncio.sleep(0.005)
