"""What is installed, and what is not."""

import re
import subprocess
import sys
import zipfile
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NEEDED = ["aiohttp", "attrs", "cattrs", "pyyaml"]


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
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a clean environment with nothing but this package and what it needs."""
    folder = tmp_path_factory.mktemp("clean")
    run(sys.executable, "-m", "venv", folder)
    run(folder / "bin/python", "-m", "pip", "install", "--quiet", ".")
    return folder / "bin"


def test_a_base_install_brings_four_packages_and_what_these_need(environment: Path) -> None:
    listed = run(environment / "python", "-m", "pip", "list", "--format=freeze")
    installed = {plain(re.split(" @ |==", line)[0]) for line in listed.splitlines()}
    assert installed - {"modelmesh-lite", "pip", "setuptools"} <= with_what_they_need(NEEDED)
    assert set(NEEDED) < installed


def test_both_commands_are_there(environment: Path) -> None:
    assert run(environment / "modelmesh", "--version").startswith("modelmesh")
    version = run(environment / "python", "-m", "modelmesh.proxy", "--version")
    assert version == run(environment / "modelmesh", "--version")


def test_the_extras_the_guide_names_are_valid(environment: Path) -> None:
    code = (
        "from importlib.metadata import metadata\n"
        "print(metadata('modelmesh-lite').get_all('Provides-Extra'))"
    )
    stores = ["aws", "azure", "google", "keyring", "onepassword"]
    extras = [*stores, "opentelemetry", "prometheus", "proxy", "redis", "vault", "yaml"]
    assert run(environment / "python", "-c", code).strip() == str(extras)


def test_an_installed_package_has_its_types_and_facts(environment: Path) -> None:
    code = (
        "from importlib.resources import files; import modelmesh\n"
        "from modelmesh import catalogue\n"
        "assert (files('modelmesh') / 'py.typed').is_file()\n"
        "assert catalogue.find('openai.llm.v1', 'gpt-4o-mini')\n"
    )
    run(environment / "python", "-c", code)


def test_a_wheel_holds_the_package_and_nothing_else(tmp_path: Path) -> None:
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", tmp_path, ".")
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    assert tops == {"modelmesh", f"modelmesh_lite-{wheel.name.split('-')[1]}.dist-info"}
    assert not [name for name in names if name.endswith((".pth", ".pyc"))]
