"""Every link on a page leads to a file that is there, and to a heading in it."""

from pathlib import Path

import documents as pages
import pytest

from scripts.site import led_out

REPOSITORY = "https://forge.example/us/modelmesh"


@pytest.mark.parametrize("page", pages.everywhere(), ids=pages.name)
def test_links_lead_somewhere(page: Path) -> None:
    for link in pages.links(page):
        path, _, anchor = link.partition("#")
        there = (page.parent / path).resolve() if path else page
        assert there.is_relative_to(pages.ROOT), link
        assert there.exists(), link
        if anchor and there.suffix == ".md":
            assert anchor in pages.anchors(there), link


def test_all_pages_are_looked_at() -> None:
    names = set(map(pages.name, pages.everywhere()))
    assert names >= {"README", "docs/index", "docs/cookbook/README", "examples/README"}
    assert len([*pages.links(pages.DOCS / "index.md")]) > 20


def test_headings_are_called_as_on_a_forge(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# `a.B_c` & [d](e.md)\n\n```console\n# no heading\n```\n\n## Twice\n## Twice\n"
    )
    assert pages.anchors(page) == {"ab_c--d", "twice", "twice-1"}


def test_what_leaves_the_site_leads_to_the_repository() -> None:
    link = "see [the\ntypes](../../src/modelmesh/types.py#L3), [here](../proxy.md)"
    at = f"{REPOSITORY}/blob/main/src/modelmesh/types.py#L3"
    led = led_out(link, "cookbook/provider.md", f"{REPOSITORY}/")
    assert led == f"see [the\ntypes]({at}), [here](../proxy.md)"


def test_without_a_repository_what_leaves_the_site_is_words() -> None:
    assert led_out("[examples](../examples/README.md).", "index.md", "") == "examples."


def test_code_is_no_link() -> None:
    code = "```markdown\n[a](../examples/README.md)\n```"
    assert led_out(code, "index.md", REPOSITORY) == code
