"""Connectors in a file of the user's own, beside the configuration that names them."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from modelmesh.config.load import load
from modelmesh.connectors import own
from modelmesh.errors import ConfigError

MESH = """\
providers:
  acme:
    connector: {connector}
    base_url: http://127.0.0.1:9/v1
models:
  large: {{provider: acme, capabilities: [chat-completion]}}
pools:
  chat: {{models: [large]}}
"""
ACME = """\
from modelmesh.connectors.providers import openai_compatible

class Provider(openai_compatible.Provider):
    connector = "acme.api.v1"
"""
COMMAND = Path(sys.executable).with_name("modelmesh")
SERVER = "from modelmesh import ProxyServer; print(ProxyServer(config={file!r}))"
CREATE = "import modelmesh; print(modelmesh.create(config={file!r}).describe())"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with a configuration and a connector; nobody stands in it."""
    folder = tmp_path / "own"
    folder.mkdir()
    (folder / "acme_own.py").write_text(ACME)
    (folder / "mesh.yaml").write_text(MESH.format(connector="acme_own:Provider"))
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(own, "_beside", [])
    yield folder
    for name in ("acme_own", "made"):
        sys.modules.pop(name, None)


def run(*command: str | Path, cwd: Path) -> tuple[int, str]:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def checked(folder: Path) -> str:
    with pytest.raises(ConfigError) as raised:
        load(folder / "mesh.yaml", environ={})
    return str(raised.value)


@pytest.mark.parametrize(
    "command",
    [
        (str(COMMAND), "check", "{file}"),
        (sys.executable, "-m", "modelmesh.proxy", "--check", "--config", "{file}"),
        (sys.executable, "-c", SERVER),
        (sys.executable, "-c", CREATE),
    ],
    ids=["command", "proxy", "server", "create"],
)
@pytest.mark.parametrize("cwd", [".", "own"])
def test_a_file_beside_the_configuration_is_found_from_anywhere(
    command: tuple[str, ...], cwd: str, folder: Path, tmp_path: Path
) -> None:
    file = str(folder / "mesh.yaml") if cwd == "." else "mesh.yaml"
    words = [word.replace("{file!r}", repr(file)).replace("{file}", file) for word in command]
    code, said = run(*words, cwd=tmp_path / cwd)
    assert code == 0, said


def test_a_file_of_an_installed_modules_name_hides_nothing_and_is_told_so(folder: Path) -> None:
    (folder / "attrs.py").write_text(ACME)
    (folder / "mesh.yaml").write_text(MESH.format(connector="attrs:Provider"))
    said = checked(folder)
    assert "line 3: providers.acme.connector: 'attrs:Provider' cannot be loaded" in said
    assert f"which comes before {folder}/attrs.py: give yours another name" in said


def test_a_folder_is_no_place_for_modules_until_something_is_named(folder: Path) -> None:
    (folder / "mesh.yaml").write_text(MESH.format(connector="openai-compatible"))
    code = f"{CREATE}; import acme_own".replace("{file!r}", repr(str(folder / "mesh.yaml")))
    status, said = run(sys.executable, "-c", code, cwd=folder.parent)
    assert status == 1
    assert "No module named 'acme_own'" in said


def test_a_connector_may_have_an_id_of_the_users(folder: Path) -> None:
    named = "connectors:\n  acme.api.v1: acme_own:Provider\n"
    (folder / "mesh.yaml").write_text(named + MESH.format(connector="acme.api.v1"))
    assert run(COMMAND, "check", "mesh.yaml", cwd=folder)[0] == 0


@pytest.mark.parametrize(
    ("connector", "told"),
    [
        ("acme_onw:Provider", "there is no module 'acme_onw', neither installed nor in"),
        ("acme_onw:Provider", "did you mean 'acme_own'?"),
        ("acme_own:Provder", "there is no 'Provder' in"),
        ("acme_own:Provder", "did you mean 'Provider'?"),
        ("acme_own:openai_compatible", "cannot be used here: it is no class"),
        ("json:JSONDecoder", "it has no `connector`; it has no `models`; it has no method `lacks("),
    ],
)
def test_what_is_named_wrongly_is_told_with_line_and_path(
    connector: str, told: str, folder: Path
) -> None:
    (folder / "mesh.yaml").write_text(MESH.format(connector=connector))
    said = checked(folder)
    assert f"line 3: providers.acme.connector: '{connector}'" in said
    assert told in said


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("import nobody_has\n", "No module named 'nobody_has' ({file}, line 1); is it installed?"),
        (f"{ACME}\n\n1 / 0\n", "ZeroDivisionError: division by zero ({file}, line 7)"),
        ("class Provider(:\n", "SyntaxError: invalid syntax ({file}, line 1)"),
        ("raise SystemExit(3)\n", "SystemExit: 3 ({file}, line 1)"),
        (f"{ACME}    def lacks(self, request): ...\n", "`lacks` is called with (request, model)"),
        (f"{ACME}    async def answer(self, reply, **_): ...\n", "its `answer` is async"),
        (f"{ACME}    def __init__(self): ...\n", "it is made with (id, *, base_url, headers, opt"),
        (f"{ACME}    class Options: pass\n", "its `Options` is no attrs class"),
    ],
    ids=["import", "failure", "syntax", "exit", "arguments", "async", "constructor", "options"],
)  # fmt: skip
def test_a_file_that_is_wrong_is_told_with_its_own_line(code: str, told: str, folder: Path) -> None:
    file = folder / "acme_own.py"
    file.write_text(code)
    said = checked(folder)
    assert "line 3: providers.acme.connector: 'acme_own:Provider'" in said
    assert told.replace("{file}", str(file)) in said


STRATEGY = """\
class Strategy:
    connector = "acme.s.v1"
    def __init__(self, settings, fallback=None):
        {body}
    def order(self, targets, turn):
        return targets
"""
STORE = """\
class Storage:
    connector = "acme.t.v1"
    def __init__(self, settings):
        {body}
    async def claim(self, holder, claims, wall): ...
    async def exchange(self, told, wall): ...
    async def close(self): ...
"""


MADE = {
    "pools.chat.strategy": (
        STRATEGY,
        "pools: {chat: {models: [large], strategy: 'made:Strategy'}}",
    ),
    "storage.connector": (STORE, "storage: {connector: 'made:Storage'}"),
}
WHY = {
    "1 / 0": "cannot be made: ZeroDivisionError: division by zero ({file}, line 4)",
    "raise ValueError('needs a moon')": "needs a moon",
}
UNFINISHED = """\
class SecretStore:
    connector = "acme.u.v1"
    def __init__(self, settings, environ): ...
    def get(self, name): ...
"""


def test_what_is_not_whole_once_it_is_made_is_told_at_its_place(folder: Path) -> None:
    (folder / "made.py").write_text(UNFINISHED + STORE.format(body="..."))
    text = MESH.format(connector="openai-compatible")
    sections = "secrets: {store: 'made:SecretStore'}\nstorage: {connector: 'made:Storage'}\n"
    (folder / "mesh.yaml").write_text(sections + text)
    said = checked(folder)
    assert "line 1: secrets.store: cannot be opened: cannot be used here: it has no `descr" in said
    assert "line 2: storage.connector: cannot be used here: it has no `timeout`; it has no" in said


@pytest.mark.parametrize("place", MADE)
@pytest.mark.parametrize("body", WHY)
def test_what_cannot_be_made_is_told_at_its_place(place: str, body: str, folder: Path) -> None:
    code, section = MADE[place]
    file = folder / "made.py"
    file.write_text(code.format(body=body))
    text = MESH.format(connector="openai-compatible")
    (folder / "mesh.yaml").write_text(text.partition("pools:")[0] + section)
    assert f"line 7: {place}: {WHY[body].replace('{file}', str(file))}" in checked(folder)
