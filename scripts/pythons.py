"""Runs the unit tests on each Python at hand that pyproject.toml promises.

`python -m scripts.pythons`, which ./scripts/each_python is for. Arguments go to pytest.
"""

import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
_LANGUAGE: Final = "Programming Language :: Python :: 3."


def promised() -> list[str]:
    """Return the versions that pyproject.toml says it runs on, like `3.12`."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    said = [name for name in project["classifiers"] if name.startswith(_LANGUAGE)]
    return [f"3.{name.removeprefix(_LANGUAGE)}" for name in said]


def find(version: str) -> Path | None:
    """Return a Python of this version: our own, one on the path, or one of pyenv's."""
    return next((python for python in _places(version) if _is(python, version)), None)


def _places(version: str) -> Iterator[Path]:
    yield Path(getattr(sys, "_base_executable", sys.executable))
    if on_path := shutil.which(f"python{version}"):
        yield Path(on_path)
    yield from sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python"))


def _is(python: Path, version: str) -> bool:
    """Tell whether it is there and says so: pyenv puts programs on the path that only refuse."""
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    said = subprocess.run([python, "-c", code], capture_output=True, text=True, check=False)
    return f"{version}\n" == said.stdout


def _tested(version: str, python: Path, arguments: list[str]) -> bool:
    """Run the unit tests in an environment of this version's own."""
    folder = ROOT / ".venvs" / version
    own = folder / "bin/python"
    pip = (own, "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    commands: tuple[list[str | Path], ...] = (
        [python, "-m", "venv", folder],
        [*pip, "--upgrade", "pip>=25.1"],
        [*pip, "--editable", ".", "--group", "dev"],
        [own, "-m", "pytest", "-q", *(arguments or ["tests/unit"])],
    )
    return all(subprocess.run(line, cwd=ROOT, check=False).returncode == 0 for line in commands)


def main(arguments: list[str]) -> int:
    """Test on one after the other. Returns the exit code."""
    verdicts = {}
    for version in promised():
        python = find(version)
        print(f"Python {version}: {python or 'not here'}", flush=True)
        if python:
            verdicts[version] = _tested(version, python, arguments)
    for version, passed in verdicts.items():
        print(f"Python {version}: {'passed' if passed else 'FAILED'}")
    return 0 if all(verdicts.values()) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
