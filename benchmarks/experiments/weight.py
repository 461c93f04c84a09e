"""Weight: what importing a library takes, and how much disk it fills with all it needs."""

import json
import os
import subprocess
from typing import Final

from benchmarks import clients
from benchmarks.lab import Lab
from benchmarks.pythons import ROOT

TITLE: Final = "Import and size"
FIGURES: Final = {
    "usable_ms": "CPU to import a client, ms",
    "import_ms": "CPU to import the library, ms",
    "size_mib": "size with all it needs, MiB",
    "packages": "packages",
}
PLOT: Final = ("import", "usable_ms")


async def run(lab: Lab) -> None:
    for number in range(lab.scale.rounds):
        for client in clients.found().values():
            command = [str(client.python), "-m", "benchmarks.clients.weigh"]
            said = subprocess.run(  # noqa: ASYNC221 - nothing else is under way
                [*command, client.entry, client.package],
                capture_output=True,
                check=True,
                cwd=ROOT,
                env={**os.environ, **client.environment},
            )
            lab.record("import", client.name, number, **json.loads(said.stdout))
