"""The site of the documentation has all pages, is built without a warning, and fetches nothing."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import documents as pages
import pytest
import yaml

CONFIG = pages.ROOT / "mkdocs.yml"
REPOSITORY = "https://forge.example/us/modelmesh"
LOADED = re.compile(r"<(?:script|link|img|iframe|source)\b[^>]*\b(?:src|href)=\"?([^\s\">]+)[^>]*>")


def build(site: Path, **environ: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(site)],
        cwd=pages.ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1", **environ},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("site")
    build(folder)
    return folder


def named(nav: Any) -> Iterator[str]:
    """Give the pages that the navigation names, in its order."""
    if isinstance(nav, str):
        yield nav
    for below in nav if isinstance(nav, list) else nav.values() if isinstance(nav, dict) else ():
        yield from named(below)


def test_the_navigation_has_each_page_once_and_no_other() -> None:
    class Loader(yaml.SafeLoader):
        """Leaves tags of MkDocs's own aside."""

    Loader.add_multi_constructor("", lambda _loader, _tag, _node: None)
    read = yaml.load(CONFIG.read_text(), Loader)
    there = [page.relative_to(pages.DOCS).as_posix() for page in pages.on_site()]
    assert sorted(named(read["nav"])) == there


def test_every_page_is_built_and_can_be_searched(site: Path) -> None:
    found = (site / "search/search_index.json").read_text()
    for page in pages.on_site():
        at = page.relative_to(pages.DOCS).with_suffix("").as_posix().removesuffix("README")
        place = at.removesuffix("index").rstrip("/")
        assert (site / place / "index.html").exists(), page
        assert f'"location":"{place}/'.replace('"/', '"') in found, page


def test_the_front_page_has_the_whole_width(site: Path) -> None:
    bars = re.compile(r'data-md-type="navigation" ?(hidden)?>')
    assert bars.findall((site / "index.html").read_text()) == ["hidden"]
    assert bars.findall((site / "faq/index.html").read_text()) == [""]


def test_a_page_loads_nothing_from_elsewhere(site: Path) -> None:
    built = sorted(site.rglob("*.html"))
    loaded = {found for page in built for found in LOADED.findall(page.read_text())}
    assert any(one.endswith(".js") for one in loaded)
    assert [one for one in loaded if re.match(r"(?:https?:)?//", one)] == []
    assert 'data-md-component="source"' not in "".join(page.read_text() for page in built)


def test_with_a_repository_its_files_are_linked_and_nobody_is_asked_for_stars(
    tmp_path: Path,
) -> None:
    build(tmp_path, MODELMESH_REPOSITORY_URL=REPOSITORY)
    front = (tmp_path / "index.html").read_text()
    assert f'href="{REPOSITORY}/blob/main/examples/README.md"' in front
    assert f'href="{REPOSITORY}"' in front
    assert 'data-md-component="source"' not in front
