"""The bare pass-through on uvloop."""

from importlib.metadata import version
from importlib.util import find_spec

from benchmarks.doors import Door
from benchmarks.gateways import aiohttp
from benchmarks.programs import Program
from benchmarks.pythons import module


def available() -> str:
    return f"{aiohttp.available()} on {version('uvloop')}" if find_spec("uvloop") else ""


def start(port: int, vendor_url: str) -> tuple[Door, Program]:
    return Door(port=port), module(aiohttp.__name__, port, vendor_url, "uvloop")
