"""Ours over the direct transport, whatever the usual one is."""

from importlib.util import find_spec
from typing import Any

from benchmarks.doors import Door
from benchmarks.gateways import modelmesh
from benchmarks.programs import Program


def available() -> str:
    return modelmesh.available() if modelmesh.transports() and find_spec("httptools") else ""


def start(port: int, vendor_url: str, **settings: Any) -> tuple[Door, Program]:
    return modelmesh.start(port, vendor_url, transport="direct", **settings)
