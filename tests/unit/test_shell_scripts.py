"""Every shell script of the repository, before a linter."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINTER = Path(sys.executable).parent / "shellcheck"
FOLDERS = (".ci", "scripts", "examples", "deploy")
SCRIPTS = sorted(
    str(path.relative_to(ROOT))
    for folder in FOLDERS
    for path in (ROOT / folder).rglob("*")
    if path.is_file()
    and "node_modules" not in path.parts
    and (
        path.suffix == ".sh"
        or path.read_bytes()[:30].startswith((b"#!/usr/bin/env bash", b"#!/bin/sh"))
    )
)


def complaints(script: Path) -> str:
    done = subprocess.run(
        [LINTER, "--external-sources", script],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, 1), done.stderr
    return done.stdout


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_linter_finds_nothing_in_a_script(script: str) -> None:
    assert complaints(Path(script)) == ""


def test_the_linter_finds_what_goes_wrong(tmp_path: Path) -> None:
    (tmp_path / "wrong.sh").write_text("#!/usr/bin/env bash\nrm -rf $1/*\n")
    assert "SC2086" in complaints(tmp_path / "wrong.sh")


def test_all_scripts_are_looked_at() -> None:
    assert {".ci/run", "scripts/demo", "scripts/proxy-up.sh", "scripts/proxy-shared.sh"} <= {
        *SCRIPTS
    }


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_ends_at_the_first_failure(script: str) -> None:
    if not script.endswith("-shared.sh"):  # which others read
        text = (ROOT / script).read_text()
        strict = "set -eu" if text.startswith("#!/bin/sh") else "set -euo pipefail"
        assert f"\n{strict}\n" in text
