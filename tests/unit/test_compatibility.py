"""What pages say that there is, there is: ids, vendors, stores, promises with their cases."""

import re
from importlib.metadata import version
from pathlib import Path
from typing import get_args

import pytest
import yaml
from guide import GUIDE, with_guide

from modelmesh.config.load import load
from modelmesh.connectors import registry
from scripts import changes

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/compatibility.md").read_text()
SECURITY = (ROOT / "SECURITY.md").read_text()
PAGES = [ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")]
IDS = {id_ for kind in get_args(registry.Kind) for id_ in registry.available(kind)}


def connectors(text: str) -> set[str]:
    """Return the ids of connectors in a text."""
    return set(re.findall(r"\b[a-z0-9]+\.[a-z-]+\.v1\b", text))


def test_every_connector_that_is_named_exists() -> None:
    assert len(connectors(PAGE)) >= 16
    assert connectors(PAGE) <= IDS


@with_guide
def test_every_connector_of_the_guide_is_named_and_exists() -> None:
    named = connectors(PAGE)
    strategies = {f"modelmesh.{name}.v1" for name in re.findall(r"`([a-z]+-[a-z-]+)`", PAGE)}
    assert connectors(GUIDE) <= named | strategies
    assert connectors(GUIDE) <= IDS


def test_vendors_and_stores_are_counted() -> None:
    providers = set(registry.available("providers")) - {"openai-compatible"}
    at_home = {id_ for id_ in providers if ".local." in id_}
    assert (len(providers - at_home), len(at_home)) == (25, 5)
    assert len(registry.available("secrets")) == 9
    assert "**Twenty-five vendors**" in (ROOT / "README.md").read_text()
    assert "twenty-five, five kinds of server" in (ROOT / "CHANGELOG.md").read_text()
    assert "nine stores" in (ROOT / "docs/faq.md").read_text()


def test_the_list_of_changes_knows_this_version() -> None:
    assert changes.of(version("modelmesh-lite"))


def test_every_promise_that_names_a_case_has_its_test() -> None:
    tests = "".join(path.read_text() for path in (ROOT / "tests/integration").rglob("test_*.py"))
    cases = re.findall(r"\((\d+(?:, \d+)*)\)", SECURITY)
    assert len(cases) >= 7
    for case in ", ".join(cases).split(", "):
        assert f"def test_case_{case}_" in tests


def test_the_safe_configuration_is_taken() -> None:
    (shown,) = re.findall(r"```yaml\n(.*?)```", SECURITY, re.DOTALL)
    keys = dict.fromkeys(re.findall(r"secrets:(\w+)", shown), "k")
    provider = {"p": {"connector": "openai-compatible", "base_url": "http://p.test"}}
    settings = load({"providers": provider, **yaml.safe_load(shown)}, environ=keys).proxy
    assert settings.auth.tokens
    assert settings.auth.admin_tokens
    assert settings.cors.origins == ("https://app.example.org",)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_and_files_that_are_named_are_there(page: Path) -> None:
    text = page.read_text()
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", text)
    files = re.findall(r"`((?:src|tests|scripts|facts|docs)/[\w./-]+)`", text)
    for name in [*links, *files]:
        assert (page.parent / name).exists(), name
