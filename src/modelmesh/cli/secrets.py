"""`modelmesh secrets`: read secrets from a store, and write them to it.

A value is shown to who asks for it by `--reveal`, and is never an argument: those are seen in lists
of processes, and kept by shells.
"""

import argparse
import getpass
import json
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from modelmesh.cli import _store
from modelmesh.cli._store import asked, opened
from modelmesh.cli._terminal import FAILED, OK, complain, say
from modelmesh.config import schema
from modelmesh.connectors.secrets import (
    Listing,
    SecretError,
    SecretStore,
    StoreAbsentError,
    StoreUnreachableError,
    Writable,
)
from modelmesh.connectors.secrets.dotenv import SecretStore as EnvFile
from modelmesh.types import Secret

MISSING: Final = 3
UNREACHABLE: Final = 4

_SHOWN: Final = 4
"""Characters of a secret that tell it from others, the last ones."""

_LONG: Final = 16
"""A secret that is shorter than this is not shown in part: too little of it would be left."""


_SAME: Final = "same"


def add_flags(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    get = actions.add_parser(
        "get", help="say whether a secret is set, how long it is and how it ends"
    )
    get.add_argument("name", metavar="NAME")
    get.add_argument("--reveal", action="store_true", help="print the secret, and nothing else")
    set_ = actions.add_parser(
        "set", help="store a secret; you are asked for it, or it is read from a pipe"
    )
    set_.add_argument("name", metavar="NAME")
    set_.add_argument("more", nargs="*", help=argparse.SUPPRESS)
    list_ = actions.add_parser("list", help="list the names of all secrets")
    list_.add_argument("--json", action="store_true", help="print JSON")
    import_ = actions.add_parser("import", help="copy the secrets in a .env file into the store")
    import_.add_argument("file", metavar="FILE")
    import_.add_argument("--dry-run", action="store_true", help="only show what would be done")
    for action in (get, set_, list_, import_):
        _store.add_flags(action)


def run(arguments: argparse.Namespace) -> int:
    action = _ACTIONS[arguments.action]
    about = f"{arguments.name}: " if "name" in arguments else ""
    with opened(arguments, to_write=arguments.action in _WRITING) as store:
        try:
            return action(store, arguments)
        except StoreUnreachableError as error:
            complain(f"{about}{store.described} cannot be used: {error}")
            return UNREACHABLE
        except SecretError as error:
            complain(f"{about}{store.described}: {error}")
            return FAILED


def _get(store: SecretStore, arguments: argparse.Namespace) -> int:
    name = arguments.name
    found = asked(store.get, name)
    if found is None:
        complain(f"{name!r} is not set (looked in {store.described})")
        return MISSING
    say(found.reveal() if arguments.reveal else f"{name} is set: {_about(found)}")
    return OK


def _set(store: SecretStore, arguments: argparse.Namespace) -> int:
    name = arguments.name
    if arguments.more or "=" in name:
        complain(
            "give only the secret's name: you are asked for the value, or it is read from a pipe"
        )
        return FAILED
    writable = _writable(store)
    value = _given(name)
    if value is None:
        complain("no value was given, so nothing has changed")
        return FAILED
    asked(writable.set, name, value)
    say(f"{name} is kept in {store.described}: {_about(value)}")
    return OK


def _list(store: SecretStore, arguments: argparse.Namespace) -> int:
    if not isinstance(store, Listing):
        raise SecretError("this store cannot list its secrets")
    names = asked(store.names)
    if arguments.json:
        say(json.dumps({"store": store.described, "names": names}, indent=2, ensure_ascii=False))
    elif names:
        say("\n".join(names))
    else:
        complain(f"there are no secrets in {store.described}")
    return OK


def _import(store: SecretStore, arguments: argparse.Namespace) -> int:
    writable = _writable(store)
    done: Counter[str] = Counter()
    source = EnvFile(schema.Secrets(path=arguments.file), {})
    for name in source.names():
        value = source.get(name)
        assert value is not None
        try:
            what = _change(_kept(store, name), value)
            if what != _SAME and not arguments.dry_run:
                asked(writable.set, name, value)
        except StoreUnreachableError:
            raise
        except SecretError as error:
            what = "failed"
            complain(f"{name}: {error}")
        done[what] += 1
        say(f"{what:<8} {name}")
    told = ", ".join(f"{count} {what}" for what, count in done.items()) or "nothing to import"
    say(f"{told}: nothing was written" if arguments.dry_run else f"{told}: {store.described}")
    return FAILED if done["failed"] else OK


def _kept(store: SecretStore, name: str) -> Secret | None:
    """Return what a store has now; nothing yet, where the first secret makes what keeps it."""
    try:
        return asked(store.get, name)
    except StoreAbsentError:
        return None


def _change(before: Secret | None, value: Secret) -> str:
    if before is None:
        return "added"
    return _SAME if before == value else "changed"


def _writable(store: SecretStore) -> Writable:
    if isinstance(store, Writable):
        return store
    raise SecretError("this store cannot be written to; choose another with --store")


def _given(name: str) -> Secret | None:
    """Return what a person types unseen, or what is piped in; None where that is nothing."""
    try:
        if sys.stdin.isatty():
            text = getpass.getpass(f"{name}: ")
        else:
            text = sys.stdin.buffer.read().decode()
    except EOFError:
        return None
    except UnicodeDecodeError:
        raise SecretError("the piped input is not text") from None
    return Secret(text.strip()) if text.strip() else None


def _about(secret: Secret) -> str:
    """Tell a secret from others without telling it."""
    value = secret.reveal()
    end = value[-_SHOWN:]
    count = f"{len(value)} characters"
    return f"{count}, ends in {end}" if len(value) >= _LONG and end.isprintable() else count


_WRITING: Final = ("set", "import")
_ACTIONS: Final[Mapping[str, Callable[[SecretStore, argparse.Namespace], int]]] = MappingProxyType(
    {"get": _get, "set": _set, "list": _list, "import": _import}
)
