"""The command: measure, keep the figures, write the page.

python -m benchmarks [--quick] [--only NAME] [--gateways NAMES] [--rounds N]
"""

import argparse
import asyncio
import importlib
import json
import os
import pkgutil
import platform
import resource
import signal
import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from attrs import asdict

from benchmarks import experiments, report
from benchmarks.lab import ROOT, Lab, Scale
from benchmarks.programs import OTHER_CORES


def main() -> None:
    known = [name for _, name, _ in pkgutil.iter_modules(experiments.__path__)]
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a short run, to see that it works")
    parser.add_argument("--only", action="append", choices=known, help="this experiment alone")
    parser.add_argument("--gateways", default="", help="these alone, with commas between")
    parser.add_argument("--rounds", type=int, help="how often each figure is taken")
    asked = parser.parse_args()
    scale = Scale.short(asked.rounds) if asked.quick else Scale.full(asked.rounds)
    lab = Lab.of(scale, [name for name in asked.gateways.split(",") if name])
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    os.sched_setaffinity(0, OTHER_CORES)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # a thousand connections and more
    try:
        asyncio.run(_run(lab, asked.only or known))
    except KeyboardInterrupt:
        print("stopped; what was recorded is kept")
    whole = not (asked.only or asked.gateways)
    if lab.rows:
        results = _kept(lab)
        if whole:
            report.LATEST.write_text(json.dumps(results, indent=1) + "\n")
            report.write(results, ROOT / "docs")


async def _run(lab: Lab, names: list[str]) -> None:
    for name, version in lab.versions.items():
        print(f"{name:<18} {version or 'not installed'}")
    for name in names:
        module = importlib.import_module(f"{experiments.__name__}.{name}")
        print(f"\n{module.TITLE} ({name})", flush=True)
        try:
            async with lab.experiment(name):
                await module.run(lab)
        except Exception:  # noqa: BLE001 - the others are worth having all the same
            traceback.print_exc()


def _kept(lab: Lab) -> dict[str, Any]:
    """Write the results to a file of their own; return them."""
    now = datetime.now(UTC)
    results = {
        "when": f"{now:%Y-%m-%d %H:%M} UTC",
        "machine": _machine(),
        "versions": lab.versions,
        "scale": asdict(lab.scale),
        "rows": [asdict(row) for row in lab.rows],
    }
    path = report.LATEST.parent / f"{now:%Y-%m-%d-%H%M}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(results, indent=1) + "\n")
    print(f"\nkept in {path}")
    return results


def _machine() -> dict[str, str]:
    cpu = Path("/proc/cpuinfo").read_text().partition("model name")[2].partition("\n")[0]
    return {
        "processor": cpu.strip(" \t:"),
        "cores": str(os.cpu_count()),
        "system": platform.platform(),
        "python": platform.python_version(),
    }


if __name__ == "__main__":
    main()
