"""Ours as the base install has it: aiohttp in front and behind."""

from typing import Any

from benchmarks.doors import Door
from benchmarks.gateways import modelmesh
from benchmarks.programs import Program
from modelmesh import __version__


def available() -> str:
    return __version__


def start(port: int, vendor_url: str, **settings: Any) -> tuple[Door, Program]:
    return modelmesh.start(port, vendor_url, base_install=True, **settings)
