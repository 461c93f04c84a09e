"""What is released: how it is built, what it holds, and that it installs on each Python at hand."""

import re
import shutil
import subprocess
import sys
import tarfile
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

import pytest

from scripts import distribution, pythons

ROOT = Path(__file__).parents[2]
NEEDED = ["aiohttp", "attrs", "cattrs", "pyyaml"]
COPIED = shutil.ignore_patterns(".*", "__pycache__", "node_modules", "dist", "results")


def run(*command: str | Path) -> str:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def with_what_they_need(names: list[str]) -> set[str]:
    """Return these packages and everything they require on this Python."""
    found: set[str] = set()
    waiting = list(map(plain, names))
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            with suppress(PackageNotFoundError):  # one that only older Pythons need
                needs = [text for text in requires(name) or () if "extra ==" not in text]
                waiting += [plain(re.split(r"[\s;<>=!~\[]", text)[0]) for text in needs]
    return found


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the repository, which nobody works on."""
    copy = tmp_path_factory.mktemp("source") / "modelmesh"
    shutil.copytree(ROOT, copy, ignore=COPIED)
    return copy


def built(source: Path, folder: Path) -> tuple[Path, Path]:
    """Build both distributions in another folder, of files that are younger."""
    shutil.copytree(source, folder / "elsewhere", copy_function=shutil.copy)
    return distribution.build(folder / "elsewhere", folder)


@pytest.fixture(scope="module")
def distributions(source: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return a source distribution, and the wheel that was made of it."""
    return built(source, tmp_path_factory.mktemp("built"))


@pytest.fixture(scope="module")
def wheel(distributions: tuple[Path, Path]) -> Path:
    return distributions[1]


def clean(folder: Path, python: str | Path, wheel: Path) -> Path:
    """Make an environment with nothing but the wheel and what it needs."""
    run(python, "-m", "venv", folder)
    run(folder / "bin/python", "-m", "pip", "install", "--quiet", wheel)
    return folder / "bin"


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clean(tmp_path_factory.mktemp("clean"), sys.executable, wheel)


def test_a_base_install_brings_four_packages_and_what_these_need(environment: Path) -> None:
    listed = run(environment / "python", "-m", "pip", "list", "--format=freeze")
    installed = {plain(re.split(" @ |==", line)[0]) for line in listed.splitlines()}
    assert installed - {"modelmesh-lite", "pip", "setuptools"} <= with_what_they_need(NEEDED)
    assert set(NEEDED) < installed


def test_both_commands_are_there(environment: Path) -> None:
    assert run(environment / "modelmesh", "--version").startswith("modelmesh")
    version = run(environment / "python", "-m", "modelmesh.proxy", "--version")
    assert version == run(environment / "modelmesh", "--version")


def test_an_installed_package_has_its_types_and_facts(environment: Path) -> None:
    code = (
        "from importlib.resources import files; import modelmesh\n"
        "from modelmesh import catalogue\n"
        "assert (files('modelmesh') / 'py.typed').is_file()\n"
        "assert catalogue.find('openai.llm.v1', 'gpt-4o-mini')\n"
        "from modelmesh.proxy.openapi import document\n"
        "assert '/v1/models' in document()['paths']\n"
    )
    run(environment / "python", "-c", code)


@pytest.mark.parametrize("version", pythons.promised())
def test_a_wheel_installs_and_answers_on_each_python(
    version: str, wheel: Path, tmp_path: Path
) -> None:
    if not (python := pythons.find(version)):
        pytest.skip(f"there is no Python {version} here")
    programs = clean(tmp_path / "clean", python, wheel)
    code = "import modelmesh, sys; print(sys.version)"
    said = run(programs / "python", "-W", "error", "-c", code)
    assert said.startswith(f"{version}.")
    assert run(programs / "modelmesh", "--version").split()[-1] == wheel.name.split("-")[1]
    assert "Every request was answered" in run(
        programs / "python", "-m", "modelmesh.proxy", "--demo", "--once"
    )


def test_a_wheel_holds_and_says_what_it_should(wheel: Path) -> None:
    assert not [*distribution.faults(wheel)]


def test_the_base_needs_four_packages_and_the_extras_are_those_the_guide_names(
    wheel: Path,
) -> None:
    fields = [line.partition(": ")[::2] for line in distribution.metadata(wheel)[0].splitlines()]
    needs = [value for name, value in fields if name == "Requires-Dist"]
    base = [plain(re.split(r"[<>=]", need)[0]) for need in needs if "extra ==" not in need]
    stores = ["aws", "azure", "google", "keyring", "onepassword"]
    extras = [*stores, "opentelemetry", "prometheus", "proxy", "redis", "vault", "yaml"]
    assert base == NEEDED
    assert [value for name, value in fields if name == "Provides-Extra"] == extras


def test_the_registry_would_take_both(distributions: tuple[Path, Path]) -> None:
    run(sys.executable, "-m", "twine", "check", "--strict", *distributions)


def test_two_builds_are_the_same_to_the_byte(
    source: Path, distributions: tuple[Path, Path], tmp_path: Path
) -> None:
    for first, second in zip(distributions, built(source, tmp_path), strict=True):
        assert first.read_bytes() == second.read_bytes()


def test_the_repository_and_its_source_distribution_make_the_same_wheel(
    source: Path, wheel: Path, tmp_path: Path
) -> None:
    command = ["build", "--quiet", "--no-isolation", "--wheel", "--outdir", str(tmp_path)]
    run(sys.executable, "-m", *command, source)
    assert (tmp_path / wheel.name).read_bytes() == wheel.read_bytes()


def test_a_source_distribution_holds_the_tests_and_no_secret(
    distributions: tuple[Path, Path],
) -> None:
    with tarfile.open(distributions[0]) as opened:
        names = {name.partition("/")[2] for name in opened.getnames()}
    assert {"tests/integration/test_packaging.py", "pyproject.toml", "docs/index.md"} <= names
    assert not [name for name in names if name.endswith((".env", ".db", ".pyc"))]
