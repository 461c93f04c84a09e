"""Secrets from Azure's Key Vault, by its own library over real sockets and TLS."""

import logging
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from key_vault import (
    CLIENT,
    CLIENT_SECRET,
    TENANT,
    TOKEN,
    URL,
    KeyVault,
    error,
    led_to,
    running_key_vault,
)
from secret_stores import CANARY, ROTATED, closed_and_silent, refused, to_close, unreachable
from web_server import Reply, mute, nowhere

from modelmesh.config import schema
from modelmesh.config.load import load
from modelmesh.connectors.secrets import SecretError, StoreUnreachableError
from modelmesh.connectors.secrets.microsoft_key_vault import SecretStore
from modelmesh.errors import ConfigError
from modelmesh.testing import SecretStoreConformance
from modelmesh.types import Secret

ENVIRON = {"AZURE_TENANT_ID": TENANT, "AZURE_CLIENT_SECRET": CLIENT_SECRET}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KeyVault]:
    with running_key_vault(tmp_path_factory.mktemp("authorities")) as running:
        yield running


@pytest.fixture
def azure(server: KeyVault, monkeypatch: pytest.MonkeyPatch) -> KeyVault:
    server.versions = {"OPENAI-KEY": [CANARY]}
    server.denied, server.errors, server.asked = {}, [], []
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(server.authorities))
    led_to(server.port, monkeypatch)
    return server


@pytest.fixture(autouse=True)
def _closed(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Close the stores of a test; whatever it does, no record tells a secret or a token."""
    caplog.set_level(logging.DEBUG)
    with closed_and_silent(caplog, CANARY, ROTATED, TOKEN, CLIENT_SECRET):
        yield


def opened(environ: dict[str, str] = ENVIRON, **options: Any) -> SecretStore:
    own = {"url": URL, "client_id": CLIENT, **options}
    return to_close(SecretStore(schema.Secrets(options=own), environ))


def test_a_secret_is_found_by_its_name_with_underscores_or_dashes(azure: KeyVault) -> None:
    store = opened()
    assert store.get("OPENAI_KEY") == store.get("OPENAI-KEY") == Secret(CANARY)
    assert CANARY not in f"{store!r} {vars(store)} {store.described}"
    assert store.described == f"Azure Key Vault, {URL}"
    assert azure.asked


def test_a_secret_that_is_missing_or_empty_is_none(azure: KeyVault) -> None:
    azure.versions["EMPTY"] = [" \n"]
    store = opened()
    assert [store.get(name) for name in ("MISSING", "EMPTY")] == [None, None]


@pytest.mark.parametrize("code", ["AccessDenied", "ForbiddenByPolicy", "ForbiddenByRbac"])
def test_a_denied_secret_is_named_with_what_it_takes(azure: KeyVault, code: str) -> None:
    azure.denied = {"OPENAI-KEY": code}
    failure = refused(opened(), "OPENAI_KEY")
    assert not isinstance(failure, StoreUnreachableError)
    assert str(failure) == "Azure denies access to 'OPENAI-KEY': it takes secrets/get"


def test_a_disabled_secret_is_said_to_be_disabled(azure: KeyVault) -> None:
    azure.versions["OPENAI-KEY"].append(None)
    failure = refused(opened(), "OPENAI_KEY")
    assert not isinstance(failure, StoreUnreachableError)
    assert str(failure).startswith("'OPENAI-KEY' is disabled")


def test_a_firewall_keeps_everything_from_us(azure: KeyVault) -> None:
    azure.denied = {"OPENAI-KEY": "ForbiddenByFirewall"}
    assert unreachable(opened(), "OPENAI_KEY")


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_vault_that_fails_counts_as_unreachable_and_is_not_asked_again(
    azure: KeyVault, status: int
) -> None:
    azure.errors = [Reply(status, error("Busy"), {"retry-after": "60"})]
    begun = time.monotonic()
    told = unreachable(opened(), "OPENAI_KEY")
    assert told == f"Key Vault fails, or gets too many requests ({status})"
    assert time.monotonic() - begun < 5.0


@pytest.mark.parametrize(
    "reply", [Reply(200, "<html>"), Reply(200, "<html>", {"content-type": "text/html"})]
)
def test_what_answers_strangely_is_no_vault(azure: KeyVault, reply: Reply) -> None:
    azure.errors = [reply]
    assert unreachable(opened(), "OPENAI_KEY")


@pytest.mark.usefixtures("azure")
def test_a_wrong_client_secret_lets_nobody_in() -> None:
    wrong = {**ENVIRON, "AZURE_CLIENT_SECRET": "not-it"}
    assert unreachable(opened(wrong), "OPENAI_KEY").startswith("Azure refuses access")


def test_a_token_that_the_vault_refuses_lets_nobody_in(azure: KeyVault) -> None:
    azure.errors = [Reply(401, error("Unauthorized"))]
    assert unreachable(opened(), "OPENAI_KEY")


def test_the_default_credential_finds_the_application_in_the_environment(
    azure: KeyVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = {**ENVIRON, "AZURE_CLIENT_ID": CLIENT, "AZURE_TOKEN_CREDENTIALS": "prod"}
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    assert opened(client_id="").get("OPENAI_KEY") == Secret(CANARY)
    assert azure.asked


@pytest.mark.usefixtures("azure")
def test_without_any_credentials_nobody_is_let_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "EnvironmentCredential")
    told = unreachable(opened(client_id=""), "OPENAI_KEY")
    assert told.startswith("Azure refuses access: there are no credentials")


@pytest.mark.usefixtures("azure")
def test_a_vault_where_nothing_listens_is_unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    led_to(urlsplit(nowhere()).port or 0, monkeypatch)
    assert unreachable(opened(), "OPENAI_KEY").startswith("Azure cannot be reached")


@pytest.mark.usefixtures("azure")
def test_a_vault_that_never_answers_is_given_up_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    with mute() as url:
        led_to(urlsplit(url).port or 0, monkeypatch)
        begun = time.monotonic()
        assert unreachable(opened(timeout=0.4), "OPENAI_KEY")
        assert time.monotonic() - begun < 3.0


def test_a_rotated_secret_is_seen_when_it_is_read_again(azure: KeyVault) -> None:
    store = opened()
    assert store.get("OPENAI_KEY") == Secret(CANARY)
    azure.versions["OPENAI-KEY"].append(ROTATED)
    assert store.get("OPENAI_KEY") == opened().get("OPENAI_KEY") == Secret(ROTATED)


def test_a_written_secret_is_found_by_the_next_store(azure: KeyVault) -> None:
    opened(prefix="mesh_").set("NEW_KEY", Secret(ROTATED))
    opened().set("OPENAI_KEY", Secret(ROTATED))
    azure.versions["GONE"] = [None]
    assert azure.versions["OPENAI-KEY"] == [CANARY, ROTATED]
    assert opened(prefix="mesh_").get("NEW_KEY") == Secret(ROTATED)
    assert opened().names() == ["OPENAI-KEY", "mesh-NEW-KEY"]
    assert opened(prefix="mesh_").names() == ["NEW-KEY"]


@pytest.mark.parametrize(
    ("status", "inner", "told"),
    [
        (403, "ForbiddenByRbac", "Azure denies access to 'NEW': it takes secrets/set"),
        (409, "ObjectIsDeletedButRecoverable", "'NEW' is deleted: recover it, or purge it"),
        (400, "BadParameter", "Azure refuses 'NEW' (400)"),
    ],
)
def test_a_secret_that_cannot_be_written_is_named_without_its_value(
    azure: KeyVault, status: int, inner: str, told: str
) -> None:
    azure.errors = [Reply(status, error("Refused", inner))]
    with pytest.raises(SecretError) as caught:
        opened().set("NEW", Secret(CANARY))
    assert str(caught.value) == told


def test_a_name_azure_cannot_have_is_not_asked_for(azure: KeyVault) -> None:
    assert str(refused(opened(), "a.b/c")).startswith("'a.b/c' cannot be a secret's name")
    assert azure.asked == []


def test_missing_and_denied_secrets_are_mistakes_with_a_line(
    azure: KeyVault, tmp_path: Path
) -> None:
    azure.denied = {"DENIED": "ForbiddenByRbac"}
    file = tmp_path / "mesh.yaml"
    file.write_text(
        "secrets:\n"
        "  store: microsoft.key-vault.v1\n"
        f"  url: {URL}\n"
        f"  client_id: {CLIENT}\n"
        "providers:\n"
        "  openai.llm.v1: {api_key: '${secrets:OPENAI_KEY}'}\n"
        "  groq.api.v1: {api_key: '${secrets:MISSING}'}\n"
        "  xai.api.v1: {api_key: '${secrets:DENIED}'}\n"
    )
    with pytest.raises(ConfigError) as caught:
        load(file, environ=ENVIRON)
    why = "Azure denies access to 'DENIED': it takes secrets/get"
    where = f"(looked in Azure Key Vault, {URL})"
    assert [str(problem) for problem in caught.value.problems] == [
        f"line 7: providers.groq.api.v1.api_key: secret 'MISSING' is not set {where}",
        f"line 8: providers.xai.api.v1.api_key: secret 'DENIED' cannot be read: {why} {where}",
    ]


class TestSuite(SecretStoreConformance):
    @pytest.fixture(autouse=True)
    def _vault(self, azure: KeyVault, monkeypatch: pytest.MonkeyPatch) -> None:
        self._azure, self._monkeypatch = azure, monkeypatch

    def store(self, secrets: Mapping[str, str], tmp_path: Path) -> SecretStore:  # noqa: ARG002 - it is in no file
        self._azure.versions = {name: [value] for name, value in secrets.items()}
        return opened()

    def denied(self, tmp_path: Path) -> SecretStore:  # noqa: ARG002 - it is in no file
        self._azure.denied = {"DENIED": "ForbiddenByRbac"}
        return opened()

    def unreachable(self, tmp_path: Path) -> SecretStore:  # noqa: ARG002 - it is in no file
        led_to(urlsplit(nowhere()).port or 0, self._monkeypatch)
        return opened()
