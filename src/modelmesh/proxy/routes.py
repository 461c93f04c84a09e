"""Where the proxy answers, and what a configuration lets be served of it. Pure."""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Final

from modelmesh.config.schema import MANAGEMENT, MODELS_PATH, PROBES, Proxy

PAGE: Final = MANAGEMENT[-1]
ONE_MODEL: Final = f"{MODELS_PATH}/{{id}}"

FILES: Final = Path(__file__).with_name("static")
_FRONT: Final = "page.html"
_KINDS: Final = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
}


@lru_cache
def page_files() -> Mapping[str, tuple[str, bytes]]:
    """Return the files of the page by their paths, each with its content type."""
    return {
        PAGE if file.name == _FRONT else f"/{file.name}": (_KINDS[file.suffix], file.read_bytes())
        for file in sorted(FILES.glob("*"))
        if file.suffix in _KINDS
    }


def is_served(route: str, settings: Proxy) -> bool:
    """Whether the configuration lets a route be served."""
    if route in page_files():
        if not settings.page:
            return False
        route = PAGE
    listed = MODELS_PATH if route == ONE_MODEL else route
    return not settings.endpoints or route in PROBES or listed in settings.endpoints
