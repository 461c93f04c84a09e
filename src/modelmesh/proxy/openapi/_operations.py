"""The operations: their words from YAML, and what follows from who may do what."""

from typing import Any, Final

from attrs import frozen

from modelmesh.config.schema import ENDPOINTS, Proxy
from modelmesh.proxy.access import Access
from modelmesh.proxy.openapi._failures import responses_of
from modelmesh.proxy.openapi._parts import events, header, header_parameters, words
from modelmesh.proxy.routes import is_served
from modelmesh.proxy.uploads import MAX_UPLOAD
from modelmesh.types import FORWARDED_HEADERS, SESSION_HEADER

_TOKEN: Final[dict[str, Any]] = {"token": []}
_ASKED: Final = ["work", "body", "named", "asking"]
_ABOUT: Final = ("provider", "model", "attempts", "trail", "overhead-ms", "dropped-params")
_EVERY: Final = ("x-request-id", "x-modelmesh-config")


@frozen
class Rights:
    """Whether a token is needed; None: it may be so or so."""

    client: bool | None
    inside: bool | None
    any_origin: bool

    @classmethod
    def by(cls, settings: Proxy | None) -> "Rights":
        if settings is None:
            return cls(client=None, inside=None, any_origin=False)
        access = Access(settings)
        return cls(access.needs_token, access.needs_token_inside, access.any_origin)

    def needed(self, access: str) -> bool | None:
        return {"client": self.client, "inside": self.inside}.get(access, False)

    def failures(self, access: str, method: str) -> set[str]:
        """Return what may stop somebody: having no token, or coming from elsewhere."""
        found = {"token"} if self.needed(access) is not False else set()
        if access in ("inside", "page") and self.inside is not True:
            found.add("local")
        if access == "client" and method == "post" and not (self.client or self.any_origin):
            found.add("origin")
        return found


def paths(settings: Proxy | None) -> dict[str, Any]:
    """Return the paths which are served. What may fail at each operation is its `x-fails`."""
    rights, every = Rights.by(settings), settings or Proxy()
    return {
        path: {method: _operation(path, method, told, rights, every)}
        for path, item in words("paths.yaml").items()
        if is_served(path, every)
        for method, told in item.items()
    }


def _operation(
    path: str, method: str, told: dict[str, Any], rights: Rights, settings: Proxy
) -> dict[str, Any]:
    access, asks = told.pop("access"), path in ENDPOINTS
    sends = ["x-request-id", "x-client-request-id", *told.pop("sends", ())]
    fails = {"always", *told.pop("fails", ()), *rights.failures(access, method)}
    names = [*_EVERY]
    if asks:
        fails |= {*_ASKED}
        forwarded = {*FORWARDED_HEADERS, *(name.lower() for name in settings.forward_headers)}
        sends += [SESSION_HEADER, "content-encoding", *sorted(forwarded - {*sends})]
        names += [f"x-modelmesh-{each}" for each in _ABOUT]
    ok = told["responses"]["200"]
    if stream := ok["content"].get("text/event-stream"):
        stream["schema"] = events(stream["schema"])
    ok["headers"] = {name: header(name) for name in names}
    if "requestBody" in told:
        told["requestBody"] |= {"required": True, "description": _sizes(path, settings)}
    needed = rights.needed(access)
    return {
        **told,
        "security": [_TOKEN] if needed else [] if needed is False else [{}, _TOKEN],
        "parameters": [*told.get("parameters", ()), *header_parameters(sends)],
        "responses": {"200": ok, **responses_of(frozenset(fails))},
        "x-fails": frozenset(fails),
    }


def _sizes(path: str, settings: Proxy) -> str:
    whole = f"At most {_size(settings.max_body)} uncompressed; it may be sent with gzip or deflate."
    file = f" Its file may have at most {_size(MAX_UPLOAD)}."
    return whole + file if ENDPOINTS.get(path) == "transcriptions" else whole


def _size(count: int) -> str:
    whole, rest = divmod(count, 1 << 20)
    return f"{count} bytes" if rest else f"{whole} MiB"
