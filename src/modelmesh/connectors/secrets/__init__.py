"""Where secrets come from, one file a store, each with a class `SecretStore` as described here."""

from collections.abc import Mapping
from typing import ClassVar, Protocol

from modelmesh.config.schema import Secrets
from modelmesh.types import Secret


class SecretStore(Protocol):
    """Finds secrets by name.

    A store with settings of its own has an attrs class `Options`; they are in `settings.options`.
    """

    connector: ClassVar[str]

    described: str
    """Where it looks, for messages: "the environment"."""

    def __init__(self, settings: Secrets, environ: Mapping[str, str]) -> None:
        """Take the settings. Raises ConfigError if there is nothing to look in."""
        ...

    def get(self, name: str) -> Secret | None:
        """Return a secret; None where it is not set or empty."""
        ...
