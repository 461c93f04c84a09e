"""What the stores of AWS and Google say before anything is sent."""

import logging
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from modelmesh.config.load import load
from modelmesh.config.schema import Secrets
from modelmesh.connectors.secrets import (
    Closing,
    Listing,
    SecretStore,
    Writable,
    aws_secrets_manager,
    google_secret_manager,
)
from modelmesh.connectors.secrets._quiet import quiet
from modelmesh.errors import ConfigError

AWS = "aws.secrets-manager.v1"
GOOGLE = "google.secret-manager.v1"


@pytest.fixture(autouse=True)
def nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Be in a place where nothing says who asks."""
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))


def mistakes(folder: Path, environ: Mapping[str, str], *settings: str) -> list[str]:
    file = folder / "mesh.yaml"
    file.write_text("".join(f"  {line}\n" for line in settings).replace("  ", "secrets:\n  ", 1))
    with pytest.raises(ConfigError) as caught:
        load(file, environ=environ)
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("store", "setting", "message"),
    [
        (AWS, "region: 'eu central'", "secrets.region: 'region' must match"),
        (AWS, "endpoint_url: localhost:4566", "secrets.endpoint_url: must be an address"),
        (AWS, "timeout: 0", "secrets.timeout: must be more than 0, not 0.0"),
        (AWS, "regoin: eu-1", "unknown key 'regoin'; did you mean 'region'?"),
        (GOOGLE, "project: a/b", "secrets.project: 'project' must match"),
        (GOOGLE, "prefix: mesh/", "secrets.prefix: 'prefix' must match"),
        (GOOGLE, "version: versions/1", "secrets.version: 'version' must match"),
        (GOOGLE, "endpoint: localhost", "secrets.endpoint: must be an address"),
        (GOOGLE, "anonymous: maybe", "expected true or false"),
    ],
)
def test_a_mistake_in_a_setting_has_its_line(
    tmp_path: Path, store: str, setting: str, message: str
) -> None:
    (told,) = mistakes(tmp_path, {}, f"store: {store}", setting)
    assert told.startswith("line 3: ")
    assert message in told


def test_without_a_region_there_is_no_aws(tmp_path: Path) -> None:
    (told,) = mistakes(tmp_path, {}, f"store: {AWS}", "prefix: mesh/")
    assert told == (
        "line 1: secrets.region: is missing: set it, AWS_REGION, or that of the profile"
    )


def test_a_region_is_what_is_set_before_what_the_environment_says(tmp_path: Path) -> None:
    def described(environ: Mapping[str, str], **options: Any) -> str:
        store = aws_secrets_manager.SecretStore(Secrets(options=options), environ)
        return store.described

    environ = {"AWS_REGION": "eu-west-1"}
    assert described(environ) == "AWS Secrets Manager, eu-west-1"
    assert described(environ, region="us-east-1") == "AWS Secrets Manager, us-east-1"
    (tmp_path / "config").write_text("[profile mesh]\nregion = eu-north-1\n")
    assert described({}, profile="mesh") == "AWS Secrets Manager, eu-north-1"


def test_a_profile_that_is_not_there_is_a_mistake(tmp_path: Path) -> None:
    assert mistakes(tmp_path, {}, f"store: {AWS}", "profile: nobody") == [
        "line 3: secrets.profile: there is no such profile"
    ]


def test_without_credentials_a_project_must_be_named(tmp_path: Path) -> None:
    (told,) = mistakes(tmp_path, {}, f"store: {GOOGLE}", "anonymous: true")
    assert told.startswith("line 1: secrets.project: is missing")


@pytest.mark.parametrize(
    ("options", "environ", "described"),
    [
        ({"project": "acme"}, {"GOOGLE_CLOUD_PROJECT": "other"}, "project acme"),
        ({}, {"GOOGLE_CLOUD_PROJECT": "other"}, "project other"),
        ({}, {"GOOGLE_CLOUD_PROJECT": ""}, "the project of the credentials"),
        (
            {"project": "acme", "endpoint": "http://127.0.0.1:1"},
            {},
            "project acme, at http://127.0.0.1:1",
        ),
    ],
)
def test_a_project_is_what_is_set_before_what_the_environment_says(
    options: Mapping[str, Any], environ: Mapping[str, str], described: str
) -> None:
    store = google_secret_manager.SecretStore(Secrets(options=options), environ)
    assert store.described == f"Google Secret Manager, {described}"


@pytest.mark.parametrize(
    ("store", "library", "extra"),
    [(AWS, "boto3", "aws"), (GOOGLE, "google.cloud.secretmanager_v1", "google")],
)
def test_a_library_that_is_not_installed_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: str, library: str, extra: str
) -> None:
    monkeypatch.delitem(sys.modules, f"modelmesh.connectors.secrets._{extra}", raising=False)
    monkeypatch.setitem(sys.modules, library, None)
    (told,) = mistakes(tmp_path, {}, f"store: {store}", "cache_ttl: 60s")
    assert told.startswith("line 2: secrets.store: ")
    assert told.endswith(f"needs a library: pip install 'modelmesh-lite[{extra}]'")


def test_a_store_that_nobody_asked_anything_is_closed_at_once() -> None:
    stores: list[SecretStore] = [
        aws_secrets_manager.SecretStore(Secrets(options={"region": "eu-1"}), {}),
        google_secret_manager.SecretStore(Secrets(options={"project": "acme"}), {}),
    ]
    for store in stores:
        assert isinstance(store, Writable)
        assert isinstance(store, Listing)
        assert isinstance(store, Closing)
        store.close()


def test_only_what_is_logged_while_secrets_are_read_is_dropped(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    library = logging.getLogger("library.of.a.vendor")
    library.debug("before")
    with quiet([library.name]):
        library.debug("the secret")
        with quiet([library.name]):
            library.debug("the secret")
        library.debug("the secret")
        logging.getLogger("library.of.another").debug("elsewhere")
    library.debug("after")
    assert caplog.messages == ["before", "elsewhere", "after"]
