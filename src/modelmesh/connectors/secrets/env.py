"""Secrets from environment variables."""

from collections.abc import Mapping
from typing import ClassVar

from modelmesh.config.schema import Secrets
from modelmesh.types import Secret


class SecretStore:
    connector: ClassVar = "modelmesh.env.v1"

    def __init__(self, _: Secrets, environ: Mapping[str, str]) -> None:
        """Take the environment; this store has no settings."""
        self.described = "the environment"
        self._environ = environ

    def get(self, name: str) -> Secret | None:
        # A line break at the end comes from `export KEY="$(cat file)"` and its like.
        value = self._environ.get(name, "").strip()
        return Secret(value) if value else None

    def names(self) -> list[str]:
        """Return the names of all variables: which of them are secrets, nobody can tell."""
        return sorted(name for name in self._environ if self.get(name))
