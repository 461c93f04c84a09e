"""The HTTP API as an OpenAPI document: what is served at `/openapi.json`.

Its words are in the YAML beside; paths, failures, limits and headers come from the code that knows
them. https://spec.openapis.org/oas/v3.1.1.html
"""

import re
from collections.abc import Mapping
from typing import Any, Final

import modelmesh
from modelmesh.config.schema import Proxy
from modelmesh.proxy.openapi._failures import ANYWHERE, components_of
from modelmesh.proxy.openapi._operations import paths
from modelmesh.proxy.openapi._parts import headers, schemas

__all__ = ["document", "server_of"]

_HOST: Final = re.compile(r"[\w.-]{1,253}(:\d{1,5})?|\[[0-9a-fA-F:.]{2,45}\](:\d{1,5})?", re.ASCII)
_ABOUT: Final = (
    "OpenAI's HTTP API in front of pools of models, and what the proxy says about itself. Every "
    "path that accepts GET also accepts HEAD, and all accept OPTIONS. Errors are JSON in OpenAI's "
    "form."
)

_TAGS: Final = {
    "Models": "The endpoints of OpenAI that its SDKs call.",
    "The server": "What the server is, and whether it is running.",
    "Looking inside": "What is going on, for those who run the server.",
}


def document(
    settings: Proxy | None = None, server: str = "http://localhost:8080"
) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of a proxy with these settings; with None of every proxy.

    `server` is the address at which it is asked.
    """
    operations = paths(settings)
    groups = [each.pop("x-fails") for item in operations.values() for each in item.values()]
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "ModelMesh Lite",
            "version": modelmesh.__version__,
            "description": _ABOUT,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": server}],
        "tags": [{"name": name, "description": words} for name, words in _TAGS.items()],
        "paths": operations,
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": schemas(),
            "headers": headers(),
            "responses": components_of([*groups, ANYWHERE]),
        },
    }


def server_of(headers: Mapping[str, str], mount: str = "") -> str:
    """Return the address of what a request was sent to, as far as its headers tell.

    `mount` is the path below which a host application has all of ours.
    """
    host = headers.get("host", "")
    if not _HOST.fullmatch(host):
        return mount or "/"
    scheme = "https" if headers.get("x-forwarded-proto", "").lower() == "https" else "http"
    return f"{scheme}://{host}{mount}"
