"""What a release is looked at for is found where it is wrong."""

import zipfile
from pathlib import Path

import pytest

from scripts import changes, distribution

INFO = "modelmesh_lite-0.1.0.dist-info"
FIELDS = distribution.PINNED.read_text()


def wheel(folder: Path, *more: str, fields: str = FIELDS, described: str = "# ModelMesh") -> Path:
    """Make a wheel with little in it."""
    made = folder / "modelmesh_lite-0.1.0-py3-none-any.whl"
    names = ["modelmesh/__init__.py", "modelmesh/py.typed", f"{INFO}/RECORD", f"{INFO}/WHEEL"]
    with zipfile.ZipFile(made, "w") as opened:
        for name in (*names, f"{INFO}/licenses/LICENSE", *more):
            opened.writestr(name, "")
        opened.writestr(f"{INFO}/METADATA", f"{fields}\n{described}")
    return made


def test_a_wheel_of_the_package_alone_has_no_fault(tmp_path: Path) -> None:
    assert not [*distribution.faults(wheel(tmp_path), None)]


@pytest.mark.parametrize(
    "name",
    [
        "modelmesh.pth",
        "modelmesh/sneaky.pth",
        "tests/test_mesh.py",
        "modelmesh/_fast.so",
        "modelmesh/__init__.pyc",
        "modelmesh/.env",
        f"{INFO}/sboms/other.json",
        "modelmesh_lite-0.1.0.data/scripts/run",
    ],
)
def test_a_file_that_is_not_of_the_package_is_a_fault(tmp_path: Path, name: str) -> None:
    [fault] = distribution.faults(wheel(tmp_path, name), None)
    assert fault.endswith(f"holds {name}")


@pytest.mark.parametrize(
    "fields",
    [
        FIELDS.replace("Requires-Dist: attrs", "Requires-Dist: other\nRequires-Dist: attrs"),
        FIELDS.replace("Requires-Dist: attrs>=23.2\n", ""),
        FIELDS.replace("Requires-Python: >=3.11", "Requires-Python: >=3.10"),
    ],
)
def test_a_field_that_is_not_pinned_is_a_fault(tmp_path: Path, fields: str) -> None:
    found = "".join(distribution.faults(wheel(tmp_path, fields=fields), None))
    assert "scripts/metadata.txt" in found


def test_a_description_by_something_else_is_a_fault(tmp_path: Path) -> None:
    [fault] = distribution.faults(wheel(tmp_path, described="to come"), None)
    assert "README.md" in fault


def test_a_tag_of_another_version_is_a_fault(tmp_path: Path) -> None:
    [fault] = distribution.faults(wheel(tmp_path), "v0.2.0")
    assert fault == "the tag is v0.2.0, and the version is 0.1.0"


def test_what_changed_in_a_version_is_found_in_the_changelog(tmp_path: Path) -> None:
    page = tmp_path / "CHANGELOG.md"
    page.write_text(
        "# Changes\n\n## Unreleased\n\n- A.\n\n## 0.2.0 (today)\n\n- B.\n\n## [0.1.0]\n\n- C.\n"
    )
    assert [changes.of(version, page) for version in ("0.2.0", "0.1.0")] == ["- B.", "- C."]
    assert not changes.of("0.3.0", page)
    assert not changes.of("0.2", page)
