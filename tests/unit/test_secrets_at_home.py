"""The stores that need nobody else: environment, `.env` file, memory, keyring."""

import logging
import stat
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import keyring
import pytest
from hypothesis import given
from hypothesis import strategies as st
from keyring.backend import KeyringBackend
from keyring.errors import InitError, KeyringError, KeyringLocked, PasswordSetError

from modelmesh.config import schema
from modelmesh.config.load import load
from modelmesh.connectors import registry
from modelmesh.connectors.secrets import (
    Listing,
    SecretError,
    SecretStore,
    StoreUnreachableError,
    Writable,
    _dotenv,
    dotenv,
    env,
    memory,
)
from modelmesh.connectors.secrets import keyring as our_keyring
from modelmesh.errors import ConfigError
from modelmesh.testing import SecretStoreConformance
from modelmesh.types import Secret

CANARY = "sk-canary-0123456789"


def of(store: str, **own: Any) -> dict[str, Any]:
    vendor = {"openai.llm.v1": {"api_key": "${secrets:KEY}"}}
    return {"secrets": {"store": store, **own}, "providers": vendor}


def key_of(tree: dict[str, Any], **environ: str) -> Secret | None:
    return load(tree, environ=environ).providers["openai.llm.v1"].api_key


# The environment


def test_every_variable_of_the_environment_that_is_set_has_a_name() -> None:
    store = env.SecretStore(schema.Secrets(), {"B": CANARY, "A": "1", "EMPTY": " "})
    assert store.names() == ["A", "B"]
    assert not isinstance(store, Writable)


# A program's memory


@pytest.fixture
def vault(request: pytest.FixtureRequest) -> Iterator[str]:
    yield request.node.name
    memory.clear(vault=request.node.name)


def in_memory(vault: str) -> memory.SecretStore:
    return memory.SecretStore(schema.Secrets(options={"vault": vault}), {})


def test_what_a_program_puts_into_memory_is_a_secret_at_once(vault: str) -> None:
    tree = of("memory", vault=vault)
    with pytest.raises(ConfigError, match=r"'KEY' is not set \(looked in the program's memory"):
        load(tree, environ={"KEY": "the environment's"})
    memory.put("KEY", f"{CANARY}\n", vault=vault)
    assert key_of(tree) == Secret(CANARY)
    memory.put("KEY", Secret("sk-rotated"), vault=vault)
    assert key_of(tree) == Secret("sk-rotated")


def test_vaults_do_not_know_of_each_other(vault: str) -> None:
    memory.put("KEY", CANARY, vault=vault)
    assert in_memory(f"not {vault}").get("KEY") is None
    memory.clear(vault=vault)
    assert in_memory(vault).get("KEY") is None


def test_memory_tells_the_names_of_what_is_set(vault: str) -> None:
    for name, value in (("B", CANARY), ("A", "1"), ("EMPTY", "")):
        memory.put(name, value, vault=vault)
    assert in_memory(vault).names() == ["A", "B"]


def test_the_usual_vault_needs_no_name() -> None:
    memory.put("KEY", CANARY)
    assert key_of(of("modelmesh.memory.v1")) == Secret(CANARY)
    memory.clear()
    assert memory.SecretStore(schema.Secrets(), {}).described == "the program's memory"


# A .env file


def in_file(file: Path, **environ: str) -> dotenv.SecretStore:
    return dotenv.SecretStore(schema.Secrets(path=str(file)), environ)


def to_write(file: Path) -> dotenv.SecretStore:
    return dotenv.SecretStore.to_write(schema.Secrets(path=str(file)))


def mode_of(file: Path) -> int:
    return stat.S_IMODE(file.stat().st_mode)


def test_a_dotenv_file_tells_its_own_names_and_not_the_environments(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("B=1\nA=2\nEMPTY=\n")
    assert in_file(file, PATH="/bin").names() == ["A", "B"]


@pytest.mark.parametrize(
    ("text", "then"),
    [
        ("", "KEY=new\n"),
        ("A=1", "A=1\nKEY=new\n"),
        ("A=1\r\n", "A=1\r\nKEY=new\r\n"),
        ("# top\n\nexport KEY=old # why\n\nB='2'\n", "# top\n\nexport KEY=new # why\n\nB='2'\n"),
        ("KEY=\nB=2", "KEY=new\nB=2"),
        ("KEY= # none yet\n", "KEY=new # none yet\n"),
        ("KEY=1\nKEY=2\nB=3\n", "KEY=1\nKEY=new\nB=3\n"),
        ('A=1\nKEY="one\ntwo" # both\nB=2\n', "A=1\nKEY=new # both\nB=2\n"),
        ("A=1\r\nKEY='one\r\ntwo'\r\nB=2\r\n", "A=1\r\nKEY=new\r\nB=2\r\n"),
        ("\ufeffKEY=old\n", "\ufeffKEY=new\n"),
        ("KEYS=1\nA_KEY=2\n", "KEYS=1\nA_KEY=2\nKEY=new\n"),
    ],
)
def test_a_secret_is_put_into_a_file_that_otherwise_stays_as_it_was(
    tmp_path: Path, text: str, then: str
) -> None:
    file = tmp_path / ".env"
    file.write_bytes(text.encode())
    store = in_file(file, KEY="environment")
    store.set("KEY", Secret("new"))
    assert file.read_bytes().decode() == then
    assert store.get("KEY") == Secret("new")
    assert in_file(file).get("KEY") == Secret("new")


@given(
    lines=st.lists(st.sampled_from(["A=1", "# note", "", "export B='x'", 'C="\n"', "KEY=0 # x"])),
    value=st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    end=st.sampled_from(["\n", "\r\n"]),
)
def test_whatever_is_put_into_a_file_comes_out_and_the_rest_stays(
    lines: list[str], value: str, end: str
) -> None:
    text = end.join(lines)
    before = _dotenv.parse(text, ".env")
    after = _dotenv.parse(_dotenv.with_value(text, "KEY", value), ".env")
    assert after == {**before, "KEY": value}


def test_a_file_that_is_not_there_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    store = to_write(file)
    assert store.names() == []
    assert not file.exists()
    store.set("KEY", Secret(CANARY))
    assert file.read_text() == f"KEY={CANARY}\n"
    assert mode_of(file) == 0o600
    assert list(tmp_path.iterdir()) == [file]


def test_who_may_read_a_file_and_where_it_really_is_stay_as_they_were(tmp_path: Path) -> None:
    real, link = tmp_path / "real.env", tmp_path / ".env"
    real.write_text("A=1\n")
    real.chmod(0o640)
    link.symlink_to(real.name)
    to_write(link).set("KEY", Secret(CANARY))
    assert link.is_symlink()
    assert real.read_text() == f"A=1\nKEY={CANARY}\n"
    assert mode_of(real) == 0o640


def test_what_others_wrote_meanwhile_is_kept(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    store = to_write(file)
    file.write_text("A=1\n")
    store.set("KEY", Secret(CANARY))
    assert file.read_text() == f"A=1\nKEY={CANARY}\n"


@pytest.mark.parametrize("name", ["", "1A", "A B", "A=B", "A\n"])
def test_a_name_that_no_file_can_have_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(SecretError, match=r"cannot be a name in a \.env file"):
        to_write(tmp_path / ".env").set(name, Secret(CANARY))
    assert not list(tmp_path.iterdir())


def test_a_file_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    file = tmp_path / "nowhere" / ".env"
    with pytest.raises(SecretError) as caught:
        to_write(file).set("KEY", Secret(CANARY))
    assert str(caught.value) == f"{file} cannot be written: No such file or directory"


def test_a_value_that_is_no_text_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("A=1\n")
    with pytest.raises(SecretError) as caught:
        to_write(file).set("KEY", Secret(f"{CANARY}\udc80"))
    assert CANARY not in str(caught.value)
    assert file.read_text() == "A=1\n"
    assert list(tmp_path.iterdir()) == [file]


def test_a_file_broken_meanwhile_is_not_written(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    store = to_write(file)
    file.write_text(f"A='{CANARY}\n")
    with pytest.raises(SecretError, match="has changed, and cannot be read now") as caught:
        store.set("KEY", Secret("new"))
    assert CANARY not in str(caught.value)
    assert file.read_text() == f"A='{CANARY}\n"


# A keyring


class Keychain(KeyringBackend):
    """A keyring in memory, as https://keyring.readthedocs.io tells one to write one.

    It says what it holds in its errors, as none should.
    """

    priority = 0.1
    held: ClassVar[dict[tuple[str, str], str]]
    fails: ClassVar[Exception | None]

    def get_password(self, service: str, username: str) -> str | None:
        if self.fails:
            raise self.fails
        return self.held.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        if self.fails:
            raise self.fails
        self.held[service, username] = password


@pytest.fixture
def keychain() -> Iterator[type[Keychain]]:
    Keychain.held, Keychain.fails = {}, None
    before = keyring.get_keyring()
    keyring.set_keyring(Keychain())  # type: ignore[no-untyped-call]  # the library's has no types
    yield Keychain
    keyring.set_keyring(before)


def in_keyring(**options: Any) -> our_keyring.SecretStore:
    return our_keyring.SecretStore(schema.Secrets(options=options), {})


def test_a_secret_is_found_in_the_keyring(keychain: type[Keychain]) -> None:
    keychain.held = {
        ("modelmesh", "KEY"): f"{CANARY}\n",
        ("modelmesh", "EMPTY"): "",
        ("acme", "KEY"): "sk-acme",
    }
    assert key_of(of("keyring"), KEY="environment") == Secret(CANARY)
    assert key_of(of("modelmesh.keyring.v1", service="acme")) == Secret("sk-acme")
    assert in_keyring().get("EMPTY") is None
    assert in_keyring().get("NONE") is None
    assert (
        in_keyring().described == "the keyring (test secrets at home Keychain), service 'modelmesh'"
    )


def test_a_secret_is_put_into_the_keyring_and_changed_there(keychain: type[Keychain]) -> None:
    store = in_keyring()
    store.set("KEY", Secret("sk-old"))
    store.set("KEY", Secret(CANARY))
    assert keychain.held == {("modelmesh", "KEY"): CANARY}
    assert store.get("KEY") == Secret(CANARY)
    assert not isinstance(store, Listing)


@pytest.mark.parametrize(
    ("failure", "kind", "message"),
    [
        (KeyringLocked(CANARY), StoreUnreachableError, "the keyring is locked, and nobody"),
        (InitError(CANARY), StoreUnreachableError, "the keyring cannot be opened"),
        (OSError(CANARY), StoreUnreachableError, r"the keyring failed \(OSError\)"),
        (PasswordSetError(CANARY), SecretError, r"the keyring refuses 'KEY' \(Password"),
    ],
)
def test_a_keyring_that_fails_is_told_without_its_words(
    keychain: type[Keychain],
    caplog: pytest.LogCaptureFixture,
    failure: Exception,
    kind: type[SecretError],
    message: str,
) -> None:
    caplog.set_level(logging.DEBUG)
    store = in_keyring()
    keychain.fails = failure
    asks: list[Callable[[], object]] = [
        lambda: store.get("KEY"),
        lambda: store.set("KEY", Secret(CANARY)),
    ]
    for ask in asks:
        with pytest.raises(SecretError, match=message) as caught:
            ask()
        assert type(caught.value) is kind
        assert caught.value.__cause__ is None
        assert caught.value.__suppress_context__
        assert CANARY not in str(caught.value)
    assert CANARY not in caplog.text


def test_a_host_without_a_keyring_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("keyring.core._keyring_backend", None)
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")
    with pytest.raises(StoreUnreachableError, match="this host has no keyring"):
        in_keyring().get("KEY")


def test_a_keyring_that_cannot_be_loaded_is_a_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("keyring.core._keyring_backend", None)
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "nowhere.Keyring")
    with pytest.raises(ConfigError, match="cannot be loaded: No module named 'nowhere'"):
        in_keyring()


def test_without_its_library_the_keyring_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(ConfigError, match=r"pip install 'modelmesh-lite\[keyring\]'"):
        load(of("keyring"), environ={})


# All of them


class TestMemory(SecretStoreConformance):
    def store(self, secrets: Mapping[str, str], tmp_path: Path) -> SecretStore:
        for name, value in secrets.items():
            memory.put(name, value, vault=str(tmp_path))
        return in_memory(str(tmp_path))


@pytest.mark.usefixtures("keychain")
class TestKeyring(SecretStoreConformance):
    def store(self, secrets: Mapping[str, str], tmp_path: Path) -> SecretStore:
        Keychain.held = {(tmp_path.name, name): value for name, value in secrets.items()}
        return in_keyring(service=tmp_path.name)

    def denied(self, tmp_path: Path) -> SecretStore:
        Keychain.fails = KeyringError(CANARY)
        return in_keyring(service=tmp_path.name)

    def unreachable(self, tmp_path: Path) -> SecretStore:
        Keychain.fails = KeyringLocked(CANARY)
        return in_keyring(service=tmp_path.name)


class TestDotenvAsItWritesItself(SecretStoreConformance):
    def store(self, secrets: Mapping[str, str], tmp_path: Path) -> SecretStore:
        store = to_write(tmp_path / ".env")
        for name, value in secrets.items():
            store.set(name, Secret(value))
        return store


@pytest.mark.parametrize("name", ["env", "dotenv", "memory", "keyring"])
def test_each_has_a_short_name(name: str) -> None:
    assert registry.find("secrets", name).connector == f"modelmesh.{name}.v1"
