"""1Password Connect as its own library speaks to it; imported where it is configured.

https://developer.1password.com/docs/connect/api-reference
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from http import HTTPStatus
from typing import Any

import httpx
from onepasswordconnectsdk.client import Client
from onepasswordconnectsdk.config import ClientConfig
from onepasswordconnectsdk.errors import OnePasswordConnectSDKError
from onepasswordconnectsdk.models import Field, Item, ItemVault

from modelmesh.connectors.secrets import SecretError, StoreUnreachableError
from modelmesh.types import Secret


class Vault:
    """One vault of a Connect server, by name or id. Nothing is sent before a secret is asked for.

    The library asks for titles by a filter that it does not encode, so titles are compared here.
    """

    def __init__(self, host: str, token: str, name: str, timeout: float) -> None:
        self._name = name
        config = ClientConfig(
            timeout=timeout / 2,  # for the connection, and for the answer
            # The library would put what the server says into its message.
            event_hooks={"response": [httpx.Response.raise_for_status]},
        )
        self._client = Client(host, token, config)

    def titles(self) -> list[str]:
        """Return what the items are called."""
        return list(self._items)

    def fields(self, title: str) -> Sequence[Any] | None:
        """Return the fields of an item, each with `id`, `label` and `value`; None if it is not."""
        found = self._items.get(title, ())
        if len(found) > 1:
            raise SecretError(f"{len(found)} items are called {title!r}")
        for id_ in found:
            with _asking(title):
                return self._client.get_item_by_id(id_, self._id).fields or ()
        return None

    def add_item(self, title: str, label: str, value: Secret) -> None:
        """Make an item with one field."""
        field = Field(label=label, type="CONCEALED", value=value.reveal())
        vault = ItemVault(id=self._id)
        item = Item(title=title, vault=vault, category="API_CREDENTIAL", fields=[field])
        with _asking(title):
            self._client.create_item(self._id, item)
        del self._items

    def add_field(self, title: str, label: str, value: Secret) -> None:
        """Give an item one more field."""
        field = {"label": label, "type": "CONCEALED", "value": value.reveal()}
        self._patch(title, {"op": "add", "path": "/fields", "value": field})

    def set_field(self, title: str, id_: str, value: Secret) -> None:
        """Give a field of an item another value."""
        path = f"/fields/{id_}/value"
        self._patch(title, {"op": "replace", "path": path, "value": value.reveal()})

    def close(self) -> None:
        self._client.session.close()

    def _patch(self, title: str, change: Mapping[str, Any]) -> None:
        """Change one thing; the library could only write the whole item, as far as it knows it."""
        (item,) = self._items[title]
        with _asking(title):
            self._client.build_request("PATCH", f"/v1/vaults/{self._id}/items/{item}", [change])

    @cached_property
    def _id(self) -> str:
        with _asking_for_all():
            vaults = self._client.get_vaults()
        ids: list[str] = [vault.id for vault in vaults if self._name in (vault.id, vault.name)]
        if not all(vault.id for vault in vaults):
            raise StoreUnreachableError("the server that answers is not 1Password Connect")
        if not ids:
            raise StoreUnreachableError(f"the token opens no vault {self._name!r}")
        if len(ids) > 1:
            raise StoreUnreachableError(f"{len(ids)} vaults are called {self._name!r}")
        return ids[0]

    @cached_property
    def _items(self) -> Mapping[str, Sequence[str]]:
        """The ids of the items, by title."""
        found = defaultdict(list)
        with _asking_for_all():
            for item in self._client.get_items(self._id):
                found[item.title].append(item.id)
        return dict(found)


@contextmanager
def _asking(title: str) -> Iterator[None]:
    """Tell what fails meanwhile as a SecretError."""
    try:
        yield
    except httpx.HTTPStatusError as error:
        raise _refusal(error.response.status_code, title) from None
    except httpx.TimeoutException:
        raise StoreUnreachableError("1Password Connect does not answer in time") from None
    except httpx.HTTPError as error:
        message = f"1Password Connect cannot be reached ({type(error).__name__})"
        raise StoreUnreachableError(message) from None
    except (OnePasswordConnectSDKError, AttributeError, KeyError, TypeError, ValueError):
        raise SecretError(f"what 1Password answers for {title!r} cannot be read") from None


@contextmanager
def _asking_for_all() -> Iterator[None]:
    """Tell what fails meanwhile as a failure of the store: no secret can be had without it."""
    try:
        with _asking("the vault"):
            yield
    except SecretError as error:
        raise StoreUnreachableError(str(error)) from None


def _refusal(status: int, title: str) -> SecretError:
    if status == HTTPStatus.UNAUTHORIZED:
        return StoreUnreachableError("1Password Connect does not accept the token")
    if status == HTTPStatus.FORBIDDEN:
        return SecretError(f"1Password denies access to {title!r}")
    if status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return StoreUnreachableError(f"1Password Connect fails ({status})")
    return SecretError(f"1Password refuses {title!r} ({status})")
