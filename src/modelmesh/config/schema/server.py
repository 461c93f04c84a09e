"""The proxy server."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal

from attrs import field, frozen

from modelmesh.config.schema.values import (
    Duration,
    Size,
    at_least_zero,
    forwardable,
    port,
    positive,
)
from modelmesh.types import Endpoint, Secret

ENDPOINTS: Final[Mapping[str, Endpoint]] = MappingProxyType(
    {
        "/v1/chat/completions": "chat",
        "/v1/embeddings": "embeddings",
        "/v1/audio/speech": "speech",
        "/v1/audio/transcriptions": "transcriptions",
        "/v1/images/generations": "images",
    }
)
"""The paths at which models are asked, and what for."""

MODELS_PATH: Final = "/v1/models"

OPENAPI_PATH: Final = "/openapi.json"
"""Where the proxy describes what it serves."""

PROBES: Final = frozenset({"/health", "/livez", "/readyz"})
"""Paths by which others watch the server; they are always there, and are no work of its own."""

MANAGEMENT: Final = (
    "/v1/mesh/status",
    "/v1/mesh/events",
    "/v1/mesh/explain",
    "/v1/mesh/reload",
    "/metrics",
    "/",
)
"""Paths by which people and programs look inside, the page's among them."""


@frozen(kw_only=True)
class Auth:
    """Who may use the proxy."""

    # Whether a token is asked for; by default if there is one.
    enabled: bool | None = None
    # How it is sent.
    method: Literal["bearer"] = "bearer"
    # The tokens which are accepted.
    tokens: tuple[Secret, ...] = ()
    # Tokens for looking inside, and for everything else; without them, `tokens` are for both.
    admin_tokens: tuple[Secret, ...] = ()


@frozen(kw_only=True)
class Cors:
    """Which web pages may use the proxy."""

    # Whether any page may.
    enabled: bool = True
    # The origins of the pages that may; `*` means all.
    origins: tuple[str, ...] = ("*",)


@frozen(kw_only=True)
class Proxy:
    """The proxy server."""

    # The address it listens on.
    host: str = "0.0.0.0"  # noqa: S104 - the guide promises it; start-up warns
    # The port it listens on; 0 takes a free one.
    port: int = field(default=8080, validator=port)
    # The HTTP server: `direct` costs the least and needs httptools, which comes with
    # `modelmesh-lite[proxy]`; `aiohttp` works everywhere; `auto` is `direct` if possible.
    front: Literal["auto", "direct", "aiohttp"] = "auto"
    # A token which clients must send.
    token: Secret | None = None
    # The paths which are served; all where empty. `/health`, `/livez` and `/readyz` always are,
    # and with `/` all files of the page.
    endpoints: tuple[str, ...] = ()
    # Who may use it.
    auth: Auth = field(factory=Auth)
    # Which web pages may use it.
    cors: Cors = field(factory=Cors)
    # How many processes serve the port, for `python -m modelmesh.proxy`. If there are limits,
    # several need a store that they can share.
    workers: int = field(default=1, validator=positive)
    # Whether clients may ask for models as well as pools.
    expose_models: bool = False
    # The largest body of a request.
    max_body: Size = field(default=64 << 20, validator=positive)
    # How long requests in flight may take to end after a signal to stop.
    drain_timeout: Duration = field(default=30.0, validator=at_least_zero)
    # How long a client may take to accept one piece of an answer.
    write_timeout: Duration = field(default=60.0, validator=positive)
    # How often a comment keeps a silent stream alive; 0 is never.
    heartbeat: Duration = field(default=15.0, validator=at_least_zero)
    # Whether the configuration is read again when its file changes, or a `.env` file it names.
    watch: bool = False
    # Whether the page at `/` is served.
    page: bool = True
    # Headers of clients sent on to vendors besides the usual few.
    forward_headers: tuple[str, ...] = field(default=(), validator=forwardable)
