"""Secrets that a program gives, for as long as it runs.

They are in vaults, which have names so that tests need not share one. Nothing outlives the process,
and other processes, such as a proxy's workers, have vaults of their own.
"""

from collections.abc import Mapping
from typing import ClassVar, Final

from attrs import frozen

from modelmesh.config import schema
from modelmesh.types import Secret

_USUAL: Final = "main"

_vaults: Final[dict[str, dict[str, Secret]]] = {}


def put(name: str, value: str | Secret, *, vault: str = _USUAL) -> None:
    """Give a secret, in place of the one of this name. One that is empty is not set.

    A mesh that runs takes it when it reads its secrets again: at a reload, after `cache_ttl`, and
    when a vendor refuses the key it has.
    """
    _vaults.setdefault(vault, {})[name] = value if isinstance(value, Secret) else Secret(value)


def clear(*, vault: str = _USUAL) -> None:
    """Take all secrets out of a vault."""
    _vaults.pop(vault, None)


@frozen(kw_only=True)
class Options:
    # The name of the vault.
    vault: str = _USUAL


class SecretStore:
    """It is written by `put`, not by `set`: what the command line puts here is gone at once."""

    connector: ClassVar = "modelmesh.memory.v1"
    Options: ClassVar = Options

    def __init__(self, settings: schema.Secrets, _: Mapping[str, str]) -> None:
        self._vault = Options(**settings.options).vault
        named = "" if self._vault == _USUAL else f", vault {self._vault!r}"
        self.described = f"the program's memory{named}"

    def get(self, name: str) -> Secret | None:
        value = _vaults.get(self._vault, {}).get(name, Secret("")).reveal().strip()
        return Secret(value) if value else None

    def names(self) -> list[str]:
        return sorted(name for name in list(_vaults.get(self._vault, {})) if self.get(name))
