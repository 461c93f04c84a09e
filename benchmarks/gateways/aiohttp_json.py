"""The pass-through that reads and writes JSON on its way, as one does to see the model's name."""

from benchmarks.doors import Door
from benchmarks.gateways import aiohttp
from benchmarks.programs import Program
from benchmarks.pythons import module


def available() -> str:
    return aiohttp.available()


def start(port: int, vendor_url: str) -> tuple[Door, Program]:
    program = module(aiohttp.__name__, port, vendor_url, "json")
    return Door(port=port, exact=False), program
