"""Clients that applications call in process, one file each; each measured in a process of its own.

A file says where its library is (`PACKAGE`, `ENTRY`, `PYTHON`, an `ENVIRONMENT` if it wants one).
It has `asking(vendor_url)`, a block which gives a function that asks once and returns the text, and
`asking_sync` where there is such a thing. The library is imported in these alone, since it may be
in another Python than ours.
"""

import importlib
import pkgutil
from pathlib import Path
from typing import NamedTuple

from benchmarks.pythons import version


class Client(NamedTuple):
    """One that is installed."""

    name: str
    package: str
    entry: str
    python: Path
    version: str
    sync: bool
    environment: dict[str, str]


def found() -> dict[str, Client]:
    """Return the clients that are installed, by name."""
    clients = {}
    for _, name, _ in pkgutil.iter_modules(__path__):
        module = importlib.import_module(f"{__name__}.{name}")
        if installed := hasattr(module, "PACKAGE") and version(module.PYTHON, module.PACKAGE):
            sync = hasattr(module, "asking_sync")
            environment = getattr(module, "ENVIRONMENT", {})
            clients[name] = Client(
                name, module.PACKAGE, module.ENTRY, module.PYTHON, installed, sync, environment
            )
    return clients
