"""`modelmesh secrets` as people run it: a process of its own, a terminal or a pipe, exit codes."""

import asyncio
import json
import os
import pty
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

CANARY = "sk-canary-0123456789-wxyz"
COMMAND = (
    sys.executable,
    "-c",
    "import sys; from modelmesh.cli import main; sys.exit(main())",
    "secrets",
)
FAILED, MISSING, UNREACHABLE = 1, 3, 4

# What a program of somebody's own may bring: a store with a file, which fails by name.
VAULT = """
import json, os
from modelmesh.connectors.secrets import SecretError, StoreAbsentError, StoreUnreachableError
from modelmesh.types import Secret

class Vault:
    connector = "acme.vault.v1"
    described = "the vault"

    def __init__(self, settings, environ): ...

    def get(self, name):
        if name == "DENIED":
            raise SecretError("access denied")
        if name == "AWAY":
            raise StoreUnreachableError("no answer within 5 s")
        if name == "BROKEN":
            raise ValueError("sk-canary-0123456789-wxyz")
        return None

    def set(self, name, value):
        open("written", "a").write(name + "\\n")

class Unmade(Vault):
    made = False

    def get(self, name):
        if not self.made:
            raise StoreAbsentError("there is no entry 'mesh'")
        return None

    def set(self, name, value):
        super().set(name, value)
        self.made = True

class Shut(Vault):
    def __init__(self, settings, environ):
        raise RuntimeError("sk-canary-0123456789-wxyz")
"""

# A keyring in a file, named by PYTHON_KEYRING_BACKEND as the library's documentation has it.
KEYCHAIN = """
import json, pathlib
from keyring.backend import KeyringBackend

FILE = pathlib.Path("keychain.json")

class Keyring(KeyringBackend):
    priority = 1
    name = "keychain"

    def get_password(self, service, username):
        held = json.loads(FILE.read_text()) if FILE.exists() else {}
        return held.get(f"{service}/{username}")

    def set_password(self, service, username, password):
        held = json.loads(FILE.read_text()) if FILE.exists() else {}
        FILE.write_text(json.dumps({**held, f"{service}/{username}": password}))
"""


class Ran:
    def __init__(self, code: int | None, out: bytes, err: bytes) -> None:
        self.code = code
        self.out = out.decode()
        self.err = err.decode()
        assert "Traceback" not in self.err


async def secrets(folder: Path, *words: str, piped: str | bytes = b"", **environ: str) -> Ran:
    process = await asyncio.create_subprocess_exec(
        *COMMAND,
        *words,
        cwd=folder,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(folder), **environ},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(60):
        out, err = await process.communicate(piped.encode() if isinstance(piped, str) else piped)
    return Ran(process.returncode, out, err)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "vault.py").write_text(VAULT)
    (tmp_path / "keychain.py").write_text(KEYCHAIN)
    return tmp_path


def configured(folder: Path, **section: Any) -> None:
    """Write a configuration that lacks a secret, and is wrong elsewhere."""
    rest = {"providers": {"openai.llm.v1": {"api_key": "${secrets:NONE}"}}, "pools": {"x": 5}}
    (folder / "modelmesh.yaml").write_text(json.dumps({"secrets": section, **rest}))


# get


async def test_a_secret_is_told_by_its_length_and_end(folder: Path) -> None:
    ran = await secrets(folder, "get", "KEY", KEY=CANARY)
    assert (ran.code, ran.out, ran.err) == (0, "KEY is set: 25 characters, ends in wxyz\n", "")
    ran = await secrets(folder, "get", "KEY", KEY="hunter2")
    assert ran.out == "KEY is set: 7 characters\n"


async def test_a_secret_is_shown_to_who_asks_for_it_and_nothing_else_is(folder: Path) -> None:
    ran = await secrets(folder, "get", "KEY", "--reveal", KEY=CANARY)
    assert (ran.code, ran.out, ran.err) == (0, f"{CANARY}\n", "")


async def test_a_missing_secret_has_an_exit_code_of_its_own(folder: Path) -> None:
    ran = await secrets(folder, "get", "KEY", "--reveal")
    assert (ran.code, ran.out) == (MISSING, "")
    assert ran.err == "'KEY' is not set (looked in the environment)\n"


async def test_the_store_is_the_configurations_whatever_else_that_lacks(folder: Path) -> None:
    configured(folder, store="dotenv", path="own.env")
    (folder / "own.env").write_text(f"KEY={CANARY}\n")
    ran = await secrets(folder, "get", "KEY", "--reveal")
    assert (ran.code, ran.out) == (0, f"{CANARY}\n")
    (folder / "modelmesh.yaml").rename(folder / "other.yaml")
    ran = await secrets(folder, "get", "KEY", "--config", "other.yaml", "--reveal")
    assert (ran.code, ran.out) == (0, f"{CANARY}\n")
    assert (await secrets(folder, "get", "KEY")).code == MISSING


async def test_options_go_before_the_configurations_settings(folder: Path) -> None:
    configured(folder, store="dotenv", path="own.env")
    (folder / "other.env").write_text(f"KEY={CANARY}\n")
    for store in ((), ("--store", "modelmesh.dotenv.v1")):
        ran = await secrets(folder, "get", "KEY", *store, "--option", "path=other.env")
        assert ran.code == 0


async def test_another_store_has_none_of_the_configurations_settings(folder: Path) -> None:
    configured(folder, store="keyring", service="acme")
    ran = await secrets(folder, "get", "KEY", "--store", "env", KEY=CANARY)
    assert (ran.code, ran.err) == (0, "")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--store", "evn"), "secrets.store: unknown connector 'evn'; did you mean"),
        (("--option", "serivce=acme"), "secrets.serivce: unknown key 'serivce'; did you mean"),
        (("--config", "none.yaml"), "none.yaml: 1 problem\n  cannot be read: No such file"),
        (("--config", "wrong.yaml"), "line 3: secrets.servcie: unknown key 'servcie'; did you"),
        (("--config", "broken.yaml"), "line 3: not valid YAML"),
        (("--store", "dotenv"), ".env: 1 problem\n  cannot be read: No such file"),
        (("--store", "vault:Shut"), "'vault:Shut' cannot be opened (RuntimeError)"),
    ],
)
async def test_a_store_that_is_not_told_well_is_a_mistake_at_its_place(
    folder: Path, words: Sequence[str], told: str
) -> None:
    configured(folder, store="keyring")
    (folder / "wrong.yaml").write_text("secrets:\n  store: keyring\n  servcie: acme\n")
    (folder / "broken.yaml").write_text("secrets:\n  store: [\n")
    ran = await secrets(folder, "get", "KEY", *words, PYTHON_KEYRING_BACKEND="keychain.Keyring")
    assert (ran.code, ran.out) == (FAILED, "")
    assert told in ran.err
    assert CANARY not in ran.err


async def test_a_store_of_ones_own_is_found_beside_the_configuration(folder: Path) -> None:
    configured(folder, store="vault:Vault")
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir()
    ran = await secrets(elsewhere, "get", "KEY", "--config", "../modelmesh.yaml")
    assert (ran.code, ran.err) == (MISSING, "'KEY' is not set (looked in the vault)\n")


@pytest.mark.parametrize(
    ("name", "code", "told"),
    [
        ("DENIED", FAILED, "DENIED: the vault: access denied\n"),
        ("BROKEN", FAILED, "BROKEN: the vault: the store failed (ValueError)\n"),
        ("AWAY", UNREACHABLE, "AWAY: the vault cannot be used: no answer within 5 s\n"),
    ],
)
async def test_why_a_store_gives_nothing_is_told(
    folder: Path, name: str, code: int, told: str
) -> None:
    ran = await secrets(folder, "get", name, "--store", "vault:Vault")
    assert (ran.code, ran.out, ran.err) == (code, "", told)


# set


async def test_what_is_piped_in_is_kept(folder: Path) -> None:
    configured(folder, store="dotenv")
    ran = await secrets(folder, "set", "KEY", piped=f"{CANARY}\n")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == "KEY is kept in .env: 25 characters, ends in wxyz\n"
    assert (folder / ".env").read_text() == f"KEY={CANARY}\n"
    assert (await secrets(folder, "get", "KEY", "--reveal")).out == f"{CANARY}\n"


def test_at_a_terminal_a_value_is_asked_for_and_not_shown(folder: Path) -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*COMMAND, "set", "KEY", "--store", "dotenv"],
        cwd=folder,
        env={"PATH": os.environ["PATH"]},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    seen = b""
    while b"KEY: " not in seen:
        seen += os.read(ours, 1024)
    os.write(ours, f"{CANARY}\n".encode())
    while b"kept" not in seen:
        seen += os.read(ours, 1024)
    assert process.wait(timeout=60) == 0
    os.close(ours)
    assert CANARY.encode() not in seen
    assert (folder / ".env").read_text() == f"KEY={CANARY}\n"


@pytest.mark.parametrize("words", [("KEY", CANARY), (f"KEY={CANARY}",)])
async def test_a_value_is_no_argument_and_is_not_repeated(
    folder: Path, words: Sequence[str]
) -> None:
    ran = await secrets(folder, "set", *words, "--store", "dotenv", piped=CANARY)
    assert (ran.code, ran.out) == (FAILED, "")
    assert ran.err == (
        "give only the secret's name: you are asked for the value, or it is read from a pipe\n"
    )
    assert not (folder / ".env").exists()


@pytest.mark.parametrize(
    ("piped", "told"),
    [
        (b"", "no value was given, so nothing has changed\n"),
        (b" \n", "no value was given, so nothing has changed\n"),
        (b"\xff\xfe", "KEY: .env: the piped input is not text\n"),
    ],
)
async def test_nothing_is_kept_where_nothing_of_use_is_given(
    folder: Path, piped: bytes, told: str
) -> None:
    ran = await secrets(folder, "set", "KEY", "--store", "dotenv", piped=piped)
    assert (ran.code, ran.err) == (FAILED, told)
    assert not (folder / ".env").exists()


@pytest.mark.parametrize(
    ("store", "described"), [("env", "the environment"), ("memory", "the program's memory")]
)
async def test_a_store_that_cannot_be_written_says_so(
    folder: Path, store: str, described: str
) -> None:
    ran = await secrets(folder, "set", "KEY", "--store", store, piped=CANARY)
    assert ran.code == FAILED
    assert (
        ran.err
        == f"KEY: {described}: this store cannot be written to; choose another with --store\n"
    )


async def test_a_keyring_keeps_a_secret_for_the_next_process(folder: Path) -> None:
    words = ("KEY", "--store", "keyring", "--option", "service=acme")
    backend = {"PYTHON_KEYRING_BACKEND": "keychain.Keyring"}
    ran = await secrets(folder, "set", *words, piped=CANARY, **backend)
    assert ran.out.startswith("KEY is kept in the keyring (keychain), service 'acme': 25 char")
    assert (await secrets(folder, "get", *words, "--reveal", **backend)).out == f"{CANARY}\n"
    ran = await secrets(folder, "get", "KEY", "--store", "keyring", **backend)
    assert (ran.code, ran.out) == (MISSING, "")


# list


async def test_names_are_listed_and_no_values(folder: Path) -> None:
    (folder / ".env").write_text(f"B={CANARY}\nA={CANARY}\nEMPTY=\n")
    ran = await secrets(folder, "list", "--store", "dotenv")
    assert (ran.code, ran.out) == (0, "A\nB\n")
    ran = await secrets(folder, "list", "--store", "dotenv", "--json")
    assert json.loads(ran.out) == {"store": ".env and the environment", "names": ["A", "B"]}


async def test_a_store_with_nothing_in_it_is_told(folder: Path) -> None:
    (folder / ".env").touch()
    ran = await secrets(folder, "list", "--store", "dotenv")
    assert (ran.code, ran.out) == (0, "")
    assert ran.err == "there are no secrets in .env and the environment\n"


async def test_a_store_that_cannot_be_listed_says_so(folder: Path) -> None:
    ran = await secrets(folder, "list", "--store", "vault:Vault")
    assert (ran.code, ran.err) == (FAILED, "the vault: this store cannot list its secrets\n")


# import


async def test_a_file_is_imported_and_each_name_told(folder: Path) -> None:
    (folder / "old.env").write_text(f"# mine\nC=3\nB={CANARY}\nA=1\nEMPTY=\n")
    (folder / ".env").write_text("# theirs\nA=1\nC=2 # two\n")
    words = ("import", "old.env", "--store", "dotenv")
    told = "same     A\nadded    B\nchanged  C\n"
    # That the environment has it too does not put it into the file.
    ran = await secrets(folder, *words, "--dry-run", B=CANARY)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == f"{told}1 same, 1 added, 1 changed: nothing was written\n"
    assert (folder / ".env").read_text() == "# theirs\nA=1\nC=2 # two\n"
    ran = await secrets(folder, *words, B=CANARY)
    assert (ran.code, ran.out) == (0, f"{told}1 same, 1 added, 1 changed: .env\n")
    assert (folder / ".env").read_text() == f"# theirs\nA=1\nC=3 # two\nB={CANARY}\n"


async def test_what_cannot_be_imported_is_told_and_the_rest_goes_on(folder: Path) -> None:
    (folder / "old.env").write_text(f"BROKEN={CANARY}\nDENIED={CANARY}\nFINE={CANARY}\n")
    ran = await secrets(folder, "import", "old.env", "--store", "vault:Vault")
    assert ran.code == FAILED
    assert ran.out.splitlines() == [
        "failed   BROKEN",
        "failed   DENIED",
        "added    FINE",
        "2 failed, 1 added: the vault",
    ]
    assert ran.err == "BROKEN: the store failed (ValueError)\nDENIED: access denied\n"
    assert (folder / "written").read_text() == "FINE\n"


async def test_a_store_that_is_away_ends_an_import(folder: Path) -> None:
    (folder / "old.env").write_text(f"AWAY={CANARY}\nFINE={CANARY}\n")
    ran = await secrets(folder, "import", "old.env", "--store", "vault:Vault")
    assert (ran.code, ran.out) == (UNREACHABLE, "")
    assert ran.err == "the vault cannot be used: no answer within 5 s\n"


async def test_an_import_makes_what_is_to_keep_the_secrets(folder: Path) -> None:
    (folder / "old.env").write_text(f"A={CANARY}\nB={CANARY}\n")
    words = ("import", "old.env", "--store", "vault:Unmade")
    told = "added    A\nadded    B\n2 added: "
    ran = await secrets(folder, *words, "--dry-run")
    assert (ran.code, ran.out, ran.err) == (0, f"{told}nothing was written\n", "")
    ran = await secrets(folder, *words)
    assert (ran.code, ran.out, ran.err) == (0, f"{told}the vault\n", "")
    assert (folder / "written").read_text() == "A\nB\n"
    ran = await secrets(folder, "get", "A", "--store", "vault:Unmade")
    assert ran.code == UNREACHABLE


async def test_a_file_with_mistakes_is_not_imported(folder: Path) -> None:
    (folder / "old.env").write_text(f"A=1\nB='{CANARY}\n")
    ran = await secrets(folder, "import", "old.env", "--store", "vault:Vault")
    assert (ran.code, ran.out) == (FAILED, "")
    assert ran.err == "old.env: 1 problem\n  line 2: B: a quote is not closed\n"
    assert not (folder / "written").exists()
