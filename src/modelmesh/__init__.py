"""Ask for a capability, not a vendor: requests in OpenAI's shape over pools of AI models.

Nothing is loaded before it is used, so that importing this costs next to nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from modelmesh.client import AsyncMeshClient, MeshClient, create, create_async
    from modelmesh.config.schema import MeshConfig
    from modelmesh.errors import (
        ConfigError,
        ErrorKind,
        MeshError,
        ProviderError,
        RequestError,
        RoutingError,
        TransportError,
    )
    from modelmesh.mesh import ModelMesh
    from modelmesh.proxy.server import ProxyServer

    __version__: str

__all__ = [
    "AsyncMeshClient",
    "ConfigError",
    "ErrorKind",
    "MeshClient",
    "MeshConfig",
    "MeshError",
    "ModelMesh",
    "ProviderError",
    "ProxyServer",
    "RequestError",
    "RoutingError",
    "TransportError",
    "__version__",
    "create",
    "create_async",
]

_HOMES = {
    "AsyncMeshClient": "client",
    "ConfigError": "errors",
    "ErrorKind": "errors",
    "MeshClient": "client",
    "MeshConfig": "config.schema",
    "MeshError": "errors",
    "ModelMesh": "mesh",
    "ProviderError": "errors",
    "ProxyServer": "proxy.server",
    "RequestError": "errors",
    "RoutingError": "errors",
    "TransportError": "errors",
    "create": "client",
    "create_async": "client",
}


if not TYPE_CHECKING:  # or else every misspelt name would be Any to type checkers

    def __getattr__(name: str) -> Any:
        if name == "__version__":
            found: Any = import_module("importlib.metadata").version("modelmesh-lite")
        elif name in _HOMES:
            found = getattr(import_module(f"modelmesh.{_HOMES[name]}"), name)
        else:
            raise AttributeError(f"module 'modelmesh' has no attribute {name!r}")
        globals()[name] = found
        return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
