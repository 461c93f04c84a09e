"""The page on the HTTP API is what the document says, and all its links lead somewhere."""

import re

import pytest

from modelmesh.proxy.openapi import document
from scripts.http_api import PAGE, main, page

WRITTEN = PAGE.read_text()


def test_the_page_is_what_the_document_gives() -> None:
    assert page(WRITTEN) == WRITTEN, "write it anew: python -m scripts.http_api"
    assert main(["--check"]) == 0
    assert page("Words.\n<!-- made -->\nold") != "Words.\n<!-- made -->\nold"


def test_every_link_within_the_page_has_its_one_heading() -> None:
    headings = re.findall(r"^#+ (.+)$", WRITTEN, re.MULTILINE)
    anchors = [re.sub(r"[^\w-]", "", each.lower().replace(" ", "-")) for each in headings]
    assert len(anchors) == len(set(anchors))
    links = set(re.findall(r"\]\(#([^)]+)\)", WRITTEN))
    assert links
    assert links <= set(anchors)


@pytest.mark.parametrize("path", document()["paths"])
def test_every_path_has_a_heading(path: str) -> None:
    assert re.search(rf"^### `[A-Z]+ {re.escape(path)}`$", WRITTEN, re.MULTILINE)


@pytest.mark.parametrize("name", document()["components"]["headers"])
def test_every_header_is_told_of(name: str) -> None:
    assert f"| `{name}` | " in WRITTEN
