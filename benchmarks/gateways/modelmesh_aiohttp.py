"""Ours over the aiohttp transport, which the base install has."""

from typing import Any

from benchmarks.doors import Door
from benchmarks.gateways import modelmesh
from benchmarks.programs import Program


def available() -> str:
    return modelmesh.available() if modelmesh.transports() else ""


def start(port: int, vendor_url: str, **settings: Any) -> tuple[Door, Program]:
    return modelmesh.start(port, vendor_url, transport="aiohttp", **settings)
