"""What importing a library takes beyond the interpreter's own, and how much disk it fills.

python -m benchmarks.clients.weigh MODULE:CLIENT PACKAGE

Some libraries import little until they are used, so both are told: the import alone, and the import
with the client that one makes of it.
"""

import asyncio  # noqa: F401 - everybody has that loaded already
import importlib
import json
import re
import sys
import time
from importlib import metadata
from pathlib import Path


def importing(module: str, client: str) -> dict[str, float]:
    """Return the milliseconds of CPU that importing a library takes."""
    begun = time.process_time()
    library = importlib.import_module(module)
    imported = time.process_time()
    getattr(library, client)
    usable = time.process_time()
    return {"import_ms": (imported - begun) * 1000, "usable_ms": (usable - begun) * 1000}


def packages(name: str, found: set[str]) -> set[str]:
    """Add a package and all that it needs, extras aside, to what was found; return it."""
    plain = re.sub(r"[-_.]+", "-", name).lower()
    try:
        needs = [] if plain in found else metadata.requires(plain) or []
    except metadata.PackageNotFoundError:
        return found  # needed on another system or an older Python
    found.add(plain)
    for need in needs:
        if "extra ==" not in need and (named := re.match(r"[\w.-]+", need)):
            packages(named[0], found)
    return found


def size(package: str, module: str) -> int:
    """Return the bytes of a package's files. One that is being developed lies where it is."""
    files = {Path(str(file.locate())).resolve() for file in metadata.files(package) or []}
    if metadata.distribution(package).read_text("direct_url.json"):
        for path in sys.modules[module].__path__:
            files.update(Path(path).resolve().rglob("*"))
    return sum(file.stat().st_size for file in files if file.is_file() and file.suffix != ".pyc")


if __name__ == "__main__":
    _, entry, library = sys.argv
    where, _, client = entry.partition(":")
    figures = importing(where, client)
    every = packages(library, set())
    figures["size_mib"] = sum(size(one, where) for one in every) / 2**20
    print(json.dumps({**figures, "packages": len(every)}))
