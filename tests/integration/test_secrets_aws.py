"""Secrets from AWS Secrets Manager, by boto3 over real sockets: moto's server, and its errors."""

import json
import logging
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer
from secret_stores import CANARY, ROTATED, closed_and_silent, refused, to_close, unreachable
from web_server import Asked, Reply, mute, nowhere, served

from modelmesh.config import schema
from modelmesh.config.load import load
from modelmesh.connectors.secrets import SecretError, StoreAbsentError, StoreUnreachableError
from modelmesh.connectors.secrets.aws_secrets_manager import SecretStore
from modelmesh.errors import ConfigError
from modelmesh.testing import SecretStoreConformance
from modelmesh.types import Secret

REGION = "eu-central-1"
DENIED = "AWS denies access to 'OPENAI': it takes secretsmanager:{}, and the use of its KMS key"


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(autouse=True)
def credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Be somebody, whoever runs the tests."""
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIATEST")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture(scope="module")
def account(moto: str) -> Iterator[Any]:
    session = boto3.Session("AKIAOTHER", "test", region_name=REGION)
    client = session.client("secretsmanager", endpoint_url=moto)
    yield client
    client.close()


@pytest.fixture
def aws(account: Any) -> Any:
    """Return a client of an account which keeps one secret."""
    kept = account.list_secrets(IncludePlannedDeletion=True)["SecretList"]
    for secret in kept:
        account.delete_secret(SecretId=secret["ARN"], ForceDeleteWithoutRecovery=True)
    account.create_secret(Name="OPENAI", SecretString=CANARY)
    return account


@pytest.fixture(autouse=True)
def _closed(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Close the stores of a test; whatever it does, no record tells the secret."""
    with closed_and_silent(caplog, CANARY):
        yield


def opened(endpoint: str, **options: Any) -> SecretStore:
    own = {"region": REGION, "endpoint_url": endpoint, **options}
    return to_close(SecretStore(schema.Secrets(options=own), {}))


@pytest.mark.usefixtures("aws")
def test_a_secret_is_found(moto: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    store = opened(moto)
    assert store.get("OPENAI") == Secret(CANARY)
    store.set("OPENAI", Secret(f"{CANARY}2"))
    assert CANARY not in f"{store!r} {vars(store)} {store.described}"
    assert store.described == f"AWS Secrets Manager, eu-central-1, at {moto}"


def test_boto3_would_log_the_secret_and_does_not(
    moto: str, aws: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    aws.put_secret_value(SecretId="OPENAI", SecretString=ROTATED)
    caplog.clear()
    assert opened(moto).get("OPENAI") == Secret(ROTATED)
    assert ROTATED not in caplog.text
    aws.get_secret_value(SecretId="OPENAI")
    assert ROTATED in caplog.text


def test_a_secret_that_is_missing_or_empty_is_none(moto: str, aws: Any) -> None:
    aws.create_secret(Name="BLANK", SecretString=" \n")
    aws.create_secret(Name="BARE")
    store = opened(moto)
    assert [store.get(name) for name in ("MISSING", "BLANK", "BARE")] == [None, None, None]


def test_what_is_no_text_is_refused(moto: str, aws: Any) -> None:
    aws.create_secret(Name="BLOB", SecretBinary=CANARY.encode())
    assert str(refused(opened(moto), "BLOB")) == "'BLOB' is binary, not text"


def test_a_secret_that_is_to_be_deleted_is_refused(moto: str, aws: Any) -> None:
    aws.delete_secret(SecretId="OPENAI", RecoveryWindowInDays=7)
    failure = refused(opened(moto))
    assert not isinstance(failure, StoreUnreachableError)
    assert str(failure).startswith("'OPENAI' cannot be used: it is marked for deletion")


@pytest.mark.usefixtures("aws")
def test_a_name_aws_cannot_have_is_refused(moto: str) -> None:
    message = "'' cannot be a secret's name, or cannot have this value"
    assert str(refused(opened(moto), "")) == message


def test_a_version_is_read_by_its_label(moto: str, aws: Any) -> None:
    aws.put_secret_value(SecretId="OPENAI", SecretString=ROTATED)
    assert opened(moto).get("OPENAI") == Secret(ROTATED)
    previous = opened(moto, version="AWSPREVIOUS")
    assert previous.get("OPENAI") == Secret(CANARY)
    with pytest.raises(SecretError, match="only AWSCURRENT is written"):
        previous.set("OPENAI", Secret(ROTATED))


def test_a_prefix_stands_before_every_name(moto: str, aws: Any) -> None:
    aws.create_secret(Name="mesh/GROQ", SecretString=ROTATED)
    aws.create_secret(Name="mesh/ANTHROPIC", SecretString="x")
    store = opened(moto, prefix="mesh/")
    assert store.get("GROQ") == Secret(ROTATED)
    assert store.get("OPENAI") is None
    assert store.names() == ["ANTHROPIC", "GROQ"]


@pytest.mark.usefixtures("aws")
def test_a_written_secret_is_found_by_the_next_store(moto: str) -> None:
    store = opened(moto)
    store.set("OPENAI", Secret(ROTATED))
    store.set("NEW", Secret(CANARY))
    again = opened(moto)
    assert again.get("OPENAI") == Secret(ROTATED)
    assert again.get("NEW") == Secret(CANARY)
    assert again.names() == ["NEW", "OPENAI"]


def test_one_secret_holds_several_values(moto: str, aws: Any) -> None:
    fields = {"OPENAI": CANARY, "GROQ": ROTATED, "PORT": 5432, "EMPTY": ""}
    aws.create_secret(Name="mesh/keys", SecretString=json.dumps(fields))
    store = opened(moto, secret="mesh/keys")
    assert store.get("OPENAI") == Secret(CANARY)
    assert store.get("GROQ") == Secret(ROTATED)
    assert store.get("MISSING") is None
    assert store.get("EMPTY") is None
    assert store.names() == ["EMPTY", "GROQ", "OPENAI", "PORT"]
    assert str(refused(store, "PORT")) == "'PORT' in 'mesh/keys' is no text"
    assert store.described.startswith("AWS Secrets Manager, eu-central-1, secret 'mesh/keys'")


def test_a_value_is_written_into_the_one_secret_beside_the_others(moto: str, aws: Any) -> None:
    store = opened(moto, secret="mesh/keys")
    store.set("OPENAI", Secret(CANARY))
    store.set("GROQ", Secret(ROTATED))
    assert store.get("GROQ") == Secret(ROTATED)
    kept = json.loads(aws.get_secret_value(SecretId="mesh/keys")["SecretString"])
    assert kept == {"OPENAI": CANARY, "GROQ": ROTATED}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "there is no secret 'mesh/keys'"),
        (f"plain {CANARY}", "'mesh/keys' is no JSON object"),
        (f'["{CANARY}"]', "'mesh/keys' is no JSON object"),
    ],
)
def test_without_the_one_secret_there_is_none(
    moto: str, aws: Any, text: str | None, message: str
) -> None:
    if text:
        aws.create_secret(Name="mesh/keys", SecretString=text)
    failure = refused(opened(moto, secret="mesh/keys"))
    assert isinstance(failure, StoreUnreachableError)
    assert isinstance(failure, StoreAbsentError) == (text is None)
    assert str(failure) == message


def test_what_is_no_json_object_is_not_written_over(moto: str, aws: Any) -> None:
    aws.create_secret(Name="mesh/keys", SecretString=CANARY)
    with pytest.raises(SecretError, match="is no JSON object"):
        opened(moto, secret="mesh/keys").set("OPENAI", Secret(ROTATED))
    assert aws.get_secret_value(SecretId="mesh/keys")["SecretString"] == CANARY


def error(code: str, status: int = 400) -> Reply:
    """Return an error as AWS words one in JSON, which may quote what it is about."""
    return Reply(status, {"__type": code, "Message": f"Value '{CANARY}' failed"})


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("AccessDeniedException", DENIED.format("GetSecretValue")),
        ("DecryptionFailure", "AWS cannot decrypt 'OPENAI': its KMS key may not be used"),
        ("ValidationException", "AWS does not accept 'OPENAI', or what is asked of it"),
        ("SomethingNew", "AWS refuses 'OPENAI' (SomethingNew)"),
    ],
)
def test_a_secret_that_is_kept_from_us_is_named(code: str, message: str) -> None:
    with served(lambda _: error(code)) as endpoint:
        failure = refused(opened(endpoint))
    assert not isinstance(failure, StoreUnreachableError)
    assert str(failure) == message


def test_a_secret_that_may_not_be_written_is_named_without_its_value() -> None:
    with served(lambda _: error("AccessDeniedException")) as endpoint:
        store = opened(endpoint)
        with pytest.raises(SecretError) as caught:
            store.set("OPENAI", Secret(CANARY))
    assert str(caught.value) == DENIED.format("PutSecretValue")


def test_a_list_that_is_kept_from_us_is_told() -> None:
    with served(lambda _: error("AccessDeniedException")) as endpoint:
        store = opened(endpoint)
        with pytest.raises(SecretError, match=r"the list of secrets: .*:ListSecrets"):
            store.names()


@pytest.mark.parametrize(
    ("code", "status", "message"),
    [
        ("ExpiredTokenException", 400, "the AWS credentials have expired"),
        ("UnrecognizedClientException", 400, "AWS does not accept the credentials"),
        ("ThrottlingException", 400, "AWS gets too many requests"),
        ("InternalFailure", 500, "AWS fails (InternalFailure)"),
    ],
)
def test_what_shuts_everybody_out_is_told_as_such(code: str, status: int, message: str) -> None:
    with served(lambda _: error(code, status)) as endpoint:
        assert unreachable(opened(endpoint)) == message


def test_a_passing_failure_is_asked_about_once_more() -> None:
    asked: list[Asked] = []

    def answer(request: Asked) -> Reply:
        asked.append(request)
        if len(asked) == 1:
            return error("InternalServiceError", 500)
        return Reply(200, {"Name": "OPENAI", "SecretString": CANARY})

    with served(answer) as endpoint:
        assert opened(endpoint).get("OPENAI") == Secret(CANARY)
    assert len(asked) == 2


def test_a_store_where_nothing_listens_is_away() -> None:
    assert unreachable(opened(nowhere())) == "AWS cannot be reached (EndpointConnectionError)"


def test_a_store_that_never_answers_is_given_up() -> None:
    with mute() as endpoint:
        began = time.monotonic()
        assert unreachable(opened(endpoint, timeout=0.4)) == "AWS does not answer in time"
    assert time.monotonic() - began < 3


def test_what_does_not_speak_as_aws_does_is_no_store() -> None:
    with served(lambda _: Reply(200, "<html>welcome</html>")) as endpoint:
        assert unreachable(opened(endpoint)) == "the server that answers is not AWS Secrets Manager"


def test_without_credentials_nobody_is_let_in(moto: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    assert unreachable(opened(moto)) == "there are no AWS credentials"


@pytest.mark.usefixtures("aws")
def test_a_profile_says_who_and_where(moto: str, tmp_path: Path) -> None:
    (tmp_path / "config").write_text("[profile mesh]\nregion = eu-central-1\n")
    (tmp_path / "credentials").write_text(
        "[mesh]\naws_access_key_id = AKIAMESH\naws_secret_access_key = x\n"
    )
    store = opened(moto, region=None, profile="mesh")
    assert store.get("OPENAI") == Secret(CANARY)
    assert store.described.startswith("AWS Secrets Manager, eu-central-1")


def test_a_role_that_may_not_be_taken_shuts_everybody_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config").write_text(
        "[profile mesh]\nregion = eu-central-1\nsource_profile = me\n"
        "role_arn = arn:aws:iam::123456789012:role/mesh\n"
        "[profile me]\naws_access_key_id = AKIAME\naws_secret_access_key = x\n"
    )
    denied = "<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>"
    with served(lambda _: Reply(403, denied, {"content-type": "text/xml"})) as endpoint:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", endpoint)
        told = unreachable(opened(nowhere(), region=None, profile="mesh"))
        assert told == "AWS gives no credentials: AssumeRole (AccessDenied)"


def written(folder: Path, endpoint: str) -> Path:
    file = folder / "mesh.yaml"
    file.write_text(
        f"""secrets:
  store: aws.secrets-manager.v1
  region: {REGION}
  endpoint_url: {endpoint}
  timeout: 2s
providers:
  openai.llm.v1:
    api_key: ${{secrets:OPENAI}}
  groq.api.v1:
    api_key: ${{secrets:GROQ}}
"""
    )
    return file


def test_what_a_configuration_lacks_is_reported_with_line_and_path(tmp_path: Path) -> None:
    def answer(asked: Asked) -> Reply:
        wanted: Mapping[str, str] = json.loads(asked.body)
        missing = wanted["SecretId"] == "GROQ"
        return error("ResourceNotFoundException" if missing else "AccessDeniedException")

    with served(answer) as endpoint, pytest.raises(ConfigError) as caught:
        load(written(tmp_path, endpoint), environ={})
    looked = f"(looked in AWS Secrets Manager, eu-central-1, at {endpoint})"
    why = DENIED.format("GetSecretValue")
    assert [str(problem) for problem in caught.value.problems] == [
        f"line 8: providers.openai.llm.v1.api_key: secret 'OPENAI' cannot be read: {why} {looked}",
        f"line 10: providers.groq.api.v1.api_key: secret 'GROQ' is not set {looked}",
    ]


def test_a_rotated_secret_is_there_when_it_is_read_again(
    moto: str, aws: Any, tmp_path: Path
) -> None:
    aws.create_secret(Name="GROQ", SecretString="sk-groq")
    file = written(tmp_path, moto)
    assert load(file, environ={}).providers["openai.llm.v1"].api_key == Secret(CANARY)
    aws.put_secret_value(SecretId="OPENAI", SecretString=ROTATED)
    assert load(file, environ={}).providers["openai.llm.v1"].api_key == Secret(ROTATED)


class TestSuite(SecretStoreConformance):
    @pytest.fixture(autouse=True)
    def _account(self, moto: str, aws: Any) -> None:
        self._moto, self._aws = moto, aws
        aws.delete_secret(SecretId="OPENAI", ForceDeleteWithoutRecovery=True)

    def store(self, secrets: Mapping[str, str], tmp_path: Path) -> SecretStore:  # noqa: ARG002 - it is in no file
        for name, value in secrets.items():
            self._aws.create_secret(Name=name, SecretString=value or " ")
        return opened(self._moto)

    def denied(self, tmp_path: Path) -> SecretStore:  # noqa: ARG002 - it is in no file
        return opened(self._denying)

    @pytest.fixture(autouse=True)
    def _denial(self) -> Iterator[None]:
        with served(lambda _: error("AccessDeniedException")) as self._denying:
            yield

    def unreachable(self, tmp_path: Path) -> SecretStore:  # noqa: ARG002 - it is in no file
        return opened(nowhere())
