"""HashiCorp Vault, or OpenBao, by hvac: the extra `vault`.

https://developer.hashicorp.com/vault/api-docs/secret/kv/kv-v2
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal

from attrs import evolve, field, frozen
from attrs.validators import min_len

from modelmesh.config import schema
from modelmesh.config.schema import Duration
from modelmesh.config.schema.values import positive, web_address
from modelmesh.connectors.secrets import (
    SecretError,
    StoreAbsentError,
    StoreUnreachableError,
)
from modelmesh.errors import ConfigError, Problem
from modelmesh.types import Secret

if TYPE_CHECKING:
    from modelmesh.connectors.secrets._vault import Login

_ACCOUNT: Final = "/var/run/secrets/kubernetes.io/serviceaccount/token"


@frozen(kw_only=True)
class Options:
    """Which entries are read, and as whom."""

    # Where Vault is; by default VAULT_ADDR.
    address: str | None = field(default=None, validator=web_address)
    # By default VAULT_NAMESPACE.
    namespace: str | None = None
    # Where the key-value engine is.
    mount: str = field(default="secret", validator=min_len(1))
    # The engine's version.
    kv: Literal[1, 2] = 2
    # An entry: each NAME is one of its fields. Without it, each NAME is an entry of its own.
    entry: str = ""
    # What stands before every NAME, such as `modelmesh/`.
    prefix: str = ""
    # How to get in.
    auth: Literal["token", "approle", "kubernetes"] = "token"
    # Where the way in is mounted; by default at its own name.
    auth_mount: str = ""
    # The role's id for AppRole, its name for Kubernetes.
    role: str = ""
    # The environment variable with AppRole's secret id.
    secret_id_variable: str = "VAULT_SECRET_ID"  # noqa: S105 - a variable's name
    # The file with a token, if VAULT_TOKEN is not set; or with the one of the service account.
    token_file: str | None = None
    # Certificates to trust; by default VAULT_CACERT, or those of the system.
    ca_file: str | None = None
    # How long it may take to answer.
    timeout: Duration = field(default=5.0, validator=positive)
    # The field of an entry of its own.
    field: str = "value"


class SecretStore:
    connector: ClassVar = "hashicorp.vault.v1"
    Options: ClassVar = Options

    def __init__(self, settings: schema.Secrets, environ: Mapping[str, str]) -> None:
        """Take the settings. hvac reads VAULT_CLIENT_CERT and VAULT_CLIENT_KEY by itself."""
        try:
            import hvac  # noqa: PLC0415 - only who has secrets in Vault needs it

            from modelmesh.connectors.secrets._vault import Engine  # noqa: PLC0415 - it needs hvac
        except ImportError:
            message = "Vault needs a library: pip install 'modelmesh-lite[vault]'"
            raise ConfigError([Problem("secrets.store", message)]) from None
        given = Options(**settings.options)
        own = self._options = evolve(given, address=given.address or environ.get("VAULT_ADDR"))
        if not own.address:
            raise ConfigError([Problem("secrets.address", "is missing: set it, or VAULT_ADDR")])
        login = _login(own, environ)
        client = hvac.Client(
            own.address,
            token=_token(own, environ) if login is None else "",
            namespace=own.namespace or environ.get("VAULT_NAMESPACE"),
            verify=own.ca_file or environ.get("VAULT_CACERT") or environ.get("VAULT_CAPATH"),
            timeout=own.timeout / 2,  # for the connection, and for the answer
        )
        self._engine = Engine(client, login, own.mount, own.kv)
        within = f"{own.mount}/{own.entry or own.prefix}".rstrip("/")
        self.described = f"Vault, {within} at {own.address}"
        self._fields: Mapping[str, Any] | None = None

    def get(self, name: str) -> Secret | None:
        own, id_ = self._options, self._options.prefix + name
        text = self._all().get(id_) if own.entry else self._own(id_)
        if text is not None and not isinstance(text, str):
            raise SecretError(f"{id_!r} is no text")
        return Secret(text.strip()) if text and text.strip() else None

    def set(self, name: str, value: Secret) -> None:
        own, id_ = self._options, self._options.prefix + name
        if own.entry:
            self._engine.write(own.entry, id_, value)
            self._fields = None
        else:
            self._engine.write(id_, own.field, value)

    def names(self) -> list[str]:
        own = self._options
        if own.entry:
            ids = list(self._all())
        else:
            folder = own.prefix.rpartition("/")[0]
            within = f"{folder}/" if folder else ""
            ids = [within + key for key in self._engine.paths(folder)]
        return sorted(id_.removeprefix(own.prefix) for id_ in ids if id_.startswith(own.prefix))

    def close(self) -> None:
        self._engine.close()

    def _own(self, path: str) -> Any:
        entry = self._engine.read(path)
        if entry is None:
            return None
        if self._options.field not in entry.fields:
            raise SecretError(f"{path!r} has no field {self._options.field!r}")
        return entry.fields[self._options.field]

    def _all(self) -> Mapping[str, Any]:
        """Return the fields of the one entry, read once; without it no secret is to be had."""
        if self._fields is None:
            path = self._options.entry
            try:
                entry = self._engine.read(path)
            except SecretError as error:
                raise StoreUnreachableError(str(error)) from None
            if entry is None:
                raise StoreAbsentError(f"Vault has no entry {path!r}")
            self._fields = entry.fields
        return self._fields


def _token(own: Options, environ: Mapping[str, str]) -> str:
    if token := environ.get("VAULT_TOKEN", "").strip():
        return token
    return _read(own.token_file or "~/.vault-token", "VAULT_TOKEN is not set, and")


def _login(own: Options, environ: Mapping[str, str]) -> "Login | None":
    """Return how to get a token; None where there is one already."""
    if own.auth == "token":
        return None
    if not own.role:
        raise ConfigError([Problem("secrets.role", f"is missing: {own.auth} needs one")])
    mount = own.auth_mount or own.auth
    if own.auth == "approle":
        key = Secret(environ.get(own.secret_id_variable, "").strip())
        if not key.reveal():
            message = f"the environment has no {own.secret_id_variable}"
            raise ConfigError([Problem("secrets.secret_id_variable", message)])
        return lambda vault: vault.auth.approle.login(own.role, key.reveal(), mount_point=mount)
    proof = Secret(_read(own.token_file or _ACCOUNT, "Kubernetes has put no token here:"))
    return lambda vault: vault.auth.kubernetes.login(own.role, proof.reveal(), mount_point=mount)


def _read(path: str, otherwise: str) -> str:
    try:
        token = Path(path).expanduser().read_text(encoding="ascii").strip()
    except (OSError, ValueError, RuntimeError):
        token = ""
    if not token:
        message = f"{otherwise} {path} has none"
        raise ConfigError([Problem("secrets.token_file", message)])
    return token
