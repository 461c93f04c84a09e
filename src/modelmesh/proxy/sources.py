"""The configuration: the one given, or the file in this folder, or what the environment tells."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from modelmesh.config.detect import detect
from modelmesh.config.load import Source, load
from modelmesh.config.schema import MeshConfig
from modelmesh.config.sharing import served_by

_FILES: Final = ("modelmesh.yaml", "modelmesh.yml")


def find_config(
    source: Source | None, environ: Mapping[str, str], workers: int | None = None
) -> MeshConfig:
    """Return the configuration given, or found; `workers` goes before its own.

    Raises:
        ConfigError: it is wrong, or none was given and none was found.

    """
    given = source if source is not None else find_file()
    if given is None:
        return served_by(detect(environ), workers)
    return load(given, environ=environ, workers=workers)


def find_file() -> Path | None:
    """Return the configuration file of the folder we are in, if it has one."""
    return next((path for path in map(Path, _FILES) if path.is_file()), None)
