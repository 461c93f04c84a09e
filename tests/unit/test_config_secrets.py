from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelmesh.config import schema
from modelmesh.config.load import load
from modelmesh.connectors import registry
from modelmesh.connectors.secrets import (
    SecretError,
    SecretStore,
    StoreUnreachableError,
    _dotenv,
    dotenv,
    env,
)
from modelmesh.errors import ConfigError
from modelmesh.types import Secret

CANARY = "sk-canary-0123456789"


def mistakes(tree: Any, **environ: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(tree, environ=environ)
    assert CANARY not in str(caught.value)
    return [str(problem) for problem in caught.value.problems]


def openai(**entry: Any) -> dict[str, Any]:
    return {"providers": {"openai.llm.v1": entry}}


def test_a_secret_is_found_anywhere_in_a_text() -> None:
    headers = {"x-team": "a ${secrets:TEAM} b ${secrets: TEAM }"}
    config = load(
        {**openai(api_key="${secrets:KEY}", headers=headers), "proxy": {"token": "plain"}},
        environ={"KEY": CANARY, "TEAM": "search"},
    )
    entry = config.providers["openai.llm.v1"]
    assert entry.api_key == Secret(CANARY)
    assert entry.headers == {"x-team": "a search b search"}
    assert config.proxy.token == Secret("plain")


def test_a_loaded_configuration_shows_no_secret() -> None:
    tree = {
        **openai(api_keys=["${secrets:KEY}", CANARY], headers={"x-a": "${secrets:KEY}"}),
        "proxy": {"auth": {"tokens": ["${secrets:KEY}"]}},
        "storage": {"connector": "redis.redis.v1", "prefix": "${secrets:KEY}"},
    }
    config = load(tree, environ={"KEY": CANARY})
    assert config.storage.options == {"prefix": CANARY}
    assert CANARY not in repr(config)


@pytest.mark.parametrize("value", ["", "  "])
def test_an_empty_secret_counts_as_not_set(value: str) -> None:
    assert mistakes(openai(api_key="${secrets:KEY}"), KEY=value) == [
        "providers.openai.llm.v1.api_key: secret 'KEY' is not set (looked in the environment)"
    ]


def test_a_shells_notation_is_told_from_ours() -> None:
    assert mistakes(openai(api_key="${KEY}"), KEY=CANARY) == [
        "providers.openai.llm.v1.api_key: write ${secrets:KEY} instead of ${KEY}"
    ]


def test_the_stores_own_settings_cannot_come_from_the_store() -> None:
    assert mistakes({"secrets": {"path": "${secrets:KEY}"}}, KEY=CANARY) == [
        "secrets.path: the secret store's own settings cannot contain secrets"
    ]


def test_a_line_break_at_the_end_of_a_secret_is_nobodys_intention() -> None:
    config = load(openai(api_key="${secrets:KEY}"), environ={"KEY": f"{CANARY}\n"})
    assert config.providers["openai.llm.v1"].api_key == Secret(CANARY)


@pytest.mark.parametrize(
    "place",
    [
        openai(timeout="${secrets:KEY}"),
        openai(enabled="${secrets:KEY}"),
        openai(connector="${secrets:KEY}"),
        openai(base_url="ftp://${secrets:KEY}"),
        openai(budget={"on_unknown_cost": "${secrets:KEY}"}),
        openai(api_keys="${secrets:KEY}"),
        openai(options="${secrets:KEY}"),
        {"capabilities": ["a ${secrets:KEY}"]},
        {"models": {"fast": {"provider": "${secrets:KEY}"}}},
        {"pools": {"chat": {"capability": "${secrets:KEY}"}}},
        {"pools": {"chat": {"models": ["${secrets:KEY}"], "strategy": "${secrets:KEY}"}}},
        {"pools": {"chat": "${secrets:KEY}"}},
        {"storage": {"connector": "${secrets:KEY}"}},
        {"connectors": {"mine": "${secrets:KEY}"}},
    ],
)
def test_a_secret_in_the_wrong_place_is_not_shown(place: dict[str, Any]) -> None:
    assert mistakes(place, KEY=CANARY)


def test_an_unknown_store_is_a_mistake_with_a_suggestion() -> None:
    assert mistakes({"secrets": {"store": "modelmesh.envv.v1"}}) == [
        "secrets.store: unknown connector 'modelmesh.envv.v1'; did you mean 'modelmesh.env.v1'?"
    ]


def test_a_store_that_fails_is_a_mistake() -> None:
    (message,) = mistakes({"secrets": {"store": f"{__name__}:Sealed"}})
    assert message.startswith("secrets.store: cannot be opened: division by zero")


def test_what_is_no_store_is_a_mistake() -> None:
    (message,) = mistakes({"secrets": {"store": "json:loads"}})
    assert message == "secrets.store: 'json:loads' cannot be used here: it is no class"


@pytest.mark.parametrize("name", ["env", "modelmesh.env.v1", "env.v1"])
def test_stores_are_found_by_short_names(name: str) -> None:
    assert registry.find("secrets", name) is env.SecretStore


def test_both_stores_are_what_a_store_is(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.touch()
    stores: list[SecretStore] = [
        dotenv.SecretStore(schema.Secrets(path=str(file)), {}),
        env.SecretStore(schema.Secrets(), {}),
    ]
    assert {store.connector for store in stores} <= registry.available("secrets").keys()


def test_a_dotenv_file_goes_before_the_environment(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("KEY=from-file\n")
    store = dotenv.SecretStore(
        schema.Secrets(path=str(file)), {"KEY": "from-environment", "OTHER": "other"}
    )
    assert store.get("KEY") == Secret("from-file")
    assert store.get("OTHER") == Secret("other")
    assert store.get("NONE") is None


def test_a_dotenv_file_with_mistakes_is_told_with_its_lines(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text(f"GOOD=1\nthis is no line\n\nBAD='{CANARY}\n")
    assert mistakes({"secrets": {"store": "dotenv", "path": str(file)}}) == [
        f"secrets.path: {file}: line 2: expected NAME=value",
        f"secrets.path: {file}: line 4: BAD: a quote is not closed",
    ]


def test_a_missing_dotenv_file_is_told(tmp_path: Path) -> None:
    path = tmp_path / "none"
    assert mistakes({"secrets": {"store": "dotenv", "path": str(path)}}) == [
        f"secrets.path: {path}: cannot be read: No such file or directory"
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A=1\nB=2", {"A": "1", "B": "2"}),
        ("A=1\r\nB=2\r\n", {"A": "1", "B": "2"}),
        ("\ufeffA=1", {"A": "1"}),
        ("  export A = some words  \n", {"A": "some words"}),
        ("A=", {"A": ""}),
        ("A= # only a comment\n", {"A": ""}),
        ("# A=1\n\n   # more\nB=2", {"B": "2"}),
        ("A=x # comment", {"A": "x"}),
        ("A=x#y", {"A": "x#y"}),
        ("A=#x", {"A": "#x"}),
        ("A=a=b==", {"A": "a=b=="}),
        ("A=it's", {"A": "it's"}),
        ("A='x # y' # comment", {"A": "x # y"}),
        (r"A='\n$B'", {"A": r"\n$B"}),
        (r'A="a\nb\t\"c\" \\ \$B \x"', {"A": 'a\nb\t"c" \\ $B \\x'}),
        ("A=\"one\ntwo\"\nB='three\n\nfour'", {"A": "one\ntwo", "B": "three\n\nfour"}),
        ("A=1\nA=2", {"A": "2"}),
        ("A.b-c=1", {"A.b-c": "1"}),
        ("", {}),
    ],
)
def test_a_dotenv_file_is_read_as_people_write_it(text: str, expected: dict[str, str]) -> None:
    assert _dotenv.parse(text, ".env") == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("A='1' 2", "line 1: A: there is something behind the quotes"),
        ('A=1\nB="x\ny\n', "line 2: B: a quote is not closed"),
        ("1A=x", "line 1: expected NAME=value"),
        ("A", "line 1: expected NAME=value"),
    ],
)
def test_a_dotenv_line_that_cannot_be_read_is_told(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        _dotenv.parse(text, ".env")
    assert [str(problem) for problem in caught.value.problems] == [message]


@given(st.dictionaries(st.from_regex(r"[A-Z_]{1,8}", fullmatch=True), st.text(max_size=20)))
def test_quoted_values_come_back_as_they_were(values: dict[str, str]) -> None:
    values = {name: value.replace("\r\n", "\n") for name, value in values.items()}
    lines = []
    for name, value in values.items():
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        lines.append(f'{name}="{escaped}"')
    assert _dotenv.parse("\n".join(lines), ".env") == values


@given(st.text(alphabet="AB=\"'\\ #\n$x\t"))
def test_a_dotenv_file_is_read_or_refused_and_nothing_else(text: str) -> None:
    try:
        values = _dotenv.parse(text, ".env")
    except ConfigError:
        return
    assert len(values) <= text.count("=")


class Sealed(env.SecretStore):
    """A store of somebody else's that cannot even be made."""

    def __init__(self, *_: object) -> None:
        raise ZeroDivisionError("division by zero")


class Vault:
    """A store of somebody else's, which counts what it is asked."""

    connector = "test.vault.v1"
    described = "the vault"
    asked: ClassVar[list[str]] = []
    closed: ClassVar[int] = 0

    def __init__(self, _: schema.Secrets, __: Mapping[str, str]) -> None: ...

    def get(self, name: str) -> Secret | None:
        Vault.asked.append(name)
        if name == "DENIED":
            raise SecretError("access denied")
        if name == "AWAY":
            raise StoreUnreachableError("no answer within 5 s")
        if name == "BROKEN":
            raise ValueError(f"cannot parse {CANARY}")
        return Secret(CANARY) if name == "KEY" else None

    def close(self) -> None:
        Vault.closed += 1


@pytest.fixture
def vault() -> type[Vault]:
    Vault.asked, Vault.closed = [], 0
    return Vault


def in_vault(*names: str) -> dict[str, Any]:
    keys = [f"${{secrets:{name}}}" for name in names]
    return {"secrets": {"store": f"{__name__}:Vault"}, **openai(api_keys=keys)}


def test_why_a_secret_cannot_be_read_is_said_at_its_place(vault: type[Vault]) -> None:
    assert mistakes(in_vault("KEY", "DENIED", "BROKEN")) == [
        (
            "providers.openai.llm.v1.api_keys[1]: secret 'DENIED' cannot be read: access denied "
            "(looked in the vault)"
        ),
        (
            "providers.openai.llm.v1.api_keys[2]: secret 'BROKEN' cannot be read: the store failed "
            "(ValueError) (looked in the vault)"
        ),
    ]
    assert vault.closed == 1


def test_a_provider_that_is_switched_off_may_lack_its_secrets() -> None:
    off = {
        "connector": "openai-compatible",
        "base_url": "${secrets:URL}",
        "api_keys": ["${secrets:KEY}"],
        "headers": {"x-team": "${secrets:TEAM}"},
        "enabled": False,
    }
    tree = {**in_vault("KEY"), "models": {"m": {"provider": "off"}}}
    tree["providers"]["off"] = off
    assert load(tree, environ={}).providers["openai.llm.v1"].api_keys == (Secret(CANARY),)
    assert len(mistakes({**tree, "providers": {"off": {**off, "enabled": True}}})) == 2
    off["timeuot"] = "5s"
    assert [told.partition(":")[0] for told in mistakes(tree)] == ["providers.off.timeuot"]


def test_a_store_that_does_not_answer_is_asked_only_once(vault: type[Vault]) -> None:
    told = mistakes(in_vault("KEY", "AWAY", "OTHER"))
    assert [line.partition(": ")[2] for line in told] == [
        f"secret {name!r} cannot be read: no answer within 5 s (looked in the vault)"
        for name in ("AWAY", "OTHER")
    ]
    assert vault.asked == ["KEY", "AWAY"]


def test_a_secret_used_twice_is_asked_for_once(vault: type[Vault]) -> None:
    tree = in_vault("KEY") | {"proxy": {"token": "${secrets:KEY}"}}
    assert load(tree, environ={}).proxy.token == Secret(CANARY)
    assert vault.asked == ["KEY"]
