"""Secrets from Google's Secret Manager, by its own library over real sockets."""

import json
import logging
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from google_secrets import GoogleSecrets, error, running_google_secrets
from secret_stores import CANARY, ROTATED, closed_and_silent, refused, to_close, unreachable
from web_server import mute, nowhere

from modelmesh.config import schema
from modelmesh.config.load import load
from modelmesh.connectors.secrets import SecretError, StoreUnreachableError
from modelmesh.connectors.secrets.google_secret_manager import SecretStore
from modelmesh.errors import ConfigError
from modelmesh.testing import SecretStoreConformance
from modelmesh.types import Secret


@pytest.fixture(scope="module")
def server() -> Iterator[GoogleSecrets]:
    with running_google_secrets() as running:
        yield running


@pytest.fixture
def google(server: GoogleSecrets) -> GoogleSecrets:
    server.versions = {"OPENAI": [CANARY.encode()]}
    server.denied, server.token, server.errors, server.asked = set(), None, [], []
    return server


@pytest.fixture(autouse=True)
def _closed(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Close the stores of a test; whatever it does, no record tells the secret."""
    monkeypatch.setattr(logging.getLogger("google"), "propagate", True)
    caplog.set_level(logging.DEBUG)
    with closed_and_silent(caplog, CANARY, "c2stY2FuYXJ5"):
        yield


def opened(endpoint: str, **options: Any) -> SecretStore:
    own = {"project": "acme", "endpoint": endpoint, "anonymous": True, **options}
    return to_close(SecretStore(schema.Secrets(options=own), {}))


def test_a_secret_is_found(google: GoogleSecrets) -> None:
    store = opened(google.url)
    assert store.get("OPENAI") == Secret(CANARY)
    assert CANARY not in f"{store!r} {vars(store)} {store.described}"
    assert store.described == f"Google Secret Manager, project acme, at {google.url}"


def test_the_library_would_log_the_secret_and_does_not(
    google: GoogleSecrets, caplog: pytest.LogCaptureFixture
) -> None:
    store = opened(google.url)
    assert store.get("OPENAI")
    assert not [record for record in caplog.records if record.name.startswith("google.cloud")]
    client = store._project._client
    client.list_secrets(parent="projects/acme")
    assert [record for record in caplog.records if record.name.startswith("google.cloud")]


def test_a_secret_that_is_missing_or_empty_is_none(google: GoogleSecrets) -> None:
    google.versions |= {"EMPTY": [b" \n"], "BARE": []}
    store = opened(google.url)
    assert [store.get(name) for name in ("MISSING", "EMPTY", "BARE")] == [None, None, None]


def test_a_denied_secret_is_named_with_what_it_takes(google: GoogleSecrets) -> None:
    google.denied = {"OPENAI"}
    failure = refused(opened(google.url))
    assert not isinstance(failure, StoreUnreachableError)
    assert str(failure) == (
        "Google denies access to 'OPENAI': it takes secretmanager.versions.access"
    )


def test_a_disabled_version_is_said_to_be_disabled(google: GoogleSecrets) -> None:
    google.versions["OPENAI"].append(None)
    store = opened(google.url)
    assert str(refused(store)) == "the version of 'OPENAI' that is asked for is disabled"
    assert opened(google.url, version="1").get("OPENAI") == Secret(CANARY)


def test_what_is_no_text_is_refused(google: GoogleSecrets) -> None:
    google.versions["BLOB"] = [b"\xff\x00" + CANARY.encode()]
    assert str(refused(opened(google.url), "BLOB")) == "'BLOB' is binary, not text"


def test_a_name_google_cannot_have_is_not_asked_for(google: GoogleSecrets) -> None:
    message = str(refused(opened(google.url), "OPENAI/versions/1"))
    assert message.startswith("'OPENAI/versions/1' cannot be a secret's name")
    assert google.asked == []


def test_a_prefix_stands_before_every_name(google: GoogleSecrets) -> None:
    google.versions |= {"mesh_GROQ": [ROTATED.encode()], "mesh_XAI": [b"x"], "other": [b"y"]}
    store = opened(google.url, prefix="mesh_")
    assert store.get("GROQ") == Secret(ROTATED)
    assert store.get("OPENAI") is None
    assert store.names() == ["GROQ", "XAI"]


def test_a_written_secret_is_found_by_the_next_store(google: GoogleSecrets) -> None:
    store = opened(google.url)
    store.set("OPENAI", Secret(ROTATED))
    store.set("NEW", Secret(CANARY))
    again = opened(google.url)
    assert again.get("OPENAI") == Secret(ROTATED)
    assert again.get("NEW") == Secret(CANARY)
    assert again.names() == ["NEW", "OPENAI"]
    assert opened(google.url, version="1").get("OPENAI") == Secret(CANARY)


def test_a_secret_that_may_not_be_written_is_named_without_its_value(
    google: GoogleSecrets,
) -> None:
    google.denied = {"OPENAI"}
    with pytest.raises(SecretError) as caught:
        opened(google.url).set("OPENAI", Secret(CANARY))
    assert str(caught.value) == (
        "Google denies access to 'OPENAI': it takes secretmanager.versions.add"
    )


def test_nothing_is_written_where_it_would_not_be_read(google: GoogleSecrets) -> None:
    with pytest.raises(SecretError, match="only latest is written"):
        opened(google.url, version="1").set("OPENAI", Secret(ROTATED))
    assert google.asked == []


@pytest.mark.parametrize(
    ("code", "status", "reason", "message"),
    [
        (401, "UNAUTHENTICATED", None, "Google requires credentials"),
        (429, "RESOURCE_EXHAUSTED", None, "Google gets too many requests"),
        (500, "INTERNAL", None, "Google fails (HTTP 500)"),
        (503, "UNAVAILABLE", None, "Google fails (HTTP 503)"),
        (504, "DEADLINE_EXCEEDED", None, "Google does not answer in time"),
        (
            403,
            "PERMISSION_DENIED",
            "SERVICE_DISABLED",
            "the project does not use Secret Manager: enable its API",
        ),
    ],
)
def test_what_shuts_everybody_out_is_told_as_such(
    google: GoogleSecrets, code: int, status: str, reason: str | None, message: str
) -> None:
    google.errors = [error(code, status, CANARY, reason)] * 2
    assert unreachable(opened(google.url)) == message


def test_a_passing_failure_is_asked_about_once_more(google: GoogleSecrets) -> None:
    google.errors = [error(503, "UNAVAILABLE")]
    assert opened(google.url).get("OPENAI") == Secret(CANARY)
    assert len(google.asked) == 2


def test_a_store_where_nothing_listens_is_away() -> None:
    assert unreachable(opened(nowhere())) == "Google cannot be reached (ConnectionError)"


def test_a_store_that_never_answers_is_given_up() -> None:
    with mute() as endpoint:
        began = time.monotonic()
        assert unreachable(opened(endpoint, timeout=0.4))
    assert time.monotonic() - began < 2


def workload(folder: Path, url: str) -> Path:
    """Write credentials that are exchanged for a token, as those of a workload elsewhere are."""
    token = folder / "subject"
    token.write_text("from-elsewhere")
    credentials = folder / "credentials.json"
    entry = {
        "type": "external_account",
        "audience": "//iam.googleapis.com/pools/elsewhere",
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": f"{url}/token",
        "credential_source": {"file": str(token)},
    }
    credentials.write_text(json.dumps(entry))
    return credentials


def test_the_usual_credentials_are_used(
    google: GoogleSecrets, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    google.token = "ya29.granted"
    credentials = workload(tmp_path, google.url)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(credentials))
    store = opened(google.url, anonymous=False)
    assert store.get("OPENAI") == Secret(CANARY)


def test_credentials_that_are_not_accepted_shut_everybody_out(
    google: GoogleSecrets, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    google.token = "another"
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(workload(tmp_path, google.url)))
    told = unreachable(opened(google.url, anonymous=False))
    assert told == "Google does not accept the credentials"


def test_a_token_that_is_not_granted_shuts_everybody_out(
    google: GoogleSecrets, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    credentials = workload(tmp_path, google.url)
    (tmp_path / "subject").write_text("")
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(credentials))
    told = unreachable(opened(google.url, anonymous=False))
    assert told == "Google gives no access token (RefreshError)"


def test_who_grants_tokens_and_never_answers_is_given_up(
    google: GoogleSecrets, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with mute() as endpoint:
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(workload(tmp_path, endpoint)))
        began = time.monotonic()
        told = unreachable(opened(google.url, anonymous=False, timeout=0.4))
        assert told == "Google gives no access token (TransportError)"
    assert time.monotonic() - began < 2


def test_without_credentials_nobody_is_let_in(
    google: GoogleSecrets, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "missing.json"))
    told = unreachable(opened(google.url, anonymous=False))
    assert told == "no Google credentials are found, or they cannot be read"
    assert google.asked == []


def written(folder: Path, google: GoogleSecrets) -> Path:
    file = folder / "mesh.yaml"
    file.write_text(
        f"""secrets:
  store: google.secret-manager.v1
  project: acme
  endpoint: {google.url}
  anonymous: true
providers:
  openai.llm.v1:
    api_key: ${{secrets:OPENAI}}
  groq.api.v1:
    api_key: ${{secrets:GROQ}}
  xai.api.v1:
    api_key: ${{secrets:XAI}}
"""
    )
    return file


def test_what_a_configuration_lacks_is_reported_with_line_and_path(
    google: GoogleSecrets, tmp_path: Path
) -> None:
    google.denied = {"GROQ"}
    with pytest.raises(ConfigError) as caught:
        load(written(tmp_path, google), environ={})
    looked = f"(looked in Google Secret Manager, project acme, at {google.url})"
    why = "Google denies access to 'GROQ': it takes secretmanager.versions.access"
    assert [str(problem) for problem in caught.value.problems] == [
        f"line 10: providers.groq.api.v1.api_key: secret 'GROQ' cannot be read: {why} {looked}",
        f"line 12: providers.xai.api.v1.api_key: secret 'XAI' is not set {looked}",
    ]


def test_a_rotated_secret_is_there_when_it_is_read_again(
    google: GoogleSecrets, tmp_path: Path
) -> None:
    google.versions |= {"GROQ": [b"sk-groq"], "XAI": [b"sk-xai"]}
    file = written(tmp_path, google)
    assert load(file, environ={}).providers["openai.llm.v1"].api_key == Secret(CANARY)
    google.versions["OPENAI"].append(ROTATED.encode())
    assert load(file, environ={}).providers["openai.llm.v1"].api_key == Secret(ROTATED)


class TestSuite(SecretStoreConformance):
    @pytest.fixture(autouse=True)
    def _project(self, google: GoogleSecrets) -> None:
        self._google = google

    def store(self, secrets: Mapping[str, str], tmp_path: Path) -> SecretStore:  # noqa: ARG002 - it is in no file
        self._google.versions = {name: [value.encode()] for name, value in secrets.items()}
        return opened(self._google.url)

    def denied(self, tmp_path: Path) -> SecretStore:  # noqa: ARG002 - it is in no file
        self._google.denied = {"DENIED"}
        return opened(self._google.url)

    def unreachable(self, tmp_path: Path) -> SecretStore:  # noqa: ARG002 - it is in no file
        return opened(nowhere())
