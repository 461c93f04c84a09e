"""Secrets that are kept for nothing."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from modelmesh.lint.setup import Finding, Setup, finding

_ASKED: Final = re.compile(r"\$\{secrets:([^}]*)\}")
_SHOWN: Final = 10


def secret_unused(setup: Setup) -> Iterator[Finding]:
    """Find secrets in the store that the configuration does not ask for."""
    if setup.stored is None:
        return
    unused = sorted(setup.stored.names - setup.stored.asked)
    if unused:
        more = f" and {len(unused) - _SHOWN} more" if len(unused) > _SHOWN else ""
        named = f"{', '.join(unused[:_SHOWN])}{more}"
        yield finding(
            ("secrets",),
            f"the configuration does not use {named} in {setup.stored.where}",
            "remove what no other program needs",
        )


def asked_in(tree: Any) -> frozenset[str]:
    """Return the names of all secrets that a configuration, as it is written, asks for."""
    if isinstance(tree, str):
        return frozenset(_ASKED.findall(tree))
    parts = tree.values() if isinstance(tree, Mapping) else tree if isinstance(tree, list) else ()
    return frozenset().union(*map(asked_in, parts))
