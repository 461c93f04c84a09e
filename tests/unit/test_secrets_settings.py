"""What the stores of Azure, 1Password and HashiCorp say before anybody is asked."""

import re
import sys
from pathlib import Path
from typing import Any

import attrs
import pytest

from modelmesh.config import schema
from modelmesh.config.load import load
from modelmesh.connectors import registry
from modelmesh.connectors.secrets import Closing, Listing, Writable
from modelmesh.errors import ConfigError

AZURE, ONEPASSWORD, VAULT = (
    "microsoft.key-vault.v1",
    "1password.connect.v1",
    "hashicorp.vault.v1",
)
URL = "https://team.vault.azure.net"
HOST = "http://connect:8080"


def mistakes(store: str, options: dict[str, Any], environ: dict[str, str]) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load({"secrets": {"store": store, **options}}, environ=environ)
    return [str(problem) for problem in caught.value.problems]


def opened(store: str, options: dict[str, Any], environ: dict[str, str]) -> Any:
    settings = schema.Secrets(store=store, options=options)
    return registry.find("secrets", store)(settings, environ)


@pytest.mark.parametrize("store", [AZURE, ONEPASSWORD, VAULT])
def test_a_store_is_found_by_its_id_and_without_the_version(store: str) -> None:
    found = registry.find("secrets", store)
    assert found.connector == store
    assert registry.find("secrets", store.removesuffix(".v1")) is found
    assert store in registry.ids("secrets")


def test_no_store_has_a_setting_that_means_something_to_all() -> None:
    taken = attrs.fields_dict(schema.Secrets).keys()
    for store, found in registry.available("secrets").items():
        own = getattr(found, "Options", None)
        assert own is None or taken.isdisjoint(attrs.fields_dict(own)), store


@pytest.mark.parametrize(
    ("store", "options", "environ", "expected"),
    [
        (AZURE, {}, {}, ["secrets.url: is missing: set it, or AZURE_KEYVAULT_URL"]),
        (AZURE, {"url": "http://vault"}, {}, ["secrets.url: must begin with https://"]),
        (
            AZURE,
            {"url": URL, "client_id": "app"},
            {},
            ["secrets.tenant_id: is missing: set it, or AZURE_TENANT_ID"],
        ),
        (
            AZURE,
            {"url": URL, "client_id": "app", "client_secret_variable": "MINE"},
            {"AZURE_TENANT_ID": "acme", "AZURE_CLIENT_SECRET": "not-this-one"},
            ["secrets.client_secret_variable: the environment has no MINE"],
        ),
        (
            ONEPASSWORD,
            {},
            {},
            [
                "secrets.host: is missing: set it, or OP_CONNECT_HOST",
                "secrets.vault: is missing: set it, or OP_VAULT",
                "secrets.token: is missing: set OP_CONNECT_TOKEN",
            ],
        ),
        (
            ONEPASSWORD,
            {"host": HOST, "vault": "Team"},
            {"OP_CONNECT_TOKEN": "\u2026"},
            ["secrets.token: is missing: set OP_CONNECT_TOKEN"],
        ),
        (VAULT, {}, {}, ["secrets.address: is missing: set it, or VAULT_ADDR"]),
        (
            VAULT,
            {"address": "http://vault:8200", "token_file": "/nowhere"},
            {},
            ["secrets.token_file: VAULT_TOKEN is not set, and /nowhere has none"],
        ),
        (
            VAULT,
            {"auth": "approle"},
            {"VAULT_ADDR": "http://vault:8200"},
            ["secrets.role: is missing: approle needs one"],
        ),
        (
            VAULT,
            {"auth": "approle", "role": "mesh"},
            {"VAULT_ADDR": "http://vault:8200"},
            ["secrets.secret_id_variable: the environment has no VAULT_SECRET_ID"],
        ),
        (
            VAULT,
            {"auth": "kubernetes", "role": "mesh", "token_file": "/nowhere"},
            {"VAULT_ADDR": "http://vault:8200"},
            ["secrets.token_file: Kubernetes has put no token here: /nowhere has none"],
        ),
        (VAULT, {"kv": 3}, {}, ["secrets.kv: expected 1 or 2, got a number"]),
    ],
)
def test_a_setting_that_is_missing_or_wrong_is_a_mistake_at_its_place(
    store: str, options: dict[str, Any], environ: dict[str, str], expected: list[str]
) -> None:
    assert mistakes(store, options, environ) == expected


@pytest.mark.parametrize(
    ("store", "environ", "described"),
    [
        (AZURE, {"AZURE_KEYVAULT_URL": URL}, f"Azure Key Vault, {URL}"),
        (
            ONEPASSWORD,
            {"OP_CONNECT_HOST": HOST, "OP_VAULT": "Team", "OP_CONNECT_TOKEN": "t"},
            f"1Password, vault 'Team', at {HOST}",
        ),
        (
            VAULT,
            {"VAULT_ADDR": "http://vault:8200", "VAULT_TOKEN": "t"},
            "Vault, secret at http://vault:8200",
        ),
    ],
)
def test_a_store_is_settled_by_the_environment_that_its_own_tools_use(
    store: str, environ: dict[str, str], described: str
) -> None:
    made = opened(store, {}, environ)
    assert made.described == described
    assert isinstance(made, Writable)
    assert isinstance(made, Listing)
    assert isinstance(made, Closing)
    made.close()


def test_vault_takes_the_token_from_its_file(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("hvs.of-the-file\n")
    options = {"address": "http://vault:8200", "token_file": str(file), "namespace": "team"}
    made = opened(VAULT, options, {})
    client = made._engine._client
    assert (client.token, client.adapter.namespace) == ("hvs.of-the-file", "team")
    made.close()


@pytest.mark.parametrize(
    ("store", "file", "library", "extra"),
    [
        (AZURE, "_azure", "azure.identity", "azure"),
        (ONEPASSWORD, "_onepassword", "onepasswordconnectsdk.client", "onepassword"),
        (VAULT, "_vault", "hvac", "vault"),
    ],
)
def test_without_its_library_a_store_says_what_to_install(
    store: str, file: str, library: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, f"modelmesh.connectors.secrets.{file}", raising=False)
    monkeypatch.setitem(sys.modules, library, None)
    (message,) = mistakes(store, {}, {})
    assert message.startswith("secrets.store: ")
    assert message.endswith(f"needs a library: pip install 'modelmesh-lite[{extra}]'")


@pytest.mark.parametrize(
    ("store", "head"),
    [(AZURE, "Azure Key Vault"), (ONEPASSWORD, "1Password"), (VAULT, "HashiCorp Vault")],
)
def test_the_page_lists_every_setting(store: str, head: str) -> None:
    page = (Path(__file__).parents[2] / "docs/secrets.md").read_text()
    section = page.partition(f"\n## {head}\n")[2].partition("\n## ")[0]
    settings = attrs.fields_dict(registry.find("secrets", store).Options)
    assert set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)) == settings.keys()
    assert f"  store: {store}\n" in section
