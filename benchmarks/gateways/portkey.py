"""Portkey's gateway under Node. It has no token of its own; the vendor's key passes through."""

import json
import shutil

from benchmarks.doors import Door
from benchmarks.programs import Program
from benchmarks.pythons import INSTALLED

_PACKAGE = INSTALLED / "portkey" / "node_modules" / "@portkey-ai" / "gateway"


def available() -> str:
    description = _PACKAGE / "package.json"
    if not description.exists() or not shutil.which("node"):
        return ""
    return str(json.loads(description.read_text())["version"])


def start(port: int, vendor_url: str) -> tuple[Door, Program]:
    command = ["node", str(_PACKAGE / "build" / "start-server.js"), f"--port={port}", "--headless"]
    headers = (("x-portkey-provider", "openai"), ("x-portkey-custom-host", f"{vendor_url}/v1"))
    program = Program(command, environment={"NODE_ENV": "production"})
    return Door(port=port, headers=headers, exact=False), program
