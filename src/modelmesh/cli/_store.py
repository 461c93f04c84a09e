"""The secret store that a command speaks to: the configuration's, or the one it is told.

Of a configuration only `secrets` and `connectors` are looked at. All else may lack the very secrets
that are to be put into the store.
"""

import argparse
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path as FilePath
from typing import Any, TypeVar

from modelmesh.config import schema, yaml_text
from modelmesh.config.document import Document
from modelmesh.config.faults import Invalid, dotted
from modelmesh.config.load import own_connectors, read
from modelmesh.config.structure import Structure
from modelmesh.connectors import registry
from modelmesh.connectors.own import look_beside
from modelmesh.connectors.secrets import Beginning, Closing, SecretError, SecretStore
from modelmesh.errors import ConfigError, Problem
from modelmesh.proxy.sources import find_file

Got = TypeVar("Got")


def add_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--store", metavar="ID", help="(default: the one in the configuration)")
    parser.add_argument(
        "--config", metavar="FILE", help="(default: modelmesh.yaml in this folder, if it is there)"
    )
    parser.add_argument(
        "--option",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        type=_option,
        help="a setting of the store, as in the file; may be repeated",
    )


@contextmanager
def opened(arguments: argparse.Namespace, *, to_write: bool = False) -> Iterator[SecretStore]:
    """Open the store. Raises ConfigError if it is not told well, or cannot be opened."""
    file = FilePath(arguments.config) if arguments.config else find_file()
    document = read(file) if file else Document({})
    if file:
        look_beside(file)
    settings, own = _settings(document, arguments.store, dict(arguments.option), file)
    found = registry.find("secrets", settings.store, own)
    store: SecretStore
    try:
        if to_write and isinstance(found, Beginning):
            store = found.to_write(settings)
        else:
            store = found(settings, os.environ)
    except ConfigError:
        raise
    except Exception as error:  # noqa: BLE001 - somebody else's store may fail in any way
        message = f"{settings.store!r} cannot be opened ({type(error).__name__})"
        raise ConfigError([Problem("secrets.store", message)]) from None
    try:
        yield store
    finally:
        if isinstance(store, Closing):
            store.close()


def asked(ask: Callable[..., Got], *what: Any) -> Got:
    """Return what a store answers. Raises SecretError, whatever goes wrong in it."""
    try:
        return ask(*what)
    except SecretError:
        raise
    except Exception as bug:  # noqa: BLE001 - somebody else's store may fail in any way
        raise SecretError(f"the store failed ({type(bug).__name__})") from None


def _settings(
    document: Document, store: str | None, options: Mapping[str, Any], file: FilePath | None
) -> tuple[schema.Secrets, Mapping[str, str]]:
    """Return the settings of the store, and the connectors of the user's own."""
    tree = document.tree if isinstance(document.tree, Mapping) else {}
    own = own_connectors(tree)
    section = tree.get("secrets") or {}
    faults = [fault for fault in document.faults if fault.path[:1] in ((), ("secrets",))]
    try:
        settings = Structure(own)(_told(section, store, options), schema.Secrets)
    except Invalid as invalid:
        faults += [fault.under(("secrets",)) for fault in invalid.faults]
    if not faults:
        return settings, own
    problems = [
        Problem(
            dotted(fault.path),
            fault.message,
            None if set(fault.path) & options.keys() else document.line(fault.path),
        )
        for fault in faults
    ]
    raise ConfigError(problems, os.fspath(file or "command line"))


def _told(section: Any, store: str | None, options: Mapping[str, Any]) -> Any:
    """Return the section with what the command says; of another store it says nothing."""
    if not isinstance(section, Mapping):
        return section
    usual = str(section.get("store", schema.Secrets().store))
    if store and not set(registry.names(store)) & set(registry.names(usual)):
        section = {}
    within = section.get("options")
    if isinstance(within, Mapping):
        left = {name: value for name, value in within.items() if name not in options}
        section = {**section, "options": left}
    return {**section, **({"store": store} if store else {}), **options}


def _option(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise argparse.ArgumentTypeError("expected NAME=VALUE")
    found = yaml_text.parse(value)
    return name.strip(), "" if not value else value if found.faults else found.tree
