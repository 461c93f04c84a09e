"""The page about capabilities: they are those there are, and its example works."""

import re

import pytest
import yaml

from modelmesh.capabilities import TREE
from modelmesh.config.load import load
from scripts.capabilities import PAGE, main

WRITTEN = PAGE.read_text(encoding="utf-8")


def test_the_tables_have_what_there_is() -> None:
    assert main(["--check"]) == 0, "write them anew: python -m scripts.capabilities"


@pytest.mark.parametrize("path", list(TREE))
def test_every_capability_is_on_the_page_with_its_names(path: str) -> None:
    if "." not in path:
        assert f"\n### `{path}`\n" in WRITTEN
        return
    [names] = re.findall(rf"^\| (?:&emsp;)*(.+) \| `{path}` \|", WRITTEN, re.MULTILINE)
    named = re.findall(r"`([a-z.-]+)`", names)
    assert TREE.alias(path) in named
    assert {TREE.resolve(name) for name in named} == {path}


def test_the_example_puts_a_model_into_both_pools() -> None:
    [example] = re.findall(r"```yaml\n(.*?)```", WRITTEN, re.DOTALL)
    config = load(yaml.safe_load(example), environ={"GROQ_API_KEY": "gsk-groq"})
    assert list(config.pools) == ["text-understanding", "summaries"]
