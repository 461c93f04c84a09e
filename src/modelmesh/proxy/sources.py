"""The configuration: the one given, or the file in this folder, or what the environment tells."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from attrs import evolve

from modelmesh.config.detect import detect
from modelmesh.config.load import Source
from modelmesh.config.origin import Origin
from modelmesh.config.schema import Proxy
from modelmesh.config.sharing import served_by
from modelmesh.types import Secret

_FILES: Final = ("modelmesh.yaml", "modelmesh.yml")


def find_config(
    source: Source | None, environ: Mapping[str, str], workers: int | None = None
) -> Origin:
    """Read the configuration given, or found; `workers` goes before its own.

    Raises:
        ConfigError: it is wrong, or none was given and none was found.

    """
    given = source if source is not None else find_file()
    if given is None:
        return Origin.made(served_by(detect(environ), workers))
    return Origin.of(given, environ=environ, workers=workers)


def find_file() -> Path | None:
    """Return the configuration file of the folder we are in, if it has one."""
    return next((path for path in map(Path, _FILES) if path.is_file()), None)


def overridden(settings: Proxy, host: str | None, port: int | None, token: str | None) -> Proxy:
    """Let arguments go before the configuration."""
    if token is not None:
        auth = evolve(settings.auth, enabled=True)
        settings = evolve(settings, token=Secret(token), auth=auth)
    if host is not None:
        settings = evolve(settings, host=host)
    return settings if port is None else evolve(settings, port=port)
