"""Who may use the proxy: clients with a token, and web pages of which origins."""

import hmac
import re
from collections.abc import Iterable, Mapping
from ipaddress import IPv6Address, ip_address
from typing import Final

from modelmesh.config.schema import Proxy
from modelmesh.proxy.errors import Refused
from modelmesh.proxy.rate_limits import RATE_LIMIT_HEADERS
from modelmesh.types import Secret

_SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_HEADER_NAMES: Final = re.compile(r"[A-Za-z0-9_\-, ]{1,2000}")
_LOCAL_HOST: Final = re.compile(r"(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d{1,5})?")
_OUR_SITES: Final = frozenset({"none", "same-origin"})
_PASSED_ON: Final = frozenset(
    {"forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip"}
)
_USUAL_HEADERS: Final = "authorization, content-type, x-request-id"
_EXPOSED: Final = (
    "retry-after, x-modelmesh-attempts, x-modelmesh-config, x-modelmesh-dropped-params, "
    "x-modelmesh-model, x-modelmesh-overhead-ms, x-modelmesh-provider, x-modelmesh-trail, "
    f"x-request-id, x-should-retry, {', '.join(RATE_LIMIT_HEADERS)}"
)


class Access:
    """Decides from a request's headers and its sender, before anything else of it is looked at."""

    def __init__(self, settings: Proxy) -> None:
        auth, cors = settings.auth, settings.cors
        tokens = [*auth.tokens, *([settings.token] if settings.token else [])]
        # Who may look inside may do everything else.
        self._tokens = [token for token in (*tokens, *auth.admin_tokens) if token.reveal()]
        self._inside = [token for token in auth.admin_tokens or tokens if token.reveal()]
        self.needs_token = bool(tokens) if auth.enabled is None else auth.enabled
        # With `enabled: false` nobody has a token to show, so it is for this machine alone.
        self.needs_token_inside = self.needs_token or (
            auth.enabled is None and bool(auth.admin_tokens)
        )
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
        if self.needs_token and not _is_one_of(self._tokens, authorization):
            raise _invalid("the proxy's token")

    def check_inside(self, headers: Mapping[str, str], peer: str) -> None:
        """Let only those look inside who have a token for it, or who are at this machine."""
        if not self.needs_token_inside:
            self.check_page(headers, peer)
        elif not _is_one_of(self._inside, headers.get("authorization")):
            raise _invalid("a token of `proxy.auth.admin_tokens`, or else the proxy's")

    def check_page(self, headers: Mapping[str, str], peer: str) -> None:
        """Let everybody have what holds nothing and asks for the token, if there is one."""
        if not (self.needs_token_inside or is_local(headers, peer)):
            raise Refused(
                403,
                "Without a token, only this machine may use this, at http://localhost or "
                "http://127.0.0.1. To let others in, set `proxy.auth.admin_tokens` or "
                "`proxy.token`.",
                code="local_only",
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


def is_local(headers: Mapping[str, str], peer: str) -> bool:
    """Whether a request is from this machine, and by no web page but one of our own.

    The name it was sent to counts: a page can have a name of its own lead to this machine. What
    another proxy passed on may be from anywhere. Browsers tell which pages are behind a request:
    https://developer.mozilla.org/en-US/docs/Web/HTTP/Reference/Headers/Sec-Fetch-Site.
    """
    host = headers.get("host", "").lower()
    own = (f"http://{host}", f"https://{host}")
    followed = headers.get("sec-fetch-dest") == "document"  # a link, which only its reader sees
    return (
        _is_loopback(peer)
        and _LOCAL_HOST.fullmatch(host) is not None
        and headers.get("origin", own[0]) in own
        and (headers.get("sec-fetch-site", "none") in _OUR_SITES or followed)
        and _PASSED_ON.isdisjoint(headers)
    )


def _is_loopback(peer: str) -> bool:
    try:
        address = ip_address(peer)
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        return address.ipv4_mapped.is_loopback
    return address.is_loopback


def _is_one_of(tokens: Iterable[Secret], authorization: str | None) -> bool:
    scheme, _, given = (authorization or "").partition(" ")
    token = _encoded(given.strip())
    # Every token is compared, and to its end, so that the time does not tell which was near.
    matches = [hmac.compare_digest(token, _encoded(one.reveal())) for one in tokens]
    return scheme.lower() == "bearer" and any(matches)


def _invalid(wanted: str) -> Refused:
    return Refused(
        401,
        f"Invalid token. Send {wanted} as `Authorization: Bearer TOKEN`.",
        code="invalid_api_key",
        headers={"www-authenticate": "Bearer"},
    )


def _encoded(token: str) -> bytes:
    return token.encode(errors="surrogateescape")
