"""The pages on the Python API: they are what the docstrings say, and these say something."""

import ast
import re
from collections.abc import Iterator

import documents
import griffe
import pytest

import modelmesh
from scripts.python_api import (
    PAGES,
    Entry,
    entries,
    everything,
    found,
    link_to,
    main,
    members,
    page,
    public,
    words,
)

WRITTEN = {path: path.read_text(encoding="utf-8") for path in PAGES}
ENTRIES = [
    pytest.param(entry, id=f"{path.stem}-{entry.title}")
    for path in PAGES
    for entry in entries(path)
]
COOKBOOK = sorted((documents.DOCS / "cookbook").glob("*.md"))
CONNECTORS = (documents.DOCS / "connectors.md").read_text(encoding="utf-8")


def imported(code: str) -> Iterator[tuple[str, str]]:
    """Give each module of ours from which code takes something, and what that is."""
    tree = ast.parse(code)
    for one in ast.walk(tree):
        if isinstance(one, ast.ImportFrom) and (one.module or "").startswith("modelmesh"):
            for name in one.names:
                module = f"{one.module}.{name.name}"
                if one.module == "modelmesh" or not found(module).is_module:
                    yield str(one.module), name.name
                    continue
                used = rf"\b{name.asname or name.name}\.([A-Za-z]\w*)"
                yield from ((module, each) for each in re.findall(used, code))


def promised() -> Iterator[str]:
    """Give what may be imported: all the cookbook's modules give out, and all that is shown."""
    modules = {"modelmesh.testing", "modelmesh.events", "modelmesh.errors"}
    for shown in documents.everywhere():
        for block in documents.blocks(shown, "python"):
            taken = list(imported(block.text))
            yield from (f"{module}.{name}" for module, name in taken)
            modules |= {module for module, _ in taken if shown in COOKBOOK}
    for file in (documents.ROOT / "examples").rglob("*.py"):
        yield from map(".".join, imported(file.read_text(encoding="utf-8")))
    modules -= {"modelmesh", "modelmesh.config.schema"}  # configuration.md has all of the latter
    yield from (f"{module}.{name}" for module in modules for name in public(module))
    yield from (f"modelmesh.{name}" for name in modelmesh.__all__)


@pytest.mark.parametrize("path", sorted(set(promised())))
def test_what_may_be_imported_is_told_of(path: str) -> None:
    what = found(path)
    if path == "modelmesh.__version__":
        assert f"`{path}`" in WRITTEN[PAGES[0]]
    elif not link_to(PAGES[0], what.canonical_path):
        assert "connector" in what.members, "no page on the Python API has it"
        assert f"| `{ast.literal_eval(str(what['connector'].value))}` |" in CONNECTORS


def test_the_pages_are_what_the_docstrings_say() -> None:
    assert main(["--check"]) == 0, "write them anew: python -m scripts.python_api"
    first = PAGES[0]
    assert page(first, WRITTEN[first].replace("### `create`", "### `creat`")) == WRITTEN[first]


def test_no_name_is_told_of_twice() -> None:
    assert len(everything()) == len(ENTRIES)
    for written in WRITTEN.values():
        headings = [each.lower() for each in re.findall(r"^#+ (.+)$", written, re.MULTILINE)]
        assert len(headings) == len(set(headings))


@pytest.mark.parametrize("entry", ENTRIES)
def test_everything_that_is_public_says_what_it_is(entry: Entry) -> None:
    what = entry.what
    if isinstance(what, griffe.Class | griffe.Function):
        assert what.docstring
    if isinstance(what, griffe.Class) and "StrEnum" not in map(str, what.bases):
        for one in members(what):
            said = one.docstring or (isinstance(one, griffe.Attribute) and words(what, one))
            assert said, f"{entry.path}.{one.name} does not"


@pytest.mark.parametrize("entry", ENTRIES)
def test_what_is_called_is_shown_as_python_has_it(entry: Entry) -> None:
    _, _, told = WRITTEN[entry.page].partition(f"\n### `{entry.title}`\n")
    told = re.split(r"^##?#? |^<!-- end", told, maxsplit=1, flags=re.MULTILINE)[0]
    shown = re.findall(r"^```py\n(.*?)^```", told, re.DOTALL | re.MULTILINE)
    assert shown or not isinstance(entry.what, griffe.Function)
    for call in shown:
        name = call.partition("(")[0].removeprefix("await ")
        taken = call.removeprefix("await ").removeprefix(name).rstrip()
        stub = ast.parse(f"def it{taken}: ...")
        assert isinstance(stub.body[0], ast.FunctionDef)
