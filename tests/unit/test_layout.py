"""The shape of the code, kept by a test: sizes, and which part may import which."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src/modelmesh"
FILES = sorted(SOURCE.rglob("*.py"))

FILE_LINES = 300
FILE_LINES_OF = {"router.py": 150}
FUNCTION_LINES = 40
PARAMETERS = 7

FLOORS = [
    {
        "types",
        "errors",
        "events",
        "audience",
        "catalogue",
        "portal",
        "sse",
        "capabilities",
        "clock",
        "colours",
        "json_text",
        "redaction",
        "report",
        "rules",
        "sizes",
        "usage",
        "values",
    },
    {
        "ledger",
        "line",
        "listed",
        "obstacle",
        "retrying",
        "state",
        "health",
        "record",
        "strategies",
        "stream",
        "transport",
        "config",
        "timers",
        "sanity",
        "shape",
        "verdict",
    },
    {"pool", "outcome", "expected", "reply", "excerpt", "fit", "connectors", "notices"},
    {
        "explain",
        "keeper",
        "observers",
        "plan",
        "shown",
        "stats",
        "remainder",
        "router",
        "walk",
        "probe",
        "status",
        "watch",
    },
    {"build", "renewal"},
    {"directory", "discovery", "view"},
    {"serving"},
    {"mesh", "check", "lint", "online"},
    {"cli", "proxy", "client", "testing", "arguments", "resources", "results", "schemas"},
    {"__main__"},
]
FLOOR_OF = {part: floor for floor, parts in enumerate(FLOORS, 1) for part in parts}

UPWARD = {
    ("config/plugs.py", "connectors"): "settings are checked by the connector's own Options",
    ("config/names.py", "connectors"): "what is named is tried, whether it can be made",
    ("config/load.py", "connectors"): "the secret store is a connector, opened while loading",
    ("config/later.py", "connectors"): "it lists the connectors that are known by name only",
    ("config/detect.py", "connectors"): "each vendor's class names its environment variables",
    ("config/interpolation.py", "connectors"): "what a secret store is",
    ("config/sharing.py", "connectors"): "a store may be called by a short name",
    ("config/origin.py", "connectors"): "a secret store, too",
}
"""Imports against the floors, and why."""

MAY_OPEN_SOCKETS = {"transport", "proxy", "testing"}
PURE = {
    "errors",
    "notices",
    "pool",
    "rules",
    "sanity",
    "shape",
    "sse",
    "state",
    "timers",
    "types",
    "verdict",
    "walk",
}

LETS_ERRORS_THROUGH = {
    "connectors/secrets/_onepassword.py": "what fails below 1Password's library is httpx's to tell",
    "connectors/secrets/_vault.py": "what fails below hvac is requests' to tell",
}
"""Files which name the errors of a library that a vendor's own speaks by, and why."""


def name_of(file: Path) -> str:
    return file.relative_to(SOURCE).as_posix()


def part_of(file: Path) -> str:
    return file.relative_to(SOURCE).parts[0].removesuffix(".py")


def imports(file: Path) -> Iterator[str]:
    """Give the full names of the modules a file imports, wherever in it."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{file} imports relatively"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def own_imports(file: Path) -> set[str]:
    """Return the parts of the library that a file imports."""
    parts = {name.split(".")[1] for name in imports(file) if name.startswith("modelmesh.")}
    return {part for part in parts if part in FLOOR_OF}


def functions(file: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


@pytest.mark.parametrize("file", FILES, ids=name_of)
def test_a_file_is_read_in_a_minute(file: Path) -> None:
    lines = len(file.read_text().splitlines())
    assert lines <= FILE_LINES_OF.get(name_of(file), FILE_LINES)


@pytest.mark.parametrize("file", FILES, ids=name_of)
def test_a_function_fits_on_a_screen(file: Path) -> None:
    for function in functions(file):
        assert function.end_lineno is not None
        lines = function.end_lineno - function.lineno + 1
        assert lines <= FUNCTION_LINES, function.name
        assert len(function.args.args) <= PARAMETERS, function.name


def test_every_part_has_a_floor() -> None:
    assert {part_of(file) for file in FILES} - {"__init__"} == set(FLOOR_OF)


@pytest.mark.parametrize("file", FILES, ids=name_of)
def test_imports_go_down_only(file: Path) -> None:
    # The package's front gives names out lazily, from every floor.
    floor = FLOOR_OF.get(part_of(file), len(FLOORS))
    upward = {part for part in own_imports(file) if FLOOR_OF[part] > floor}
    assert {part for part in upward if (name_of(file), part) not in UPWARD} == set()


@pytest.mark.parametrize(("place", "part"), UPWARD)
def test_an_exception_is_one_that_is_needed(place: str, part: str) -> None:
    assert part in own_imports(SOURCE / place)
    assert FLOOR_OF[part] > FLOOR_OF[part_of(SOURCE / place)]


@pytest.mark.parametrize("file", FILES, ids=name_of)
def test_private_files_are_imported_only_next_door(file: Path) -> None:
    """A package may also use what is private to the folder that it is in."""
    here = "modelmesh." + name_of(file).rpartition("/")[0].replace("/", ".")
    for name in imports(file):
        module, _, last = name.rpartition(".")
        if name.startswith("modelmesh.") and last.startswith("_") and last != "__version__":
            assert module in (here.rstrip("."), here.rstrip(".").rpartition(".")[0]), name


@pytest.mark.parametrize("file", FILES, ids=name_of)
def test_only_transport_and_proxy_know_of_sockets(file: Path) -> None:
    if part_of(file) in MAY_OPEN_SOCKETS or name_of(file) in LETS_ERRORS_THROUGH:
        return
    known = {name.split(".")[0] for name in imports(file)}
    assert known.isdisjoint({"aiohttp", "socket", "urllib3", "httpx", "requests"})


@pytest.mark.parametrize("part", sorted(PURE))
def test_what_decides_neither_waits_nor_looks_around(part: str) -> None:
    known = {name.split(".")[0] for name in imports(SOURCE / f"{part}.py")}
    assert known.isdisjoint({"asyncio", "time", "os", "socket", "threading"})


@pytest.mark.parametrize(
    "file", [file for file in FILES if "connectors/providers" in name_of(file)], ids=name_of
)
def test_a_vendors_file_only_translates(file: Path) -> None:
    known = set(imports(file))
    assert {name.split(".")[0] for name in known}.isdisjoint({"asyncio", "aiohttp", "os", "socket"})
    assert not any(name.startswith("modelmesh.transport") for name in known)
