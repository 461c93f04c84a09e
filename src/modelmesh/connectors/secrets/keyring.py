"""Secrets from the keyring of the operating system, by the library keyring: the extra `keyring`.

It is the Keychain of macOS, the Credential Locker of Windows, the Secret Service or KWallet of a
Linux desktop, or what PYTHON_KEYRING_BACKEND names. https://keyring.readthedocs.io
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import ClassVar, Final

from attrs import field, frozen
from attrs.validators import min_len

from modelmesh.config import schema
from modelmesh.connectors.secrets import SecretError, StoreUnreachableError
from modelmesh.errors import ConfigError, Problem
from modelmesh.types import Secret

_SHUT: Final[Mapping[str, str]] = MappingProxyType(
    {
        "InitError": "the keyring cannot be opened",
        "KeyringLocked": "the keyring is locked, and nobody unlocked it",
        "NoKeyringError": "this host has no keyring; `keyring --list-backends` lists what it has",
    }
)
"""Why no secret at all is to be had. What a keyring says itself is not shown."""


@frozen(kw_only=True)
class Options:
    # What the secrets are filed under: a keyring has names within services.
    service: str = field(default="modelmesh", validator=min_len(1))


class SecretStore:
    """It cannot be listed, for no keyring tells the library what it has.

    A keyring that is locked asks the person at the desktop, and waits for them.
    """

    connector: ClassVar = "modelmesh.keyring.v1"
    Options: ClassVar = Options

    def __init__(self, settings: schema.Secrets, _: Mapping[str, str]) -> None:
        """Take the settings. The library chooses a keyring by what the process itself finds."""
        try:
            import keyring  # noqa: PLC0415 - the extra of that name
        except ImportError:
            message = "the keyring needs a library: pip install 'modelmesh-lite[keyring]'"
            raise ConfigError([Problem("secrets.store", message)]) from None
        try:
            self._keyring = keyring.get_keyring()
        except Exception as error:  # noqa: BLE001 - PYTHON_KEYRING_BACKEND may name anything
            message = f"the keyring that is set up cannot be loaded: {error}"
            raise ConfigError([Problem("secrets.store", message)]) from None
        self._service = Options(**settings.options).service
        self.described = f"the keyring ({self._keyring.name}), service {self._service!r}"

    def get(self, name: str) -> Secret | None:
        with _asking(name):
            value = (self._keyring.get_password(self._service, name) or "").strip()
        return Secret(value) if value else None

    def set(self, name: str, value: Secret) -> None:
        with _asking(name):
            self._keyring.set_password(self._service, name, value.reveal())


@contextmanager
def _asking(name: str) -> Iterator[None]:
    """Tell what fails meanwhile as a SecretError."""
    from keyring.errors import KeyringError  # noqa: PLC0415 - as above

    try:
        yield
    except KeyringError as error:
        kind = type(error).__name__
        if kind in _SHUT:
            raise StoreUnreachableError(_SHUT[kind]) from None
        raise SecretError(f"the keyring refuses {name!r} ({kind})") from None
    except Exception as error:  # noqa: BLE001 - each keyring speaks to its system in its own way
        raise StoreUnreachableError(f"the keyring failed ({type(error).__name__})") from None
