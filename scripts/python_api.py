"""Writes what the pages on the Python API tell of each name: `python -m scripts.python_api`.

A comment on the page lists the names, a line each, as they are imported: `modelmesh.create`,
`modelmesh.events.*` for all that a module makes public, or `a.b.Class as client.images` for what is
reached otherwise. What follows it, up to `<!-- end -->`, is written from the docstrings. With
`--check` nothing is written, and it fails where a page is another one.
"""

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Final

import griffe
from attrs import frozen

from scripts import pages
from scripts.signatures import Link, call, default, in_words

DOCS: Final = Path(__file__).parents[1] / "docs"
PAGES: Final = (DOCS / "api.md", DOCS / "api-connectors.md")

_MADE: Final = re.compile(r"(<!-- names\n(.*?)-->\n).*?(?=<!-- end -->)", re.DOTALL)
_NAMED: Final = re.compile(r"`([A-Z]\w+)((?:\.\w+)?)`(?!\])")
_VALUES: Final = {"value", "frozen", "define"}
_SHORT: Final = 40


@frozen
class Entry:
    """A name on a page: what it is called there, how it is imported, and what it is."""

    page: Path
    title: str
    path: str
    what: griffe.Object

    @property
    def anchor(self) -> str:
        return re.sub(r"[^\w-]", "", self.title.lower())


@cache
def package() -> griffe.Module:
    """Return the library as its source has it."""
    src = str(DOCS.parent / "src")
    return griffe.load("modelmesh", search_paths=[src], docstring_parser="google")  # type: ignore[return-value] # it is no alias


def found(path: str) -> griffe.Object:
    one = package()[path.removeprefix("modelmesh.")]
    return one.final_target if isinstance(one, griffe.Alias) else one


def public(module: str) -> list[str]:
    """Return what a module makes public: what it says itself, or else all it defines."""
    at = found(module)
    own = at.exports or [one.name for one in at.members.values() if one.is_public]
    return [str(name) for name in own if not found(f"{module}.{name}").is_module]


def entries(page: Path) -> Iterator[Entry]:
    for _, names in _MADE.findall(page.read_text(encoding="utf-8")):
        for line in names.splitlines():
            yield from _listed(page, line)


def _listed(page: Path, line: str) -> Iterator[Entry]:
    path, _, title = line.partition(" as ")
    module, _, name = path.rpartition(".")
    for one in public(module) if name == "*" else [name]:
        yield Entry(page, title or one, title or f"{module}.{one}", found(f"{module}.{one}"))


@cache
def everything() -> Mapping[str, Entry]:
    """Return all names of all pages, by where they are defined."""
    return {entry.what.canonical_path: entry for page in PAGES for entry in entries(page)}


@cache
def titled() -> Mapping[str, Entry]:
    """Return all names of all pages, by what they are called there."""
    return {entry.title: entry for entry in everything().values()}


def page(path: Path, written: str) -> str:
    """Return a page with what stands below its lists of names as it must be."""

    def made(block: re.Match[str]) -> str:
        listed = [entry for line in block[2].splitlines() for entry in _listed(path, line)]
        return block[1] + "\n" + "\n".join(line for entry in listed for line in _entry(entry))

    return _MADE.sub(made, written)


def _entry(entry: Entry) -> Iterator[str]:
    yield f"### `{entry.title}`\n"
    what = entry.what
    link = partial(link_to, entry.page)
    if isinstance(what, griffe.Function):
        yield f"```py\n{call(entry.path, what)}\n```\n"
        yield from _said(what, entry.page)
    elif isinstance(what, griffe.Class):
        yield from _class(entry, what, link)
    else:
        assert isinstance(what, griffe.Attribute)
        yield f"`{entry.path}`{_meant(what, link)}\n"
        yield from _said(what, entry.page)


def _meant(what: griffe.Attribute, link: Link) -> str:
    """Return what a constant is, or which type a name stands for."""
    if not what.name.isupper():
        return f": {in_words(what.value, link)}"
    value = str(what.value)
    return f" = `{value}`" if len(value) <= _SHORT else f": {in_words(what.annotation, link)}"


def _class(entry: Entry, what: griffe.Class, link: Link) -> Iterator[str]:
    """Tell of a class. One which is called otherwise than it is imported is made by nobody."""
    init = what.members.get("__init__")
    bases = " and ".join(in_words(one, link) for one in what.bases if _is_told(one))
    if "." in entry.path:
        yield f"`{entry.path}`{bases and f', derived from {bases}'}\n"
    if "." in entry.path and isinstance(init, griffe.Function) and not _is_protocol(what):
        yield f"```py\n{call(what.name, init, returns=False)}\n```\n"
    yield from _said(what, entry.page)
    if isinstance(init, griffe.Function):
        yield from _said(init, entry.page)
    yield from _attributes(what, link)
    for method in members(what):
        if isinstance(method, griffe.Function):
            yield f"#### `{entry.title}.{method.name}`\n"
            yield f"```py\n{call(method.name, method)}\n```\n"
            yield from _said(method, entry.page)


def _is_told(base: griffe.Expr | str) -> bool:
    return str(base).partition("[")[0] not in ("Protocol", "Generic", "object")


def _is_protocol(what: griffe.Class) -> bool:
    return "Protocol" in [str(base).partition("[")[0] for base in what.bases]


def members(what: griffe.Class) -> Iterator[griffe.Attribute | griffe.Function]:
    """Give what a class makes public: its own, and what comes of classes that no page has.

    What does the same as in a class above, and so says nothing of itself, is left aside.
    """
    above = what.mro()
    told = {name for base in above if _on_a_page(base) for name in base.members}
    unseen = {
        name: one
        for base in reversed(above)
        if not _on_a_page(base)
        for name, one in base.members.items()
    }
    for name, one in {**unseen, **what.members}.items():
        again = name in told and not one.docstring
        if isinstance(one, griffe.Attribute | griffe.Function) and _is_public(name) and not again:
            yield one


def _on_a_page(what: griffe.Class) -> bool:
    return what.canonical_path in everything()


def _is_public(name: str) -> bool:
    return name == "__call__" or not name.startswith(("_", "test_", "pytest_"))


def _attributes(what: griffe.Class, link: Link) -> Iterator[str]:
    """Give the table of a class's attributes; those of which the same is told share a row."""
    told = [one for one in members(what) if isinstance(one, griffe.Attribute)]
    if any("Enum" in str(base) for base in what.bases):
        yield from _table(("", ""), [(f"`{one.name}`", f"`{one.value}`") for one in told])
        return
    given = any(str(one.value).partition("(")[0] in _VALUES for one in what.decorators)
    rows: dict[tuple[str, ...], list[str]] = {}
    for one in told:
        means = _linked(words(what, one), link)
        cells = in_words(one.annotation, link), default(one) if given else "", means
        rows.setdefault(cells, []).append(f"`{one.name}`")
    yield from _table(
        ("", "type", "default", ""), [(", ".join(names), *cells) for cells, names in rows.items()]
    )


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Give a table without the columns that have nothing in them."""
    used = [place for place in range(len(heads)) if any(row[place] for row in rows)]
    if rows:
        for row in (heads, ["---"] * len(heads), *rows):
            yield f"| {' | '.join(row[place] for place in used)} |"
        yield ""


def words(what: griffe.Class, one: griffe.Attribute) -> str:
    """Return what is told of an attribute: by its class, by itself, or by a comment above it."""
    told = {name: text for base in [what, *what.mro()] for name, text in _told(base)}
    text = told.get(one.name) or (one.docstring.value if one.docstring else "") or _comment(one)
    if not text and str(one.value) in what.members:
        text = f"the same as `{one.value}`"
    return text.partition("\n\n")[0].replace("\n", " ").replace("|", "\\|")


def _told(what: griffe.Object) -> Iterator[tuple[str, str]]:
    """Give what a docstring says of attributes; it may say the same of several."""
    for part in what.docstring.parsed if what.docstring else []:
        if isinstance(part, griffe.DocstringSectionAttributes):
            for each in part.value:
                several = each.name.endswith(",")
                names = f"{each.name} {each.annotation}" if several else each.name
                yield from ((name.strip(" ()"), each.description) for name in names.split(","))


def _comment(one: griffe.Attribute) -> str:
    """Return the comment behind an attribute, or above it."""
    lines = one.lines_collection[one.filepath]  # type: ignore[index] # a module has one file
    first = last = (one.lineno or 1) - 1
    behind = re.search(r"  # (?!noqa|type:)(.+)$", lines[last])
    if behind:
        return behind[1]
    while lines[first - 1].strip().startswith("# "):
        first -= 1
    return " ".join(line.strip().removeprefix("# ") for line in lines[first:last])


def _said(what: griffe.Object, page: Path) -> Iterator[str]:
    """Give what a docstring says, its attributes left aside."""
    link = partial(link_to, page)
    for part in what.docstring.parsed if what.docstring else []:
        if isinstance(part, griffe.DocstringSectionText):
            yield _linked(part.value, link) + "\n"
        elif isinstance(part, griffe.DocstringSectionParameters):
            yield from (f"- `{one.name}`: {_item(one, link)}" for one in part.value)
            yield ""
        elif isinstance(part, griffe.DocstringSectionRaises):
            yield "Raises:\n"
            yield from (
                f"- {in_words(one.annotation, link)}: {_item(one, link)}" for one in part.value
            )
            yield ""


def _item(one: griffe.DocstringElement, link: Link) -> str:
    return _linked(one.description, link).replace("\n", " ")


def _linked(words: str, link: Link) -> str:
    """Lead the names in a docstring to what is told of them."""

    def led(name: re.Match[str]) -> str:
        entry = titled().get(name[1])
        if not entry:
            return name[0]
        to = link(entry.what.canonical_path) or ""
        return f"[{name[0]}]({to}{re.sub(r'[^a-z0-9_]', '', name[2].lower())})"

    return _NAMED.sub(led, words)


def link_to(page: Path, path: str) -> str | None:
    """Return where a name is told of, as a link from a page."""
    if path.startswith("modelmesh.config.schema."):
        return "configuration.md"
    entry = everything().get(path)
    if not entry:
        return None
    return f"{'' if entry.page == page else entry.page.name}#{entry.anchor}"


def main(arguments: list[str]) -> int:
    """Write the pages, or check them. Returns the exit code."""
    return max(
        pages.write(
            one, partial(page, one), arguments, prog="python -m scripts.python_api", about=__doc__
        )
        for one in PAGES
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
