"""A hook of MkDocs: what links out of docs/ leads to the repository, if one is named.

On a forge such a link is a path between two files. The site has only docs/. Its front page is alone
in its section, and has the whole width.
"""

import posixpath
import re
from typing import Final

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import Files
from mkdocs.structure.pages import Page

_BLOCK: Final = re.compile(r"(^```.*?^```$)", re.DOTALL | re.MULTILINE)
_LINK: Final = re.compile(r"\[([^]]+)\]\((\.\./[^)]+)\)")


def on_page_markdown(
    markdown: str,
    /,
    *,
    page: Page,
    config: MkDocsConfig,
    files: Files,  # noqa: ARG001 - as MkDocs calls it
) -> str:
    """Return a page with the links it can have on the site."""
    if page.is_homepage:
        page.meta["hide"] = ["navigation"]
    return led_out(markdown, page.file.src_uri, config.repo_url or "")


def led_out(markdown: str, page: str, repository: str) -> str:
    """Lead links of a page of docs/ that leave it to a repository; without one keep their words."""

    def led(link: re.Match[str]) -> str:
        words, path = link.groups()
        place = posixpath.normpath(posixpath.join("docs", posixpath.dirname(page), path))
        if place.startswith("docs/"):
            return link[0]
        return f"[{words}]({repository.rstrip('/')}/blob/main/{place})" if repository else words

    parts = _BLOCK.split(markdown)
    return "".join(part if part.startswith("```") else _LINK.sub(led, part) for part in parts)
