"""Azure's Key Vault for tests, and who gives out the tokens for it, at their own addresses:
https://learn.microsoft.com/rest/api/keyvault/secrets/operation-groups
"""

import json
import re
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import pytest
import trustme
from attrs import define, field
from web_server import Asked, Reply, served

URL: Final = "https://team.vault.azure.net"
TENANT: Final = "00000000-1111-2222-3333-444444444444"
CLIENT: Final = "55555555-6666-7777-8888-999999999999"
CLIENT_SECRET: Final = "the~secret.of-the-application"
TOKEN: Final = "eyJ0eXAi.token-of-the-vault"

_LOGIN: Final = "login.microsoftonline.com"
_VAULT: Final = "team.vault.azure.net"


@define(eq=False)
class KeyVault:
    """What a vault keeps: the versions of each secret; one that is None is disabled."""

    folder: Path
    port: int = 0
    versions: dict[str, list[str | None]] = field(factory=dict)
    denied: dict[str, str] = field(factory=dict)
    """Names, and the inner code of why."""
    # What is answered to the next requests that have a token.
    errors: list[Reply] = field(factory=list)
    asked: list[Asked] = field(factory=list)

    @property
    def authorities(self) -> Path:
        """The certificates to trust."""
        return self.folder / "authorities.pem"

    def answer(self, asked: Asked) -> Reply:
        self.asked.append(asked)
        path = urlsplit(asked.path).path
        if asked.headers["host"] == _LOGIN:
            return _login(asked, path)
        if asked.headers.get("authorization") != f"Bearer {TOKEN}":
            return Reply(401, error("Unauthorized"), {"www-authenticate": _CHALLENGE})
        if self.errors:
            return self.errors.pop(0)
        if path == "/secrets":
            return self._list()
        match = re.fullmatch(r"/secrets/([A-Za-z0-9-]+)/?", path)
        assert match, path
        name = match[1]
        if name in self.denied:
            return Reply(403, error("Forbidden", self.denied[name]))
        if asked.method == "PUT":
            self.versions.setdefault(name, []).append(json.loads(asked.body)["value"])
        return self._secret(name)

    def _secret(self, name: str) -> Reply:
        kept = self.versions.get(name)
        if not kept:
            return Reply(404, error("SecretNotFound"))
        if kept[-1] is None:
            return Reply(403, error("Forbidden", "SecretDisabled"))
        return Reply(200, {"value": kept[-1], **_about(name, enabled=True)})

    def _list(self) -> Reply:
        kept = self.versions.items()
        listed = [_about(name, enabled=values[-1] is not None) for name, values in kept]
        return Reply(200, {"value": listed, "nextLink": None})


@contextmanager
def running_key_vault(folder: Path) -> Iterator[KeyVault]:
    """Answer as Azure, with certificates of the test's own."""
    authority = trustme.CA()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(_VAULT, _LOGIN).configure_cert(tls)
    vault = KeyVault(folder)
    authority.cert_pem.write_to_path(vault.authorities)
    with served(vault.answer, tls) as url:
        vault.port = urlsplit(url).port or 0
        yield vault


def led_to(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Azure's names lead to a port of this machine."""
    ask = socket.getaddrinfo

    def answer(host: str, *rest: Any, **more: Any) -> Any:
        if host in (_VAULT, _LOGIN):
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]
        return ask(host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", answer)


def error(code: str, inner: str | None = None) -> Any:
    """Give an error as Azure writes it."""
    why = {"innererror": {"code": inner}} if inner else {}
    return {"error": {"code": code, "message": f"about {code}", **why}}


_CHALLENGE: Final = (
    f'Bearer authorization="https://{_LOGIN}/{TENANT}", resource="https://vault.azure.net"'
)


def _about(name: str, *, enabled: bool) -> dict[str, Any]:
    return {"id": f"{URL}/secrets/{name}", "attributes": {"enabled": enabled}}


def _login(asked: Asked, path: str) -> Reply:
    base = f"https://{_LOGIN}/{TENANT}"
    if path.endswith("/.well-known/openid-configuration"):
        ends = {"authorization": "authorize", "token": "token"}
        listed = {f"{name}_endpoint": f"{base}/oauth2/v2.0/{end}" for name, end in ends.items()}
        return Reply(200, {**listed, "issuer": f"{base}/v2.0"})
    if path == "/common/discovery/instance":
        hosts = {"preferred_network": _LOGIN, "preferred_cache": _LOGIN, "aliases": [_LOGIN]}
        end = f"{base}/v2.0/.well-known/openid-configuration"
        return Reply(200, {"tenant_discovery_endpoint": end, "metadata": [hosts]})
    if CLIENT_SECRET.encode() not in asked.body.replace(b"%7E", b"~"):
        described = "AADSTS7000215: Invalid client secret provided."
        return Reply(401, {"error": "invalid_client", "error_description": described})
    return Reply(200, {"token_type": "Bearer", "expires_in": 3600, "access_token": TOKEN})
