"""What GitHub runs and asks: valid, safe, and of one mind with pyproject.toml and scripts/."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from scripts import pythons

ROOT = Path(__file__).parents[2]
GITHUB = ROOT / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))
FORMS = sorted(
    set((GITHUB / "ISSUE_TEMPLATE").glob("*.yml")) - {GITHUB / "ISSUE_TEMPLATE/config.yml"}
)
SCHEMAS = {
    **dict.fromkeys(WORKFLOWS, "github-workflows"),
    **dict.fromkeys(FORMS, "github-issue-forms"),
    GITHUB / "ISSUE_TEMPLATE/config.yml": "github-issue-config",
    GITHUB / "dependabot.yml": "dependabot",
}
# Whoever may do more than read, and why, is said beside it in the workflow.
POWERS = {
    "container.yml publish": {"attestations", "id-token", "packages"},
    "release.yml announce": {"attestations", "contents", "id-token"},
    "release.yml container": {"attestations", "id-token", "packages"},
    "release.yml publish": {"id-token"},
}
NEXT = "3.14"
"""Tested already, and promised by pyproject.toml once it is seen to pass."""


def named(path: Path) -> str:
    return path.name


def read(path: Path) -> dict[str, Any]:
    return dict(yaml.load(path.read_text(), yaml.BaseLoader))  # as written: `on` is no boolean


def jobs() -> list[tuple[str, dict[str, Any]]]:
    return [
        (f"{path.name} {name}", job)
        for path in WORKFLOWS
        for name, job in read(path)["jobs"].items()
    ]


def steps() -> list[dict[str, Any]]:
    return [step for _, job in jobs() for step in job.get("steps", ())]


def texts() -> str:
    return "".join(path.read_text() for path in WORKFLOWS)


@pytest.mark.parametrize("path", SCHEMAS, ids=named)
def test_a_file_for_github_is_valid_by_its_schema(path: Path) -> None:
    schema = f"vendor.{SCHEMAS[path]}"
    command = (sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, path)
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_nothing_dangerous_is_found_in_the_workflows() -> None:
    command = (Path(sys.executable).parent / "zizmor", "--offline", GITHUB)
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout


def test_every_action_is_pinned_by_its_commit_and_says_which_version_that_is() -> None:
    used = re.findall(r"uses: (?!\./)(\S+)@(\S+)(.*)", texts())
    pins = {(action, commit, comment) for action, commit, comment in used}
    assert all(re.fullmatch("[0-9a-f]{40}", commit) for _, commit, _ in pins)
    assert all(re.fullmatch(r" # v\d+\.\d+\.\d+", comment) for _, _, comment in pins)
    assert len(pins) == len({action for action, _, _ in pins}), "one action, two versions"


def test_the_tests_run_on_each_python_that_is_promised_and_on_the_next() -> None:
    tested = read(GITHUB / "workflows/test.yml")["jobs"]["test"]
    assert tested["strategy"]["matrix"]["python"] == [*pythons.promised(), NEXT]


def test_a_release_is_made_by_the_oldest_python_that_is_promised() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    written = {
        step["with"]["python-version"]
        for step in steps()
        if "python-version" in step.get("with", ())
    }
    oldest = project["requires-python"].removeprefix(">=")
    assert written == {oldest, "${{ matrix.python }}"}
    assert pythons.promised()[0] == oldest


def test_what_a_workflow_runs_of_ours_is_there() -> None:
    run = "\n".join(step.get("run", "") for step in steps())
    programs = re.findall(r"(?:^|\s)(?:\./)?((?:scripts|\.ci)/[\w.-]+)", run)
    modules = [f"scripts/{name}.py" for name in re.findall(r"-m scripts\.(\w+)", run)]
    files = re.findall(r"requirements/[\w.-]+", run)
    assert programs
    assert modules
    assert files
    missing = [name for name in (*programs, *modules, *files) if not (ROOT / name).exists()]
    assert not missing
    assert all((ROOT / name).stat().st_mode & 0o111 for name in programs)


def test_no_secret_is_kept_for_the_workflows() -> None:
    assert "secrets." not in texts()


def test_only_a_few_jobs_may_do_more_than_read() -> None:
    found = {}
    for name, job in jobs():
        powers = {what for what, may in job.get("permissions", {}).items() if may == "write"}
        if powers:
            found[name] = powers
    assert found == POWERS
    for path in WORKFLOWS:
        assert read(path)["permissions"] in ({}, "", {"contents": "read"}), path.name


def test_nothing_is_published_before_the_tests_have_passed() -> None:
    release = read(GITHUB / "workflows/release.yml")["jobs"]
    assert set(release["publish"]["needs"]) == {"test", "build"}
    assert {release["container"]["needs"], release["announce"]["needs"]} == {"publish"}


def test_what_is_watched_for_updates_is_there() -> None:
    found = {
        "docker": "Dockerfile",
        "docker-compose": "docker-compose.yaml",
        "github-actions": ".github/workflows",
        "npm": "package.json",
        "pip": "pyproject.toml",
    }
    watched = read(GITHUB / "dependabot.yml")["updates"]
    assert {entry["package-ecosystem"] for entry in watched} == set(found)
    for entry in watched:
        folder = ROOT / entry["directory"].lstrip("/")
        assert (folder / found[entry["package-ecosystem"]]).exists(), entry


@pytest.mark.parametrize("form", FORMS, ids=named)
def test_a_form_asks_for_keys_to_be_left_out(form: Path) -> None:
    assert "Leave out every key" in form.read_text()
