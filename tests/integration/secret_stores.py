"""What the tests of secret stores that are asked over real sockets share."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol, TypeVar

import pytest

from modelmesh.connectors.secrets import SecretError, StoreUnreachableError
from modelmesh.types import Secret

CANARY = "sk-canary-0123456789"
ROTATED = "sk-rotated-9876543210"


class Store(Protocol):
    """A secret store with connections that are to be closed."""

    def get(self, name: str) -> Secret | None: ...
    def close(self) -> None: ...


S = TypeVar("S", bound=Store)

_open: list[Store] = []


def to_close(store: S) -> S:
    """Have a store closed at the end of its test."""
    _open.append(store)
    return store


@contextmanager
def closed_and_silent(caplog: pytest.LogCaptureFixture, *secrets: str) -> Iterator[None]:
    """Close the stores of a test; whatever it does, no record of it tells one of the secrets."""
    yield
    while _open:
        _open.pop().close()
    records = [*caplog.get_records("call"), *caplog.get_records("teardown")]
    told = [f"{record.getMessage()} {vars(record)}" for record in records]
    for secret in secrets:
        assert not [line for line in told if secret in line]


def refused(store: Store, name: str = "OPENAI") -> SecretError:
    """Return how a store fails to give a secret; the words hold none."""
    with pytest.raises(SecretError) as caught:
        store.get(name)
    assert CANARY not in str(caught.value)
    return caught.value


def unreachable(store: Store, name: str = "OPENAI") -> str:
    """Return why a store cannot be asked for a secret."""
    failure = refused(store, name)
    assert isinstance(failure, StoreUnreachableError)
    return str(failure)
