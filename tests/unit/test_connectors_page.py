"""The catalogue of connectors: it has all there are, with what each can be told."""

import inspect
import re
import tomllib
from typing import get_args

import attrs
import pytest

from modelmesh.connectors import registry
from scripts.connectors import PAGE, main

WRITTEN = PAGE.read_text(encoding="utf-8")
EVERY = [
    pytest.param(kind, id_, id=f"{kind}-{id_}")
    for kind in get_args(registry.Kind)
    for id_ in registry.available(kind)
]


def test_the_page_is_what_the_connectors_say() -> None:
    assert main(["--check"]) == 0, "write it anew: python -m scripts.connectors"


@pytest.mark.parametrize(("kind", "id_"), EVERY)
def test_every_connector_is_there_with_all_its_settings(kind: registry.Kind, id_: str) -> None:
    found = registry.available(kind)[id_]
    assert f"\n| `{id_}` | " in WRITTEN
    for field in attrs.fields(getattr(found, "Options", None) or attrs.make_class("None_", [])):
        whose = "every vendor" if field.name == "voices" else f"`{id_}`"
        [row] = re.findall(rf"^\| {whose} \| `{field.name}` \|.*\| (.*) \|$", WRITTEN, re.MULTILINE)
        assert len(row) > 5


@pytest.mark.parametrize(("kind", "id_"), EVERY)
def test_what_a_connector_says_to_install_is_on_the_page(kind: registry.Kind, id_: str) -> None:
    found = registry.available(kind)[id_]
    source = inspect.getsource(inspect.getmodule(found) or found)
    project = tomllib.loads((PAGE.parents[1] / "pyproject.toml").read_text())["project"]
    rows = re.findall(rf"^\| `{re.escape(id_)}` \|.*$", WRITTEN, re.MULTILINE)
    for extra in re.findall(r"modelmesh-lite\[(\w+)\]", source):
        assert extra in project["optional-dependencies"]
        assert any(f"`modelmesh-lite[{extra}]`" in row for row in rows)
