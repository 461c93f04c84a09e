"""Addresses of local servers as people put them into environment variables."""

from urllib.parse import SplitResult, urlsplit, urlunsplit


def server_address(text: str, usual: str) -> str:
    """Return the whole address; what is left unsaid is taken from the server's usual one.

    `0.0.0.0` tells a server to listen everywhere, and here means the machine we are on. A port is
    only filled in where there is no scheme, as Ollama does:
    https://github.com/ollama/ollama/blob/main/envconfig/config.go

    Raises:
        ValueError: it is no address.

    """
    text = text.strip()
    schemeless = "://" not in text
    given = _split(f"http://{_bracketed(text)}" if schemeless else text)
    default = urlsplit(usual)
    host = given.hostname or default.hostname or ""
    if host in ("0.0.0.0", "::"):  # noqa: S104 - it is recognised here, nothing listens
        host = "127.0.0.1"
    port = given.port or (default.port if schemeless else None)
    netloc = f"[{host}]" if ":" in host else host
    path = given.path.rstrip("/") or default.path
    return urlunsplit((given.scheme, f"{netloc}:{port}" if port else netloc, path, "", ""))


def _split(text: str) -> SplitResult:
    parts = urlsplit(text)
    wrong = parts.scheme not in ("http", "https") or "@" in parts.netloc or " " in text
    if wrong or parts.query or parts.fragment:
        raise ValueError("is no address such as 127.0.0.1:11434 or http://127.0.0.1:11434")
    return parts


def _bracketed(text: str) -> str:
    """Put an IPv6 address without a port into the brackets that an URL wants."""
    return f"[{text}]" if text.count(":") > 1 and "[" not in text and "/" not in text else text
