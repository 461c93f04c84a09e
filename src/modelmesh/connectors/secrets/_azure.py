"""Key Vault as Azure's own libraries speak to it; imported where it is configured.

https://learn.microsoft.com/azure/key-vault/general/rest-error-codes
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, Final

from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
    ResourceNotFoundError,
    ServiceRequestError,
    ServiceRequestTimeoutError,
    ServiceResponseError,
    ServiceResponseTimeoutError,
)
from azure.identity import ClientSecretCredential, DefaultAzureCredential
from azure.keyvault.secrets import SecretClient

from modelmesh.connectors.secrets import SecretError, StoreUnreachableError
from modelmesh.types import Secret

_REFUSED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "ObjectIsBeingDeleted": "{id!r} is being deleted",
        "ObjectIsDeletedButRecoverable": "{id!r} is deleted: recover it, or purge it",
        "SecretDisabled": "{id!r} is disabled, or not yet or no longer valid",
    }
)
"""Why a secret is kept from us. What Azure says itself is not shown."""

_FIREWALL: Final = "ForbiddenByFirewall"
_STRANGER: Final = "the server that answers is not a Key Vault"


class KeyVault:
    """One key vault, as one identity. Nothing is sent before a secret is asked for."""

    def __init__(self, url: str, principal: tuple[str, str, Secret] | None, timeout: float) -> None:
        # For the connection, and for the answer; and also for who hands out the tokens.
        limits: dict[str, Any] = {
            "connection_timeout": timeout / 2,
            "read_timeout": timeout / 2,
            "retry_total": 0,
        }
        self._credential = _credential(principal, timeout, limits)
        self._client = SecretClient(url, self._credential, **limits)

    def read(self, id_: str) -> str | None:
        """Return a secret's text; None where there is none. Raises SecretError."""
        with _asking(id_, "get"):
            try:
                return self._client.get_secret(id_).value
            except ResourceNotFoundError:
                return None

    def write(self, id_: str, value: Secret) -> None:
        """Keep a text as the current version of a secret, which is made if need be."""
        with _asking(id_, "set"):
            self._client.set_secret(id_, value.reveal())

    def ids(self) -> list[str]:
        """Return the names of all secrets that can be read."""
        with _asking("the vault", "list"):
            found = self._client.list_properties_of_secrets()
            return [each.name for each in found if each.name and each.enabled]

    def close(self) -> None:
        self._client.close()
        self._credential.close()


def _credential(
    principal: tuple[str, str, Secret] | None, timeout: float, limits: Mapping[str, Any]
) -> Any:
    if principal is None:
        # Tools such as `az` are given whole seconds.
        return DefaultAzureCredential(process_timeout=max(1, int(timeout)), **limits)
    tenant, client, secret = principal
    return ClientSecretCredential(tenant, client, secret.reveal(), **limits)


@contextmanager
def _asking(id_: str, action: str) -> Iterator[None]:
    """Tell what fails meanwhile as a SecretError."""
    try:
        yield
    except ClientAuthenticationError as error:
        raise StoreUnreachableError(_lockout(error)) from None
    except HttpResponseError as error:
        raise _refusal(error, id_, action) from None
    except (ServiceRequestTimeoutError, ServiceResponseTimeoutError):
        raise StoreUnreachableError("Azure does not answer in time") from None
    except AzureError as error:
        message = f"Azure cannot be reached ({type(error).__name__})"
        raise StoreUnreachableError(message) from None
    except ValueError:  # of the challenge that tells where to get a token
        raise StoreUnreachableError(_STRANGER) from None


def _lockout(error: ClientAuthenticationError) -> str:
    if isinstance(error.__cause__, ServiceRequestError | ServiceResponseError):
        return f"Azure cannot be reached for a token ({type(error.__cause__).__name__})"
    return "Azure refuses access: there are no credentials, or it does not accept them"


def _refusal(error: HttpResponseError, id_: str, action: str) -> SecretError:
    status, code = error.status_code or 0, _code(error)
    if code in _REFUSED:
        return SecretError(_REFUSED[code].format(id=id_))
    if code == _FIREWALL:
        return StoreUnreachableError("the Key Vault's firewall blocks this host")
    if status == HTTPStatus.FORBIDDEN:
        return SecretError(f"Azure denies access to {id_!r}: it takes secrets/{action}")
    if status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return StoreUnreachableError(f"Key Vault fails, or gets too many requests ({status})")
    if status < HTTPStatus.BAD_REQUEST:  # and not to be understood
        return StoreUnreachableError(_STRANGER)
    return SecretError(f"Azure refuses {id_!r} ({status})")


def _code(error: HttpResponseError) -> str:
    """Return the innermost code: `Forbidden` alone may be anything."""
    told: Any = error.error
    inner = (told.innererror or {}) if told else {}
    return str(inner.get("code") or (told.code if told else ""))
