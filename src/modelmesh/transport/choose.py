"""Which transport a mesh uses, and how that kind of choice is made."""

from importlib.util import find_spec
from typing import Literal

from modelmesh.config.schema import MeshConfig
from modelmesh.errors import ConfigError, Problem
from modelmesh.transport.protocol import Transport

Wanted = Literal["auto", "direct", "aiohttp"]


def choose(config: MeshConfig) -> Transport:
    """Return the transport a configuration asks for; by default the fastest that is installed.

    Raises:
        ConfigError: the one it asks for is not installed.

    """
    return _transport(config.transport)


def usual() -> Transport:
    """Return the fastest transport that is installed, for what is asked beside routing."""
    return _transport("auto")


def _transport(wanted: Wanted) -> Transport:
    # Neither is loaded unless it is used: aiohttp takes long, and httptools may be missing.
    if not goes_direct(wanted, "transport"):
        from modelmesh.transport.aiohttp import AiohttpTransport  # noqa: PLC0415 - see above

        return AiohttpTransport()
    from modelmesh.transport.direct import DirectTransport  # noqa: PLC0415 - see above

    return DirectTransport()


def goes_direct(wanted: Wanted, key: str) -> bool:
    """Whether what a configuration's key wants is the way which needs httptools.

    Raises:
        ConfigError: it is, and httptools is not installed.

    """
    installed = find_spec("httptools") is not None
    if wanted == "direct" and not installed:
        message = "needs httptools; it comes with pip install 'modelmesh-lite[proxy]'"
        raise ConfigError([Problem(key, message)])
    return installed and wanted != "aiohttp"
