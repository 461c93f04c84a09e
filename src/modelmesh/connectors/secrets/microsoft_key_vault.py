"""Azure Key Vault, by azure-keyvault-secrets and azure-identity: the extra `azure`.

https://learn.microsoft.com/azure/key-vault/secrets/about-secrets
"""

import re
from collections.abc import Mapping
from typing import ClassVar, Final

from attrs import evolve, field, frozen
from attrs.validators import matches_re

from modelmesh.config import schema
from modelmesh.config.schema import Duration
from modelmesh.config.schema.values import positive, web_address
from modelmesh.connectors.secrets import SecretError
from modelmesh.errors import ConfigError, Problem
from modelmesh.types import Secret

_ID: Final = re.compile(r"[A-Za-z0-9-]{1,127}")
"""https://learn.microsoft.com/azure/key-vault/general/about-keys-secrets-certificates"""


@frozen(kw_only=True)
class Options:
    """Which secrets are read, and as whom."""

    # The vault, such as https://team.vault.azure.net; by default AZURE_KEYVAULT_URL.
    url: str | None = field(default=None, validator=web_address)
    # An application that signs in; without it, DefaultAzureCredential finds somebody who can.
    client_id: str = ""
    # Its tenant; by default AZURE_TENANT_ID.
    tenant_id: str = ""
    # The environment variable with its secret.
    client_secret_variable: str = "AZURE_CLIENT_SECRET"  # noqa: S105 - a variable's name
    # What stands before every NAME.
    prefix: str = field(default="", validator=matches_re(r"[A-Za-z0-9_-]*"))
    # How long it may take to answer.
    timeout: Duration = field(default=5.0, validator=positive)


class SecretStore:
    """Names in a key vault have no underscores: for `OPENAI_API_KEY` it has `OPENAI-API-KEY`."""

    connector: ClassVar = "microsoft.key-vault.v1"
    Options: ClassVar = Options

    def __init__(self, settings: schema.Secrets, environ: Mapping[str, str]) -> None:
        """Take the settings. Azure's library looks for credentials in the process itself."""
        try:
            from modelmesh.connectors.secrets._azure import KeyVault  # noqa: PLC0415 - needs Azure
        except ImportError:
            message = "Azure Key Vault needs a library: pip install 'modelmesh-lite[azure]'"
            raise ConfigError([Problem("secrets.store", message)]) from None
        given = Options(**settings.options)
        own = evolve(given, url=given.url or environ.get("AZURE_KEYVAULT_URL") or None)
        if not own.url:
            message = "is missing: set it, or AZURE_KEYVAULT_URL"
            raise ConfigError([Problem("secrets.url", message)])
        if not own.url.startswith("https://"):
            raise ConfigError([Problem("secrets.url", "must begin with https://")])
        self._prefix = own.prefix.replace("_", "-")
        self._vault = KeyVault(own.url, _principal(own, environ), own.timeout)
        self.described = f"Azure Key Vault, {own.url}"

    def get(self, name: str) -> Secret | None:
        text = (self._vault.read(self._id(name)) or "").strip()
        return Secret(text) if text else None

    def set(self, name: str, value: Secret) -> None:
        self._vault.write(self._id(name), value)

    def names(self) -> list[str]:
        """Return the names as the vault has them, with dashes; they are found by these, too."""
        prefix = self._prefix
        ids = self._vault.ids()
        return sorted(id_.removeprefix(prefix) for id_ in ids if id_.startswith(prefix))

    def close(self) -> None:
        self._vault.close()

    def _id(self, name: str) -> str:
        id_ = self._prefix + name.replace("_", "-")
        if not _ID.fullmatch(id_):
            raise SecretError(f"{id_!r} cannot be a secret's name: it has letters, digits and -")
        return id_


def _principal(own: Options, environ: Mapping[str, str]) -> tuple[str, str, Secret] | None:
    """Return the tenant, id and secret of an application; None where none is to sign in."""
    if not own.client_id:
        return None
    tenant = own.tenant_id or environ.get("AZURE_TENANT_ID", "")
    secret = environ.get(own.client_secret_variable, "").strip()
    if not tenant:
        raise ConfigError([Problem("secrets.tenant_id", "is missing: set it, or AZURE_TENANT_ID")])
    if not secret:
        message = f"the environment has no {own.client_secret_variable}"
        raise ConfigError([Problem("secrets.client_secret_variable", message)])
    return tenant, own.client_id, Secret(secret)
