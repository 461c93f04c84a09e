"""What every secret store keeps: it has a secret or has not, and shows none to anybody."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from modelmesh.connectors.secrets import (
    Closing,
    Listing,
    SecretError,
    SecretStore,
    StoreUnreachableError,
    Writable,
)
from modelmesh.types import Secret

_VALUES: Final[Mapping[str, str]] = {
    "PLAIN": "sk-conformance-1234567890",
    "ODD": "a b=c#d'e\"f$g\\h",
    "FOREIGN": "clé-ключ-\N{KEY}",
    "LINES": "-----BEGIN-----\nQUJD\n-----END-----",
    "LONG": "x" * 3000,
}


class SecretStoreConformance:
    """The suite of tests for a secret store.

    It asks for stores by methods: `store`, and where they can be made the others.
    """

    def store(self, secrets: Mapping[str, str], tmp_path: Path) -> SecretStore:
        """Return a store which has these secrets and no others; the folder is empty."""
        raise NotImplementedError("say how a store with some secrets is made: `store`")

    def denied(self, tmp_path: Path) -> SecretStore | None:
        """Return a store whose secret DENIED may not be read."""

    def unreachable(self, tmp_path: Path) -> SecretStore | None:
        """Return a store that does not answer, or lets nobody in."""

    def test_it_says_what_it_is(self, tmp_path: Path) -> None:
        store = self.store({}, tmp_path)
        assert type(store).connector, "it has no `connector`, its id"
        assert store.described.strip(), "it does not say where it looks: `described`"
        _closed(store)

    def test_a_secret_comes_back_as_it_was(self, tmp_path: Path) -> None:
        store = self.store(_VALUES, tmp_path)
        for name, value in _VALUES.items():
            found = store.get(name)
            assert isinstance(found, Secret), f"{name} is a {type(found).__name__}, and no Secret"
            assert found.reveal() == value, f"{name} is another one"
        _closed(store)

    def test_what_is_not_there_is_none(self, tmp_path: Path) -> None:
        store = self.store({"PLAIN": _VALUES["PLAIN"]}, tmp_path)
        assert store.get("MISSING") is None, "a secret that is missing is None"
        assert store.get("PLAI") is None, "a secret is found by half of its name"
        _closed(store)

    def test_an_empty_one_counts_as_missing(self, tmp_path: Path) -> None:
        store = self.store({"EMPTY": "", "PLAIN": _VALUES["PLAIN"]}, tmp_path)
        assert store.get("EMPTY") is None, "a secret that is empty is None"
        _closed(store)

    def test_asking_again_gives_the_same(self, tmp_path: Path) -> None:
        store = self.store({"PLAIN": _VALUES["PLAIN"]}, tmp_path)
        assert store.get("PLAIN") == store.get("PLAIN"), "it is another one the second time"
        assert store.get("MISSING") is store.get("MISSING") is None
        _closed(store)

    def test_it_shows_no_secret(self, tmp_path: Path) -> None:
        store = self.store(_VALUES, tmp_path)
        store.get("PLAIN")
        for shown in (repr(store), str(store), store.described):
            assert not any(value in shown for value in _VALUES.values()), f"it is seen: {shown!r}"
        _closed(store)

    def test_what_it_lists_are_the_names(self, tmp_path: Path) -> None:
        store = self.store({"PLAIN": "some-value", "ODD": "another"}, tmp_path)
        if isinstance(store, Listing):
            assert store.names() == ["ODD", "PLAIN"], "all names, sorted, and nothing else"
        _closed(store)

    def test_what_is_written_is_there(self, tmp_path: Path) -> None:
        store = self.store({"PLAIN": "some-value"}, tmp_path)
        if isinstance(store, Writable):
            for name, value in (("NEW", _VALUES["ODD"]), ("PLAIN", "another-value")):
                store.set(name, Secret(value))
                assert store.get(name) == Secret(value), f"{name} is not what was written"
        _closed(store)

    def test_closing_twice_is_as_good_as_once(self, tmp_path: Path) -> None:
        store = self.store({}, tmp_path)
        _closed(store)
        _closed(store)

    def test_who_may_not_read_a_secret_is_told_which(self, tmp_path: Path) -> None:
        store = self.denied(tmp_path)
        if store is None:
            return
        failure = _failure(store, "DENIED")
        unreachable = isinstance(failure, StoreUnreachableError)
        assert not unreachable, "one secret is denied, and others may be read"
        assert "DENIED" in str(failure), f"it does not name the secret: {failure}"
        _closed(store)

    def test_a_store_that_is_away_says_so(self, tmp_path: Path) -> None:
        store = self.unreachable(tmp_path)
        if store is None:
            return
        failure = _failure(store, "PLAIN")
        said = isinstance(failure, StoreUnreachableError)
        assert said, f"it is no StoreUnreachableError: {failure!r}"
        assert str(failure).strip(), "it does not say why"
        _closed(store)


def _failure(store: SecretStore, name: str) -> SecretError:
    try:
        found = store.get(name)
    except SecretError as failure:
        return failure
    raise AssertionError(f"it raises no SecretError: {name} is {found!r}")


def _closed(store: SecretStore) -> None:
    if isinstance(store, Closing):
        store.close()
