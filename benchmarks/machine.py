"""What the figures were measured on."""

import os
import platform
from pathlib import Path


def machine() -> dict[str, str]:
    cpu = Path("/proc/cpuinfo").read_text().partition("model name")[2].partition("\n")[0]
    return {
        "processor": cpu.strip(" \t:"),
        "cores": str(os.cpu_count()),
        "system": platform.platform(),
        "python": platform.python_version(),
    }
