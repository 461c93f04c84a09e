"""Programs in Python: modules of ours under our own Python, and what lives under another."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

from benchmarks.programs import Program

ROOT: Final = Path(__file__).parent.parent
OURS: Final = Path(sys.executable)
INSTALLED: Final = Path(os.environ.get("BENCHMARK_GATEWAYS", "/tmp/gateways"))
"""Where the gateways of others are installed; `docs/performance.md` says how."""


def module(name: str, *arguments: object, python: Path = OURS, **settings: Any) -> Program:
    """Run a module of the benchmarks, or another, under some Python."""
    environment = {"PYTHONPATH": str(ROOT), **settings.pop("environment", {})}
    command = [str(python), "-m", name, *map(str, arguments)]
    return Program(command, environment=environment, **settings)


def version(python: Path, package: str) -> str:
    """Return which version of a package is installed there, or nothing."""
    if not python.exists():
        return ""
    asked = f"from importlib.metadata import version; print(version({package!r}))"
    answer = subprocess.run([python, "-c", asked], capture_output=True, text=True, check=False)
    return answer.stdout.strip()
