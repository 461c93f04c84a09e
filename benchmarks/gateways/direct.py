"""No gateway: the client asks the vendor, and what these two take shows by itself."""

import sys
from urllib.parse import urlsplit

from benchmarks.doors import Door
from benchmarks.programs import Program


def available() -> str:
    return "the vendor itself"


def start(_: int, vendor_url: str) -> tuple[Door, Program]:
    port = urlsplit(vendor_url).port
    assert port
    return Door(port=port), Program([sys.executable, "-c", "import signal; signal.pause()"])
