"""Secrets from 1Password Connect, by 1Password's own library over real sockets."""

import logging
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from connect_server import TOKEN, VAULT, ConnectServer, running_connect_server, vault
from secret_stores import CANARY, ROTATED, closed_and_silent, refused, to_close, unreachable
from web_server import Reply, mute, nowhere

from modelmesh.config import schema
from modelmesh.config.load import load
from modelmesh.connectors.secrets import SecretError, StoreAbsentError, StoreUnreachableError
from modelmesh.connectors.secrets.onepassword_connect import SecretStore
from modelmesh.errors import ConfigError
from modelmesh.testing import SecretStoreConformance
from modelmesh.types import Secret


@pytest.fixture(scope="module")
def server() -> Iterator[ConnectServer]:
    with running_connect_server() as running:
        yield running


@pytest.fixture
def connect(server: ConnectServer) -> ConnectServer:
    server.items, server.denied, server.errors, server.asked = {}, set(), [], []
    server.vaults, server.read_only = [vault("Team"), vault("Other", "o" * 26)], False
    server.keep("OPENAI", username="mesh", credential=CANARY)
    return server


@pytest.fixture(autouse=True)
def _closed(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Close the stores of a test; whatever it does, no record tells a secret or a token."""
    caplog.set_level(logging.DEBUG)
    with closed_and_silent(caplog, CANARY, ROTATED, TOKEN):
        yield


def opened(host: str, token: str = TOKEN, **options: Any) -> SecretStore:
    settings = schema.Secrets(options={"host": host, "vault": "Team", **options})
    return to_close(SecretStore(settings, {"OP_CONNECT_TOKEN": token}))


def test_a_secret_is_an_item_of_its_own(connect: ConnectServer) -> None:
    connect.keep("mesh GROQ & co", password=f"{ROTATED}\n", other="x")
    store = opened(connect.url)
    assert store.get("OPENAI") == opened(connect.url, vault=VAULT).get("OPENAI") == Secret(CANARY)
    assert store.get("mesh GROQ & co") == Secret(ROTATED)
    assert opened(connect.url, prefix="mesh ", field="other").get("GROQ & co") == Secret("x")
    assert CANARY not in f"{store!r} {vars(store)} {store.described}"
    assert store.described == f"1Password, vault 'Team', at {connect.url}"


def test_secrets_are_the_fields_of_one_item_by_label_or_id(connect: ConnectServer) -> None:
    connect.keep("mesh", OPENAI=CANARY, GROQ=ROTATED, EMPTY=None)
    connect.asked.clear()
    store = opened(connect.url, item="mesh")
    assert store.get("OPENAI") == store.get("id-OPENAI") == Secret(CANARY)
    assert store.get("GROQ") == Secret(ROTATED)
    assert [store.get(name) for name in ("EMPTY", "MISSING")] == [None, None]
    assert store.names() == ["GROQ", "OPENAI"]
    assert len(connect.asked) == 3
    assert store.described == f"1Password, vault 'Team', item 'mesh', at {connect.url}"


def test_a_secret_that_is_missing_or_empty_is_none(connect: ConnectServer) -> None:
    connect.keep("EMPTY", credential=" ")
    store = opened(connect.url)
    assert [store.get(name) for name in ("MISSING", "EMPTY")] == [None, None]


def test_what_is_not_clear_is_refused_by_name(connect: ConnectServer) -> None:
    connect.keep("TWICE", credential="a")
    connect.keep("TWICE", credential="b")
    connect.keep("BARE", username="mesh")
    store = opened(connect.url)
    assert str(refused(store, "TWICE")) == "2 items are called 'TWICE'"
    assert str(refused(store, "BARE")) == "'BARE' has no field 'credential' or 'password'"
    connect.items[f"{3:026}"]["fields"] *= 2
    both = opened(connect.url, field="username")
    assert str(refused(both, "BARE")) == "2 fields of 'BARE' are called 'username'"


def test_a_denied_secret_is_named(connect: ConnectServer) -> None:
    connect.denied = {"OPENAI"}
    failure = refused(opened(connect.url))
    assert not isinstance(failure, StoreUnreachableError)
    assert str(failure) == "1Password denies access to 'OPENAI'"
    told = unreachable(opened(connect.url, item="OPENAI"), "credential")
    assert told == "1Password denies access to 'OPENAI'"


def test_a_token_that_is_wrong_or_expired_lets_nobody_in(connect: ConnectServer) -> None:
    told = unreachable(opened(connect.url, "eyJ.nobodys"))
    assert told == "1Password Connect does not accept the token"


def test_a_vault_or_an_item_that_the_token_does_not_open_is_told_of(
    connect: ConnectServer,
) -> None:
    assert unreachable(opened(connect.url, vault="Secret")) == "the token opens no vault 'Secret'"
    absent = refused(opened(connect.url, item="mesh"))
    assert isinstance(absent, StoreAbsentError)
    assert str(absent) == "there is no item 'mesh'"
    connect.vaults.append(vault("Team", "t" * 26))
    assert unreachable(opened(connect.url)) == "2 vaults are called 'Team'"


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_server_that_fails_counts_as_unreachable(connect: ConnectServer, status: int) -> None:
    connect.errors = [Reply(status, f"<html>{CANARY}")]
    assert unreachable(opened(connect.url)) == f"1Password Connect fails ({status})"


@pytest.mark.parametrize("content", ["<html>", {"id": "x"}, [[]]])
def test_what_answers_strangely_is_no_connect_server(connect: ConnectServer, content: Any) -> None:
    connect.errors = [Reply(200, content)]
    assert unreachable(opened(connect.url)) == "the server that answers is not 1Password Connect"


def test_a_server_where_nothing_listens_is_unreachable() -> None:
    assert unreachable(opened(nowhere())) == "1Password Connect cannot be reached (ConnectError)"


def test_a_server_that_never_answers_is_given_up_in_time() -> None:
    with mute() as url:
        begun = time.monotonic()
        told = unreachable(opened(url, timeout=0.4))
        assert told == "1Password Connect does not answer in time"
        assert time.monotonic() - begun < 3.0


def test_a_rotated_secret_is_seen_when_it_is_read_again(connect: ConnectServer) -> None:
    store = opened(connect.url)
    assert store.get("OPENAI") == Secret(CANARY)
    connect.items[f"{0:026}"]["fields"][1]["value"] = ROTATED
    assert store.get("OPENAI") == opened(connect.url).get("OPENAI") == Secret(ROTATED)
    assert opened(connect.url, item="OPENAI").get("credential") == Secret(ROTATED)


def test_a_written_secret_leaves_what_is_beside_it(connect: ConnectServer) -> None:
    connect.keep("LOGIN", username="mesh", password="old")
    connect.keep("BARE", username="mesh")
    store = opened(connect.url)
    for name in ("OPENAI", "LOGIN", "BARE", "NEW"):
        store.set(name, Secret(ROTATED))
        assert store.get(name) == Secret(ROTATED)
    kept = {item["title"]: item["fields"] for item in connect.items.values()}
    values = {title: {f["label"]: f["value"] for f in fields} for title, fields in kept.items()}
    assert values == {
        "OPENAI": {"username": "mesh", "credential": ROTATED},
        "LOGIN": {"username": "mesh", "password": ROTATED},
        "BARE": {"username": "mesh", "credential": ROTATED},
        "NEW": {"credential": ROTATED},
    }
    assert store.names() == ["BARE", "LOGIN", "NEW", "OPENAI"]


def test_a_field_of_the_one_item_is_written_and_the_item_made(connect: ConnectServer) -> None:
    store = opened(connect.url, item="mesh")
    store.set("OPENAI", Secret(CANARY))
    store.set("GROQ", Secret(CANARY))
    store.set("OPENAI", Secret(ROTATED))
    assert store.names() == ["GROQ", "OPENAI"]
    assert [store.get(name) for name in store.names()] == [Secret(CANARY), Secret(ROTATED)]


def test_a_secret_that_may_not_be_written_is_named_without_its_value(
    connect: ConnectServer,
) -> None:
    connect.read_only = True
    for name in ("OPENAI", "NEW"):
        with pytest.raises(SecretError) as caught:
            opened(connect.url).set(name, Secret(CANARY))
        assert str(caught.value) == f"1Password denies access to {name!r}"


def test_missing_and_denied_secrets_are_mistakes_with_a_line(
    connect: ConnectServer, tmp_path: Path
) -> None:
    connect.keep("DENIED", credential=CANARY)
    connect.denied = {"DENIED"}
    file = tmp_path / "mesh.yaml"
    file.write_text(
        "secrets:\n"
        "  store: 1password.connect.v1\n"
        f"  host: {connect.url}\n"
        "  vault: Team\n"
        "providers:\n"
        "  openai.llm.v1: {api_key: '${secrets:OPENAI}'}\n"
        "  groq.api.v1: {api_key: '${secrets:MISSING}'}\n"
        "  xai.api.v1: {api_key: '${secrets:DENIED}'}\n"
    )
    with pytest.raises(ConfigError) as caught:
        load(file, environ={"OP_CONNECT_TOKEN": TOKEN})
    why = "1Password denies access to 'DENIED'"
    where = f"(looked in 1Password, vault 'Team', at {connect.url})"
    assert [str(problem) for problem in caught.value.problems] == [
        f"line 7: providers.groq.api.v1.api_key: secret 'MISSING' is not set {where}",
        f"line 8: providers.xai.api.v1.api_key: secret 'DENIED' cannot be read: {why} {where}",
    ]


class TestSuite(SecretStoreConformance):
    @pytest.fixture(autouse=True)
    def _server(self, connect: ConnectServer) -> None:
        self._connect = connect
        connect.items = {}

    def store(self, secrets: Mapping[str, str], tmp_path: Path) -> SecretStore:  # noqa: ARG002 - it is in no file
        for title, value in secrets.items():
            self._connect.keep(title, credential=value)
        return opened(self._connect.url)

    def denied(self, tmp_path: Path) -> SecretStore:  # noqa: ARG002 - it is in no file
        self._connect.keep("DENIED", credential=CANARY)
        self._connect.denied = {"DENIED"}
        return opened(self._connect.url)

    def unreachable(self, tmp_path: Path) -> SecretStore:  # noqa: ARG002 - it is in no file
        return opened(nowhere())
