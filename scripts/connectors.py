"""Writes docs/connectors.md of the connectors there are: `python -m scripts.connectors`.

With `--check` nothing is written, and it fails where the page is another one.
"""

import inspect
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import attrs

from modelmesh.config import reference
from modelmesh.connectors import registry
from modelmesh.connectors.providers.openai_compatible import Provider
from modelmesh.connectors.registry import Kind
from scripts import pages

PAGE: Final = Path(__file__).parents[1] / "docs/connectors.md"

_INTRODUCTION: Final = """\
# Connectors

For anyone who looks up an id: everything a configuration can name, by kind, with its own settings.
Instead of the id you can write the short name. Where a library is needed, the table names the extra
that installs it. Each section links to the guide that shows its connectors in use; a connector of
your own is named as `package.module:Class`, see [the cookbook](cookbook/README.md).

This page is written by `python -m scripts.connectors` from the connectors themselves.
"""

_KINDS: Final[Mapping[Kind, str]] = {
    "providers": """\
## Vendors

Named as an entry of `providers`, or by its `connector`; settings go beside it. If
several variables are set, the first one counts. The guide is [The vendors](providers.md).
""",
    "strategies": """\
## Strategies

Named by a pool's `strategy`; settings go into its `options`. The guide is
[Strategies](strategies.md).
""",
    "secrets": """\
## Secret stores

Named by `secrets.store`; settings go beside it. The guide is [Secrets](secrets.md), which also
says what the vendors' own libraries read.
""",
    "storage": """\
## Stores of state

Named by `storage.connector`; settings go beside it. The guide is [Storage](storage.md).
""",
    "observability": """\
## Observers

Named by a section of `observability`; settings go beside it. The guide is
[Seeing what it does](observability.md).
""",
    "discovery": """\
## Discoveries

Named by a section of `discovery`. The guide is [Discovery](discovery.md).
""",
}
_EXTRA: Final = re.compile(r"\bextra `(\w+)`")
_VARIABLE: Final = re.compile(r"\benviron\.get\(\"([A-Z_]+)\"")
_SENTENCE: Final = re.compile(r"(.+?)[.:](?=\s|$)")


def page(_: str = "") -> str:
    """Return the whole page."""
    return "\n".join([_INTRODUCTION, *_sections()])


def _sections() -> Iterator[str]:
    for kind, words in _KINDS.items():
        yield words
        there = registry.available(kind)
        yield from _vendors(there) if kind == "providers" else _others(there)
        yield from _settings(there)


def _vendors(there: Mapping[str, Any]) -> Iterator[str]:
    yield "| id | short | vendor | does | key | address |"
    yield "|---|---|---|---|---|---|"
    for id_, found in there.items():
        made = found(id_, base_url="https://vendor.invalid")
        does = ", ".join(sorted(made.endpoints))
        name = f"[{found.name}]({link})" if (link := _link(found)) else found.name
        key, address = map(_listed, (found.key_names, found.url_names))
        yield f"| `{id_}` | {_short(id_)} | {name} | {does} | {key} | {address} |"
    yield ""


def _others(there: Mapping[str, Any]) -> Iterator[str]:
    yield "| id | short | what it is | reads | install |"
    yield "|---|---|---|---|---|"
    for id_, found in there.items():
        module = inspect.getmodule(found)
        read = _listed(dict.fromkeys(_VARIABLE.findall(inspect.getsource(module or found))))
        extra = _EXTRA.search(inspect.getdoc(module) or "")
        install = f"`modelmesh-lite[{extra[1]}]`" if extra else ""
        yield f"| `{id_}` | {_short(id_)} | {_sentence(found)} | {read} | {install} |"
    yield ""


def _settings(there: Mapping[str, Any]) -> Iterator[str]:
    """Give the table of settings; those which all vendors have once, in front."""
    rows = [row for id_, found in there.items() for row in _rows(id_, found)]
    if Provider.connector in there:
        rows = [*_rows("", Provider), *rows]
    if not rows:
        return
    yield "| connector | setting | value | default | |"
    yield "|---|---|---|---|---|"
    yield from rows
    yield ""


def _rows(id_: str, found: Any) -> Iterator[str]:
    """Give the settings of a connector's own; without an id it is for all of its kind."""
    cls = getattr(found, "Options", None)
    usual = () if not id_ or not hasattr(found, "translators") else attrs.fields(Provider.Options)
    shared = {field.name for field in usual}
    comments = reference.comments(cls) if cls else {}
    variables = getattr(found, "option_names", {})
    for field in reference.fields(cls) if cls else ():
        if field.name in shared:
            continue
        variable = f" By default `{variables[field.name]}`." if field.name in variables else ""
        meaning = f"{comments[field.name]}{variable}".replace("|", "\\|")
        value, default = reference.words(field.type), reference.default(field)
        whose = f"`{id_}`" if id_ else "every vendor"
        yield f"| {whose} | `{field.name}` | {value} | {default} | {meaning} |"


def _short(id_: str) -> str:
    return f"`{short}`" if (short := registry.names(id_)[-1]) != id_ else ""


def _listed(names: Any) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _said(found: Any) -> str:
    """Return the first paragraph of what a connector's file says of itself."""
    return (inspect.getdoc(inspect.getmodule(found)) or "").partition("\n\n")[0].replace("\n", " ")


def _sentence(found: Any) -> str:
    said = _SENTENCE.match(_EXTRA.sub("extra", _said(found)).replace(": the extra", "."))
    assert said, f"{found.__module__} does not say what it is"
    return f"{said[1].rstrip('.')}."


def _link(found: Any) -> str:
    """Return where a vendor's own documentation is, by the file's first lines."""
    link = re.search(
        r"https://\S+?(?=[.,;]?(?:\s|$))", inspect.getdoc(inspect.getmodule(found)) or ""
    )
    return link[0] if link else ""


def main(arguments: list[str]) -> int:
    """Write the page, or check it. Returns the exit code."""
    return pages.write(PAGE, page, arguments, prog="python -m scripts.connectors", about=__doc__)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
