"""A new user's way along our pages, with what is installed; scripts/walk-readme installs."""

import re
import shutil
import socket
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from modelmesh.testing.fake_provider import FakeProvider
from scripts import guide, walking
from scripts.cookbook import Command, File
from scripts.terminal import FailedError, Servers, Terminal, alive
from scripts.walking import Step


@pytest.fixture
def port() -> int:
    """Return a free port above which the one for the page's other servers is free as well."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = int(one.getsockname()[1])
    return port if port < 60000 else port - 20000


def walked(folder: Path, port: int, *lines: str) -> list[Step]:
    page = [[Command(line) for line in lines]]
    return list(walking.walk(folder, page, "http://127.0.0.1:9/v1", port=port, installed=True))


def test_every_command_of_our_pages_works(port: int, tmp_path: Path) -> None:
    with FakeProvider(models=walking.MODELS) as vendor:
        for name, page in walking.pages(vendor.url):
            (folder := tmp_path / name.partition(",")[0]).mkdir()
            steps = list(walking.walk(folder, page, vendor.url, port=port, installed=True))
            failed = [step for step in steps if step.result == "FAILED"]
            assert not failed, failed
            assert Counter(step.result for step in steps)["ok"] > 15
            assert not alive(port)
    assert len(list(tmp_path.iterdir())) == (2 if guide.GUIDE else 1)


def test_what_fails_is_told_and_the_rest_is_walked(port: int, tmp_path: Path) -> None:
    steps = walked(
        tmp_path,
        port,
        "python -m modelmesh.proxy --demo",
        "curl http://localhost:8080/v1/nothing",
        "curl http://localhost:8080/v1/models",
        "false && true",
        "docker compose up",
    )
    assert [step.result for step in steps] == ["ok", "FAILED", "ok", "FAILED", "not run"]
    assert "There is nothing at /v1/nothing" in steps[1].said
    assert "Docker daemon" in steps[-1].said


def test_a_server_that_does_not_start_has_failed(port: int, tmp_path: Path) -> None:
    [step] = walked(tmp_path, port, "python -m modelmesh.proxy --config nowhere.yaml")
    assert step.result == "FAILED"
    assert "nowhere.yaml" in step.said


def test_of_servers_that_stand_together_the_first_is_meant(port: int, tmp_path: Path) -> None:
    steps = walked(
        tmp_path,
        port,
        "python -m modelmesh.proxy --demo",
        "python -m modelmesh.proxy --demo --log-level DEBUG",
        "curl http://localhost:8080/livez",
    )
    assert {step.result for step in steps} == {"ok"}
    assert steps[2].seconds > 0.05  # for which the first was started again


def test_a_terminal_keeps_its_folder_and_variables(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path, {"PATH": "/usr/bin:/bin"})
    terminal.run("mkdir 'a b' && cd 'a b'")
    terminal.run("export WORD='two\nlines'")
    assert terminal.run('echo "$WORD in $PWD"') == f"two\nlines in {tmp_path}/a b\n"
    with pytest.raises(FailedError, match=r"^said$"):
        terminal.run("echo said; false")


def test_what_goes_on_for_ever_has_to_say_something(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path, {"PATH": "/usr/bin:/bin"})
    assert terminal.run("echo begun; sleep 60", seconds=0.5) == "begun\n"
    with pytest.raises(FailedError):
        terminal.run("sleep 60", seconds=0.1)


def test_a_port_that_somebody_has_is_not_taken_for_ours(port: int, tmp_path: Path) -> None:
    terminal = Terminal(tmp_path, walking._environment("", tmp_path, installed=True))
    mine, theirs = Servers(terminal, tmp_path), Servers(terminal, tmp_path)
    demo = f"python -m modelmesh.proxy --demo --port {port}"
    theirs.start(demo, port)
    try:
        with pytest.raises(FailedError, match="something else listens"):
            mine.start(demo, port)
    finally:
        theirs.stop_all()


def test_the_program_ends_with_1_where_a_command_fails_and_says_what_it_leaves_out(
    port: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = [[File("a", "b"), Command("cat a"), Command("cat c")]]
    monkeypatch.setattr(walking, "pages", lambda _: iter([("a page", page)]))
    monkeypatch.setattr(guide, "GUIDE", "")
    assert walking.main(["--installed", "--port", str(port)]) == 1
    said = capsys.readouterr().out
    assert re.search(r"\d+\.\d\d s  FAILED   cat c\ncat: c: No such file", said)
    assert f"the proxy guide is left out: {guide.PATH} is not there" in said
    assert said.endswith("2 ok, 1 FAILED\n")


def test_a_fresh_clone_gets_what_the_walk_itself_needs(tmp_path: Path) -> None:
    """With stand-ins for what installs, and for the Python which that makes."""
    (scripts := tmp_path / "scripts").mkdir()
    shutil.copy(walking.ROOT / "scripts/walk-readme", scripts)
    (scripts / "python").write_text('#!/bin/sh\necho "$@"\n')
    install = "#!/bin/sh\nmkdir -p .venv/bin\ncp scripts/python .venv/bin\n"
    (scripts / "install").write_text(install)
    for name in ("install", "python"):
        (scripts / name).chmod(0o755)
    walk = [str(scripts / "walk-readme"), "--port", "9000"]
    done = subprocess.run(walk, capture_output=True, text=True, check=True)
    assert done.stdout == "-m scripts.walking --port 9000\n"


def test_the_script_tells_how_it_is_used() -> None:
    script = walking.ROOT / "scripts/walk-readme"
    done = subprocess.run([script, "--help"], capture_output=True, text=True, check=True)
    assert "--installed" in done.stdout
