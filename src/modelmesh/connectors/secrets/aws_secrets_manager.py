"""AWS Secrets Manager, by boto3: the extra `aws`.

https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html
"""

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from attrs import field, frozen
from attrs.validators import matches_re, optional

from modelmesh import json_text
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

_CURRENT: Final = "AWSCURRENT"


@frozen(kw_only=True)
class Options:
    """Which secrets are read, and as whom."""

    # The region; by default AWS_REGION, AWS_DEFAULT_REGION or the profile's.
    region: str | None = field(default=None, validator=optional(matches_re(r"[a-z0-9-]+")))
    # A profile in ~/.aws; by default boto3 finds credentials as it does everywhere.
    profile: str | None = None
    # What stands before every NAME.
    prefix: str = ""
    # A secret that holds a JSON object: each NAME is one of its fields.
    secret: str = ""
    # The staging label of the version that is read.
    version: str = _CURRENT
    # Where Secrets Manager is, if not at AWS.
    endpoint_url: str | None = field(default=None, validator=web_address)
    # How long it may take to answer.
    timeout: Duration = field(default=5.0, validator=positive)


class SecretStore:
    connector: ClassVar = "aws.secrets-manager.v1"
    Options: ClassVar = Options

    def __init__(self, settings: schema.Secrets, environ: Mapping[str, str]) -> None:
        """Take the settings. boto3 looks for credentials and profiles in the process itself."""
        try:
            from modelmesh.connectors.secrets._aws import Account  # noqa: PLC0415 - needs boto3
        except ImportError:
            message = "AWS Secrets Manager needs a library: pip install 'modelmesh-lite[aws]'"
            raise ConfigError([Problem("secrets.store", message)]) from None
        own = self._options = Options(**settings.options)
        region = own.region or environ.get("AWS_REGION")
        try:
            self._account = Account(region, own.profile, own.endpoint_url, own.timeout)
        except LookupError:
            raise ConfigError([Problem("secrets.profile", "there is no such profile")]) from None
        if not self._account.region:
            message = "is missing: set it, AWS_REGION, or that of the profile"
            raise ConfigError([Problem("secrets.region", message)])
        within = f", secret {own.secret!r}" if own.secret else ""
        at = f", at {own.endpoint_url}" if own.endpoint_url else ""
        self.described = f"AWS Secrets Manager, {self._account.region}{within}{at}"
        self._fields: Mapping[str, Any] | None = None

    def get(self, name: str) -> Secret | None:
        id_ = self._options.prefix + name
        text = self._field(id_) if self._options.secret else self._read(id_)
        return Secret(text.strip()) if text and text.strip() else None

    def set(self, name: str, value: Secret) -> None:
        own, id_ = self._options, self._options.prefix + name
        if own.version != _CURRENT:
            raise SecretError(f"{id_!r} is read as {own.version}, and only {_CURRENT} is written")
        if not own.secret:
            self._account.write(id_, value.reveal())
            return
        fields = {**(self._object() or {}), id_: value.reveal()}
        self._account.write(own.secret, json_text.dumps(fields).decode())
        self._fields = fields

    def names(self) -> list[str]:
        prefix = self._options.prefix
        ids = self._all() if self._options.secret else self._account.ids(prefix)
        return sorted(id_.removeprefix(prefix) for id_ in ids if id_.startswith(prefix))

    def close(self) -> None:
        self._account.close()

    def _read(self, id_: str) -> str | None:
        return self._account.read(id_, self._options.version)

    def _field(self, name: str) -> str | None:
        value = self._all().get(name)
        if value is not None and not isinstance(value, str):
            raise SecretError(f"{name!r} in {self._options.secret!r} is no text")
        return value

    def _all(self) -> Mapping[str, Any]:
        """Return the fields of the one secret, read once; without it no secret is to be had."""
        if self._fields is None:
            try:
                self._fields = self._object()
            except SecretError as error:
                raise StoreUnreachableError(str(error)) from None
            if self._fields is None:
                raise StoreAbsentError(f"there is no secret {self._options.secret!r}")
        return self._fields

    def _object(self) -> Mapping[str, Any] | None:
        secret = self._options.secret
        text = self._read(secret)
        if text is None:
            return None
        found = json_text.read_object(text.encode(errors="surrogatepass"))
        if found is None:
            raise SecretError(f"{secret!r} is no JSON object")
        return found
