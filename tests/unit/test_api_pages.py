"""The pages on the Python API: they are what the docstrings say, and these say something."""

import ast
import re

import griffe
import pytest

from scripts.python_api import PAGES, Entry, entries, everything, main, members, page, words

WRITTEN = {path: path.read_text(encoding="utf-8") for path in PAGES}
ENTRIES = [
    pytest.param(entry, id=f"{path.stem}-{entry.title}")
    for path in PAGES
    for entry in entries(path)
]


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
