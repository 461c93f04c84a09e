"""HashiCorp's Vault as hvac speaks to it; imported where it is configured.

OpenBao, which came of it, speaks the same. https://developer.hashicorp.com/vault/api-docs
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any, Final, Literal

import hvac
import requests
from attrs import frozen
from hvac import exceptions

from modelmesh.connectors.secrets import SecretError, StoreUnreachableError
from modelmesh.types import Secret

Version = Literal[1, 2]
Login = Callable[[hvac.Client], Any]
"""Gets a token for a client."""

_SHUT: Final[Mapping[type[Exception], str]] = MappingProxyType(
    {
        exceptions.BadGateway: "Vault cannot be reached through its gateway",
        exceptions.InternalServerError: "Vault fails",
        exceptions.RateLimitExceeded: "Vault gets too many requests",
        exceptions.Unauthorized: "Vault requires more than a token",
        exceptions.VaultDown: "Vault is sealed, or down for maintenance",
        exceptions.VaultNotInitialized: "Vault is not initialized yet",
    }
)
"""Why no secret at all is to be had. What Vault says itself is not shown."""


@frozen
class Entry:
    """What is kept at a path, and which version of it."""

    fields: Mapping[str, Any]
    version: int


class Engine:
    """One key-value secrets engine. Nothing is sent before a secret is asked for."""

    def __init__(self, client: hvac.Client, login: Login | None, mount: str, kind: Version) -> None:
        self._client = client
        self._login = login
        self._mount = mount
        self._kind = kind

    def read(self, path: str) -> Entry | None:
        """Return what is at a path; None where nothing is, or its last version is deleted."""
        with self._asking(path) as kv:
            try:
                return _found(kv, path, self._mount, self._kind)
            except exceptions.InvalidPath as error:
                if _is_lost(error):
                    raise
                return None

    def write(self, path: str, field: str, value: Secret) -> None:
        """Keep a field beside the others at a path; if somebody else writes them now, fail."""
        with self._asking(path) as kv:
            try:
                entry = _found(kv, path, self._mount, self._kind)
            except exceptions.InvalidPath as error:
                if _is_lost(error):
                    raise
                entry = Entry({}, _deleted(error))
            fields = {**entry.fields, field: value.reveal()}
            if self._kind == 1:
                kv.v1.create_or_update_secret(path, fields, "POST", mount_point=self._mount)
            else:
                kv.v2.create_or_update_secret(path, fields, entry.version, self._mount)

    def paths(self, folder: str) -> list[str]:
        """Return what a folder has, without the folders in it."""
        with self._asking(folder or self._mount) as kv:
            engine = kv.v1 if self._kind == 1 else kv.v2
            try:
                answer = engine.list_secrets(folder, mount_point=self._mount)
            except exceptions.InvalidPath as error:
                if _is_lost(error):
                    raise
                return []
            return [key for key in answer["data"]["keys"] if not key.endswith("/")]

    def close(self) -> None:
        self._client.adapter.close()

    @contextmanager
    def _asking(self, path: str) -> Iterator[Any]:
        """Give the engines, to who is let in; tell what fails meanwhile as a SecretError."""
        try:
            self._enter()
            yield self._client.secrets.kv
        except exceptions.Forbidden:
            raise self._refusal(path) from None
        except exceptions.InvalidPath:
            raise StoreUnreachableError(
                f"Vault has no key-value engine of version {self._kind} at {self._mount!r}"
                " for this namespace"
            ) from None
        except exceptions.VaultError as error:
            raise _told(error, path) from None
        except requests.RequestException as error:
            raise StoreUnreachableError(_silence(error)) from None
        except (AttributeError, KeyError, TypeError):
            raise StoreUnreachableError("the server that answers is not Vault") from None

    def _enter(self) -> None:
        if self._login is None:
            return
        try:
            self._login(self._client)
        except (exceptions.Forbidden, exceptions.InvalidPath, exceptions.InvalidRequest):
            raise StoreUnreachableError("Vault does not accept the login") from None
        self._login = None

    def _refusal(self, path: str) -> SecretError:
        """Tell whether it is the path that is kept from the token, or everything."""
        try:
            self._client.auth.token.lookup_self()
        except exceptions.Forbidden:
            return StoreUnreachableError("Vault does not accept the token: it may have expired")
        except (exceptions.VaultError, requests.RequestException):
            pass  # it refused once, which is all that is known
        return SecretError(f"Vault denies access to {path!r} in {self._mount!r}")


def _found(kv: Any, path: str, mount: str, kind: Version) -> Entry:
    if kind == 1:
        return Entry(kv.v1.read_secret(path, mount_point=mount)["data"], 0)
    answer = kv.v2.read_secret_version(path, mount_point=mount, raise_on_deleted_version=True)
    return Entry(answer["data"]["data"], answer["data"]["metadata"]["version"])


def _is_lost(error: Any) -> bool:
    """Whether Vault does not know the way to the engine, rather than what is in it."""
    return bool(error.errors or (error.json or {}).get("warnings"))


def _deleted(error: Any) -> int:
    """Return the number of the deleted version at a path; zero where there never was one."""
    content = (error.json or {}).get("data") or {}
    return int(content.get("metadata", {}).get("version", 0))


def _told(error: Exception, path: str) -> SecretError:
    if type(error) in _SHUT:
        return StoreUnreachableError(_SHUT[type(error)])
    if isinstance(error, exceptions.InvalidRequest):
        return SecretError(f"Vault does not accept {path!r}, or somebody else writes it now")
    return StoreUnreachableError("Vault answers strangely: it may be a standby")


def _silence(error: requests.RequestException) -> str:
    if isinstance(error, requests.Timeout):
        return "Vault does not answer in time"
    return f"Vault cannot be reached ({type(error).__name__})"
