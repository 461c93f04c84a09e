"""Which transport a mesh uses."""

from importlib.util import find_spec

from modelmesh.config.schema import MeshConfig
from modelmesh.errors import ConfigError, Problem
from modelmesh.types import Transport


def choose(config: MeshConfig) -> Transport:
    """Return the transport a configuration asks for; by default the fastest that is installed.

    Raises:
        ConfigError: the one it asks for is not installed.

    """
    # Neither is loaded unless it is used: aiohttp takes long, and httptools may be missing.
    if config.transport == "aiohttp" or (config.transport == "auto" and not _has_httptools()):
        from modelmesh.transport.aiohttp import AiohttpTransport  # noqa: PLC0415 - see above

        return AiohttpTransport()
    if not _has_httptools():
        message = "needs httptools; it comes with pip install 'modelmesh-lite[proxy]'"
        raise ConfigError([Problem("transport", message)])
    from modelmesh.transport.direct import DirectTransport  # noqa: PLC0415 - see above

    return DirectTransport()


def _has_httptools() -> bool:
    return find_spec("httptools") is not None
