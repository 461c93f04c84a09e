"""The proxy: OpenAI's HTTP API in front of a mesh. It uses the library's public names only."""

from modelmesh.proxy.server import ProxyServer
from modelmesh.proxy.status import ServerStatus

__all__ = ["ProxyServer", "ServerStatus"]
