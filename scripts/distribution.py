"""Builds what is released and looks at it: `python -m scripts.distribution`.

It fails where a wheel holds more than the package, or says of itself what is not pinned in
scripts/metadata.txt. With `--pin` that file is written; with `--tag v1.2.3` the tag has to fit.
"""

import argparse
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from difflib import unified_diff
from pathlib import Path
from typing import Final

from scripts import changes

ROOT: Final = Path(__file__).parents[1]
PINNED: Final = ROOT / "scripts/metadata.txt"
_OF_THE_PACKAGE: Final = (".py", "/py.typed", ".json", ".html", ".css", ".js", ".yaml")
_OF_A_WHEEL: Final = frozenset(("METADATA", "RECORD", "WHEEL", "entry_points.txt", "LICENSE"))


def build(source: Path, into: Path) -> tuple[Path, Path]:
    """Build a source distribution, and a wheel of that; return both."""
    for old in into.glob("modelmesh_lite-*"):
        old.unlink()
    options = ["--quiet", "--no-isolation", "--outdir", str(into)]
    subprocess.run([sys.executable, "-m", "build", *options, source], check=True)
    [sdist], [wheel] = into.glob("*.tar.gz"), into.glob("*.whl")
    return sdist, wheel


def metadata(wheel: Path) -> tuple[str, str]:
    """Return what a wheel says of itself: its fields and its long description."""
    with zipfile.ZipFile(wheel) as opened:
        [name] = [name for name in opened.namelist() if name.endswith(".dist-info/METADATA")]
        fields, _, description = opened.read(name).decode().partition("\n\n")
    return f"{fields}\n", description


def strangers(wheel: Path) -> list[str]:
    """Return the files that have no business in a wheel of this package, like a `.pth`."""
    return [name for name in zipfile.ZipFile(wheel).namelist() if not _belongs(name)]


def _belongs(name: str) -> bool:
    folder, _, rest = name.partition("/")
    if folder.endswith(".dist-info"):
        return rest.removeprefix("licenses/") in _OF_A_WHEEL
    return folder == "modelmesh" and name.endswith(_OF_THE_PACKAGE)


def faults(wheel: Path, tag: str | None = None) -> Iterator[str]:
    """Give what is wrong with a wheel, or with the tag it is to be released by."""
    yield from (f"{wheel.name} holds {name}" for name in strangers(wheel))
    fields, described = metadata(wheel)
    pinned = PINNED.read_text(encoding="utf-8").splitlines(keepends=True)
    found = fields.splitlines(keepends=True)
    yield from unified_diff(pinned, found, "scripts/metadata.txt", wheel.name, n=0)
    if not described.startswith("# ModelMesh"):
        yield f"{wheel.name} is not described by README.md"
    version = wheel.name.split("-")[1]
    if tag not in (None, f"v{version}"):
        yield f"the tag is {tag}, and the version is {version}"
    elif tag and not changes.of(version):
        yield f"CHANGELOG.md says nothing of {version}"


def main(arguments: list[str]) -> int:
    """Build and check. Returns the exit code."""
    parser = argparse.ArgumentParser("python -m scripts.distribution", description=__doc__)
    parser.add_argument("--into", type=Path, default=ROOT / "dist", help="where to build")
    parser.add_argument("--pin", action="store_true", help="write down what a wheel says now")
    parser.add_argument("--tag", help="the tag that is released")
    options = parser.parse_args(arguments)
    options.into.mkdir(exist_ok=True)
    sdist, wheel = build(ROOT, options.into)
    if options.pin:
        PINNED.write_text(metadata(wheel)[0], encoding="utf-8")
    wrong = [fault.rstrip() for fault in faults(wheel, options.tag)]
    print(*wrong, sep="\n", file=sys.stderr, end="\n" if wrong else "")
    read = (sys.executable, "-m", "twine", "check", "--strict", sdist, wheel)
    return 1 if wrong else subprocess.run(read, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
