"""Measure, keep the figures, and write the page if everything was measured.

python -m benchmarks [--quick] [--only NAME] [--gateways NAMES] [--rounds N]
"""

import argparse
import asyncio
import importlib
import json
import os
import pkgutil
import resource
import signal
import sys
import traceback
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from attrs import asdict

from benchmarks import experiments, report
from benchmarks.lab import Lab, Scale
from benchmarks.machine import machine
from benchmarks.programs import OTHER_CORES
from benchmarks.pythons import ROOT
from benchmarks.targets import in_targets_order

_HELP: Final = "Measure what ModelMesh costs beside what others cost."


def main() -> int:
    files = [name for _, name, _ in pkgutil.iter_modules(experiments.__path__)]
    known = in_targets_order(files)
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=_HELP)
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
    complete = False
    try:
        complete = asyncio.run(_run(lab, asked.only or known))
    except KeyboardInterrupt:
        print("stopped")
    results = _kept(lab)
    if complete and not (asked.only or asked.gateways):
        report.LATEST.write_text(json.dumps(results, indent=1) + "\n")
        report.write(results, ROOT / "docs")
    return 0 if complete else 1


async def _run(lab: Lab, names: Sequence[str]) -> bool:
    """Run the experiments; return whether none of them broke down."""
    complete = True
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
            complete = False
    return complete


def _kept(lab: Lab) -> dict[str, Any]:
    """Write the results to a file of their own; return them."""
    now = datetime.now(UTC)
    results = {
        "when": f"{now:%Y-%m-%d %H:%M} UTC",
        "machine": machine(),
        "versions": lab.versions,
        "scale": asdict(lab.scale),
        "rows": [asdict(row) for row in lab.rows],
    }
    path = report.LATEST.parent / f"{now:%Y-%m-%d-%H%M}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(results, indent=1) + "\n")
    print(f"\nkept in {path}")
    return results


if __name__ == "__main__":
    sys.exit(main())
