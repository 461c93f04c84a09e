"""The Dockerfile as a linter and we read it, and what gets into a build."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from dockerfile import ignored, instructions

ROOT = Path(__file__).parents[2]
WRITTEN = (ROOT / "Dockerfile").read_text()
STEPS = list(instructions(WRITTEN))
LAST = STEPS[max(place for place, one in enumerate(STEPS) if one.word == "FROM") :]


def linted(dockerfile: str) -> str:
    """Return what the linter has to say. Its rules: https://github.com/hadolint/hadolint#rules."""
    linter = Path(sys.executable).with_name("hadolint")
    done = subprocess.run(
        [linter, "--no-color", "-"], input=dockerfile, capture_output=True, text=True, check=False
    )
    assert bool(done.returncode) == bool(done.stdout)
    return done.stdout + done.stderr


def test_the_linter_finds_nothing() -> None:
    assert linted(WRITTEN) == ""


@pytest.mark.parametrize(
    ("right", "wrong", "rule"),
    [
        ("python:3.12-slim", "python:latest", "DL3007"),
        ("WORKDIR /src", "WORKDIR src", "DL3000"),
        ('ENTRYPOINT ["python", "-m", "modelmesh.proxy"]', "ENTRYPOINT python", "DL3025"),
        ("USER 10001:10001", "USER root", "DL3002"),
    ],
)
def test_the_linter_finds_what_is_wrong(right: str, wrong: str, rule: str) -> None:
    assert rule in linted(WRITTEN.replace(right, wrong))


def test_the_last_stage_installs_nothing_and_runs_as_nobody_in_particular() -> None:
    assert [one.rest for one in LAST if one.word == "FROM"] == ["python:3.12-slim"]
    assert not [one.rest for one in LAST if one.word == "RUN" and "pip" in one.rest]
    # Kubernetes sees by a number alone that this is not root.
    (user,) = (one.rest for one in LAST if one.word == "USER")
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user)


def test_the_extras_are_those_of_the_package() -> None:
    (extras,) = (one.rest.removeprefix("EXTRAS=") for one in STEPS if one.word == "ARG")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert set(extras.split(",")) <= set(project["optional-dependencies"])


def test_only_what_the_build_takes_is_sent_to_it() -> None:
    rules = (ROOT / ".dockerignore").read_text()
    kept = ["LICENSE", "README.md", "pyproject.toml", "src/modelmesh/proxy/static/page.js"]
    left = [".env", ".git/config", "docs/README.md", "modelmesh.yaml", "state.db", "src.txt"]
    left += ["src/modelmesh/__pycache__/mesh.cpython-312.pyc", "src/modelmesh/old.pyc"]
    assert [path for path in (*kept, *left) if not ignored(path, rules)] == kept


@pytest.mark.parametrize(
    ("rules", "path", "out"),
    [
        ("*.md", "README.md", True),
        ("*.md", "docs/index.md", False),
        ("**/*.md", "docs/index.md", True),
        ("**/*.md", "README.md", True),
        ("docs", "docs/a/b.md", True),
        ("docs/", "docs/a/b.md", True),
        ("docs", "docs2", False),
        ("docs\n!docs/a", "docs/a/b.md", False),
        ("!docs/a\ndocs", "docs/a/b.md", True),
        ("# docs\n\n", "docs", False),
        ("a?c", "abc", True),
    ],
)
def test_files_are_left_out_as_docker_does(rules: str, path: str, out: bool) -> None:
    assert ignored(path, rules) is out
