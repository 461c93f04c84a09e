"""Secrets from Vault's key-value engines, by hvac, in a real OpenBao."""

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from bao_server import ROOT, Bao, needs_bao, running_bao
from hvac import Client
from secret_stores import CANARY, ROTATED, closed_and_silent, refused, to_close, unreachable
from web_server import Reply, mute, nowhere, served

from modelmesh.config import schema
from modelmesh.config.load import load
from modelmesh.connectors.secrets import SecretError, StoreAbsentError, StoreUnreachableError
from modelmesh.connectors.secrets.hashicorp_vault import SecretStore
from modelmesh.errors import ConfigError
from modelmesh.testing import SecretStoreConformance
from modelmesh.types import Secret

pytestmark = needs_bao

POLICY = 'path "secret/data/open*" {capabilities = ["read"]}'


@pytest.fixture(scope="module")
def bao(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bao]:
    with running_bao(tmp_path_factory.mktemp("bao")) as running:
        running.root.sys.create_or_update_policy("some", POLICY)
        yield running


@pytest.fixture
def kept(bao: Bao, request: pytest.FixtureRequest) -> Callable[..., None]:
    """Keep fields at a path of version 2; they are gone after the test."""
    engine = bao.root.secrets.kv.v2

    def keep(path: str, **fields: Any) -> None:
        engine.create_or_update_secret(path, fields)
        request.addfinalizer(lambda: engine.delete_metadata_and_all_versions(path))

    return keep


@pytest.fixture(autouse=True)
def _closed(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Close the stores of a test; whatever it does, no record tells a secret or a token."""
    caplog.set_level(logging.DEBUG)
    with closed_and_silent(caplog, CANARY, ROTATED, ROOT):
        yield


def opened(address: str, token: str = ROOT, **options: Any) -> SecretStore:
    settings = schema.Secrets(options={"address": address, **options})
    return to_close(SecretStore(settings, {"VAULT_TOKEN": token, "VAULT_SECRET_ID": token}))


def test_a_secret_is_an_entry_of_its_own(bao: Bao, kept: Callable[..., None]) -> None:
    kept("team/OPENAI", value=f"{CANARY}\n", note="of the team")
    store = opened(bao.url)
    assert store.get("team/OPENAI") == opened(bao.url, prefix="team/").get("OPENAI")
    assert store.get("team/OPENAI") == Secret(CANARY)
    assert opened(bao.url, field="note").get("team/OPENAI") == Secret("of the team")
    assert CANARY not in f"{store!r} {vars(store)} {store.described}"
    assert store.described == f"Vault, secret at {bao.url}"


def test_secrets_are_the_fields_of_one_entry(bao: Bao, kept: Callable[..., None]) -> None:
    kept("mesh", OPENAI=CANARY, EMPTY=" ", NUMBER=7)
    store = opened(bao.url, entry="mesh")
    assert store.described == f"Vault, secret/mesh at {bao.url}"
    assert store.get("OPENAI") == Secret(CANARY)
    assert [store.get(name) for name in ("EMPTY", "MISSING")] == [None, None]
    assert store.names() == ["EMPTY", "NUMBER", "OPENAI"]
    assert str(refused(store, "NUMBER")) == "'NUMBER' is no text"


def test_without_the_one_entry_no_secret_is_to_be_had(bao: Bao) -> None:
    absent = refused(opened(bao.url, entry="nowhere"), "open")
    assert isinstance(absent, StoreAbsentError)
    assert str(absent) == "Vault has no entry 'nowhere'"


def test_a_secret_that_is_missing_or_deleted_is_none(bao: Bao, kept: Callable[..., None]) -> None:
    kept("gone", value=CANARY)
    bao.root.secrets.kv.v2.delete_latest_version_of_secret("gone")
    store = opened(bao.url)
    assert [store.get(name) for name in ("missing", "gone")] == [None, None]


def test_an_entry_without_the_field_is_named(bao: Bao, kept: Callable[..., None]) -> None:
    kept("open", key=CANARY)
    assert str(refused(opened(bao.url), "open")) == "'open' has no field 'value'"


def test_a_denied_secret_is_named(bao: Bao, kept: Callable[..., None]) -> None:
    kept("open", value=CANARY)
    store = opened(bao.url, bao.token("some"))
    assert store.get("open") == Secret(CANARY)
    failure = refused(store, "closed")
    assert not isinstance(failure, StoreUnreachableError)
    assert str(failure) == "Vault denies access to 'closed' in 'secret'"


def test_a_token_that_is_wrong_or_revoked_lets_nobody_in(bao: Bao) -> None:
    revoked = bao.token("some")
    bao.root.auth.token.revoke(revoked)
    for token in ("hvs.nobodys", revoked):
        told = unreachable(opened(bao.url, token), "open")
        assert told == "Vault does not accept the token: it may have expired"


def test_an_engine_that_is_not_there_or_of_the_other_version_is_told_of(bao: Bao) -> None:
    told = "Vault has no key-value engine of version {} at {!r} for this namespace"
    assert unreachable(opened(bao.url, mount="kv"), "open") == told.format(2, "kv")
    assert unreachable(opened(bao.url, kv=1), "open") == told.format(1, "secret")
    assert unreachable(opened(bao.url, namespace="nobodys"), "open") == told.format(2, "secret")


def test_the_first_version_of_the_engine_is_read_and_written(bao: Bao) -> None:
    options: dict[str, Any] = {"mount": "old", "kv": 1}
    store = opened(bao.url, **options)
    assert store.get("OPENAI") is None
    store.set("OPENAI", Secret(CANARY))
    opened(bao.url, **options, entry="OPENAI").set("other", Secret(ROTATED))
    again = opened(bao.url, **options)
    assert again.get("OPENAI") == Secret(CANARY)
    assert again.names() == ["OPENAI"]


def test_a_rotated_secret_is_seen_when_it_is_read_again(
    bao: Bao, kept: Callable[..., None]
) -> None:
    kept("open", value=CANARY)
    store = opened(bao.url)
    assert store.get("open") == opened(bao.url, entry="open").get("value") == Secret(CANARY)
    kept("open", value=ROTATED)
    assert store.get("open") == opened(bao.url, entry="open").get("value") == Secret(ROTATED)


def test_a_written_secret_leaves_what_is_beside_it(bao: Bao, kept: Callable[..., None]) -> None:
    kept("team/OPENAI", value=CANARY, note="of the team")
    kept("team/GONE", value="x")
    bao.root.secrets.kv.v2.delete_latest_version_of_secret("team/GONE")
    kept("team/deeper/KEY", value="x")
    store = opened(bao.url, prefix="team/")
    store.set("OPENAI", Secret(ROTATED))
    store.set("GONE", Secret(ROTATED))
    assert [store.get(name) for name in ("OPENAI", "GONE")] == [Secret(ROTATED)] * 2
    assert opened(bao.url, field="note").get("team/OPENAI") == Secret("of the team")
    assert store.names() == ["GONE", "OPENAI"]
    fields = opened(bao.url, entry="team/OPENAI")
    fields.set("NEW", Secret(CANARY))
    assert fields.get("NEW") == Secret(CANARY)
    assert fields.names() == ["NEW", "note", "value"]
    assert opened(bao.url, prefix="empty/").names() == []


def test_a_secret_that_may_not_be_written_is_named_without_its_value(
    bao: Bao, kept: Callable[..., None]
) -> None:
    kept("open", value="x")
    with pytest.raises(SecretError) as caught:
        opened(bao.url, bao.token("some")).set("open", Secret(CANARY))
    assert str(caught.value) == "Vault denies access to 'open' in 'secret'"


def test_an_app_role_logs_in_for_its_token(bao: Bao, kept: Callable[..., None]) -> None:
    kept("open", value=CANARY)
    approle = bao.root.auth.approle
    bao.root.sys.enable_auth_method("approle")
    approle.create_or_update_approle("mesh", token_policies=["some"])
    role = approle.read_role_id("mesh")["data"]["role_id"]
    proof = approle.generate_secret_id("mesh")["data"]["secret_id"]
    store = opened(bao.url, proof, auth="approle", role=role)
    assert store.get("open") == Secret(CANARY)
    assert str(refused(store, "closed")) == "Vault denies access to 'closed' in 'secret'"
    wrong = opened(bao.url, "wrong", auth="approle", role=role)
    assert unreachable(wrong) == "Vault does not accept the login"


def test_a_service_account_logs_in_with_what_kubernetes_gave_it(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("eyJ.of-the-account\n")
    asked = []

    def answer(request: Any) -> Reply:
        asked.append((request.path, request.body))
        if request.path == "/v1/auth/cluster/login":
            return Reply(200, {"auth": {"client_token": ROOT}})
        metadata = {"version": 1}
        return Reply(200, {"data": {"data": {"value": CANARY}, "metadata": metadata}})

    with served(answer) as url:
        file = str(tmp_path / "token")
        way = {"auth": "kubernetes", "role": "mesh", "auth_mount": "cluster", "token_file": file}
        store = opened(url, **way)
        assert store.get("open") == store.get("open") == Secret(CANARY)
        store.close()
    paths = [path for path, _ in asked]
    assert paths == ["/v1/auth/cluster/login", *["/v1/secret/data/open"] * 2]
    assert b"eyJ.of-the-account" in asked[0][1]


def test_a_sealed_vault_is_unreachable(tmp_path: Path) -> None:
    with running_bao(tmp_path) as sealed:
        sealed.root.sys.seal()
        assert unreachable(opened(sealed.url), "open").startswith("Vault is sealed")


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        (Reply(429, {"errors": []}), "Vault gets too many requests"),
        (Reply(500, {"errors": [CANARY]}), "Vault fails"),
        (Reply(501, {"errors": []}), "Vault is not initialized yet"),
        (Reply(473, ""), "Vault answers strangely: it may be a standby"),
        (Reply(200, "<html>"), "the server that answers is not Vault"),
    ],
)
def test_what_fails_counts_as_unreachable(reply: Reply, told: str) -> None:
    with served(lambda _: reply) as url:
        store = opened(url)
        assert unreachable(store) == told
        store.close()


def test_a_vault_where_nothing_listens_is_unreachable() -> None:
    assert unreachable(opened(nowhere()), "open") == "Vault cannot be reached (ConnectionError)"


def test_a_vault_that_never_answers_is_given_up_in_time() -> None:
    with mute() as url:
        begun = time.monotonic()
        assert unreachable(opened(url, timeout=0.4), "open") == "Vault does not answer in time"
        assert time.monotonic() - begun < 3.0


def test_somebody_who_writes_at_the_same_time_is_not_overwritten(
    bao: Bao, kept: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    kept("open", value="x")
    store = opened(bao.url)
    engine = type(store._engine._client.secrets.kv.v2)
    read = engine.read_secret_version

    def crossed(self: Client, *args: Any, **more: Any) -> Any:
        found = read(self, *args, **more)
        bao.root.secrets.kv.v2.create_or_update_secret("open", {"value": ROTATED})
        return found

    with monkeypatch.context() as patch:
        patch.setattr(engine, "read_secret_version", crossed)
        with pytest.raises(SecretError, match="or somebody else writes it now"):
            store.set("open", Secret(CANARY))
    assert store.get("open") == Secret(ROTATED)


def test_missing_and_denied_secrets_are_mistakes_with_a_line(
    bao: Bao, kept: Callable[..., None], tmp_path: Path
) -> None:
    kept("open", value=CANARY)
    file = tmp_path / "mesh.yaml"
    file.write_text(
        "secrets:\n"
        "  store: hashicorp.vault.v1\n"
        f"  address: {bao.url}\n"
        "providers:\n"
        "  openai.llm.v1: {api_key: '${secrets:open}'}\n"
        "  groq.api.v1: {api_key: '${secrets:open/not}'}\n"
        "  xai.api.v1: {api_key: '${secrets:closed}'}\n"
    )
    with pytest.raises(ConfigError) as caught:
        load(file, environ={"VAULT_TOKEN": bao.token("some")})
    why = "Vault denies access to 'closed' in 'secret'"
    where = f"(looked in Vault, secret at {bao.url})"
    assert [str(problem) for problem in caught.value.problems] == [
        f"line 6: providers.groq.api.v1.api_key: secret 'open/not' is not set {where}",
        f"line 7: providers.xai.api.v1.api_key: secret 'closed' cannot be read: {why} {where}",
    ]


def test_a_configuration_takes_its_keys_from_one_entry(bao: Bao, kept: Callable[..., None]) -> None:
    kept("team/mesh", OPENAI=CANARY)
    tree = {
        "secrets": {"store": "hashicorp.vault.v1", "entry": "team/mesh", "mount": "secret"},
        "providers": {"openai.llm.v1": {"api_key": "${secrets:OPENAI}"}},
    }
    config = load(tree, environ={"VAULT_ADDR": bao.url, "VAULT_TOKEN": ROOT})
    assert config.providers["openai.llm.v1"].api_key == Secret(CANARY)


class TestSuite(SecretStoreConformance):
    """The folder of a test is its own in the engine as well, for one server serves all."""

    @pytest.fixture(autouse=True)
    def _server(self, bao: Bao) -> None:
        self._bao = bao

    def store(self, secrets: Mapping[str, str], tmp_path: Path) -> SecretStore:
        for name, value in secrets.items():
            path, fields = f"{tmp_path.name}/{name}", {"value": value}
            self._bao.root.secrets.kv.v2.create_or_update_secret(path, fields)
        return opened(self._bao.url, prefix=f"{tmp_path.name}/")

    def denied(self, tmp_path: Path) -> SecretStore:  # noqa: ARG002 - it is in no file
        return opened(self._bao.url, self._bao.token("some"))

    def unreachable(self, tmp_path: Path) -> SecretStore:  # noqa: ARG002 - it is in no file
        return opened(nowhere())
