"""Where secrets come from, one file a store, each with a class `SecretStore` as described here."""

from collections.abc import Mapping
from typing import ClassVar, Protocol, runtime_checkable

from modelmesh.config.schema import Secrets
from modelmesh.types import Secret


class SecretError(Exception):
    """A secret cannot be read or written. The message says why, and holds no value."""


class StoreUnreachableError(SecretError):
    """The store itself cannot be used now, so it is asked for no other secret either."""


class StoreAbsentError(StoreUnreachableError):
    """What keeps the secrets, such as an entry of a vault, is not there until one is written."""


class SecretStore(Protocol):
    """Finds secrets by name. It is used by one thread at a time, and made anew for each reading.

    A store with settings of its own has an attrs class `Options`; they are in `settings.options`.
    One that can be written has `set` as well, one that can be looked through `names`, and one that
    holds something open `close`; what they are is told by `Writable`, `Listing` and `Closing`.
    """

    connector: ClassVar[str]  # the id by which configurations name it

    @property
    def described(self) -> str:
        """Where it looks, for messages: "the environment"."""
        ...

    def __init__(self, settings: Secrets, environ: Mapping[str, str]) -> None:
        """Take the settings. Raises ConfigError if there is nothing to look in."""
        ...

    def get(self, name: str) -> Secret | None:
        """Return a secret; None where it is not set or empty.

        Raises:
            SecretError: it may not be read, or is no text.
            StoreUnreachableError: the store does not answer, or lets nobody in.

        """
        ...


@runtime_checkable
class Writable(Protocol):
    """A store that secrets can be put into."""

    def set(self, name: str, value: Secret) -> None:
        """Keep a secret, in place of the one of this name. Raises SecretError as `get` does."""
        ...


@runtime_checkable
class Beginning(Protocol):
    """A store, or the class of one, that is somewhere which need not be there yet."""

    @classmethod
    def to_write(cls, settings: Secrets) -> SecretStore:
        """Open that alone, as if it were there with nothing in it."""
        ...


@runtime_checkable
class Listing(Protocol):
    """A store that can tell what it has."""

    def names(self) -> list[str]:
        """Return the names of all secrets, sorted. Raises SecretError as `get` does."""
        ...


@runtime_checkable
class Closing(Protocol):
    """A store that holds something open, such as connections."""

    def close(self) -> None:
        """Let go of it. Raises nothing."""
        ...
