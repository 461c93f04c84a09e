"""Google's Secret Manager for tests, as its HTTP API is described at
https://cloud.google.com/secret-manager/docs/reference/rest
"""

import base64
import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from attrs import define, field
from web_server import Asked, Reply, served

_NAME: Final = r"[A-Za-z0-9_-]+"


@define(eq=False)
class GoogleSecrets:
    """What a project keeps: the versions of each secret; one that is None is disabled."""

    project: str = "acme"
    url: str = ""
    versions: dict[str, list[bytes | None]] = field(factory=dict)
    denied: set[str] = field(factory=set)
    # Who is let in; anybody where it is None.
    token: str | None = None
    # What is answered to the next requests instead.
    errors: list[Reply] = field(factory=list)
    asked: list[Asked] = field(factory=list)

    def answer(self, asked: Asked) -> Reply:
        self.asked.append(asked)
        path = urlsplit(asked.path).path
        if path == "/token":
            return Reply(200, _TOKEN)
        if self.errors:
            return self.errors.pop(0)
        if self.token and asked.headers.get("authorization") != f"Bearer {self.token}":
            return error(401, "UNAUTHENTICATED")
        for method, pattern, act in self._routes():
            match = re.fullmatch(f"/v1/projects/{self.project}/{pattern}", path)
            if match and method == asked.method:
                return act(asked, *match.groups())
        return error(404, "NOT_FOUND")

    def _routes(self) -> Iterator[tuple[str, str, Callable[..., Reply]]]:
        yield "GET", rf"secrets/({_NAME})/versions/({_NAME}):access", self._access
        yield "POST", rf"secrets/({_NAME}):addVersion", self._add
        yield "POST", "secrets", self._create
        yield "GET", "secrets", self._list

    def _access(self, _: Asked, secret: str, version: str) -> Reply:
        if secret in self.denied:
            return error(403, "PERMISSION_DENIED")
        kept = self.versions.get(secret) or []
        number = len(kept) if version == "latest" else int(version)
        if not 0 < number <= len(kept):
            return error(404, "NOT_FOUND")
        name = f"projects/42/secrets/{secret}/versions/{number}"
        content = kept[number - 1]
        if content is None:
            message = f"Secret Version [{name}] is in DISABLED state."
            return error(400, "FAILED_PRECONDITION", message)
        return Reply(200, {"name": name, "payload": {"data": base64.b64encode(content).decode()}})

    def _add(self, asked: Asked, secret: str) -> Reply:
        if secret in self.denied:
            # Some of Google's errors quote what they are about.
            return error(403, "PERMISSION_DENIED", asked.body.decode())
        if secret not in self.versions:
            return error(404, "NOT_FOUND")
        content = base64.b64decode(json.loads(asked.body)["payload"]["data"])
        self.versions[secret].append(content)
        number = len(self.versions[secret])
        return Reply(200, {"name": f"projects/42/secrets/{secret}/versions/{number}"})

    def _create(self, asked: Asked) -> Reply:
        (secret,) = parse_qs(urlsplit(asked.path).query)["secretId"]
        assert json.loads(asked.body)["replication"] == {"automatic": {}}
        self.versions[secret] = []
        return Reply(200, {"name": f"projects/42/secrets/{secret}"})

    def _list(self, asked: Asked) -> Reply:
        """Give two at a time."""
        (start,) = parse_qs(urlsplit(asked.path).query).get("pageToken", ["0"])
        first = int(start)
        names = sorted(self.versions)
        page = [{"name": f"projects/42/secrets/{name}"} for name in names[first : first + 2]]
        more = str(first + 2) if first + 2 < len(names) else ""
        return Reply(200, {"secrets": page, "nextPageToken": more})


_TOKEN: Final[Mapping[str, Any]] = {
    "access_token": "ya29.granted",
    "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
    "token_type": "Bearer",
    "expires_in": 3600,
}


def error(code: int, status: str, message: str = "no", reason: str | None = None) -> Reply:
    """Return an error as Google words one: https://google.aip.dev/193."""
    info = {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": reason,
        "domain": "googleapis.com",
    }
    details = [info] if reason else []
    body = {"code": code, "message": message, "status": status, "details": details}
    return Reply(code, {"error": body})


@contextmanager
def running_google_secrets() -> Iterator[GoogleSecrets]:
    secrets = GoogleSecrets()
    with served(secrets.answer) as url:
        secrets.url = url
        yield secrets
