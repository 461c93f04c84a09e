"""Servers on one's own machines: no key is needed, and their addresses are written carelessly."""

from typing import Final
from urllib.parse import urlsplit

from modelmesh.connectors.providers import openai_compatible

_EVERYWHERE: Final = "0.0.0.0"  # noqa: S104 - to be replaced


class Local(openai_compatible.Provider):
    """A server whose class states its usual address."""

    local = True

    def completed(self, base_url: str) -> str:
        """Complete what variables such as OLLAMA_HOST may hold: `0.0.0.0`, `box:11434`, a URL.

        Without a scheme the server's usual port is meant, without a path its usual one, and the
        address which listens everywhere is reached at this machine.
        """
        usual = urlsplit(self.base_url)
        if "://" in base_url:
            given = urlsplit(base_url)
            place = given.netloc
        else:
            given = urlsplit(f"http://{base_url}")
            place = given.netloc if given.port else f"{given.netloc.rstrip(':')}:{usual.port}"
        if given.hostname == _EVERYWHERE:
            place = place.replace(_EVERYWHERE, "127.0.0.1")
        return f"{given.scheme}://{place}{given.path.rstrip('/') or usual.path}"
