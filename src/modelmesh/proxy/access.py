"""Who may use the proxy: clients with a token, and web pages of which origins."""

import hmac
import re
from collections.abc import Mapping
from typing import Final

from modelmesh.config.schema import Proxy
from modelmesh.proxy.errors import Refused
from modelmesh.proxy.rate_limits import RATE_LIMIT_HEADERS

_SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_HEADER_NAMES: Final = re.compile(r"[A-Za-z0-9_\-, ]{1,2000}")
_USUAL_HEADERS: Final = "authorization, content-type, x-request-id"
_EXPOSED: Final = (
    "retry-after, x-modelmesh-attempts, x-modelmesh-config, x-modelmesh-dropped-params, "
    "x-modelmesh-model, x-modelmesh-overhead-ms, x-modelmesh-provider, x-modelmesh-trail, "
    f"x-request-id, x-should-retry, {', '.join(RATE_LIMIT_HEADERS)}"
)


class Access:
    """Decides from the request's headers alone, before anything else of it is looked at."""

    def __init__(self, settings: Proxy) -> None:
        auth, cors = settings.auth, settings.cors
        tokens = [*auth.tokens, *([settings.token] if settings.token else [])]
        self._tokens = [token for token in tokens if token.reveal()]
        self.needs_token = bool(tokens) if auth.enabled is None else auth.enabled
        self._origins = frozenset(cors.origins if cors.enabled else ())
        self.any_origin = "*" in self._origins

    @property
    def guarded(self) -> bool:
        """Whether not everybody may do everything."""
        return self.needs_token or not self.any_origin

    def check_origin(self, method: str, origin: str | None) -> None:
        """Keep foreign web pages from acting through their visitors' browsers."""
        if self.needs_token or method in _SAFE_METHODS or origin is None:
            return
        if not self._allows(origin):
            raise Refused(403, "Web pages of this origin may not use this server.")

    def check_token(self, authorization: str | None) -> None:
        if not self.needs_token:
            return
        scheme, _, given = (authorization or "").partition(" ")
        token = _encoded(given.strip())
        # Every token is compared, and to its end, so that the time does not tell which was near.
        matches = [hmac.compare_digest(token, _encoded(one.reveal())) for one in self._tokens]
        if scheme.lower() != "bearer" or not any(matches):
            raise Refused(
                401,
                "Invalid token. Send the proxy's token as `Authorization: Bearer TOKEN`.",
                code="invalid_api_key",
                headers={"www-authenticate": "Bearer"},
            )

    def cors_headers(self, origin: str | None) -> dict[str, str]:
        """Return what tells a browser whether the page that asked may read the reply."""
        if self.any_origin:
            return {"access-control-allow-origin": "*", "access-control-expose-headers": _EXPOSED}
        if origin is None or not self._allows(origin):
            return {"vary": "Origin"}
        return {
            "access-control-allow-origin": origin,
            "access-control-expose-headers": _EXPOSED,
            "vary": "Origin",
        }

    def preflight_headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Return what a browser asks for before it sends a page's request."""
        asked = headers.get("access-control-request-headers", "")
        return {
            "access-control-allow-methods": "GET, POST, OPTIONS",
            "access-control-allow-headers": (
                asked if _HEADER_NAMES.fullmatch(asked) else _USUAL_HEADERS
            ),
            "access-control-max-age": "600",
        }

    def _allows(self, origin: str) -> bool:
        return self.any_origin or origin in self._origins


def _encoded(token: str) -> bytes:
    return token.encode(errors="surrogateescape")
