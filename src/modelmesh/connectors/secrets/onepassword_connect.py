"""1Password, by a Connect server and 1Password's library for it: the extra `onepassword`.

https://developer.1password.com/docs/connect
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

from attrs import evolve, field, frozen

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

_FIELDS: Final = ("credential", "password")
"""Where 1Password's own kinds of items keep what is secret."""


@frozen(kw_only=True)
class Options:
    """Which items are read."""

    # Where the Connect server is; by default OP_CONNECT_HOST.
    host: str | None = field(default=None, validator=web_address)
    # The vault, by name or id; by default OP_VAULT.
    vault: str | None = None
    # An item: each NAME is one of its fields. Without it, each NAME is an item of its own.
    item: str = ""
    # What stands before every NAME.
    prefix: str = ""
    # How long it may take to answer.
    timeout: Duration = field(default=5.0, validator=positive)
    # The field of an item of its own, by label or id; by default `credential`, else `password`.
    field: str | None = None


class SecretStore:
    connector: ClassVar = "1password.connect.v1"
    Options: ClassVar = Options

    def __init__(self, settings: schema.Secrets, environ: Mapping[str, str]) -> None:
        """Take the settings, and OP_CONNECT_TOKEN."""
        try:
            from modelmesh.connectors.secrets._onepassword import Vault  # noqa: PLC0415 - needs it
        except ImportError:
            message = "1Password needs a library: pip install 'modelmesh-lite[onepassword]'"
            raise ConfigError([Problem("secrets.store", message)]) from None
        given = Options(**settings.options)
        own = self._options = evolve(
            given,
            host=given.host or environ.get("OP_CONNECT_HOST") or None,
            vault=given.vault or environ.get("OP_VAULT"),
        )
        token = environ.get("OP_CONNECT_TOKEN", "").strip()
        problems = [
            *([] if own.host else [_missing("host", "set it, or OP_CONNECT_HOST")]),
            *([] if own.vault else [_missing("vault", "set it, or OP_VAULT")]),
            *([] if token.isascii() and token else [_missing("token", "set OP_CONNECT_TOKEN")]),
        ]
        if problems or not own.host or not own.vault:
            raise ConfigError(problems)
        self._vault = Vault(own.host, token, own.vault, own.timeout)
        within = f", item {own.item!r}" if own.item else ""
        self.described = f"1Password, vault {own.vault!r}{within}, at {own.host}"
        self._fields: Sequence[Any] | None = None

    def get(self, name: str) -> Secret | None:
        id_ = self._options.prefix + name
        if self._options.item:
            found = self._field(self._all(), (id_,), self._options.item)
        else:
            fields = self._vault.fields(id_)
            if fields is None:
                return None
            found = self._field(fields, self._labels, id_)
            if found is None:
                raise SecretError(f"{id_!r} has no field {' or '.join(map(repr, self._labels))}")
        text = (found.value or "").strip() if found else ""
        return Secret(text) if text else None

    def set(self, name: str, value: Secret) -> None:
        id_ = self._options.prefix + name
        title = self._options.item or id_
        labels = (id_,) if self._options.item else self._labels
        fields = self._vault.fields(title)
        found = self._field(fields or (), labels, title)
        if fields is None:
            self._vault.add_item(title, labels[0], value)
        elif found is None:
            self._vault.add_field(title, labels[0], value)
        else:
            self._vault.set_field(title, found.id, value)
        self._fields = None

    def names(self) -> list[str]:
        prefix = self._options.prefix
        if self._options.item:
            ids = [found.label or found.id for found in self._all() if found.value]
        else:
            ids = self._vault.titles()
        return sorted(id_.removeprefix(prefix) for id_ in ids if id_.startswith(prefix))

    def close(self) -> None:
        self._vault.close()

    @property
    def _labels(self) -> tuple[str, ...]:
        return (self._options.field,) if self._options.field else _FIELDS

    def _all(self) -> Sequence[Any]:
        """Return the fields of the one item, read once; without it no secret is to be had."""
        if self._fields is None:
            try:
                self._fields = self._vault.fields(self._options.item)
            except SecretError as error:
                raise StoreUnreachableError(str(error)) from None
            if self._fields is None:
                raise StoreAbsentError(f"there is no item {self._options.item!r}")
        return self._fields

    @staticmethod
    def _field(fields: Sequence[Any], labels: Sequence[str], title: str) -> Any:
        """Return the field that is called by the first of these; None if none is."""
        for label in labels:
            found = [each for each in fields if label in (each.label, each.id)]
            if len(found) > 1:
                raise SecretError(f"{len(found)} fields of {title!r} are called {label!r}")
            if found:
                return found[0]
        return None


def _missing(option: str, instead: str) -> Problem:
    return Problem(f"secrets.{option}", f"is missing: {instead}")
