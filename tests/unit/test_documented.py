"""What the code takes and gives besides, and no page has a test of its own for, is on a page."""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import attrs
import documents
import pytest

from modelmesh.connectors import registry
from modelmesh.proxy import access
from modelmesh.testing import plugin

ROOT = documents.ROOT
SOURCE = ROOT / "src/modelmesh"
EVERYTHING = "\n".join(map(documents.written, documents.everywhere()))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PROGRAMS = [
    file
    for place in (SOURCE, ROOT / "scripts", ROOT / "deploy", ROOT / "examples", ROOT)
    for file in (place.glob("*") if place == ROOT else place.rglob("*"))
    if file.is_file() and file.suffix in ("", ".py", ".sh", ".js", ".mjs", ".yaml", ".yml")
]


def trees(folder: Path) -> Iterator[ast.Module]:
    for file in sorted(folder.rglob("*.py")):
        yield ast.parse(file.read_text(encoding="utf-8"))


def looked_up(tree: ast.Module, where: str) -> Iterator[str]:
    """Give the names that are looked up in what is called so, such as `environ`."""
    constants = {
        each.target.id: each.value
        for each in tree.body
        if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name)
    }
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(value=found, attr="get"), args=[name, *_]):
                pass
            case ast.Subscript(value=found, slice=name):
                pass
            case _:
                continue
        if isinstance(name, ast.Name):
            name = constants.get(name.id) or name
        if isinstance(name, ast.Constant) and ast.unparse(found).split(".")[-1] == where:
            yield str(name.value)


def variables() -> Iterator[str]:
    """Give the environment variables which the library, its connectors and its scripts read."""
    for tree in trees(SOURCE):
        yield from looked_up(tree, "environ")
    for vendor in registry.available("providers").values():
        yield from (*vendor.key_names, *vendor.url_names, *vendor.option_names.values())
    for store in registry.available("secrets").values():
        for option in attrs.fields(
            getattr(store, "Options", None) or attrs.make_class("None_", [])
        ):
            if option.name.endswith("_variable"):
                yield option.default
    for file in PROGRAMS:
        yield from re.findall(r"\bMODELMESH_[A-Z_]+", file.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", sorted(set(variables())))
def test_every_environment_variable_is_on_a_page(name: str) -> None:
    assert re.search(rf"\b{name}\b", EVERYTHING)


def test_what_is_read_is_found() -> None:
    known = {"NO_COLOR", "PROMETHEUS_MULTIPROC_DIR", "OPENAI_API_KEY", "OLLAMA_HOST", "AWS_REGION"}
    assert {*known, "VAULT_ADDR", "VAULT_SECRET_ID", "MODELMESH_PORT"} <= set(variables())


def test_every_extra_is_on_a_page_and_every_one_on_a_page_is_there() -> None:
    named = set(re.findall(r"modelmesh-lite\[(\w+)\]", EVERYTHING))
    assert named == set(PROJECT["optional-dependencies"])


def test_every_fixture_for_pytest_is_on_the_page_about_testing() -> None:
    page = documents.written(documents.DOCS / "testing.md")
    fixtures = [name for name, one in vars(plugin).items() if type(one).__name__.startswith("Fix")]
    assert len(fixtures) >= 3
    assert {name for name in fixtures if f"`{name}`" not in page} == set()


def test_every_header_of_ours_that_is_read_or_shown_to_web_pages_is_told_of() -> None:
    page = documents.written(documents.DOCS / "http-api.md").lower()
    read = {name for tree in trees(SOURCE / "proxy") for name in looked_up(tree, "headers")}
    ours = {name for name in read if name.startswith("x-")} | set(access._EXPOSED.split(", "))
    assert {"x-forwarded-proto", "x-modelmesh-trail", "retry-after"} <= ours
    assert {name for name in ours if f"`{name}`" not in page} == set()


@pytest.mark.parametrize("script", ["proxy-up", "proxy-down", "proxy-test"])
def test_every_flag_of_a_script_is_on_the_page_about_docker(script: str) -> None:
    _, _, told = documents.written(documents.DOCS / "docker.md").partition("\n## With or without")
    cases = re.findall(
        r"^ *(-[^)\n]+)\)", (ROOT / f"scripts/{script}.sh").read_text(), re.MULTILINE
    )
    flags = set(re.findall(r"--[a-z]+", " ".join(cases)))
    assert "--help" in flags
    assert {flag for flag in flags - {"--help"} if f"`{flag}" not in told} == set()
