"""Servers on one's own machines: no key is needed, and their addresses are written carelessly."""

from urllib.parse import urlsplit

from modelmesh.connectors.providers import openai_compatible


class Local(openai_compatible.Provider):
    """A server whose class states its usual address."""

    local = True

    def completed(self, base_url: str) -> str:
        """Complete what variables such as OLLAMA_HOST may hold: `0.0.0.0`, `box:11434`, a URL.

        Without a scheme the server's usual port is meant, without a path its usual one, and the
        address which listens everywhere is reached at this machine.
        """
        usual, given = urlsplit(self.base_url), urlsplit(base_url)
        if "://" not in base_url:
            given = urlsplit(f"http://{base_url}")
            given = given._replace(
                netloc=given.netloc if given.port else f"{given.netloc.rstrip(':')}:{usual.port}"
            )
        if given.hostname == "0.0.0.0":  # noqa: S104 - it is replaced
            given = given._replace(netloc=given.netloc.replace("0.0.0.0", "127.0.0.1"))  # noqa: S104
        path = given.path.rstrip("/") or usual.path
        return f"{given.scheme}://{given.netloc}{path}"
